"""Batches that were cut off in a training go on where they were."""

import json
import signal
from pathlib import Path

import pytest

from sinddm_toolkit.cli.progress import PlainEvents
from tests.stored import models, the_model, unfinished

WORDS = ("--image", "bg.png", "--seed", 1)
SHORT = ("run", "paint", *WORDS, "--painting", "bg.png", "--start-step", 3)
"""Needs less to be known than the rows."""


@pytest.fixture(autouse=True)
def tiny_ones(pasted, tiny):
    """bg.png, and trainings of 30 updates a scale."""


def rows(*more):
    lines = [
        {"task": "sample", "image": "bg.png", "out": "s.png", "layouts": 0, "likeness": 0},
        *more,
    ]
    Path("e.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_batch_goes_on_and_does_not_depend_on_where_it_was_cut(cut_off, command):
    rows()
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    expected, weights = Path("s.png").read_bytes(), the_model()["weights_sha256"]
    assert command("models", "remove", "--all")[0] == 0
    Path("s.png").unlink()
    cut_off(20, "batch", "e.jsonl")
    cut_off(40, "batch", "e.jsonl")
    assert models() == {}
    assert command("batch", "e.jsonl")[0] == 0
    assert the_model()["weights_sha256"] == weights and not unfinished()
    assert Path("s.png").read_bytes() == expected


@pytest.mark.slow
def test_ctrl_c_keeps_what_a_batch_was_learning(command, monkeypatch):
    rows()
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    weights = the_model()["weights_sha256"]
    assert command("models", "remove", "--all")[0] == 0
    Path("s.png").unlink()
    once = iter([signal.SIGTERM])
    with monkeypatch.context() as patch:
        patch.setattr(PlainEvents, "training", lambda *_: list(map(signal.raise_signal, once)))
        assert command("batch", "e.jsonl")[0] == 143
    assert models() == {} and len(unfinished()) == 1
    code, _, err = command("batch", "e.jsonl")
    assert code == 0, err
    assert the_model()["weights_sha256"] == weights and not unfinished()


@pytest.mark.slow
def test_a_batch_that_has_changed_since_learns_anew(cut_off, command):
    rows({"task": "sample", "image": "bg.png", "out": "t.png", "size": "2x1"})
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    weights = the_model()["weights_sha256"]
    assert command("models", "remove", "--all")[0] == 0
    for name in ("s.png", "t.png"):
        Path(name).unlink()
    painted = {"task": "paint", "image": "bg.png", "painting": "bg.png", "start-step": 3}
    whole = Path("e.jsonl").read_text()
    Path("e.jsonl").write_text(json.dumps({**painted, "out": "p.png"}) + "\n")
    cut_off(20, "batch", "e.jsonl")
    Path("e.jsonl").write_text(whole)
    assert command("batch", "e.jsonl")[0] == 0
    assert the_model()["weights_sha256"] == weights and not unfinished()


def test_an_edit_takes_over_what_a_batch_has_begun(cut_off, command):
    rows()
    cut_off(40, "batch", "e.jsonl")
    code, _, err = command(*SHORT, "--train-time", 0, "--out", "p.png")
    assert code == 2 and "nothing is known yet" in err and len(unfinished()) == 1
    assert command(*SHORT, "--out", "p.png")[0] == 0
    assert the_model()["history"][0]["made"] == 39 and not unfinished()
