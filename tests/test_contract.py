"""What one task does wrong at the begin or the end of an edit, or in a plan, harms no other."""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from sinddm_toolkit.api import PluginError, Task, UserError, hookimpl, option
from sinddm_toolkit.interrupts import Interrupted


class Diary(Task):
    """Writes down where it was called."""

    name = "diary"
    summary = "write down what happens"
    learns_from = None

    pages: ClassVar[list] = []

    @hookimpl
    def begin_edit(self, edit):
        self.pages.append(("begin", len(edit.seeds), list(edit.outputs)))

    @hookimpl
    def end_edit(self, edit, outcome):
        self.pages.append(("end", outcome.error))


class Failing(Task):
    """Fails where it is told to."""

    name = "failing"
    summary = "fail"
    learns_from = None

    at: str = option("where", choices=("begin", "sampling", "end", "sampling and end"))

    @hookimpl
    def begin_edit(self, edit):
        if self.at == "begin":
            raise ValueError("no room")

    @hookimpl
    def before_sampling(self, run):
        if self.at.startswith("sampling"):
            raise UserError("not like this")

    @hookimpl(tryfirst=True)
    def end_edit(self, edit, outcome):
        if self.at.endswith("end"):
            raise ValueError("no end")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(Diary, "pages", [])


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("begin", "plugin failing failed in begin_edit: ValueError: no room"),
        ("sampling", "not like this"),
        ("end", "plugin failing failed in end_edit: ValueError: no end"),
        ("sampling and end", "not like this"),
    ],
)
def test_end_edit_is_called_on_all_whoever_fails(at, said, sinddm_run, tmp_path):
    out = tmp_path / "o.png"
    with pytest.raises((UserError, PluginError)) as raised:
        sinddm_run(Diary, oracle=True, out=out, also={Failing: {"at": at}})
    assert str(raised.value) == said
    assert out.exists() == (at == "end")  # what was made is not lost
    (_, seeds, outputs), (_, error) = Diary.pages
    assert (seeds, outputs) == (1, [out])
    assert error is (None if at == "end" else raised.value)


@pytest.fixture
def failing_training(monkeypatch):
    """Makes every training raise an error."""

    def fail(error):
        def train(*_, **__):
            raise error

        monkeypatch.setattr("sinddm_toolkit.edits.learning.train", train)

    return fail


@pytest.mark.parametrize("error", [MemoryError("full"), Interrupted(2)])
def test_end_edit_is_called_when_the_training_ends_the_edit(error, sinddm_run, failing_training):
    failing_training(error)
    with pytest.raises(type(error)):
        sinddm_run(Diary, train_seed=1)
    assert Diary.pages == [("begin", 1, []), ("end", error)]


NOTES = """
from pathlib import Path
from sinddm_toolkit.api import Task, hookimpl

class Notes(Task):
    name = "notes"
    summary = "write down how an edit ends"
    learns_from = None

    @hookimpl
    def begin_edit(self, edit):
        Path("notes.txt").write_text("begun")

    @hookimpl
    def end_edit(self, edit, outcome):
        Path("notes.txt").write_text(str(outcome.error))

@hookimpl
def register_tasks():
    return [Notes]
"""
LINE = ("--image", "bg.png", "--out", "o.png", "--with", "notes")


@pytest.mark.parametrize("way", ["run", "replay", "batch"])
def test_it_is_whichever_way_the_edit_comes(
    way, known, command, tmp_path, monkeypatch, failing_training
):
    (tmp_path / "notes.py").write_text(NOTES)
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
    if way == "replay":
        assert command("run", "sample", *LINE)[0] == 0
        assert Path("notes.txt").read_text() == "None"
    tasks = [{"name": "sample", "image": "bg.png"}, {"name": "notes"}]
    Path("rows.jsonl").write_text(json.dumps({"task": tasks}))
    words = {
        "run": ("run", "sample", *LINE),
        "replay": ("replay", "o.png", "--out", "again.png"),
        "batch": ("batch", "rows.jsonl"),
    }[way]
    assert command("models", "remove", "--all")[0] == 0
    failing_training(MemoryError("full"))
    # What a batch trains before its rows is no edit: here a row finds its model gone.
    monkeypatch.setattr("sinddm_toolkit.batching.work.obtain_model", lambda *_, **__: None)
    assert command(*words)[0] == 1
    assert Path("notes.txt").read_text() == "full"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (lambda visited: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda visited: None, "TypeError: "),
        (lambda visited: [], "ValueError: a stage's route must go from 99 to 0"),
        (lambda visited: visited[1:], "ValueError: a stage's route must go from 99 to 0"),
        (lambda visited: visited[:-1], "ValueError: a stage's route must go from 99 to 0"),
        (
            lambda visited: [99, 200, 0],
            "by way of the timesteps that it is given, not [99, 200, 0]",
        ),
    ],
)
def test_a_way_that_cannot_be_gone_is_refused_before_anything_is_learnt(
    route, said, sinddm_run, monkeypatch
):
    class Routed(Task):
        """Goes its own way."""

        name = "routed"
        summary = "go another way"
        learns_from = None

        @hookimpl
        def plan_edit(self, plan, pyramid):
            plan.stages[0].route = route

    monkeypatch.setattr("sinddm_toolkit.edits.edit.learn", None)  # would be work
    with pytest.raises(PluginError) as raised:
        sinddm_run("sample", also={Routed: {}})
    assert str(raised.value).startswith("plugin routed failed in plan_edit: ")
    assert said in str(raised.value)
