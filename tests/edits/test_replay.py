"""Pictures made again from what they carry: equal ones, and from the recorded files alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit import __version__
from sinddm_toolkit.api import NameOrFile, Picture, Task, hookimpl, option
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.record import load_record
from sinddm_toolkit.edits.replay import look_of_record, replay, replayed
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.request import make_tasks
from sinddm_toolkit.testing import oracle, random_picture
from tests.conftest import texture
from tests.edits.records import QUICK, carry, changed, record_in, refused

HERE = f"sinddm-toolkit {__version__}"


class Knows:
    """Makes a denoiser that leads to the picture that is learnt: nothing is trained."""

    @hookimpl
    def make_service(self, kind, name, about):
        if (kind, name) != ("denoiser", "knows"):
            return None
        pyramid, schedule = about["pyramid"], about["schedule"]
        return oracle(Plan(pyramid, schedule), pyramid, schedule)


class Mix(Task):
    """Mixes another picture into the result, as much of it as the seed says."""

    name = "mix"
    summary = "mix in another picture"
    learns_from = "image"

    image: Picture = option("the picture")
    other: Picture | None = option("what is mixed in", default=None)
    notes: NameOrFile | None = option("a name or a file", default=None, suffixes=(".txt",))
    share: float = option("how much of it", default=0.25, minimum=0, maximum=1)

    @hookimpl
    def compose_output(self, run, result):
        for k, (seed, picture) in enumerate(zip(run.seeds, result.pictures, strict=True)):
            rgb, share = picture.rgb(), self.share * (seed % 3) / 2
            more = rgb if self.other is None else self.other.rgb()
            result.pictures[k] = picture.with_rgb((1 - share) * rgb + share * more)


@pytest.fixture
def mixed(known, sinddm_registry, sinddm_run):
    """Runs `mix` on bg.png and c.png without training, the result in o.png or as it is asked."""
    Image.fromarray(texture(60, 80, seed=5)).save("c.png")
    Path("notes.txt").write_text("as they are")
    sinddm_registry(Knows(), Mix)

    def run(**asked):
        places = {"image": "bg.png", "other": "c.png", "out": "o.png"}
        quick = {"denoiser": "knows", "sampling_steps": 1}
        return sinddm_run("mix", **{**places, **quick, "seed": 1, **asked})

    return run


def layer_of(name, **inputs):
    path = Path(name)
    return replayed(load_record(path), path, Path("y.png"), inputs, overwrite=False)


def test_what_is_replayed_is_what_was_asked_for(mixed):
    """Options that were defaults too; only where it goes is another matter."""
    mixed(share=0.5, seed=7, notes="notes.txt")
    (task,), options = make_tasks(layer_of("o.png"))
    assert (task.name, task.share) == ("mix", 0.5)
    assert task.notes == str(Path("notes.txt").resolve())
    for picture, name in ((task.image, "bg.png"), (task.other, "c.png")):
        assert picture.content_hash() == read_picture(name).content_hash()
    asked = {"denoiser": "knows", "sampling_steps": 1, "seed": 7, "device": "cpu"}
    assert vars(options) == vars(RunOptions(**asked, out="y.png"))
    path = Path("o.png")
    again = replayed(load_record(path), path, Path("z.png"), {}, overwrite=True)
    options = make_tasks(again)[1]
    assert vars(options) == vars(RunOptions(**asked, out="z.png", overwrite=True))


def test_a_picture_comes_out_the_same_and_with_the_same_record(mixed, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.learning.train", None)  # would be work
    made = mixed(share=0.5)
    result = replay(Path("o.png"), Path("again.png"))
    assert result.outputs == [Path("again.png")]
    assert result.records == made.records
    assert np.array_equal(result.picture.pixels, made.picture.pixels)
    assert Path("again.png").read_bytes() == Path("o.png").read_bytes()
    there = replay(Path("again.png"), Path("thrice.png")).picture
    assert np.array_equal(there.pixels, made.picture.pixels)


def test_each_of_several_samples_is_made_alone_by_its_own_seed(mixed):
    made = mixed(samples=3, seed=4)
    assert not np.array_equal(made.pictures[0].pixels, made.pictures[1].pixels)
    for path, picture in zip(made.outputs, made.pictures, strict=True):
        again = replay(path, Path(f"again-{path.name}"))
        assert len(again.pictures) == 1
        assert np.array_equal(again.picture.pixels, picture.pixels)


def test_the_stored_model_is_used_if_it_is_the_recorded_one(known, sinddm_run, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.learning.train", None)  # would be work
    made = sinddm_run(random_picture(), image="bg.png", seed=3, out="o.png", sampling_steps=2)
    result = replay(Path("o.png"), Path("again.png"))
    assert result.model_key == made.model_key is not None
    assert np.array_equal(result.picture.pixels, made.picture.pixels)


def test_what_is_there_is_not_replaced_unless_that_is_asked_for(mixed):
    made = mixed()
    Path("y.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"y\.png exists"):
        replay(Path("o.png"), Path("y.png"))
    assert Path("y.png").read_bytes() == b"mine"
    replay(Path("o.png"), Path("y.png"), overwrite=True)
    assert np.array_equal(read_picture("y.png").pixels, made.picture.pixels)


def test_pictures_are_found_where_they_were_from_the_result(mixed):
    """The folders may have moved, if they did so together."""
    Path("a/made").mkdir(parents=True)
    for name in ("bg.png", "c.png"):
        Path(name).rename(f"a/{name}")
    mixed(image="a/bg.png", other="a/c.png", out="a/made/o.png")
    Path("a").rename("b")
    Image.fromarray(texture(60, 80, seed=9)).save("c.png")  # of that name, but further off
    (task,), _ = make_tasks(layer_of("b/made/o.png"))
    assert task.other.path == Path("b/c.png").resolve()


@pytest.mark.parametrize("folder", ["moved", "."], ids=["beside the result", "working folder"])
def test_else_by_their_names(folder, mixed):
    Path("a").mkdir()
    Path("c.png").rename("a/c.png")
    mixed(other="a/c.png")
    Path("moved").mkdir()
    Path("o.png").rename("moved/o.png")
    Path("a/c.png").rename(f"{folder}/c.png")
    (task,), _ = make_tasks(layer_of("moved/o.png"))
    assert task.other.path == Path(folder, "c.png").resolve()


def test_else_where_they_are_said_to_be_and_nowhere_else(mixed):
    mixed()
    Path("c.png").rename("d.png")
    with pytest.raises(UserError, match=r"made from 'c\.png': give it by --input other=FILE"):
        layer_of("o.png")
    (task,), _ = make_tasks(layer_of("o.png", other=Path("d.png")))
    assert task.other.path == Path("d.png").resolve()
    Path("d.png").rename("c.png")
    with pytest.raises(UserError, match=r"bg\.png has changed since o\.png was made from it"):
        layer_of("o.png", other=Path("bg.png"))
    with pytest.raises(UserError, match="give it by --input other=FILE"):
        layer_of("o.png", other=Path("nowhere.png"))


def test_a_picture_that_came_from_no_file_is_asked_for(mixed, known):
    mixed(image=known)
    with pytest.raises(UserError, match="made from a picture that came from no file: give it by"):
        layer_of("o.png")
    (task,), _ = make_tasks(layer_of("o.png", image=Path("bg.png")))
    assert np.array_equal(task.image.pixels, known.pixels)


def test_any_file_is_known_by_its_content(mixed):
    mixed(notes="notes.txt")
    Path("notes.txt").write_text("changed")
    with pytest.raises(UserError, match=r"notes\.txt has changed since o\.png was made from it"):
        layer_of("o.png")
    mixed(notes="a name", out="named.png")
    (task,), _ = make_tasks(layer_of("named.png"))
    assert task.notes == "a name"


def test_of_a_look_no_defaults_are_told(mixed):
    """Files by their whole paths, and which options lack theirs."""
    mixed(share=0.5, notes="notes.txt")
    path = Path("o.png")

    def look():
        layer, lost = look_of_record(load_record(path), path)
        settings = layer.tasks["mix"] | layer.run
        return {name: setting.value for name, setting in settings.items()}, lost

    files = {"image": "bg.png", "other": "c.png", "notes": "notes.txt"}
    there = {option: str(Path(name).resolve()) for option, name in files.items()}
    run = {"denoiser": "knows", "sampling_steps": 1, "seed": 1, "device": "cpu"}
    assert look() == ({**there, "share": 0.5, **run}, [])
    Path("c.png").unlink()
    Path("notes.txt").write_text("changed")
    assert look() == ({"image": there["image"], "share": 0.5, **run}, ["other", "notes"])


def test_what_is_of_another_version_is_said(mixed, monkeypatch):
    mixed()
    said = []
    events = Events()
    events.message = said.append
    replay(Path("o.png"), Path("same.png"), events=events)
    assert said == []
    monkeypatch.setattr("sinddm_toolkit.edits.record.__version__", "9.9")
    replay(Path("o.png"), Path("later.png"), events=events)
    assert said == [f"made with {HERE}, here is sinddm-toolkit 9.9: the picture may differ"]


# From the command line, with the tasks that there are


def test_a_size_beyond_the_picture_is_refused(command, pasted_record):
    x = carry(changed(pasted_record, "model.config.size", [20_000, 20_000]))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 2 and err.count("\n") == 1 and "80×60" in err
    assert not Path("new.png").exists()


def test_a_record_writes_no_file_of_its_own(command, pasted_record):
    Image.fromarray(texture(9, 9)).save("important.png")
    before = Path("important.png").read_bytes()
    x = carry(changed(pasted_record, "tasks.0.options.save_mask", "important.png"))
    for words in (("replay", x, "--overwrite"), ("presets", "save", "look", x)):
        code, _, err = command(*words)
        assert code == 2 and "save_mask" in err
    assert Path("important.png").read_bytes() == before


def test_only_files_of_the_recorded_content_are_read(command, pasted_record, tmp_path):
    """Also where a region may be a mask, in lists, and for presets."""
    os.mkfifo("fifo")  # to open it would wait for ever
    for value in ("fifo", ["fifo"], {"picture": "fifo", "sha256": "0" * 64}):
        x = carry(changed(pasted_record, "tasks.0.options.mask", value))
        code, _, err = command("replay", x, "--out", "new.png")
        assert code == 2, err
    code, _, err = command("presets", "save", "look", x)
    assert code == 0 and "files have changed or are gone: mask" in err
    assert "fifo" not in Path(command("presets", "path", "look")[1].strip()).read_text()

    words = ("run", "roi", "--image", "bg.png", "--source", "5,5,20,20", "--target", "40,5,20,20")
    code, _, err = command(*words, *QUICK, "--out", "r.png")
    assert code == 0, err
    record = record_in("r.png")
    for value in (["fifo"], "fifo", [["fifo"]], [{"picture": "fifo"}], ["5,5,20,20", "fifo"]):
        refused(command, carry(changed(record, "tasks.0.options.source", value)))
    assert command("replay", "r.png", "--out", "again.png")[0] == 0


def test_a_preset_gets_the_files_that_are_as_recorded(command, pasted_record):
    assert command("presets", "save", "look", "h.png")[0] == 0
    saved = Path(command("presets", "path", "look")[1].strip()).read_text()
    assert f'mask = "{Path("m.png").resolve()}"' in saved
    Image.fromarray(texture(60, 80, seed=4)).save("m.png")
    code, _, err = command("presets", "save", "other", "h.png")
    assert code == 0 and "gone: mask" in err
    assert "mask" not in Path(command("presets", "path", "other")[1].strip()).read_text()


def test_tasks_of_a_record_learn_one_picture(command, pasted_record):
    words = ("run", "outpaint", "--image", "bg.png", "--right", 8, *QUICK, "--out", "t.png")
    region = ("--source", "5,5,20,20", "--target", "40,5,20,20")
    code, _, err = command(*words, "+", "roi", *region)
    assert code == 0, err
    other = {"picture": "c.png", "sha256": read_picture("c.png").content_hash()}
    x = carry(changed(record_in("t.png"), "tasks.1.options.image", other))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 2 and "a run learns one picture" in err


TASK = """
from sinddm_toolkit.api import Picture, Task, hookimpl, option

API_VERSION = 2


class Tint(Task):
    name = "tint"
    summary = "red"
    learns_from = "image"
    image: Picture = option("a picture")


@hookimpl
def register_tasks():
    return [Tint]
"""


def test_a_plugin_of_another_content_is_told(command, pasted, tmp_path):
    (tmp_path / "tint.py").write_text(TASK)
    at = ("--plugins-dir", tmp_path)
    assert command("run", "tint", "--image", "bg.png", *QUICK, "--out", "o.png", *at)[0] == 0
    assert set(record_in("o.png")["tasks"][0]["plugin"]) == {"name", "sha256"}
    code, _, err = command("replay", "o.png", "--out", "same.png", *at)
    assert code == 0 and "differ" not in err
    (tmp_path / "tint.py").write_text(TASK + "# changed\n")
    code, _, err = command("replay", "o.png", "--out", "other.png", *at)
    assert code == 0 and "plugin 'tint'" in err and "the picture may differ" in err
    code, _, err = command("replay", "o.png", "--out", "gone.png")
    assert code == 2 and "task tint of plugin 'tint'" in err


def test_a_package_of_another_version_is_told(command, pasted_record):
    other = {"name": "harmonize", "package": "sinddm-other", "version": "0.2"}
    x = carry(changed(pasted_record, "tasks.0.plugin", other))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 0 and f"made with sinddm-other 0.2, here is {HERE}" in err
    x = carry(changed(pasted_record, "tasks.0.plugin.version", "0.0.9"))
    code, _, err = command("replay", x, "--out", "newer.png")
    assert (
        code == 0 and f"made with sinddm-toolkit 0.0.9, here is sinddm-toolkit {__version__}" in err
    )
    x = carry(changed(pasted_record, "toolkit", "0.0.9"))
    assert command("replay", x, "--out", "third.png")[2].count("0.0.9") == 1


def test_a_missing_package_is_named(command, pasted_record):
    task = {
        **pasted_record["tasks"][0],
        "name": "kaleidoscope",
        "plugin": {"name": "kaleidoscope", "package": "sinddm-kaleidoscope", "version": "0.1"},
    }
    for line in refused(command, carry(changed(pasted_record, "tasks", [task]))):
        assert "kaleidoscope of sinddm-kaleidoscope 0.1" in line
