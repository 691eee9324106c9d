"""Batches stopped at any moment go on where they were, and replace nothing of others."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from tests.batching.conftest import HANG, contents, report, sweep, wait_until
from tests.conftest import texture


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


def test_a_row_in_hand_when_killed_owns_nothing(command, probe, batch_process):
    Path("e.jsonl").write_text(sweep(1, hold=True))
    process = batch_process()
    wait_until(lambda: probe("begin"), process)
    process.kill()
    process.communicate(timeout=HANG)
    mine = put_own_picture("e-results/p0-probe.png")
    Path("e.jsonl").write_text(sweep(1))
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "p0-probe.png exists and is not, or no longer, what this batch" in err
    assert Path("e-results/p0-probe.png").read_bytes() == mine
    assert command("batch", "e.jsonl", "--overwrite")[0] == 0
    assert Path("e-results/p0-probe.png").read_bytes() != mine


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_killed_while_it_writes_a_row_knows_its_own_files_only(
    before, command, batch_process, tmp_path
):
    Path("e.jsonl").write_text(sweep(1))
    (tmp_path / "killer.py").write_text(KILLER.format(before=before))
    process = batch_process()
    process.communicate(timeout=HANG)
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


@pytest.mark.slow
def test_a_changed_row_killed_while_it_writes_still_owns_its_old_result(
    command, batch_process, tmp_path
):
    Path("e.jsonl").write_text(sweep(1, out="o.png"))
    assert command("batch", "e.jsonl")[0] == 0
    old = Path("o.png").read_bytes()
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.4))
    (tmp_path / "killer.py").write_text(KILLER.format(before=True))
    batch_process().communicate(timeout=HANG)
    (tmp_path / "killer.py").unlink()
    assert Path("o.png").read_bytes() == old
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.5, fail=True))
    code, _, err = command("batch", "e.jsonl")
    assert code == 1 and "as asked" in err and Path("o.png").read_bytes() == old
    Path("e.jsonl").write_text(sweep(1, out="o.png", strength=0.5))
    assert command("batch", "e.jsonl")[0] == 0 and Path("o.png").read_bytes() != old


@pytest.mark.slow
def test_a_file_that_appears_while_a_row_is_in_hand_is_kept(command, probe, batch_process):
    Path("e.jsonl").write_text(sweep(2, hold=True))
    process = batch_process()
    wait_until(lambda: probe("begin"), process)
    mine = put_own_picture("e-results/p0-probe.png")
    probe.let_all_go()
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 1 and "row 1 of 2 failed" in err and "p0-probe.png exists" in err
    assert Path("e-results/p0-probe.png").read_bytes() == mine
    assert Path("e-results/p0-probe-1.png").exists()
    code, _, err = command("batch", "e.jsonl")  # to have failed there gives no right to it
    assert code == 2 and Path("e-results/p0-probe.png").read_bytes() == mine


def test_what_an_earlier_version_has_begun_is_finished(command, probe):
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


def leftovers():
    return list(Path("e-results").rglob(".sinddm-*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "kills"), [(1, (0, 3)), (2, (2,))])
def test_killed_with_rows_in_hand_it_goes_on(jobs, kills, command, probe, batch_process, home):
    Path("e.jsonl").write_text(sweep(5, hold=True) + sweep(5, "p1.png", hold=True))
    words = ("--jobs", str(jobs))
    for more in kills:  # killed when so many more rows are finished and each process has one
        in_hand = len(probe("begin")) + more + jobs
        process = batch_process(*words)
        probe.let_go(more)
        wait_until(lambda wanted=in_hand: len(probe("begin")) == wanted, process)
        process.kill()
        process.communicate(timeout=HANG)  # returns when the last of its processes has ended
    probe.let_all_go()
    left = Path("e-results/.sinddm-0123456789abcdef.tmp")  # as of one killed while it wrote
    left.touch()
    for path in leftovers():
        os.utime(path, times=(0, 0))
    fresh = Path("e-results/.sinddm-fedcba9876543210.tmp")  # of one that writes now
    fresh.touch()
    finished = states().count("done")
    assert finished == sum(kills)
    begun = len(probe("begin"))
    code, _, err = command("batch", "e.jsonl", *words)
    assert code == 0 and f"{10 - finished} rows done, {finished} done before" in err, err
    assert len(probe("begin")) - begun == 10 - finished
    expected = contents()
    assert leftovers() == [fresh]
    fresh.unlink()
    shutil.rmtree(home / "models")
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    assert contents("whole") == expected and len(expected) == 10


@pytest.mark.slow
def test_ctrl_c_and_a_second_batch_at_the_same_time(command, probe, batch_process):
    Path("e.jsonl").write_text(sweep(3, hold=True))
    process = batch_process()
    wait_until(lambda: probe("begin"), process)
    code, _, err = command("batch", "e.jsonl")
    assert code == 2 and "another process runs a batch into" in err
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 130 and "the same command goes on from there" in err
    assert "Traceback" not in err and report()[-1]["status"] == "open"
