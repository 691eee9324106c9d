"""One edit: its passes, each written when it is made; its end, whoever fails; its numbers."""

import json
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from sinddm_toolkit.api import OutputFile, PluginError, Task, UserError, hookimpl, option
from sinddm_toolkit.edits.edit import edit
from sinddm_toolkit.edits.models import load_model, save_model
from sinddm_toolkit.edits.record import load_record
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import ToolkitError
from sinddm_toolkit.interrupts import Interrupted
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.testing import random_picture
from tests.conftest import SHORT


@pytest.fixture
def one_a_pass(monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)


def test_what_earlier_passes_made_is_not_lost_with_a_later_one(one_a_pass, sinddm_run, tmp_path):
    class Tires(random_picture()):
        name = "tires"

        @hookimpl
        def before_sampling(self, run):
            if run.seeds == (7,):
                raise UserError("enough")

    with pytest.raises(UserError, match="enough"):
        sinddm_run(Tires, oracle=True, samples=4, seed=5, out=tmp_path / "o.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o-1.png", "o-2.png"]


def test_pictures_that_are_in_files_need_not_be_in_memory(
    one_a_pass, sinddm_home, sinddm_picture, tmp_path
):
    def made(name, **how):
        out = str(tmp_path / name)
        options = RunOptions(device="cpu", seed=5, samples=3, out=out)
        return edit([random_picture()(image=sinddm_picture)], options, **how)

    kept, written = made("a.png"), made("b.png", keep=False)
    assert len(kept.pictures) == 3 and written.pictures == []
    assert [record["seed"] for record in written.records] == [5, 6, 7]
    for picture, path in zip(kept.pictures, written.outputs, strict=True):
        assert np.array_equal(read_picture(path).pixels, picture.pixels)


def test_no_options_of_the_caller_are_changed(sinddm_home, sinddm_picture):
    options = RunOptions(device="cpu")
    result = edit([random_picture()(image=sinddm_picture)], options, write=False)
    assert options.seed is None and options.model is None
    assert isinstance(result.records[0]["seed"], int)


class Joins(Task):
    """What the tasks of these tests are made by."""

    summary, learns_from = "joins", None


@pytest.fixture
def note():
    """A task that notes when it is called, and writes its notes when the edit has ended."""

    class Note(Joins):
        name = "note"
        log: OutputFile | None = option("where to", default="{out}.txt", suffixes=(".txt",))
        calls: ClassVar[list[object]] = []

        @hookimpl
        def begin_edit(self, edit):
            self.edit = edit
            self.calls.append(("begin", tuple(edit.seeds), [path.name for path in edit.outputs]))

        @hookimpl
        def before_sampling(self, run):
            self.calls.append(run.seeds)

        @hookimpl
        def compose_output(self, run, result):
            for seed, told in zip(run.seeds, result.metadata, strict=True):
                told["drawn with"] = seed

        @hookimpl
        def end_edit(self, edit, outcome):
            assert edit is self.edit
            self.calls.append(("end", outcome.error))
            outcome.extras[self.log] = f"{len(self.calls)} calls".encode()

    return Note


OUTPUTS = ["o-1.png", "o-2.png", "o-3.png"]


@pytest.mark.parametrize(
    ("pixels", "passes"),
    [
        (1, [(5,), (6,), (7,)]),
        (2 * 60 * 80, [(5, 6), (7,)]),
        (3 * 60 * 80, [(5, 6, 7)]),
    ],
)
def test_each_record_of_several_passes_is_its_own_sample_s(
    pixels, passes, note, sinddm_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", pixels)
    out = tmp_path / "o.png"
    result = sinddm_run(note, oracle=True, samples=3, seed=5, out=out)
    assert note.calls == [("begin", (5, 6, 7), OUTPUTS), *passes, ("end", None)]
    told = [(record["seed"], record["metadata"]) for record in result.records]
    assert told == [(seed, {"note": {"drawn with": seed}}) for seed in (5, 6, 7)]
    assert [path.name for path in result.outputs] == [*OUTPUTS, "o.txt"]
    for name, (seed, metadata) in zip(OUTPUTS, told, strict=True):
        record = load_record(tmp_path / name)
        assert (record.options["seed"], record.metadata) == (seed, metadata)
    assert (tmp_path / "o.txt").read_text() == f"{2 + len(passes)} calls"


def test_passes_make_the_samples_that_one_makes(sinddm_run, monkeypatch):
    asked = {"samples": 2, "seed": 5, "layouts": 2}
    together = sinddm_run("sample", **asked).pictures
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)
    for one, other in zip(together, sinddm_run("sample", **asked).pictures, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    assert not np.array_equal(together[0].pixels, together[1].pixels)


def test_metadata_are_kept_by_plugin(note, sinddm_run):
    class Tells(Joins):
        name = "tells"

        @hookimpl
        def compose_output(self, run, result):
            result.metadata[1]["drawn with"] = "love"

    records = sinddm_run(note, oracle=True, samples=2, also={Tells: {}}).records
    assert records[0]["metadata"] == {"note": {"drawn with": 0}}
    assert records[1]["metadata"] == {
        "note": {"drawn with": 1},
        "tells": {"drawn with": "love"},
    }


def test_a_record_without_facts_of_plugins_has_no_metadata(sinddm_run):
    assert "metadata" not in sinddm_run("sample", oracle=True).records[0]


def failing(hook, error):
    """A task whose `hook` raises `error`."""

    def fail(self):
        raise error

    members = {"name": "fails", "summary": "fails", "learns_from": None, hook: hookimpl(fail)}
    return type("Fails", (Task,), members)


DURING = (
    *("begin_edit", "before_sampling", "before_scale", "modify_x0", "after_step"),
    "compose_output",
)


@pytest.mark.parametrize("hook", DURING)
def test_an_edit_ends_once_whichever_hook_fails(hook, note, sinddm_run, tmp_path):
    with pytest.raises(PluginError, match=f"plugin fails failed in {hook}.*: OSError: full") as e:
        sinddm_run(
            note, oracle=True, out=tmp_path / "o.png", also={failing(hook, OSError("full")): {}}
        )
    assert [call[0] for call in note.calls if call[0] in ("begin", "end")] == ["begin", "end"]
    assert note.calls[-1] == ("end", e.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hook", DURING)
def test_an_edit_ends_once_when_it_is_interrupted(hook, note, sinddm_run, tmp_path):
    with pytest.raises(KeyboardInterrupt) as e:
        sinddm_run(
            note, oracle=True, out=tmp_path / "o.png", also={failing(hook, KeyboardInterrupt()): {}}
        )
    assert [call[0] for call in note.calls if call[0] in ("begin", "end")] == ["begin", "end"]
    assert note.calls[-1] == ("end", e.value)
    assert not list(tmp_path.iterdir())


def test_what_failed_first_is_what_is_told(sinddm_run):
    class Fails(Joins):
        name = "fails"

        @hookimpl
        def before_sampling(self, run):
            raise OSError("full")

        @hookimpl
        def end_edit(self, edit, outcome):
            self.never_made.close()

    with pytest.raises(PluginError, match="fails failed in before_sampling: OSError: full"):
        sinddm_run(Fails, oracle=True)


def test_an_edit_that_fails_in_its_end_has_written_its_pictures(note, sinddm_run, tmp_path):
    also = {failing("end_edit", OSError("full")): {}}
    with pytest.raises(PluginError, match="fails failed in end_edit: OSError: full"):
        sinddm_run(note, oracle=True, out=tmp_path / "o.png", also=also)
    assert note.calls[-1] == ("end", None)
    assert [path.name for path in tmp_path.iterdir()] == ["o.png"]


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


@pytest.fixture
def wild(known):
    """The key of the model of bg.png, whose numbers are so large that sums of them are none."""
    store = default_store()
    (key,) = store.keys()
    model = load_model(store.path(key))
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.mul_(1e25)
    save_model(store.path(key), model)
    return key


@pytest.mark.parametrize("task", ["sample", "paint", "inpaint"])
def test_a_model_that_makes_no_numbers_is_told_of_and_nothing_is_written(task, wild, command):
    words = {
        "sample": ("run", "sample", "--image", "bg.png", "-q"),
        "paint": SHORT,
        # This one works on what the model predicts, and is not to blame.
        "inpaint": ("run", "inpaint", "--image", "bg.png", "--mask", "0,0,9,9", "--model", wild),
    }[task]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = command(*words, "--train-time", "0")
    assert code == 1 and out == ""
    remove = f"`sinddm-tk models remove {wild}` and train again"
    told = f"sinddm-tk: the model {wild} is damaged, it makes values that are not finite: {remove}"
    assert err.splitlines()[-1] == told
    assert sorted(path.name for path in Path().iterdir()) == ["bg.png"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_denoiser_that_makes_no_numbers_is_told_of(value, sinddm_run, sinddm_registry):
    class Wild:
        @hookimpl
        def make_service(self, kind, name, about):
            return lambda x, t, s, needless=None: torch.full_like(x, value)

    sinddm_registry(Wild())
    with pytest.raises(PluginError, match=r"Wild failed in its denoiser at .* are not finite"):
        sinddm_run(random_picture(), denoiser="mine", out="a.png")
    assert not Path("a.png").exists()


def test_so_is_one_whose_numbers_are_too_large_to_be_added(sinddm_run, sinddm_registry):
    class Wild:
        @hookimpl
        def make_service(self, kind, name, about):
            return lambda x, t, s, needless=None: torch.full_like(x, 3e38)

    sinddm_registry(Wild())
    with pytest.raises(ToolkitError, match=r"^the denoiser mine makes values that are not finite$"):
        sinddm_run(random_picture(), denoiser="mine", out="a.png")
    assert not Path("a.png").exists()
