"""Guards of the design: what may know of what."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sinddm_toolkit import registry

ROOT = Path(__file__).parents[1]
BUNDLED = sorted((ROOT / "plugins").rglob("*.py"))
CORE = sorted(
    path for path in (ROOT / "sinddm_toolkit").rglob("*.py") if "plugins" not in path.parts[-2:-1]
)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
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


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_knows_no_task(path):
    text = path.read_text()
    for name in registry.discover().tasks:
        if name == "sample":  # what a sampler makes; as a task's name it would be a string
            assert not re.search(r"""["']sample["']""", text)
        else:
            spellings = re.escape(name).replace(r"\-", "[-_ ]?")
            assert not re.search(rf"\b{spellings}\b", text, re.IGNORECASE)


def test_top_level_holds_what_it_should():
    allowed = {
        *("sinddm_toolkit", "plugins", "presets", "tests", "docs", "benchmarks"),
        *("pyproject.toml", "README.md"),
    }
    command = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not in a clone")
    tops = {line.split("/")[0] for line in listing.stdout.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= allowed


def test_a_bundled_plugin_moved_to_a_folder_gives_the_same_picture(command, tmp_path, pasted, tiny):
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--seed", "3")
    assert command(*words, "--out", "one.png")[0] == 0
    shutil.copy(ROOT / "plugins" / "harmonize.py", tmp_path / "harmonize.py")
    moved = ("--plugins-dir", tmp_path, "--no-plugin", "harmonize")
    code, _, err = command(*words, "--out", "two.png", *moved)
    assert code == 0, err
    record = registry.current().records[-1]
    assert (record.name, record.source) == ("harmonize", str(tmp_path / "harmonize.py"))
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


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
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
