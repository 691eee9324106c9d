"""Guards of the design: what may know of what."""

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from sinddm_toolkit.api import API_VERSION
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.reading import read_picture

ROOT = Path(__file__).parents[1]
BUNDLED = sorted((ROOT / "plugins").rglob("*.py"))

CORE = sorted(
    path for path in (ROOT / "sinddm_toolkit").rglob("*.py") if "plugins" not in path.parts[-2:-1]
)

PAGE = sorted((ROOT / "sinddm_toolkit" / "studio" / "static").glob("*.[jh]*"))

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*/src/**/*.py"))


@pytest.mark.parametrize("path", [*BUNDLED, *EXAMPLES], ids=lambda path: path.stem)
def test_plugins_import_the_api_alone(path):
    """And modules of their own package, if they are one."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "plugins must work wherever they are put"
            names = [node.module] if node.level == 0 else []
        for name in names:
            assert not name.startswith("sinddm_toolkit") or name == "sinddm_toolkit.api"


def test_plugins_state_the_version_of_the_contract():
    """By its number: an imported one would always fit."""
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    stated = [*EXAMPLES]
    for module in targets["sinddm_toolkit"].values():
        place = ROOT / "plugins" / module.removeprefix("sinddm_toolkit.plugins.").replace(".", "/")
        stated.append(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
    for path in stated:
        assert f"\nAPI_VERSION = {API_VERSION}\n" in path.read_text(), path


def test_what_is_installed_is_complete():
    """Every package and every file that is no code is named in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for place, package in (
        ("sinddm_toolkit", ""),
        ("plugins", "sinddm_toolkit."),
        ("presets", "sinddm_toolkit."),
    ):
        for path in (ROOT / place).rglob("*"):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            folder = path.parent
            while not any(folder.glob("*.py")):  # one of data alone belongs to the package above
                folder = folder.parent
            name = package + ".".join(folder.relative_to(ROOT).parts)
            assert name in project["packages"], path
            patterns = ["*.py", *project["package-data"].get(name, [])]
            assert any(path.match(pattern) for pattern in patterns), path


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_knows_no_task(path):
    text = path.read_text()
    for name in registry.discover().tasks:
        if name == "sample":  # what a sampler makes; as a task's name it would be a string
            if path == ROOT / "sinddm_toolkit" / "__init__.py":  # where it is a function's
                continue
            assert not re.search(r"""["']sample["']""", text)
        else:
            spellings = re.escape(name).replace(r"\-", "[-_ ]?")
            assert not re.search(rf"\b{spellings}\b", text, re.IGNORECASE)


@pytest.mark.parametrize("path", PAGE, ids=lambda path: path.name)
def test_the_page_knows_no_task(path):
    text = path.read_text()
    for name in registry.discover().tasks:
        if name in ("paint", "sample"):  # the page's brushes do that; a task's name is a string
            assert not re.search(rf"""["'`]{name}["'`]""", text)
        else:
            spellings = re.escape(name).replace(r"\-", "[-_ ]")  # not `textContent`
            assert not re.search(rf"\b{spellings}\b", text, re.IGNORECASE), name


def calls(path):
    """(name as it is written, keyword → source) of every call in a file, and what it imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield f"{getattr(node, 'module', None) or ''}.{alias.name}".strip("."), {}


@pytest.mark.parametrize("path", sorted({*CORE, *BUNDLED, *EXAMPLES}), ids=lambda path: path.stem)
def test_no_file_is_read_in_a_way_that_runs_what_is_in_it(path):
    """Neither by PyTorch or pickle nor by loaders of open_clip, which would pass it on to them."""
    pickles = {"jit", "pickle", "cPickle", "dill", "cloudpickle", "joblib"}
    runs = {"eval", "exec"}
    if "sinddm_own_loss" in path.parts:  # it runs what lies in a folder that the user names
        runs.remove("exec")
    if path.name == "process.py":  # which talks to processes of its own through pipes
        pickles.remove("pickle")
    for name, keywords in calls(path):
        words = name.split(".")
        assert not pickles & set(words)
        assert words[-1] not in ("load_openai_model", "load_checkpoint")
        assert name not in {*runs, "open_clip.load_state_dict", "factory.load_state_dict"}
        assert keywords.get("weights_only", "True") == "True"
        assert name != "torch.load" or "weights_only" in keywords
        assert not {"pretrained", "allow_pickle", "trust_remote_code"} & keywords.keys()


def test_top_level_holds_what_it_should():
    allowed = {
        *("sinddm_toolkit", "plugins", "presets", "tests", "docs", "benchmarks"),
        *("pyproject.toml", "README.md"),
        *("LICENSE", "MANIFEST.in", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff"),
        "Dockerfile",
    }
    command = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not in a clone")
    tops = {line.split("/")[0] for line in listing.stdout.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= allowed


@pytest.mark.slow
def test_a_bundled_package_moved_to_a_folder_gives_the_same_picture(
    command, tmp_path, pasted, tiny
):
    words = ("run", "outpaint", "--image", "bg.png", "--left", "10", "--seed", "3")
    assert command(*words, "--out", "one.png")[0] == 0
    shutil.copytree(ROOT / "plugins" / "regions", tmp_path / "regions")
    moved = ("--plugins-dir", tmp_path, "--no-plugin", "regions")
    code, _, err = command(*words, "--out", "two.png", *moved)
    assert code == 0, err
    assert registry.current().records[-1].source == str(tmp_path / "regions" / "__init__.py")
    one, two = (read_picture(name).pixels for name in ("one.png", "two.png"))
    assert (one == two).all()  # the files say where the plugin was


@pytest.mark.parametrize("path", sorted((ROOT / "sinddm_toolkit").rglob("*.py")), ids=str)
def test_nothing_private_of_click_is_used(path):
    """It changes between the versions that are allowed."""
    text = path.read_text()
    if "import click" in text:
        assert not re.findall(r"(?<!self)\._[a-z]\w*", text)
