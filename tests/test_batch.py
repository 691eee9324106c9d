"""Batches carried out: the same bytes as by hand, stopped anywhere, in processes, on a cluster."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit import batching
from sinddm_toolkit.batching import workers
from sinddm_toolkit.batching.process import Process, ProcessDied
from sinddm_toolkit.batching.queue import Group, Queue
from sinddm_toolkit.edits import edit
from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures import picture as images
from sinddm_toolkit.pictures.picture import read_picture
from tests.conftest import texture

CLIP = str(Path(__file__).parent / "small_clip" / "small_clip.json")


@pytest.fixture
def probe(tmp_path, monkeypatch, home):
    """The plugin `probe` in every process, three pictures, and what the plugin has noted."""
    shutil.copy(Path(__file__).parent / "probe_plugin.py", tmp_path / "probe.py")
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
    log = tmp_path / "log.txt"
    log.touch()
    monkeypatch.setenv("PROBE_LOG", str(log))
    recipes = dict(edit.RECIPES)
    for k in range(3):
        Image.fromarray(texture(40, 44, seed=k)).save(f"p{k}.png")

    def noted(word):
        return [line.split()[1] for line in log.read_text().splitlines() if line.startswith(word)]

    yield noted
    edit.RECIPES.update(recipes)


def sweep(count, picture="p0.png", **more):
    values = {"task": "probe", "image": picture, "grid": {"seed": list(range(count))}, **more}
    return json.dumps(values) + "\n"


def contents(folder="e-results"):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


def report(folder="e-results"):
    lines = Path(folder, "report.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


SAME = {
    "harmonize": {"bg": "bg.png", "composite": "c.png"},
    "sample": {"image": "bg.png", "size": "2x1"},
    "style-transfer": {"style": "bg.png", "content": "c.png"},
    "super-resolve": {"image": "bg.png", "factor": 1.2},
    "roi": {"image": "bg.png", "source": ["30,20,20,15"], "target": ["5,5,20,15"]},
    "outpaint": {"image": "bg.png", "right": "25%"},
    "inpaint": {"image": "bg.png", "mask": "30,20,20,15"},
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


@pytest.mark.parametrize("task", sorted(SAME))
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
    }
    assert bundled == set(SAME)


def test_one_training_a_picture_and_each_model_loaded_once(command, probe, monkeypatch):
    trained, loaded = [], []
    real = edit.train
    monkeypatch.setattr(edit, "train", lambda *a, **k: trained.append(1) or real(*a, **k))
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
    monkeypatch.setattr(images, "read_picture", lambda p: read.append(p) or read_picture(p))
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


def test_what_is_done_stays_and_what_has_changed_is_done_again(command, probe):
    Path("e.jsonl").write_text(sweep(3))
    assert command("batch", "e.jsonl")[0] == 0
    first = contents()
    stamps = {path: path.stat().st_mtime_ns for path in Path("e-results").glob("*.png")}
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "0 rows done, 3 done before" in err
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    plan = json.loads(command("batch", "e.jsonl", "--dry-run", "--json")[1])
    assert [row["done"] for row in plan["rows"]] == [True] * 3 and plan["trainings"] == []
    # a changed setting, a picture that is gone, a changed input
    rows = sweep(2) + sweep(1, seed=2, grid={}, strength=0.4, out="e-results/p0-probe-2.png")
    Path("e.jsonl").write_text(rows)
    Path("e-results/p0-probe-1.png").unlink()
    assert command("batch", "e.jsonl")[0] == 0
    assert probe("end") == ["0", "1", "2", "1", "2"]
    assert contents()["p0-probe-1.png"] == first["p0-probe-1.png"]
    assert contents()["p0-probe-2.png"] != first["p0-probe-2.png"]
    Image.fromarray(texture(40, 44, seed=7)).save("p0.png")
    assert command("batch", "e.jsonl")[0] == 0
    assert probe("end")[5:] == ["0", "1", "2"]


def test_what_others_made_is_not_replaced(command, probe):
    Path("e.jsonl").write_text(sweep(1, out="mine.png"))
    Image.fromarray(texture(40, 44)).save("mine.png")
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "mine.png exists and is not" in err
    assert command("batch", "e.jsonl", "--overwrite")[0] == 0
    Path("mine.png").write_bytes(Path("mine.png").read_bytes() + b"by hand")
    assert command("batch", "e.jsonl")[0] == 0  # the row is done: there is nothing to write
    assert Path("mine.png").read_bytes().endswith(b"by hand")
    Path("e.jsonl").write_text(sweep(1, out="mine.png", strength=0.2))
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "no longer, what this batch wrote" in err
    Path("two.jsonl").write_text(sweep(2, out="same.png"))
    code, _, err = command("batch", "two.jsonl")
    assert code == 2 and "same.png is written by row 1 too" in err


def batch_process(*words, **how):
    line = [sys.executable, "-m", "sinddm_toolkit.cli", "batch", "e.jsonl", *words]
    return subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **how)


KILLER = """
import os, signal
from sinddm_toolkit.batching import state

real = state.write_file

def write_file(path, data, *, overwrite):
    is_result = path.suffix == ".png"
    if is_result and {before}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, data, overwrite=overwrite)
    if is_result:
        os.kill(os.getpid(), signal.SIGKILL)

state.write_file = write_file
"""
"""A plugin whose process is killed just before, or after, it writes a file of a row."""


def states(folder="e-results"):
    found = [json.loads(path.read_text()) for path in Path(folder).rglob("*.json")]
    return sorted(one["state"] for one in found if one.get("facts"))


def put_own_picture(path):
    Image.fromarray(texture(30, 30, seed=9)).save(path)
    return Path(path).read_bytes()


def test_a_row_in_hand_when_killed_owns_nothing(command, probe):
    Path("e.jsonl").write_text(sweep(1, pause=60.0))
    process = batch_process()
    while not probe("begin") and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    mine = put_own_picture("e-results/p0-probe.png")
    Path("e.jsonl").write_text(sweep(1))
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "p0-probe.png exists and is not, or no longer, what this batch" in err
    assert Path("e-results/p0-probe.png").read_bytes() == mine
    assert command("batch", "e.jsonl", "--overwrite")[0] == 0
    assert Path("e-results/p0-probe.png").read_bytes() != mine


@pytest.mark.parametrize("before", [True, False])
def test_killed_while_it_writes_a_row_knows_its_own_files_only(before, command, probe, tmp_path):
    Path("e.jsonl").write_text(sweep(1))
    (tmp_path / "killer.py").write_text(KILLER.format(before=before))
    process = batch_process()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (tmp_path / "killer.py").unlink()
    path = Path("e-results/p0-probe.png")
    assert path.exists() is not before
    written = path.read_bytes() if not before else None
    mine = put_own_picture(path)
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "p0-probe.png exists and is not, or no longer, what this batch" in err
    assert path.read_bytes() == mine
    path.unlink()
    if written:
        path.write_bytes(written)
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "1 rows done" in err, err
    assert written in (None, path.read_bytes())


def test_a_changed_row_killed_while_it_writes_still_owns_its_old_result(command, probe, tmp_path):
    Path("e.jsonl").write_text(sweep(1, out="o.png"))
    assert command("batch", "e.jsonl")[0] == 0
    old = Path("o.png").read_bytes()
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.4))
    (tmp_path / "killer.py").write_text(KILLER.format(before=True))
    batch_process().communicate()
    (tmp_path / "killer.py").unlink()
    assert Path("o.png").read_bytes() == old
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.5, fail=True))
    code, _, err = command("batch", "e.jsonl")
    assert code == 1 and "as asked" in err and Path("o.png").read_bytes() == old
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.5))
    assert command("batch", "e.jsonl")[0] == 0 and Path("o.png").read_bytes() != old


def test_a_file_that_appears_while_a_row_is_in_hand_is_kept(command, probe):
    Path("e.jsonl").write_text(sweep(2, pause=1.0))
    process = batch_process()
    while not probe("begin") and process.poll() is None:
        time.sleep(0.02)
    mine = put_own_picture("e-results/p0-probe.png")
    _, err = process.communicate()
    assert process.returncode == 1 and "row 1 of 2 failed" in err and "p0-probe.png exists" in err
    assert Path("e-results/p0-probe.png").read_bytes() == mine
    assert Path("e-results/p0-probe-1.png").exists()
    code, _, err = command("batch", "e.jsonl")  # to have failed there gives no right to it
    assert code == 2 and Path("e-results/p0-probe.png").read_bytes() == mine


def test_what_an_earlier_version_has_begun_is_gone_on_with(command, probe):
    Path("e.jsonl").write_text(sweep(3))
    assert command("batch", "e.jsonl")[0] == 0
    folder = Path("e-results/.sinddm-batch")
    for path in folder.glob("*.json"):  # as that version left them: it noted no report
        found = json.loads(path.read_text())
        if not found.get("facts"):
            path.unlink()
        elif found["facts"]["seed"] == 0:  # killed when the picture was written
            path.write_text(json.dumps({**found, "state": "begun", "files": {}, "facts": {}}))
        elif found["facts"]["seed"] == 1:  # killed before that
            path.write_text(json.dumps({**found, "state": "begun", "files": {}, "facts": {}}))
            Path("e-results/p0-probe-1.png").unlink()
    first = Path("e-results/p0-probe.png").read_bytes()
    mine = put_own_picture("e-results/p0-probe-1.png")
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "1 of 3 rows" in err and "p0-probe-1.png exists and is not" in err
    assert Path("e-results/p0-probe-1.png").read_bytes() == mine
    Path("e-results/p0-probe-1.png").unlink()
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "2 rows done, 1 done before" in err, err
    assert contents()["p0-probe.png"] == first


NO_STATE = ["", "[]", "{}", "null", "[" * 100_000, '{"state": "done"}', '{"state": [], "files": 3}']
DAMAGED = [{"facts": {}}, {"facts": {"outputs": [3]}}, {"facts": 3}, {"files": {}}, {"files": []}]


@pytest.mark.parametrize("damage", [*NO_STATE, *DAMAGED])
def test_a_damaged_state_is_none(damage, command, probe):
    Path("e.jsonl").write_text(sweep(1, out="o.png"))
    assert command("batch", "e.jsonl")[0] == 0
    path = next(p for p in Path("e-results/.sinddm-batch").glob("*.json") if p.stem != "report")
    whole = json.loads(path.read_text())
    path.write_text(damage if isinstance(damage, str) else json.dumps({**whole, **damage}))
    code, _, err = command("batch", "e.jsonl")
    if "facts" in damage and isinstance(damage["facts"], dict):  # whose the file is is known
        assert code == 0 and "1 rows done" in err, err
    else:
        assert code == 2 and "o.png exists and is not" in err, err


@pytest.mark.parametrize("name", ["report.html", "report.jsonl"])
def test_a_report_of_somebody_else_is_not_replaced(name, command, probe):
    Path("e.jsonl").write_text(sweep(1, out="o.png"))
    Path(name).write_text("<!doctype html> mine")
    code, _, err = command("batch", "e.jsonl", "--folder", ".")
    assert code == 2 and f"{name} exists and is not" in err and len(err.splitlines()) == 1
    assert Path(name).read_text() == "<!doctype html> mine"
    assert not probe("begin") and not Path("o.png").exists() and not Path(".sinddm-batch").exists()
    Path(name).unlink()
    assert command("batch", "e.jsonl", "--folder", ".")[0] == 0
    assert command("batch", "e.jsonl", "--folder", ".")[0] == 0  # its own it replaces
    Path(name).write_text("mine, after that")
    code, _, err = command("batch", "e.jsonl", "--folder", ".")
    assert code == 2 and f"{name} exists and is not" in err
    assert Path(name).read_text() == "mine, after that"
    assert command("batch", "e.jsonl", "--folder", ".", "--overwrite")[0] == 0
    assert Path(name).read_text() != "mine, after that"


def test_a_report_that_appears_meanwhile_is_kept(command, probe):
    Path("e.jsonl").write_text(sweep(1, pause=1.0))
    process = batch_process()
    while not probe("begin") and process.poll() is None:
        time.sleep(0.02)
    Path("e-results/report.html").write_text("mine")
    _, err = process.communicate()
    assert process.returncode == 0 and "no report: " in err, err
    assert "report.html exists and is not" in err and "1 rows done" in err
    assert Path("e-results/report.html").read_text() == "mine" and len(contents()) == 1


def test_the_line_goes_over_the_rows(command, probe, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.batching.cluster.CONNECT_SECONDS", 1)
    Path("e.jsonl").write_text(sweep(1, strength=0.1))
    words = ("--set", "strength=0.3", "--samples", 2, "--folder", "there")
    code, _, err = command("batch", "e.jsonl", *words)
    assert code == 0, err
    (row,) = report("there")
    assert row["tasks"]["probe"]["strength"] == 0.3 and len(contents("there")) == 2
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


def test_processes_give_the_same_and_one_that_dies_takes_only_its_row(command, probe):
    Path("e.jsonl").write_text(sweep(4) + sweep(4, "p1.png"))
    assert command("batch", "e.jsonl", "--folder", "one")[0] == 0
    rows = Path("e.jsonl").read_text() + sweep(1, "p2.png", die=True, out="bad.png")
    Path("e.jsonl").write_text(rows)
    code, _, err = command("batch", "e.jsonl", "--folder", "two", "--jobs", 2)
    assert code == 1 and "row 9 of 9 failed: its process died twice" in err
    assert contents("one") == contents("two") and len(contents("two")) == 8


def test_rows_of_one_kin_are_sampled_together_on_a_gpu(command, probe, monkeypatch):
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


def leftovers():
    return list(Path("e-results").rglob(".sinddm-*.tmp"))


@pytest.mark.parametrize(("jobs", "moments"), [(1, (1, 5)), (2, (4,))])
def test_killed_at_any_moment_it_goes_on(jobs, moments, command, probe, home):
    Path("e.jsonl").write_text(sweep(5, pause=0.1) + sweep(5, "p1.png", pause=0.1))
    words = ("--jobs", str(jobs))
    for wanted in moments:  # killed when so many rows have been begun
        process = batch_process(*words)
        while len(probe("begin")) < wanted and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        process.communicate()
    time.sleep(0.5)  # processes of a killed parent see it and end
    left = Path("e-results/.sinddm-0123456789abcdef.tmp")  # as of one killed while it wrote
    left.touch()
    for path in leftovers():
        os.utime(path, times=(0, 0))
    fresh = Path("e-results/.sinddm-fedcba9876543210.tmp")  # of one that writes now
    fresh.touch()
    finished = states().count("done")
    assert 0 < finished < 10
    begun = len(probe("begin"))
    code, _, err = command("batch", "e.jsonl", *words)
    assert code == 0 and f"{10 - finished} rows done, {finished} done before" in err, err
    assert begun - finished <= 2  # no more than was in hand
    assert len(probe("begin")) - begun == 10 - finished
    expected = contents()
    assert leftovers() == [fresh]
    fresh.unlink()
    shutil.rmtree(home / "models")
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    assert contents("whole") == expected and len(expected) == 10


def test_ctrl_c_and_a_second_batch_at_the_same_time(command, probe):
    Path("e.jsonl").write_text(sweep(3, pause=1.0))
    process = batch_process()
    while not probe("begin") and process.poll() is None:
        time.sleep(0.02)
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "another process runs a batch into" in err
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "the same command goes on from there" in err
    assert "Traceback" not in err and report()[-1]["status"] == "open"


def test_the_report(command, probe):
    grid = {"strength": [0.1, 0.2], "seed": [1, 2, 3]}
    rows = sweep(1, grid=grid) + sweep(1, "p1.png", fail=True, out="<bad>.png")
    Path("e.jsonl").write_text(rows)
    assert command("batch", "e.jsonl")[0] == 1
    lines = report()
    assert [row["row"] for row in lines] == list(range(1, 8))
    assert lines[3]["varied"] == {"strength": "0.2", "seed": "1"} and lines[3]["seed"] == 1
    assert lines[6]["status"] == "failed" and "as asked" in lines[6]["error"]
    page = Path("e-results/report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6  # a sweep shows results only
    assert not re.findall(r'(?:src|href)="(?:https?:|//)', page) and "<script" not in page
    for label in ("strength = 0.1", "strength = 0.2", "seed = 3"):
        assert f"<th>{label}</th>" in page
    assert "<bad>" not in page and "as asked" in page
    chosen = re.search(r"presets save NAME \./(p0-probe-0.2-3.png)", page)[1]
    code, _, err = command("presets", "save", "chosen", f"e-results/{chosen}")
    assert code == 0, err
    saved = tomllib.loads(Path(command("presets", "path", "chosen")[1].strip()).read_text())
    assert saved == {"task": "probe", "strength": 0.2}
    Path("plain.jsonl").write_text(sweep(1))
    assert command("batch", "plain.jsonl")[0] == 0
    assert Path("plain-results/report.html").read_text().count("base64,") == 2  # before and after


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def cluster(probe, tmp_path):
    """A scheduler and two workers, each a process of its own → (address, workers)."""
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    port = address.rpartition(":")[2]
    processes = [
        subprocess.Popen([*dask, "--host", "127.0.0.1", "--port", port, "--no-dashboard"], **quiet)
    ]
    for _ in range(2):
        words = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        line = [sys.executable, "-m", "distributed.cli.dask_worker", address, *words]
        processes.append(subprocess.Popen(line, cwd=tmp_path, **quiet))
    yield address, processes[1:]
    for process in processes:
        process.kill()
        process.wait()


def test_a_cluster_loses_a_worker_and_nothing_else(cluster, command, probe):
    address, workers = cluster
    rows = sweep(6, pause=0.25) + sweep(6, "p1.png", pause=0.25)
    Path("e.jsonl").write_text(rows)
    process = batch_process("--executor", address)
    while len(set(begun_by())) < 2 and process.poll() is None:
        time.sleep(0.02)
    while len(probe("end")) < 4 and process.poll() is None:
        time.sleep(0.02)
    victim = next(worker for worker in workers if str(worker.pid) in begun_by())
    victim.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "12 rows done" in err, err
    assert len(probe("end")) - 12 in (0, 1)  # at most what it had in hand was done again
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    assert contents() == contents("whole") and len(contents()) == 12


def begun_by():
    lines = Path(os.environ["PROBE_LOG"]).read_text().splitlines()
    return [line.split()[2] for line in lines if line.startswith("begin")]


def test_threads_of_a_training_do_not_depend_on_what_is_left(monkeypatch):
    from concurrent.futures import Future

    asked = []

    class Slot:
        model = None

        def __init__(self, place):
            pass

        def submit(self, work, threads):
            asked.append((work.trains, threads))
            future = Future()
            future.set_result(None if work.trains else ["result"])
            return future

        def stop(self):
            pass

    monkeypatch.setattr(workers, "_Slot", Slot)
    rows = [SimpleNamespace(item=SimpleNamespace(number=k, same_but_seed="")) for k in (1, 2)]
    groups = [Group(f"model {row.item.number}", [row]) for row in rows]
    queue = Queue(groups, {2}, together=1)
    assert list(workers.in_processes(queue, None, 2, 8)) == ["result"]
    assert asked == [(True, 4), (False, 4)]
    asked.clear()
    list(workers.in_processes(Queue(groups[:1], set(), together=1), None, 2, 8))
    assert asked == [(True, 8), (False, 4)]


FROM_PYTHON = """
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

with Path("runs.txt").open("a") as file:
    file.write("run\\n")
"""
"""Stands before the example of the docs: it notes how often the script is run."""


@pytest.mark.parametrize("way", ["script", "standard input", "text", "module"])
def test_the_example_of_the_docs_needs_no_guard(way, probe):
    docs = (Path(__file__).parents[1] / "docs" / "batch.md").read_text()
    example = re.search(r"```python\n(.*?)```", docs, re.DOTALL)[1]
    assert "jobs=2" in example and "__main__" not in example
    shutil.copy("p0.png", "picture.png")
    text = FROM_PYTHON + example
    Path("example.py").write_text(text)
    words = {
        "script": ["example.py"],
        "standard input": ["-"],
        "text": ["-c", text],
        "module": ["-m", "example"],
    }
    found = subprocess.run(
        [sys.executable, *words[way]],
        input=text if way == "standard input" else "",
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert sorted(line.split()[:2] for line in found.stdout.splitlines()) == [
        ["1", "done"],
        ["2", "done"],
    ]
    assert Path("runs.txt").read_text() == "run\n" and len(contents("variants")) == 2


def test_processes_from_a_test(probe):
    rows = [{"task": "probe", "image": "p0.png", "seed": k} for k in (1, 2)]
    found = st.batch(rows, folder="f", jobs=2)
    assert [result.status for result in found] == ["done", "done"]


def test_processes_leave_signals_to_the_parent(probe):
    Path("e.jsonl").write_text(sweep(6, pause=0.5))
    process = batch_process("--jobs", "2")
    while len(set(begun_by())) < 2 and process.poll() is None:
        time.sleep(0.02)
    workers = set(begun_by())
    for pid in workers:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(int(pid), sign)
    process.communicate()
    assert process.returncode == 0 and len(contents()) == 6
    assert set(begun_by()) == workers and len(probe("begin")) == 6


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_parent(sign, probe):
    Path("e.jsonl").write_text(sweep(2, pause=600.0))
    process = batch_process("--jobs", "2")
    while len(set(begun_by())) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(sign)
    process.communicate(timeout=60)  # returns when the last of them has closed standard error


def test_what_a_process_can_not_be_told_is_an_error_and_not_its_death(monkeypatch):
    module = sys.modules["__main__"]
    monkeypatch.setattr(module, "asked", asked := type("asked", (), {}), raising=False)
    asked.__module__ = "__main__"
    one = Process()
    try:
        with pytest.raises(st.errors.ToolkitError, match="asked"):
            one.submit(len, asked()).result()
        assert one.submit(len, "abc").result() == 3
        with pytest.raises(st.errors.ToolkitError, match=r"^TypeError: object of type 'int'"):
            one.submit(len, 3).result()
        with pytest.raises(ProcessDied):
            one.submit(os._exit, 9).result()
    finally:
        one.stop()


class Page(HTMLParser):
    """What a browser would make of a report."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.codes, self._open = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, frozenset(name for name, _ in attrs)))
        self._open = tag
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        if self._open == "code":
            self.codes.append(data)
        self._open = ""


HOSTILE = [
    "javascript:alert(1)",
    "data:text,x",
    "a#b?c%41&amp;",
    "<img src=x onerror=alert(1)>",
    "\"q' onclick='x",
    "{{ 7 * 7 }}{% x %}",
    "$(touch harm) ; `touch harm` & x",
    "-x",
    "--help",
    "~root",
    "ünï codé",
    "two\nlines \x1b[31m",
    os.fsdecode(b"sur\xff"),
]


def targets(page, folder):
    """The files that the links lead to, as a browser follows them from the page."""
    base = (Path(folder).resolve() / "report.html").as_uri()
    found = [urlsplit(urljoin(base, link)) for link in page.links]
    assert all(url.scheme == "file" and not url.query and not url.fragment for url in found)
    return [Path(os.fsdecode(unquote_to_bytes(url.path))) for url in found]


def copied(codes, folder):
    """The words behind NAME as a shell in `folder` understands a command of the page."""
    stand_in = Path("bin", "sinddm-tk").resolve()
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    stand_in.chmod(0o755)
    how = {"cwd": folder, "env": {"PATH": f"{stand_in.parent}:{os.environ['PATH']}"}}
    for code in codes:
        said = subprocess.run(["sh", "-c", code], capture_output=True, check=True, **how)
        *words, path, end = said.stdout.decode().split("\0")
        assert words == ["presets", "save", "NAME"] and end == ""
        assert not path.startswith("-")
        yield Path(folder, path)


def test_the_page_is_safe_whatever_files_are_called(command, probe):
    Path("in").mkdir()
    for k, name in enumerate(HOSTILE):
        Image.fromarray(texture(40, 44, seed=k)).save("plain.png")
        Path("plain.png").rename(Path("in", f"{name}.png"))
    row = {"task": "probe", "glob": {"image": "in/*.png"}, "out": "hr/{image}-{seed}.png"}
    plain = {**row, "out": "pl/{image}.png", "seed": 1}
    for rows, name in (({**row, "grid": {"seed": [1, 2]}}, "grid"), (plain, "plain")):
        Path("e.jsonl").write_text(json.dumps({**rows, "denoiser": "closed-form"}))
        code, _, err = command("batch", "e.jsonl", "--folder", name, "--sampling-steps", 1)
        assert code == 0, err
        page = Page(Path(name, "report.html").read_text(encoding="utf-8"))
        written = {Path(path).resolve() for line in report(name) for path in line["outputs"]}
        assert set(targets(page, name)) == written and len(written) == len(page.links)
        assert all(path.is_file() for path in written)
        allowed = "html meta title style h1 h2 p table tr th td div figure figcaption b br a img"
        assert {tag for tag, _ in page.tags} <= {*allowed.split(), "small", "code"}
        assert not any(name.startswith("on") for _, names in page.tags for name in names)
        assert not Path(name, "harm").exists()
        if name == "grid":
            there = {path.resolve() for path in copied(page.codes, name)}
            strange = {path for path in written if not str(path).isprintable()}
            assert there == written - strange and len(strange) == 4
    code, out, err = command("batch", "e.jsonl", "--folder", "plain", "--dry-run")
    assert code == 0 and "pl/sur\\udcff.png" in out, err


def test_files_on_another_drive(command, probe, monkeypatch, tmp_path):
    real = os.path.relpath
    other = tmp_path / "D"

    def relpath(path, start=os.curdir):
        if Path(path).is_relative_to(other) != Path(start).resolve().is_relative_to(other):
            raise ValueError("path is on mount 'D:', start on mount 'C:'")
        return real(path, start)

    monkeypatch.setattr(os.path, "relpath", relpath)
    Path("e.jsonl").write_text(sweep(2, out=str(other / "{seed}.png")))
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and len(contents(other)) == 2, err
    page = Page(Path("e-results/report.html").read_text())
    assert targets(page, "e-results") == [other / "0.png", other / "1.png"]
    assert list(copied(page.codes, "e-results")) == [other / "0.png", other / "1.png"]
    code, _, err = command("batch", "e.jsonl")
    assert code == 0 and "0 rows done, 2 done before" in err, err


def test_the_report_names_files_by_whole_paths(command, probe):
    Path("b").mkdir()
    rows = [
        {"task": "probe", "image": "../p0.png", "out": "o.png"},
        {"task": "probe", "glob": {"image": "../p*.png"}, "seed": 1},
    ]
    Path("b/e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("batch", "b/e.jsonl")[0] == 0
    found = report("b/e-results")
    for line, k in zip(found, (0, 0, 1, 2), strict=True):
        path = Path(line["tasks"]["probe"]["image"])
        assert path.is_absolute() and path.samefile(f"p{k}.png")
    assert found[0]["options"]["out"] == str(Path("b/o.png").resolve())
