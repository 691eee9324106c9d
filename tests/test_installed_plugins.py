"""Packages of plugins, new and of the examples, installed as a stranger installs them."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.host.scaffold import new_plugin
from tests.conftest import texture

pytest.importorskip("pip")


EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

PACKAGES = {
    "new-look": "sinddm-new-look",
    "unrest": "sinddm-unrest",
    "own-loss": "sinddm-own-loss",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A fresh environment with all of them; they may use what is installed here."""
    root = tmp_path_factory.mktemp("installed")
    folders = [new_plugin("new-look", root)]
    for project in sorted(EXAMPLES.glob("*/pyproject.toml")):
        folders.append(copied(project.parent, root))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    there = next((root / "venv").glob("lib*/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (there / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*pip(root), "install", *options, *folders], check=True)
    return root


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


def run(root, *words, **how):
    environment = {**os.environ, "SINDDM_TK_HOME": str(root / "home")}
    command = [root / "venv" / "bin" / "python", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **how)


@pytest.mark.slow
def test_they_pass_their_own_tests(place):
    folders = [path.parent for path in place.glob("*/pyproject.toml")]
    assert len(folders) == 4
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
