import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry
from tests.conftest import SHORT, texture

HEADER = """
from sinddm_toolkit.api import Picture, Task, hookimpl, option

class Mine(Task):
    name = "mine"
    summary = "does something"
    learns_from = "image"
    image: Picture = option("the picture")
    strength: float = option("more", default=0.5, minimum=0, maximum=1)
{body}

@hookimpl
def register_tasks():
    return [Mine]
"""


def hook(code):
    """The plugin with a hook."""
    return HEADER.format(body=f"    @hookimpl\n    def {code}\n")


def plugin(folder, name="mine", body="", text=None):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text or HEADER.format(body=body))
    return folder


def record_of(found, name):
    return next(record for record in found.records if record.name == name)


def test_bundled_plugins_load_through_their_entry_points():
    found = registry.discover()
    assert {"demo", "harmonize", "sample"} <= {record.name for record in found.records}
    assert all(record.error is None and record.version for record in found.records)
    assert {"harmonize", "sample"} <= set(found.tasks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        (
            "from sinddm_toolkit.api import hookimpl\n@hookimpl\ndef regster_tasks(): return []",
            "regster_tasks",
        ),
        (
            "from sinddm_toolkit.api import hookimpl\n@hookimpl\ndef register_tasks(x): return []",
            "register_tasks",
        ),
        (
            "from sinddm_toolkit.api import hookimpl\n@hookimpl\ndef register_tasks(): return [3]",
            "not a Task",
        ),
        (HEADER.format(body="").replace('"mine"', '"sample"'), "already brought by sample"),
        (HEADER.format(body="").replace('= "image"', '= "nothing"'), "no option 'nothing'"),
        (HEADER.format(body="").replace('"mine"', '"My task"'), "no name for a task"),
        (HEADER.format(body="").replace("[Mine]", "[Mine, Mine]"), "two tasks called mine"),
        (HEADER.format(body="").replace("default=0.5", "default=5"), "default of --strength: 5.0"),
        (HEADER.format(body='    seed: int = option("x", default=1)'), "seed, as every run has"),
        (HEADER.format(body='    more = option("x", default=1)'), "more of Mine has no annotation"),
        (HEADER.format(body="").replace("@hookimpl\n", ""), "register_tasks of the plugin lacks"),
        (HEADER.format(body="    def after_step(self, step): pass"), "after_step of the task mine"),
        (hook("before_scal(self, run): pass"), "is no hook, did you mean before_scale?"),
        (
            hook("modify_x0(self, run, stp): pass"),
            "modify_x0 of the task mine has an argument 'stp'; the hook gives run, step",
        ),
        (
            "from sinddm_toolkit.api import hookimpl\n@hookimpl\ndef after_step(run, step): pass",
            "after_step is a hook of tasks: make it a method of one",
        ),
        (
            "API_VERSION = 9",
            "written for version 9 of the plugin contract, this toolkit has 2: update the toolkit",
        ),
        ("API_VERSION = 1", "this toolkit has 2: update the plugin"),
        ("API_VERSION = '2'", "API_VERSION is '2': give a whole number"),
        ("from sinddm_toolkit.api import nothing", "has version 2 of the plugin contract"),
    ],
)
def test_a_broken_plugin_is_a_record_and_harms_nothing(text, words, tmp_path):
    found = registry.discover([plugin(tmp_path / "p", "broken", text=text)])
    record = record_of(found, "broken")
    assert words in record.error and "\n" not in record.error
    assert {"harmonize", "sample"} <= set(found.tasks)
    with pytest.raises(PluginError, match="broken"):
        found.task("broken")


def test_a_plugin_that_states_its_version_or_none_is_accepted(tmp_path):
    folder = plugin(tmp_path / "p", "one", text="API_VERSION = 2\n" + HEADER.format(body=""))
    plugin(folder, "two", text=HEADER.format(body="").replace('"mine"', '"two"'))
    assert {"mine", "two"} <= set(registry.discover([folder]).tasks)


def test_a_plugin_of_the_contract_before_gets_one_clear_line(command, tmp_path, known):
    text = "API_VERSION = 1\n" + hook("plan_edit(self, plan): plan.set_canvas((9, 9), by='mine')")
    folder = plugin(tmp_path / "p", text=text)
    code, _, err = command("run", "mine", "--image", "bg.png", "--plugins-dir", folder)
    assert code == 1
    assert err == (
        f"sinddm-tk: plugin mine ({folder / 'mine.py'}): written for version 1 of the plugin "
        "contract, this toolkit has 2: update the plugin\n"
    )
    assert command(*SHORT, "--out", "o.png", "--plugins-dir", folder)[0] == 0


def test_environment_names_folders_too(tmp_path, monkeypatch):
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(plugin(tmp_path / "p")))
    assert "mine" in registry.discover().tasks
    assert "mine" not in registry.discover(blocked=["mine"]).tasks


def test_unknown_names_and_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="no plugin of that name"):
        registry.discover(blocked=["nothing"])
    with pytest.raises(UserError, match="no such folder"):
        registry.discover([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="there is no task 'x'"):
        registry.discover().task("x")


def test_plugins_list(command, tmp_path, known):
    folder = plugin(tmp_path / "p", "broken", text="import no_such_module")
    code, out, _ = command("plugins", "list", "--json", "--plugins-dir", folder)
    assert code == 0
    records = {record["name"]: record for record in json.loads(out)}
    assert records["sample"]["tasks"] == ["sample"]
    assert records["sample"]["hooks"] == ["register_tasks", "plan_edit"]
    assert "no_such_module" in records["broken"]["error"]
    code, _, err = command("run", "broken", "--plugins-dir", folder)
    assert code == 1 and "ModuleNotFoundError" in err and len(err.splitlines()) == 1
    code, _, err = command("run", "its-task", "--plugins-dir", folder)
    assert code == 2 and "(broken plugins: broken; see `plugins list`)" in err
    assert command(*SHORT, "--out", "o.png", "--plugins-dir", folder)[0] == 0
    code, out, _ = command("plugins", "list", f"--plugins-dir={folder}", "--no-plugin", "sample")
    assert code == 0 and "broken: ModuleNotFoundError" in out and "tasks: sample" not in out


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("modify_x0(self, run, step): 1 / 0", "in modify_x0 at scale 0, step 99: ZeroDivision"),
        ("modify_x0(self, run, step): exit(3)", "in modify_x0 at scale 0, step 99: SystemExit: 3"),
        ("modify_x0(self, run, step): step.x0 = step.x0 * float('nan')", "not finite"),
        (
            "modify_x0(self, run, step): step.x0 = step.x0[..., 1:]",
            "must be torch.float32 of shape",
        ),
        ("after_step(self, run, step): step.x0 = step.x0", "only be changed in modify_x0"),
        ("plan_edit(self, plan): plan.nothing()", "in plan_edit: AttributeError"),
        ("modify_x0(self, run, step): step.xO = step.x0", "no attribute 'xO'"),
        ("modify_x0(self, run, step): step.x0[:] = 0", "changed step.x0 in place; assign step.x0"),
        ("modify_x0(self, run, step): step.x_t = step.x0", "x_t cannot be changed here"),
        (
            "after_step(self, run, step): step.x0.add_(1)",
            "it changed step.x0 in place; it may only",
        ),
        ("after_step(self, run, step): step.x_t.mul_(2)", "step 99: it changed step.x_t in place"),
        ("after_step(self, run, step): run.plan = None", "plan cannot be changed here"),
        ("after_step(self, run, step): run.plan.stages[0].start = 3", "start is settled"),
        ("after_step(self, run, step): run.plan.stages.append(3)", "no attribute 'append'"),
        ("after_step(self, run, step): run.plan.transparent = 1", "plan's transparent is settled"),
        ("after_step(self, run, step): step.scale.start = 3", "scale.start is for before_scale"),
        ("compose_output(self, run, result): result.picture = 3", "no attribute 'picture'"),
        ("compose_output(self, run, result): result.pictures = []", "must be a list of 1"),
        (
            "compose_output(self, run, result): result.pictures[0] = 'o.png'",
            "holds str, which is no",
        ),
        (
            "compose_output(self, run, result): result.metadata[0]['x'] = {3}",
            "not JSON serializable",
        ),
        ("compose_output(self, run, result): result.extras['x.gif'] = 3", "not int"),
        ("compose_output(self, run, result): result.extras['x.gif'] = self.image", "as .gif: give"),
        ("before_scale(self, run, scale): scale.start = 999", "before_scale at scale 0"),
        ("compose_output(self, run, result): raise KeyError('k')", "in compose_output: KeyError"),
    ],
)
def test_a_failing_task_is_named_with_hook_scale_and_step(body, words, command, tmp_path, known):
    folder = plugin(tmp_path / "p", body=f"    @hookimpl\n    def {body}\n")
    before = sorted(Path().iterdir())
    line = ("run", "mine", "--image", "bg.png", "-q")
    if body.startswith("compose_output"):
        line = (*SHORT, "--with", "mine")
    code, _, err = command(*line, "--plugins-dir", folder)
    assert code == 1
    assert re.search("plugin mine( or paint)? failed", err) and words in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(Path().iterdir()) == before


def test_an_error_deep_in_a_run_says_where_it_was(command, tmp_path, pasted, tiny):
    body = (
        "    @hookimpl\n    def after_step(self, run, step):\n"
        "        if (step.s, step.t) == (2, 0): raise KeyError('deep')\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    Image.fromarray(texture(100, 110)).save("large.png")
    words = ("run", "mine", "--image", "large.png", "--train-time", "0.1", "-q")
    code, _, err = command(*words, "--plugins-dir", folder, "--out", "o.png")
    assert code == 1 and not Path("o.png").exists()
    assert "plugin mine failed in after_step at scale 2, step 0: KeyError: 'deep'\n" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("method", ["check", "hidden"])
def test_methods_that_are_no_hooks_are_named_too(method, command, tmp_path, known):
    folder = plugin(tmp_path / "p", body=f"    def {method}(self): return 1 / 0")
    code, _, err = command("run", "mine", "--image", "bg.png", "--plugins-dir", folder)
    assert code == 1 and f"plugin mine failed in {method}: ZeroDivisionError: division" in err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(9)", "SystemExit"),
        ("cli.add_command(cli.commands['doctor'], 'run')", "the command run is there already"),
    ],
)
def test_a_plugin_whose_commands_break_harms_nothing(code, words, command, tmp_path, known):
    text = f"{HEADER.format(body='')}\n@hookimpl\ndef register_commands(cli):\n    {code}\n"
    folder = plugin(tmp_path / "p", text=text)
    records = json.loads(command("plugins", "list", "--json", "--plugins-dir", folder)[1])
    assert words in records[-1]["error"]
    assert command(*SHORT, "--out", "o.png", "--plugins-dir", folder)[0] == 0
    code, _, err = command("run", "mine", "--image", "bg.png", "--plugins-dir", folder)
    assert code == 1 and "plugin mine" in err and words in err


def test_the_first_of_two_tasks_of_one_name_goes_on_working(command, tmp_path, known):
    first = plugin(tmp_path / "first", "first", body="    power: int = option('x', default=1)")
    second = plugin(tmp_path / "second", "second")
    line = ("--plugins-dir", first, "--plugins-dir", second)
    code, _, err = command(
        "run", "mine", "--power", 2, "--image", "bg.png", "--out", "o.png", *line
    )
    assert code == 0, err
    listed = command("plugins", "list", *line)[1]
    assert "broken: the task mine is already brought by first" in listed
    code, _, err = command("run", "second", *line)
    assert code == 1 and "leave that out with --no-plugin first" in err


def test_ctrl_c_in_an_endless_hook_says_which_it_was(tmp_path, known):
    body = (
        "    @hookimpl\n    def after_step(self, run, step):\n"
        "        if step.t == 97:\n            open('here', 'w').close()\n"
        "            while True: pass\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    words = ("run", "mine", "--image", "bg.png", "--out", "o.png", "--plugins-dir", folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "sinddm_toolkit.cli", *words, "-q", "--train-time", "0.1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not Path("here").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (
        err.strip() == "sinddm-tk: interrupted: plugin mine was in after_step at scale 0, step 97"
    )
    assert not Path("o.png").exists()


def test_a_strangers_task_gets_its_options_and_changes_the_picture(command, tmp_path, known):
    body = (
        "    @hookimpl\n    def compose_output(self, run, result):\n"
        "        result.metadata[0]['strength'] = self.strength\n"
        "        result.pictures = [p.with_rgb(p.rgb() * 0) for p in result.pictures]\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    words = ("run", "mine", "--image", "bg.png", "--out", "o.png", "--plugins-dir", folder)
    assert command(*words, "--strength", "2")[0] == 2
    assert command(*words, "--strength", "0.25")[0] == 0
    from sinddm_toolkit.edits.record import load_record
    from sinddm_toolkit.pictures.reading import read_picture

    assert set(read_picture("o.png").pixels.flatten()) == {128}

    assert load_record(Path("o.png")).metadata == {"mine": {"strength": 0.25}}
