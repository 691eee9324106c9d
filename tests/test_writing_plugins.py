"""Every block of the tutorial and the guide to plugins does what it says, and the reference is that
of the code."""

import ast
import inspect
import json
import re
import shlex
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from sinddm_toolkit import api
from sinddm_toolkit.api import PluginError, UserError, hookimpl
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.checks import RUN_HOOKS, check_task
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.testing import drawn_picture

ROOT = Path(__file__).parents[1]
PAGES = ("plugin-tutorial.md", "writing-plugins.md")
GUIDE = "\n".join((ROOT / "docs" / name).read_text() for name in PAGES)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.S | re.M)
ELSEWHERE = (
    "pip install -e 'dusk[dev]'",
    "pytest dusk",
    "pytest",
    "ruff check",
    "ruff format --check",
    "mypy",
    "python -m build dusk",
    "twine check --strict dusk/dist/sinddm_dusk-0.1.0*",
    "sinddm-tk plugins uninstall --yes dusk",
    "sinddm-tk plugins install --yes dusk/dist/sinddm_dusk-0.1.0-py3-none-any.whl",
    "git tag v0.1.0",
    "git push origin main v0.1.0",
)
"""What a package is checked, built, installed and published by. Of all but git see
test_installed_plugins, which does it with these blocks."""


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


def code_of_plugins():
    """File name → code, of the blocks that are plugins."""
    names = (
        "dusk",
        None,
        "retouch",
        "calm",
        "balanced",
        None,
        "trace",
        "follow",
        "looks",
        None,
        "average",
    )
    return {name: code for name, code in zip(names, blocks("python"), strict=True) if name}


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
    if hasattr(module, "make_service"):
        plain = tasks_in(sys.modules["sinddm_dusk"])[0]
        made = sinddm_run(plain, depth=0, denoiser="average").picture.pixels
        assert made.std(axis=(0, 1)).max() < 2  # nothing but the mean
        return
    (task,) = tasks_in(module)
    check_task(task)
    sinddm_run(task, oracle=True, out=tmp_path / "o.png")
    assert all(path.stat().st_size > 100 for path in tmp_path.glob("o*"))


@pytest.mark.slow
def test_the_console_blocks_run_in_their_order(command, known, monkeypatch):
    Path("bg.png").rename("picture.png")
    Path("plugins/presets").mkdir(parents=True)
    Path("plugins/presets/night.toml").write_text(blocks("toml")[1])
    for name, code in code_of_plugins().items():
        Path("plugins", f"{name}.py").write_text(code)
    for line in "".join(blocks("console")).splitlines():
        assert line.startswith("$ ")
        if line[2:] in ELSEWHERE:
            continue
        program, *words = shlex.split(line[2:])
        assert program == "sinddm-tk"
        installed = Path("dusk", "src")
        if installed.exists() and "--plugins-dir" not in words:
            Path(installed, "sinddm_dusk", "__init__.py").write_text(blocks("python")[0])
            words += ["--plugins-dir", installed]
        code, out, err = command(*words)
        assert code == 0 and "broken" not in out, err
    assert read_picture(Path("dusk.png")).pixels.mean() < known.pixels.mean() - 5
    night = read_picture(Path("night.png")).pixels.mean()
    assert night < read_picture(Path("dusk.png")).pixels.mean() - 5
    assert Path("o-trace.csv").read_text().startswith("seed,scale,step,change")
    assert len(Path("p.csv").read_text()) > 500


@pytest.fixture
def task_of(tmp_path, monkeypatch):
    """Name of a plugin of the guide → its task."""
    return lambda name: tasks_in(imported(name, code_of_plugins()[name], tmp_path, monkeypatch))[0]


def test_a_region_is_redrawn_and_the_rest_is_kept_at_any_size(task_of, sinddm_run):
    picture = drawn_picture((700, 900))
    result = sinddm_run(task_of("retouch"), image=picture, max_pixels=60_000).picture
    changed = (result.pixels != picture.pixels).any(axis=2)
    assert changed[300:400, 400:500].mean() > 0.9
    # The mask is softened by 12 pixels of the size that the whole is worked on.
    assert not changed[:160].any() and not changed[:, :220].any()


def test_a_loss_is_lowered_by_way_of_the_network(task_of, sinddm_run):
    asked = {"samples": 2, "layouts": 1}
    plain = sinddm_run("sample", **asked)
    calm = sinddm_run("sample", **asked, also={task_of("calm"): {}})
    for before, after, record in zip(plain.pictures, calm.pictures, calm.records, strict=True):
        assert after.pixels.std() < before.pixels.std() - 2
        told = record["metadata"]["calm"]["contrast"]
        assert len(told) > 10 and all(isinstance(loss, float) for loss in told)


def test_a_predictor_is_asked_for_the_coarsest_scale(task_of, sinddm_run):
    task = task_of("balanced")
    alone = {"layouts": 0, "likeness": 0.0}
    plain = sinddm_run("sample", **alone, oracle=True).picture.pixels
    balanced = sinddm_run("sample", **alone, oracle=True, also={task: {}}).picture.pixels
    assert abs(balanced.astype(int) - plain).max() <= 1  # the finest scale is the oracle's alone
    plain = sinddm_run("sample", **alone).picture.pixels.astype(float)
    balanced = sinddm_run("sample", **alone, also={task: {}}).picture.pixels
    assert abs(balanced - plain).mean() > 1


def test_no_line_is_lost_over_several_passes(task_of, sinddm_run, tmp_path, monkeypatch):
    task, asked = task_of("trace"), {"samples": 3, "oracle": True}
    sinddm_run(task, **asked, out=tmp_path / "one.png")
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)
    sinddm_run(task, **asked, out=tmp_path / "each.png")
    together, apart = (
        sorted((tmp_path / f"{name}-trace.csv").read_text().splitlines())
        for name in ("one", "each")
    )
    assert together == apart and len({line.split(",")[0] for line in apart}) == 1 + 3


class Failing(Task):
    name = "failing"
    summary = "fails at the last step"
    learns_from = None

    @hookimpl
    def after_step(self, run, step):
        if step.s == run.pyramid.count - 1 and step.t == 0:
            raise RuntimeError("as it must")


def test_what_is_written_at_once_survives_a_failure(task_of, sinddm_run, tmp_path):
    follow, out = task_of("follow"), tmp_path / "o.png"
    with pytest.raises(PluginError, match="as it must"):
        sinddm_run(follow, oracle=True, out=out, also={Failing: {}})
    first, *steps, last = map(json.loads, (tmp_path / "o-steps.jsonl").read_text().splitlines())
    assert list(first["tasks"]) == ["random-picture", "follow", "failing"]
    assert first["tasks"]["follow"] == {"to": "{out}-steps.jsonl"}
    assert len(steps) == 54 and "as it must" in last["error"] and not out.exists()
    unknown = {"image": drawn_picture((60, 80), seed=5), "out": tmp_path / "p.png"}
    sinddm_run("sample", **unknown, layouts=0, likeness=0.0, also={follow: {}})
    told = map(json.loads, (tmp_path / "p-steps.jsonl").read_text().splitlines())
    updates, errors = zip(
        *((fact["update"], fact["error"]) for fact in told if "update" in fact), strict=True
    )
    assert updates == (20, 40, 40) and 0 < errors[-1] < errors[0]  # it has learnt something
    assert sinddm_run(follow, oracle=True).outputs == []  # and fails at no path that there isn't
    with pytest.raises(UserError, match=r"steps\.jsonl exists"):
        sinddm_run(follow, oracle=True, out=out)


def test_the_other_blocks_are_what_a_new_package_has(command):
    assert {name for name, _ in BLOCKS} == {"console", "python", "toml"}
    text, _ = blocks("toml")
    assert command("plugins", "new", "dusk")[0] == 0
    written = tomllib.loads(Path("dusk/pyproject.toml").read_text())
    entry_points = tomllib.loads(text)["project"]["entry-points"]
    assert entry_points == written["project"]["entry-points"]
    for path in re.findall(r"all of\s+`(dusk/[^`]*)`", GUIDE):
        assert Path(path).exists()
    table = re.search(r"^\| file .*?\n\n", GUIDE, re.S | re.M)[0]
    told = {Path(path).name for path in re.findall(r"`([^` ]*\.\w+|LICENSE)`", table)}
    files = {path.name for path in Path("dusk").rglob("*") if path.is_file()}
    assert files == told | {".gitignore"}


def test_the_page_of_known_plugins_has_them_all():
    page = (ROOT / "docs" / "known-plugins.md").read_text()
    for record in registry.current().records:
        row = re.search(rf"^\| `{record.name}` \| .*", page, re.M)[0]
        assert all(f"`{task}`" in row for task in record.tasks)
    for project in (ROOT / "docs" / "examples").glob("*/pyproject.toml"):
        assert f"[`{tomllib.loads(project.read_text())['project']['name']}`]" in page


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
    stub = script.stub_of(script.bundled().tasks)
    assert script.STUB.read_text() == stub, "run python docs/reference/generate.py"


def test_every_name_that_a_plugin_imports_is_in_the_reference():
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    headings = re.findall(r"^### (\w+)$", page, re.M)
    assert set(api.__all__) <= set(headings) and len(headings) == len(set(headings))
    for name in api.__all__:
        for member in public_members(getattr(api, name)):
            assert re.search(rf"^\* `{member}\b", section(page, name), re.M), (name, member)


def test_what_has_no_docstring_stops_the_reference(monkeypatch):
    script = imported_from(ROOT / "docs" / "reference" / "generate.py")
    monkeypatch.setattr(script, "_source", lambda module: ast.parse("class Run:\n    seeds: int"))
    with pytest.raises(ValueError, match="Run has no docstring"):
        script._described("Run", "anywhere")


def public_members(value):
    """What a class of the toolkit has for plugins: fields, slots and properties."""
    if not isinstance(value, type) or not value.__module__.startswith("sinddm_toolkit"):
        return
    fields = [*getattr(value, "__dataclass_fields__", ()), *getattr(value, "__slots__", ())]
    made = [name for name, one in vars(value).items() if isinstance(one, property)]
    yield from (name for name in (*fields, *made) if not name.startswith("_"))


def section(page, name):
    return re.split(r"^##", page.split(f"### {name}\n")[1], maxsplit=1, flags=re.M)[0]


def imported_from(path):
    spec = spec_from_file_location("generate_reference", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
