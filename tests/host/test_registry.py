"""Plugins are found, and what is wrong with one harms no other."""

import json
from pathlib import Path

import pytest

from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry
from tests.conftest import SHORT
from tests.host.plugin_files import HEADER, hook, plugin


def record_of(found, name):
    return next(record for record in found.records if record.name == name)


def test_bundled_plugins_load_through_their_entry_points():
    found = registry.discover()
    assert {"demo", "harmonize", "regions"} <= {record.name for record in found.records}
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
        (HEADER.format(body="").replace('"mine"', '"sample"'), "already brought by regions"),
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
