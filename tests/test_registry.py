import json

import pytest

from sinddm_toolkit import registry
from sinddm_toolkit.errors import PluginError, UserError

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
    ],
)
def test_a_broken_plugin_is_a_record_and_harms_nothing(text, words, tmp_path):
    found = registry.discover([plugin(tmp_path / "p", "broken", text=text)])
    record = record_of(found, "broken")
    assert words in record.error and "\n" not in record.error
    assert {"harmonize", "sample"} <= set(found.tasks)
    with pytest.raises(PluginError, match="broken"):
        found.task("broken")


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


def test_plugins_list(command, tmp_path):
    folder = plugin(tmp_path / "p", "broken", text="import no_such_module")
    code, out, _ = command("plugins", "list", "--json", "--plugins-dir", folder)
    assert code == 0
    records = {record["name"]: record for record in json.loads(out)}
    assert records["sample"]["tasks"] == ["sample"]
    assert records["sample"]["hooks"] == ["register_tasks", "plan_edit"]
    assert "no_such_module" in records["broken"]["error"]
    code, out, _ = command("plugins", "list", f"--plugins-dir={folder}", "--no-plugin", "sample")
    assert code == 0 and "broken: ModuleNotFoundError" in out and "tasks: sample" not in out


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("modify_x0(self, run, step): 1 / 0", "in modify_x0 at scale 0, step 99: ZeroDivision"),
        ("modify_x0(self, run, step): step.x0 = step.x0 * float('nan')", "not finite"),
        (
            "modify_x0(self, run, step): step.x0 = step.x0[..., 1:]",
            "must be torch.float32 of shape",
        ),
        ("after_step(self, run, step): step.x0 = step.x0", "only be changed in modify_x0"),
        ("plan_edit(self, plan): plan.nothing()", "in plan_edit: AttributeError"),
        ("plan_edit(self, plan, wrong): pass", "when it joined the run"),
        ("before_scal(self, run): pass", "when it joined the run"),
        ("before_scale(self, run, scale): scale.start = 999", "before_scale at scale 0"),
        ("compose_output(self, run, result): raise KeyError('k')", "in compose_output: KeyError"),
    ],
)
def test_a_failing_task_is_named_with_hook_scale_and_step(
    body, words, command, tmp_path, pasted, tiny
):
    folder = plugin(tmp_path / "p", body=f"    @hookimpl\n    def {body}\n")
    code, _, err = command("run", "mine", "--image", "bg.png", "--plugins-dir", folder)
    assert code == 1
    assert "plugin mine failed" in err and words in err
    assert len(err.strip().splitlines()) == 1


def test_a_strangers_task_gets_its_options_and_changes_the_picture(command, tmp_path, pasted, tiny):
    body = (
        "    @hookimpl\n    def compose_output(self, run, result):\n"
        "        result.metadata['strength'] = self.strength\n"
        "        result.pictures = [p.with_rgb(p.rgb() * 0) for p in result.pictures]\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    words = ("run", "mine", "--image", "bg.png", "--out", "o.png", "--plugins-dir", folder)
    assert command(*words, "--strength", "2")[0] == 2
    assert command(*words, "--strength", "0.25")[0] == 0
    from sinddm_toolkit.images import read_picture
    from sinddm_toolkit.replay import load_record

    assert set(read_picture("o.png").pixels.flatten()) == {128}
    from pathlib import Path

    assert load_record(Path("o.png"))["metadata"] == {"strength": 0.25}
