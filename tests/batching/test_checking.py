"""Batches checked before anything of them is run."""

import itertools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.batching import Batch, checking
from sinddm_toolkit.batching import estimate as batch_estimate
from sinddm_toolkit.batching.rows import Overrides, rows_of
from sinddm_toolkit.batching.sources import source_of, source_of_rows
from sinddm_toolkit.edits import estimate
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures import reading
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings import picture_cache, toml_files
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.picture_cache import PictureCache
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import texture


def test_every_bad_row_is_told_and_nothing_is_run(command, pasted):
    text = (
        "[[row]]\ntask='sample'\nimage='bg.png'\nsize='30x30'\n[[row]]\ntask='sample'\n"
        "image='bg.png'\n[[row]]\ntask='sample'\nimage='none.png'\n[[row]]\ntask='sample'\n"
        "image='bg.png'\nretrain=true\n[[row]]\ntask='harmonize'\nbg='bg.png'\n"
        "composite='c.png'\nstart-scale=9\nout='new/o.bmp'\n[[row]]\ntask='sample'\n"
        "image='bg.png'\nout='bg.png'\n"
    )
    Path("e.toml").write_text(text)
    before = sorted(Path().rglob("*"))
    code, out, err = command("batch", "e.toml")
    assert (code, out) == (2, "")
    head, *lines = err.splitlines()
    assert head == "sinddm-tk: 5 of 6 rows are refused, nothing was run:"
    for line, (start, said) in zip(
        lines,
        (
            ("e.toml, line 1", "at least 33"),
            ("e.toml, line 10: image", "none.png: there is no such file"),
            ("e.toml, line 11", "a batch trains each model once"),
            ("e.toml, line 15", "this picture has the scales 0"),
            ("e.toml, line 21", "exists and is not"),
        ),
        strict=True,
    ):
        assert line.strip().startswith(start) and said in line, line
    assert sorted(Path().rglob("*")) == before


def test_the_plan(command, pasted, tiny, monkeypatch):
    ticks = SimpleNamespace(monotonic=itertools.count().__next__)
    monkeypatch.setattr(estimate, "time", ticks)  # a second for each trial
    Path("e.jsonl").write_text(
        '{"task": "sample", "image": "bg.png", "layouts": 0, "likeness": 0,'
        ' "grid": {"seed": [1, 2, 3]}}\n'
        '{"task": "harmonize", "bg": "bg.png", "composite": "c.png", "out": "deep/down/o.png"}\n'
        '{"task": "sample", "image": "c.png", "layouts": 0, "likeness": 0}\n'
    )
    before = sorted(Path().rglob("*"))
    code, out, err = command("batch", "e.jsonl", "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert sorted(Path().rglob("*")) == before
    names = [[Path(path).name for path in row["outputs"]] for row in plan["rows"]]
    assert names == [
        *(["bg-sample-1.png"], ["bg-sample-2.png"], ["bg-sample-3.png"]),
        ["o.png"],
        ["c-sample.png"],
    ]
    assert [one["picture"] for one in plan["trainings"]] == ["bg.png", "c.png"]
    assert {one["updates"] for one in plan["trainings"]} == {40}
    assert plan["seconds"]["training"] == pytest.approx(2 * 40 / estimate.TRIAL_UPDATES, abs=0.1)
    assert plan["seconds"]["sampling"] > 0
    text = command("batch", "e.jsonl", "--dry-run")[1]
    assert "5 rows, 0 done; 2 trainings; about" in text
    code, out, _ = command("batch", "e.jsonl", "--explain")
    assert out.count("row 2 (e.jsonl, line 1)") >= 2


@pytest.mark.parametrize(
    "values",
    [
        {"image": "\ud800.png"},
        {"image": "i\0.png"},
        {"image": "bg.png", "out": "\udfff.png"},
        {"image": "bg.png", "out": "o\0.png"},
        {"image": "bg.png", "out": "deep\0er/o.png"},
        {"image": "bg.png", "out": "o" * 300 + ".png"},
        {"image": "bg.png", "out": "/".join(["d" * 200] * 40) + "/o.png"},
        {"image": "bg.png", "out": "loop.png"},
        {"image": "bg.png", "out": "bg.png/o.png"},
        {"image": "bg.png", "\ud800": 3},
        {"image": "bg.png", "seed": 10**400},
        {"image": "bg.png", "preset": "a\0b"},
        {"image": "bg.png", "preset": "a\0b.toml"},
        {"glob": {"image": "\ud800*"}},
        {"task": "\ud800"},
    ],
)
def test_names_that_no_file_can_have(values, command, pasted):
    Path("loop.png").symlink_to("loop.png")
    before = sorted(Path().rglob("*"))
    Path("e.jsonl").write_text(json.dumps({"task": "sample", **values}))
    code, out, err = command("batch", "e.jsonl", "--dry-run")
    assert (code, out) == (2, "") and "e.jsonl, line 1" in err and "bug" not in err, err
    assert len(err.splitlines()) <= 2
    assert sorted(Path().rglob("*")) == [*sorted([*before, Path("e.jsonl")])]


def test_two_names_of_one_file_are_one(command, pasted):
    Path("there").mkdir()
    Path("link").symlink_to("there")
    row = {"task": "sample", "image": "bg.png"}
    mixed = {"task": "harmonize", "bg": "bg.png", "composite": "c.png", "out": "o.png"}
    mixed["save-mask"] = "link/../mask.png"
    for rows, name in (
        ([{**row, "out": "there/a.png"}, {**row, "out": "link/a.png"}], "a.png"),
        ([{**row, "out": "mask.png"}, mixed], "mask.png"),
        ([mixed, {**row, "out": "mask.png"}], "mask.png"),
    ):
        Path("e.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        code, _, err = command("batch", "e.jsonl", "--dry-run")
        assert code == 2 and f"{name} is written by row 1 too" in err, err


class Watched(Events):
    """Counts what it is told, as (done, steps) by what is done."""

    def __init__(self):
        self.told = {}

    def working(self, what, done, steps):
        self.told.setdefault(what, []).append((done, steps))


def test_progress_is_told_while_rows_are_spread_and_checked(pasted):
    grid = {"seed": list(range(7)), "size": ["1x1", "2x1"]}
    Path("e.jsonl").write_text(
        json.dumps({"task": "sample", "image": "bg.png", "grid": grid})
        + '\n{"task": "sample", "image": "bg.png"}\n'
    )
    watched = Watched()
    Batch(source_of(Path("e.jsonl")), events=watched).check()
    every = [(done, 15) for done in range(1, 16)]
    assert watched.told == {"reading rows": every, "checking rows": every}


def test_a_batch_and_a_run_are_estimated_alike(pasted, monkeypatch):
    row = {"image": "bg.png", "right": 9, "samples": 2, "max-pixels": 4800}
    monkeypatch.setattr(batch_estimate, "rates", lambda *_: (0.5, 1e-3))
    monkeypatch.setattr(estimate, "rates", lambda *_: (0.5, 1e-3))
    for name in ("sample", "outpaint"):
        own = row if name == "outpaint" else {k: row[k] for k in row if k != "right"}
        work = Batch(source_of_rows([{"task": name, **own, "grid": {"seed": [1, 2]}}]))
        training, sampling = batch_estimate.estimated(work.check(), set(), work.store)
        asked = {key.replace("-", "_"): value for key, value in own.items()}
        ready = prepare(*make_tasks(one_run([Part(name, asked)], PYTHON)), work.store, Events())
        single = estimate.estimated(ready, work.store)
        assert (training, sampling) == (single.training, pytest.approx(2 * single.sampling))


def test_what_is_the_same_in_many_rows_is_checked_once(pasted, monkeypatch):
    read, prepared = [], []
    monkeypatch.setattr(reading, "read_picture", lambda p: read.append(p) or read_picture(p))
    monkeypatch.setattr(checking, "prepare", lambda *a: prepared.append(a) or prepare(*a))
    grid = {"seed": list(range(20)), "feather": [1, 2, 3]}
    row = {"task": "harmonize", "bg": "bg.png", "composite": "c.png", "grid": grid}
    row |= {"save-mask": "{out}-mask.png", "denoiser": "closed-form"}
    Path("e.jsonl").write_text(json.dumps(row))
    work = Batch(source_of(Path("e.jsonl")))
    work.check()
    assert (len(work.jobs), len(read), len(prepared)) == (60, 2, 3)
    assert len({path for job in work.jobs for path in job.item.outputs}) == 60
    first, last = work.jobs[0], work.jobs[-1]
    assert (first.item.run["seed"], last.item.run["seed"]) == (0, 19)
    assert first.pixel_steps == last.pixel_steps > 0 and first.cells == last.cells


def test_a_picture_that_has_changed_is_read_again(pasted):
    Path("e.jsonl").write_text('{"task": "sample", "image": "bg.png"}\n')
    (row,) = rows_of(source_of(Path("e.jsonl")), Overrides())
    cache = PictureCache()
    first, again = (cache.make_tasks(row.layer)[0][0].image for _ in range(2))
    assert again is first and np.array_equal(first.pixels, read_picture("bg.png").pixels)
    Image.fromarray(texture(50, 80)).save("bg.png")
    assert cache.make_tasks(row.layer)[0][0].image.size == (50, 80)


def test_of_several_pictures_each_is_kept(pasted):
    rows = [{"task": "sample", "image": ["bg.png", "c.png"]}, {"task": "sample", "image": "c.png"}]
    Path("e.jsonl").write_text("\n".join(map(json.dumps, rows)))
    both, one = (row.layer for row in rows_of(source_of(Path("e.jsonl")), Overrides()))
    cache = PictureCache()
    first = cache.make_tasks(both)[0][0].image
    assert [picture.path.name for picture in first] == ["bg.png", "c.png"]
    again = cache.make_tasks(both)[0][0].image
    assert all(a is b for a, b in zip(first, again, strict=True))
    assert cache.make_tasks(one)[0][0].image is first[1]


def test_pictures_do_not_fill_the_memory(pasted, monkeypatch):
    monkeypatch.setattr(picture_cache, "MOST_BYTES", 60 * 80 * 3 + 10)
    Path("e.jsonl").write_text(
        '{"task": "sample", "image": "bg.png"}\n{"task": "sample", "image": "c.png"}\n'
    )
    first, second = (row.layer for row in rows_of(source_of(Path("e.jsonl")), Overrides()))
    cache = PictureCache()
    one, two, two_again, one_again = (
        cache.make_tasks(layer)[0][0].image for layer in (first, second, second, first)
    )
    assert two_again is two and one_again is not one


def test_lines_of_many_refused_rows_are_looked_for_once(home, monkeypatch):
    parsed = []
    real = toml_files.tomllib.loads
    monkeypatch.setattr(toml_files.tomllib, "loads", lambda text: parsed.append(1) or real(text))
    Path("e.toml").write_text("[[row]]\ntask='sample'\nimage='no.png'\ngrid.seed=[1,2,3,4,5,6,7,8]")
    with pytest.raises(UserError, match="8 of 8 rows are refused"):
        Batch(source_of(Path("e.toml"))).check()
    assert len(parsed) < 8


def test_equal_pictures_of_other_names_are_not_mixed_up(pasted):
    Path("in").mkdir()
    for name in ("one.png", "two.png"):
        shutil.copy("bg.png", Path("in", name))
    Path("e.jsonl").write_text(json.dumps({"task": "sample", "glob": {"image": "in/*.png"}}))
    work = Batch(source_of(Path("e.jsonl")))
    work.check()
    assert [Path(job.item.outputs[0]).name for job in work.jobs] == [
        "one-sample.png",
        "two-sample.png",
    ]
    assert [job.item.tasks["sample"]["image"] for job in work.jobs] == [
        str(Path("in", name).resolve()) for name in ("one.png", "two.png")
    ]


def test_rows_without_a_name_get_a_number_each(pasted):
    Path("e.jsonl").write_text('{"task": "sample", "image": "bg.png"}\n' * 4)
    work = Batch(source_of(Path("e.jsonl")))
    work.check()
    names = [Path(job.item.outputs[0]).name for job in work.jobs]
    assert names == ["bg-sample.png", *(f"bg-sample-{k}.png" for k in (2, 3, 4))]
