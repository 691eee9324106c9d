"""Batches carried out: the same bytes as by hand, and what becomes of each row."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit import batching
from sinddm_toolkit.edits import learning
from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures import reading
from sinddm_toolkit.pictures.reading import read_picture
from tests.batching.conftest import contents, report, sweep

CLIP = str(Path(__file__).parents[1] / "small_clip" / "small_clip.json")


SAME = {
    "harmonize": {"bg": "bg.png", "composite": "c.png"},
    "sample": {"layouts": 2, "image": "bg.png", "size": "2x1"},
    "style-transfer": {"style": "bg.png", "content": "c.png"},
    "super-resolve": {"image": "bg.png", "factor": 1.2},
    "roi": {"layouts": 2, "image": "bg.png", "source": ["30,20,20,15"], "target": ["5,5,20,15"]},
    "outpaint": {"image": "bg.png", "right": "25%"},
    "inpaint": {"image": "bg.png", "mask": "30,20,20,15"},
    "seamless": {"layouts": 2, "image": "bg.png"},
    "symmetric": {"layouts": 2, "image": "bg.png"},
    "retarget": {"image": "bg.png", "size": "1.4x1"},
    "analogy": {"style": "bg.png", "content": "c.png"},
    "paint": {"image": "bg.png", "painting": "c.png"},
    "text-content": {"image": "bg.png", "text": ["red"], "clip": CLIP, "guide-every": 20},
    "text-style": {"image": "bg.png", "text": ["red"], "clip": CLIP, "guide-every": 20},
    "text-roi": {
        "image": "bg.png",
        "text": ["red"],
        "clip": CLIP,
        "region": "30,20,20,15",
        "steps": 3,
    },
}


LONGEST = (
    "analogy",
    "inpaint",
    "outpaint",
    "retarget",
    "roi",
    "seamless",
    "style-transfer",
    "symmetric",
    "text-content",
)


@pytest.mark.parametrize(
    "task",
    [pytest.param(t, marks=pytest.mark.slow if t in LONGEST else ()) for t in sorted(SAME)],
)
def test_every_way_gives_the_same_bytes(task, command, pasted, fewer_steps, probe, home):
    values = {"quality": "draft", **SAME[task]}
    words = [
        word
        for key, value in values.items()
        for one in (value if isinstance(value, list) else [value])
        for word in (f"--{key}", one)
    ]
    code, _, err = command("run", task, *words, "--seed", 5, "--out", "line.png")
    assert code == 0, err
    expected = Path("line.png").read_bytes()
    (home / "presets").mkdir()
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items() if key != "bg"]
    text = f'task = "{task}"\n{"".join(lines)}'
    for name in ("bg.png", "c.png"):
        text = text.replace(f'"{name}"', json.dumps(str(Path(name).resolve())))
    (home / "presets" / "look.toml").write_text(text)
    more = ("--bg", "bg.png") if "bg" in values else ()
    code, _, err = command("run", "--preset", "look", *more, "--seed", 5, "--out", "preset.png")
    assert code == 0, err
    Path("e.jsonl").write_text(json.dumps({"task": task, **values, "seed": 5, "out": "row.png"}))
    code, _, err = command("batch", "e.jsonl")
    assert code == 0, err
    python = {key.replace("-", "_"): value for key, value in values.items()}
    st.run(task, **python, seed=5, out="python.png")
    for name in ("preset.png", "row.png", "python.png"):
        assert Path(name).read_bytes() == expected, name


def test_all_tasks_are_in_that_test():
    bundled = {
        name
        for record in registry.current().records
        if record.source == "sinddm-toolkit"
        for name in record.tasks
        if registry.current().task(name).learns_from  # others join one that learns
    }
    assert bundled == set(SAME)


def test_one_training_a_picture_and_each_model_loaded_once(command, probe, monkeypatch):
    trained, loaded = [], []
    real = learning.train
    monkeypatch.setattr(learning, "train", lambda *a, **k: trained.append(1) or real(*a, **k))
    monkeypatch.setattr(
        "sinddm_toolkit.edits.models.load_model",
        lambda path: loaded.append(path) or load_model(path),
    )
    rows = [sweep(1, f"p{k % 3}.png", out=f"o{k}.png") for k in range(9)]
    rows.append('{"task": "sample", "image": "p0.png", "out": "s.png"}')
    Path("e.jsonl").write_text("".join(rows))
    code, _, err = command("batch", "e.jsonl")
    assert code == 0, err
    assert len(trained) == 3 and len(loaded) <= 3
    assert "10 rows done" in err


def test_each_picture_is_decoded_once_in_one_process(command, probe, monkeypatch):
    read = []
    monkeypatch.setattr(reading, "read_picture", lambda p: read.append(p) or read_picture(p))
    Path("e.jsonl").write_text(sweep(3) + sweep(2, "p1.png"))
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "5 rows done" in err, err
    assert [Path(path).name for path in read] == ["p0.png", "p1.png"]


def test_a_row_that_fails_harms_no_other(command, probe):
    Path("e.jsonl").write_text(sweep(2) + sweep(1, fail=True, out="bad.png") + sweep(2, "p1.png"))
    code, out, err = command("batch", "e.jsonl", "--json")
    assert code == 1
    assert json.loads(out) == {
        "done": 4,
        "kept": 0,
        "failed": 1,
        "folder": str(Path("e-results").resolve()),
    }
    assert "row 3 of 5 failed: plugin probe failed in before_sampling: RuntimeError" in err
    assert [row["status"] for row in report()] == ["done", "done", "failed", "done", "done"]
    assert not Path("bad.png").exists() and len(contents()) == 4
    before = probe("end")
    assert command("batch", "e.jsonl", "-q")[0] == 1
    assert probe("end") == before and len(probe("begin")) == 6  # the failed one was tried again


def test_the_line_goes_over_the_rows(command, probe, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.batching.cluster.CONNECT_SECONDS", 1)
    Path("e.jsonl").write_text(sweep(1, strength=0.1))
    words = ("--set", "strength=0.3", "--samples", 2, "--folder", "there")
    code, _, err = command("batch", "e.jsonl", *words)
    assert code == 0, err
    (row,) = report("there")
    assert row["tasks"]["probe"]["strength"] == 0.3 and len(row["outputs"]) == 2
    assert set(contents("there")) == {"p0-probe-1.png", "p0-probe-2.png", "p0-probe-sheet.png"}
    assert row["sheet"].endswith("there/p0-probe-sheet.png")
    for words, said in (
        (("--set", "strength"), "give KEY=VALUE"),
        (("--set", "strenth=1"), "did you mean strength"),
        (("--jobs", "0"), "0 is not in the range"),
        (("--executor", "tcp://127.0.0.1:9"), "no Dask scheduler answers"),
        (("--executor", "tcp://"), "no Dask scheduler answers"),
        (("--executor", "tcp://127.0.0.1:x"), "no Dask scheduler answers"),
        (("--executor", "what://is.this"), "no Dask scheduler answers"),
        (("--executor", ""), "no Dask scheduler answers"),
        (("--executor", "local", "--jobs", 2), "--executor local: use --jobs N"),
    ):
        code, _, err = command("batch", "e.jsonl", "--folder", "else", *words)
        assert code == 2 and said in err, err
        assert len(err.splitlines()) == 1 or "--executor" not in words, err


def test_rows_that_differ_in_their_seed_are_sampled_together_on_a_gpu(command, probe, monkeypatch):
    Path("e.jsonl").write_text(sweep(5) + sweep(1, strength=0.2, out="o.png"))
    assert command("batch", "e.jsonl", "--folder", "one")[0] == 0
    monkeypatch.setattr(batching, "rows_together", lambda device: 4)
    assert command("batch", "e.jsonl", "--folder", "two", "--overwrite")[0] == 0
    assert contents("one") == contents("two")
    assert probe("begin")[6:] == ["0", "4", "0"]  # four together, one, and the odd one


def test_python_yields_results_as_they_come(probe):
    rows = [{"task": "probe", "image": np.asarray(Image.open("p0.png")), "seed": k} for k in (1, 2)]
    rows.append({"task": "probe", "image": "p1.png", "fail": True, "out": "bad.png"})
    found = st.batch(rows, folder="f", max_pixels=3000)
    first = next(found)
    assert (first.number, first.status, probe("end")) == (1, "done", ["1"])
    assert first.outputs[0].is_file() and first.error is None
    rest = list(found)
    assert [result.status for result in rest] == ["done", "failed"] and "as asked" in rest[1].error
    assert [result.status for result in st.batch(rows[:2], folder="f", max_pixels=3000)] == [
        "kept",
        "kept",
    ]


def test_python_is_refused_at_once_and_not_when_it_asks_for_results(probe):
    before = sorted(Path().rglob("*"))
    with pytest.raises(st.errors.UserError, match="did you mean max_pixels"):
        st.batch([{"task": "probe", "image": "p0.png"}], max_pixel=3)
    with pytest.raises(st.errors.UserError, match="row 1: unknown option imag"):
        st.batch([{"task": "probe", "imag": "p0.png"}])
    with pytest.raises(st.errors.UserError, match="there is no such file"):
        st.batch([{"task": "probe", "image": "none.png", "out": "deep/down/o.png"}])
    found = st.batch([{"task": "probe", "image": "p0.png", "out": "deep/down/o.png"}])
    assert sorted(Path().rglob("*")) == before  # until results are asked for
    assert [result.status for result in found] == ["done"] and Path("deep/down/o.png").exists()
