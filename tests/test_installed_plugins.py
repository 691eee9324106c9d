"""Packages of plugins, new and of the examples, installed as a stranger installs them."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.host.scaffold import new_plugin
from tests.conftest import texture

pytest.importorskip("pip")


EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

TUTORIAL = EXAMPLES.parent / "plugin-tutorial.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.S | re.M)
"""The plugin of the tutorial, and its tests."""

NEW = ("sinddm_new_look-0.1.0", "sinddm_dusk-0.1.0")
"""What `plugins new` writes, as it is and as the tutorial has it, unpacked from their sdists."""

PACKAGES = {
    "dusk": "sinddm-dusk",
    "new-look": "sinddm-new-look",
    "unrest": "sinddm-unrest",
    "own-loss": "sinddm-own-loss",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A fresh environment with all of them; they may use what is installed here."""
    root = tmp_path_factory.mktemp("installed")
    (root / "written").mkdir()
    written = [new_plugin("new-look", root / "written"), new_plugin("dusk", root / "written")]
    places = ("src/sinddm_dusk/__init__.py", "tests/test_sinddm_dusk.py")
    for path, block in zip(places, BLOCKS, strict=True):
        (written[1] / path).write_text(block, encoding="utf-8")
    folders = [unpacked(built("sdist", package), root) for package in written]
    for project in sorted(EXAMPLES.glob("*/pyproject.toml")):
        folders.append(copied(project.parent, root))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    there = next((root / "venv").glob("lib*/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (there / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*pip(root), "install", *options, *folders], check=True)
    return root


def built(what, folder):
    """The sdist or the wheel of a package, made as an index's users make it, without an index."""
    code = f"from setuptools import build_meta; print(build_meta.build_{what}('dist'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
    )
    return folder / "dist" / done.stdout.splitlines()[-1]


def unpacked(sdist, root):
    with tarfile.open(sdist) as archive:
        archive.extractall(root, filter="data")
    return root / sdist.name.removesuffix(".tar.gz")


def copied(package, root):
    """A copy of what is in the repository of it: building leaves files behind."""
    for path in package.rglob("*"):
        if path.is_file() and not {"build", "__pycache__"} & set(path.parts):
            target = root / path.relative_to(package.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return root / package.name


def pip(root):
    return [sys.executable, "-m", "pip", "--python", root / "venv" / "bin" / "python"]


ALONE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "MYPYPATH": str(EXAMPLES.parents[1])}


def run(root, *words, **how):
    environment = {**os.environ, **ALONE, "SINDDM_TK_HOME": str(root / "home")}
    command = [root / "venv" / "bin" / "python", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **how)


@pytest.mark.slow
def test_they_pass_their_own_tests(place):
    folders = [path.parent for path in place.glob("*/pyproject.toml")]
    assert len(folders) == 5 and set(NEW) < {folder.name for folder in folders}
    options = [
        "-q",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "-c",
        "/dev/null",
    ]
    done = run(place, "-m", "pytest", *options, *(f / "tests" for f in folders), cwd=place)
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.returncode == 0 and re.search(r"^\d+ passed in", done.stdout, re.M), done.stdout
    assert not (place / "home").exists()  # the tests of plugins leave a user's own alone


@pytest.mark.slow
def test_they_are_found_and_run_together(place):
    listed = run(place, "-m", "sinddm_toolkit.cli", "plugins", "list", "--json", check=True)
    records = {record["name"]: record for record in json.loads(listed.stdout)}
    for name, distribution in PACKAGES.items():
        assert records[name]["source"] == distribution and records[name]["version"] == "0.1.0"
        assert records[name]["tasks"] == [name] and records[name]["error"] is None
    Image.fromarray(texture(20, 24)).save(place / "i.png")
    words = ("run", "new-look", "--image", "i.png", "--out", "o.png", "--with", "unrest")
    done = run(place, "-m", "sinddm_toolkit.cli", *words, "--train-time", "0.1", cwd=place)
    assert done.returncode == 0, done.stderr
    assert Image.open(place / "o-unrest.png").size == (24, 20)


def toolkit(place, *words):
    return run(place, "-m", "sinddm_toolkit", *words, cwd=place)


@pytest.mark.slow
def test_one_is_installed_and_uninstalled_by_the_toolkit(place):
    folder = new_plugin("late-comer", place / "written")
    wheel = built("wheel", folder)
    done = toolkit(place, "plugins", "install", "--yes", str(wheel))
    assert done.returncode == 0 and not done.stdout, done.stderr
    assert done.stderr.endswith("late-comer 0.1.0 (sinddm-late-comer): tasks late-comer\n")
    # The version is the same, what is in it need not be.
    module = folder / "src" / "sinddm_late_comer" / "__init__.py"
    module.write_text(module.read_text().replace('name = "late-comer"', 'name = "later"'))
    again = toolkit(place, "plugins", "install", "--yes", str(built("wheel", folder)))
    assert again.returncode == 0 and again.stderr.endswith("tasks later\n"), again.stderr
    module.write_text(module.read_text().replace('name = "later"', 'name = "late-comer"'))
    toolkit(place, "plugins", "install", "--yes", str(built("wheel", folder)))
    shown = json.loads(toolkit(place, "plugins", "show", "late-comer", "--json").stdout)
    assert shown["license"] == "MIT" and shown["tasks"][0]["name"] == "late-comer"
    (place / "home" / "plugins" / "late-comer").mkdir(parents=True)
    gone = toolkit(place, "plugins", "uninstall", "--yes", "late-comer")
    assert gone.returncode == 0 and "tasks that went: late-comer" in gone.stderr
    assert f"stays: {place / 'home' / 'plugins' / 'late-comer'}" in gone.stderr
    shutil.rmtree(place / "home")
    module.write_text(module.read_text().replace("API_VERSION = 2", "API_VERSION = 3"))
    done = toolkit(place, "plugins", "install", "-y", str(built("wheel", folder)))
    assert done.returncode == 1 and "is broken: written for version 3 of the plugin" in done.stderr
    assert toolkit(place, "plugins", "uninstall", "-y", "sinddm_late.comer").returncode == 0
    done = toolkit(place, "plugins", "install", "-y", "sinddm-late-comer")
    assert done.returncode == 1 and done.stderr.endswith("has failed, as told above\n")
    assert "Traceback" not in done.stderr


HOW_TYPES_ARE_FOUND = """
[[tool.mypy.overrides]]
module = "sinddm_toolkit.*"
follow_imports = "silent"

# They take half a minute by themselves: without them tensors are of any type.
[[tool.mypy.overrides]]
module = ["torch.*", "scipy.*", "skimage.*"]
follow_imports = "skip"
"""


@pytest.mark.slow
def test_a_new_package_has_no_fault_that_checkers_find(place):
    """Of its metadata, its style and its types, those of its tests among them."""
    for checker in ("twine", "ruff", "mypy"):
        pytest.importorskip(checker)
    sdists = [*(place / "written").glob("*/dist/*.tar.gz")]
    assert {sdist.name.removesuffix(".tar.gz") for sdist in sdists} == {*NEW}
    checked = [("twine", "check", "--strict", *sdists)]
    checked += [("ruff", *how, *NEW) for how in (("check",), ("format", "--check"))]
    settings = place / "mypy.toml"
    settings.write_text((place / NEW[0] / "pyproject.toml").read_text() + HOW_TYPES_ARE_FOUND)
    # Not what a build has left.
    files = [
        next((place / name).glob(which)) for name in NEW for which in ("src/*/*.py", "tests/*.py")
    ]
    checked += [("mypy", "--config-file", settings, "--cache-dir", place / "types", *files)]
    for words in checked:
        done = run(place, "-m", *words, cwd=place)
        assert done.returncode == 0, done.stdout
