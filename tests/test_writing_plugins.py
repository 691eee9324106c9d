"""Every block of the guide to plugins does what it says; the reference is that of the code."""

import inspect
import re
import shlex
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from sinddm_toolkit.host import registry
from sinddm_toolkit.host.checks import RUN_HOOKS, check_task
from sinddm_toolkit.options.option import Task
from sinddm_toolkit.pictures.picture import read_picture

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "writing-plugins.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.S | re.M)
ELSEWHERE = (
    "pip install -e 'dusk[test]'",
    "pytest dusk",
    "pip install build",
    "python -m build dusk",
)
"""What a new package is installed, tested and built by: see test_installed_plugins."""


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


def imported(name, code, folder, monkeypatch):
    path = folder / f"{name}.py"
    path.write_text(code)
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def tasks_in(module):
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [one for one in found if issubclass(one, Task) and one is not Task]


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split("class ")[-1][:12])
def test_the_python_blocks_work(code, request, sinddm_run, sinddm_registry, tmp_path, monkeypatch):
    imported("sinddm_dusk", blocks("python")[0], tmp_path, monkeypatch)
    module = imported("block", code, tmp_path, monkeypatch)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test(*(request.getfixturevalue(name) for name in inspect.signature(test).parameters))
    if tests:
        return
    if hasattr(module, "API_VERSION"):
        assert sinddm_registry(module).records[0].error is None
    if hasattr(module, "register_presets"):
        assert module.register_presets() == [tmp_path / "presets"]
        return
    (task,) = tasks_in(module)
    check_task(task)
    result = sinddm_run(task, oracle=True, out=tmp_path / "o.png")
    assert all(path.stat().st_size > 100 for path in result.outputs)


def test_the_console_blocks_run_in_their_order(command, known, monkeypatch):
    Path("bg.png").rename("picture.png")
    Path("plugins/presets").mkdir(parents=True)
    Path("plugins/presets/night.toml").write_text(blocks("toml")[1])
    for text, name in zip(blocks("python"), ("dusk", None, None, "trace", "looks"), strict=True):
        if name:
            Path("plugins", f"{name}.py").write_text(text)
    for line in "".join(blocks("console")).splitlines():
        assert line.startswith("$ ")
        program, *words = shlex.split(line[2:])
        if program != "sinddm-tk":
            assert line[2:] in ELSEWHERE
            continue
        installed = Path("dusk", "src")
        if installed.exists() and "--plugins-dir" not in words:
            Path(installed, "sinddm_dusk", "__init__.py").write_text(blocks("python")[0])
            words += ["--plugins-dir", installed]
        code, out, err = command(*words)
        assert code == 0 and "broken" not in out, err
    assert read_picture(Path("dusk.png")).pixels.mean() < known.pixels.mean() - 5
    night = read_picture(Path("night.png")).pixels.mean()
    assert night < read_picture(Path("dusk.png")).pixels.mean() - 5
    assert Path("o-trace.csv").read_text().startswith("scale,step,change")
    assert len(Path("p.csv").read_text()) > 500


def test_the_other_blocks_are_what_a_new_package_has(command):
    assert {name for name, _ in BLOCKS} == {"console", "python", "toml"}
    text, _ = blocks("toml")
    assert command("plugins", "new", "dusk")[0] == 0
    written = tomllib.loads(Path("dusk/pyproject.toml").read_text())
    entry_points = tomllib.loads(text)["project"]["entry-points"]
    assert entry_points == written["project"]["entry-points"]
    for path in re.findall(r"all of\s+`(dusk/[^`]*)`", GUIDE):
        assert Path(path).exists()


def test_every_hook_of_a_run_and_every_fixture_is_told():
    for hook in RUN_HOOKS:
        assert f"| `{hook}` |" in GUIDE
    source = (ROOT / "sinddm_toolkit" / "testing.py").read_text()
    fixtures = re.findall(r"^def (sinddm_\w+)", source, re.M)
    assert len(fixtures) == 6 and all(f"| `{name}" in GUIDE for name in fixtures)


def test_the_reference_is_that_of_the_code(monkeypatch, tmp_path):
    """However wide the terminal is, and whatever other plugins there are."""
    (tmp_path / "extra.py").write_text(
        blocks("python")[0] + "@hookimpl\ndef register_commands(cli):\n    cli.command('x')(exit)\n"
    )
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
    assert "dusk" in registry.current().tasks
    folder = ROOT / "docs" / "reference"
    script = imported_from(folder / "generate.py")
    for name, text in script.pages().items():
        assert (folder / name).read_text() == text, "run python docs/reference/generate.py"


def imported_from(path):
    spec = spec_from_file_location("generate_reference", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
