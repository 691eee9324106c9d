"""Tasks that only join others, and the files beside a result, from every place that values come."""

import json
from pathlib import Path

import numpy as np
import pytest

import sinddm_toolkit as st
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import SHORT

TRACE = """
from sinddm_toolkit.api import OutputFile, Picture, Task, hookimpl, option

class Trace(Task):
    name = "trace"
    summary = "list the steps"
    learns_from = None
    to: OutputFile = option("where to", default="{out}-steps.txt", suffixes=(".txt", ".md"))
    thumb: OutputFile | None = option("a small picture", default=None)

    @hookimpl
    def before_sampling(self, run):
        self.steps = []

    @hookimpl
    def after_step(self, run, step):
        self.steps.append(step.t)

    @hookimpl
    def compose_output(self, run, result):
        result.extras[self.to] = " ".join(map(str, self.steps)).encode()
        if self.thumb:
            result.extras[self.thumb] = result.pictures[0].resized((6, 8))

@hookimpl
def register_tasks():
    return [Trace]
"""
LINE = (*SHORT, "--seed", 1)
STEPS = "2 1 0"


@pytest.fixture(autouse=True)
def traced(known, tmp_path, monkeypatch):
    (tmp_path / "trace.py").write_text(TRACE)
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def test_it_joins_any_task_and_changes_no_pixel(command):
    assert command(*LINE, "--out", "alone.png")[0] == 0
    Path("folder").mkdir()
    code, _, err = command(*LINE, "--out", "folder/o.png", "--with", "trace")
    assert code == 0, err
    assert files() == ["alone.png", "bg.png", "folder/o-steps.txt", "folder/o.png"]
    assert Path("folder/o-steps.txt").read_text() == STEPS
    alone, watched = (read_picture(name).pixels for name in ("alone.png", "folder/o.png"))
    assert np.array_equal(alone, watched)
    words = ("+", "trace", "--to", "t.md", "--thumb", "{out}-small.png", "--json")
    code, out, err = command(*LINE, "--samples", 2, "--out", "o.png", *words)
    assert code == 0, err
    assert json.loads(out)["outputs"] == ["o-1.png", "o-2.png", "t.md", "o-small.png"]
    assert read_picture("o-small.png").size == (6, 8)


def test_without_a_name_it_goes_by_the_name_of_the_result(command):
    assert command(*LINE, "--with", "trace")[0] == 0
    assert files() == ["bg-paint-steps.txt", "bg-paint.png", "bg.png"]


def test_a_preset_of_it_joins_behind_a_plus(command):
    Path("look.toml").write_text('task = "trace"\nto = "{out}-look.txt"\n')
    code, _, err = command(*LINE, "--preset", "look.toml")
    assert code == 2
    assert "is for trace, not for paint: let it join by paint … + trace --preset look.toml" in err
    assert command(*LINE, "--out", "o.png", "+", "trace", "--preset", "look.toml")[0] == 0
    assert Path("o-look.txt").read_text() == STEPS


def test_alone_it_is_refused(command):
    code, _, err = command("run", "trace")
    assert code == 2
    assert err == "sinddm-tk: trace only joins other tasks: run TASK … --with trace\n"
    assert command("run", "trace", "--help")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "t.csv"), "--to: t.csv is not allowed, give the name of a file to write, ending"),
        (("--to", "t"), "ending with .txt or .md"),
        (("--to", "no/t.txt"), "there is no folder no"),
        (("--to", "there.txt"), "there.txt exists"),
        (("--to", "x{out}.txt"), "{out} can only stand first in x{out}.txt"),
        (("--to", "{out}{out}.txt"), "{out} can only stand first"),
        (("--thumb", "small.gif"), "the extension must be one of"),
        (("--thumb", "{out}.png"), "--out and --thumb of trace both write o.png"),
        (("--out", "{out}.png"), "--out {out}.png: {out} stands for this name"),
        (("--out", ""), '--out: "" is not allowed, give the name of a file to write'),
        (("--thumb", ""), '--thumb: "" is not allowed, give the name of a file to write'),
        (("--thumb", "./folder/../o.png"), "--out and --thumb of trace both write folder/../o.png"),
        (("--thumb", "linked/o.png"), "--out and --thumb of trace both write linked/o.png"),
        (("--thumb", "link.png", "--overwrite"), "--out and --thumb of trace both write link.png"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(words, said, command, monkeypatch):
    Path("there.txt").write_text("mine")
    Path("folder").mkdir()
    Path("linked").symlink_to(".")
    Path("link.png").symlink_to("o.png")
    monkeypatch.setattr("sinddm_toolkit.edits.edit.learn", None)  # would be work
    code, _, err = command(*LINE, "--out", "o.png", "+", "trace", *words)
    assert code == 2 and said in err, err
    assert files() == ["bg.png", "there.txt"]


def test_two_rows_do_not_write_one_file_by_two_names(command):
    Path("linked").symlink_to(".")
    pictures = {"name": "paint", "image": "bg.png", "painting": "bg.png"}
    rows = [
        {"task": [pictures, {"name": "trace", "thumb": name}], "out": f"{k}.png"}
        for k, name in enumerate(("t.png", "linked/t.png"))
    ]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = command("batch", "rows.jsonl", "--dry-run")
    assert code == 2 and "t.png is written by row 1 too" in err, err


@pytest.mark.parametrize("name", ["", "a\0.png", "a\ud800.png"])
def test_names_that_no_file_can_have_are_refused(name, command):
    """From a line they can't come, but from files and Python."""
    asked = {"image": "bg.png", "painting": "bg.png", "start_step": 3}
    for also in ({"out": name}, {"also": {"trace": {"thumb": name}}}):
        with pytest.raises(st.errors.UserError, match="is not allowed, give the name of a file"):
            st.run("paint", **asked, **also)
    task = [
        {"name": "paint", "image": "bg.png", "painting": "bg.png"},
        {"name": "trace", "thumb": name},
    ]
    Path("rows.jsonl").write_text(json.dumps({"task": task}))
    code, _, err = command("batch", "rows.jsonl")
    assert code == 2
    assert "is not allowed, give the name of a file" in err or "is half a character" in err


def test_an_existing_file_is_replaced_if_that_is_asked_for(command):
    Path("there.txt").write_text("old")
    words = (*LINE, "--out", "o.png", "+", "trace", "--to", "there.txt", "--overwrite")
    assert command(*words)[0] == 0
    assert Path("there.txt").read_text() == STEPS


def test_from_python_a_file_is_written_if_it_has_a_name_without_the_result():
    asked = {"image": "bg.png", "painting": "bg.png", "start_step": 3}
    result = st.run("paint", **asked, also={"trace": {"thumb": "{out}-small.png"}})
    assert files() == ["bg.png"] and result.outputs == []
    assert result.extras["{out}-steps.txt"] == STEPS.encode()
    assert result.extras["{out}-small.png"].size == (6, 8)
    result = st.run("paint", **asked, also={"trace": {"to": "t.txt"}})
    assert files() == ["bg.png", "t.txt"] and result.outputs == [Path("t.txt")]
    assert Path("t.txt").read_bytes() == result.extras["t.txt"] == STEPS.encode()
    with pytest.raises(st.errors.UserError, match=r"t\.txt exists"):
        st.run("paint", **asked, also={"trace": {"to": "t.txt"}})
    result = st.run("paint", **asked, also={"trace": {}}, out="o.png")
    assert result.outputs == [Path("o.png"), Path("o-steps.txt")]
    assert result.extras == {"{out}-steps.txt": STEPS.encode()}


def test_every_row_of_a_batch_and_a_preset_name_theirs(command):
    Path("sub").mkdir()
    Path("sub/look.toml").write_text(
        '[[task]]\nname = "paint"\nstart-step = 3\n[[task]]\nname = "trace"\nto = "{out}.md"\n'
    )
    assert command("run", "--preset", "sub/look.toml", *LINE[2:], "--out", "o.png")[0] == 0
    assert Path("o.md").read_text() == STEPS
    pictures = {"image": "bg.png", "painting": "bg.png"}
    look = {"preset": "sub/look.toml", **pictures}
    tasks = [{"name": "paint", "start-step": 3, **pictures}, {"name": "trace"}]
    rows = [
        {**look, "out": "a/1.png"},
        {"task": tasks, "out": "a/2.png"},
        {**look, "out": "3.png", "seed": 7, "trace": {"to": "{out}-{seed}.md"}},
    ]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, _, err = command("batch", "rows.jsonl", "-q")
    assert code == 0, err
    for name in ("a/1.md", "a/2-steps.txt", "3-7.md"):
        assert Path(name).read_text() == STEPS


def test_a_picture_is_made_again_with_what_watched_it(command):
    assert command(*LINE, "--out", "o.png", "--with", "trace")[0] == 0
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(read_picture("o.png").pixels, read_picture("again.png").pixels)
    assert Path("again-steps.txt").read_text() == STEPS


def test_a_full_disk_leaves_no_part_of_a_file(command, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = command(*LINE, "--out", "o.png", "--with", "trace")
    assert code == 2 and "No space left" in err
    assert files() == ["bg.png"]
