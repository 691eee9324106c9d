"""Trainings that were cut off, by whatever it was, go on where they were."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.engine import training
from sinddm_toolkit.engine.quality import QUALITIES
from tests.stored import models, the_model, unfinished

TRAIN = ("train", "bg.png")
WORDS = ("--image", "bg.png", "--seed", 1)
SHORT = ("run", "paint", *WORDS, "--painting", "bg.png", "--start-step", 3)
"""Needs less to be known than `TRAIN`."""


SAMPLE = ("run", "sample", *WORDS)

KILLED = """
import os, signal, sys
import pytest
from sinddm_toolkit.engine import training
from sinddm_toolkit.cli.main import main
from sinddm_toolkit.cli.progress import PlainEvents
from tests.edits.test_unfinished import train_long_enough_to_be_cut_off

def kill(events, report):
    if report.step == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

train_long_enough_to_be_cut_off(pytest.MonkeyPatch())
training.KEEP_EVERY = 0.0
PlainEvents.training = kill
main(sys.argv[2:])
"""
ROOT = str(Path(__file__).parents[2])


def train_long_enough_to_be_cut_off(patch):
    """`draft` has 30 updates a scale: a training tells twice of how it goes on before its end."""
    quality = dataclasses.replace(QUALITIES["draft"], width=16, steps_per_scale=30)
    patch.setitem(QUALITIES, "draft", quality)


@pytest.fixture(autouse=True)
def tiny_ones(pasted, monkeypatch):
    """bg.png, and such trainings."""
    train_long_enough_to_be_cut_off(monkeypatch)


@pytest.fixture
def whole(command):
    """What comes of `TRAIN` where nothing goes wrong; the store is then empty again."""
    assert command(*TRAIN)[0] == 0
    found = the_model()
    assert command("models", "remove", "--all")[0] == 0
    assert not unfinished()
    return found


@pytest.mark.slow
def test_killed_twice_it_goes_on_and_comes_out_the_same(whole, command):
    paths = {**os.environ, "PYTHONPATH": ROOT}
    for made in (20, 40):
        words = [sys.executable, "-c", KILLED, str(made), *TRAIN]
        done = subprocess.run(words, check=False, capture_output=True, text=True, env=paths)
        assert done.returncode == -9, done.stderr
        assert models() == {} and len(unfinished()) == 1
    code, out, err = command(*TRAIN, "--json")
    assert code == 0 and err == "" and json.loads(out)["training_steps"] == 60
    found = the_model()
    assert found["weights_sha256"] == whole["weights_sha256"]
    assert found["history"] == whole["history"] and not unfinished()


@pytest.mark.slow
def test_what_another_edit_can_not_go_on_with_is_kept_as_by_ctrl_c(cut_off, command):
    cut_off(40, *TRAIN)
    assert command(*SHORT, "--out", "o.png")[0] == 0
    history = the_model()["history"]
    assert (history[0]["made"], len(history)) == (39, 2) and not unfinished()
    assert command("models", "remove", "--all")[0] == 0
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(np.asarray(Image.open("o.png")), np.asarray(Image.open("again.png")))


@pytest.mark.parametrize("limit", ["0", pytest.param("5m", marks=pytest.mark.slow)])
def test_with_a_limit_of_time_it_is_kept_as_by_ctrl_c(limit, cut_off, command):
    cut_off(40, *TRAIN)
    code, _, err = command(*SAMPLE, "--train-time", limit, "--out", "o.png")
    assert code == 0, err
    history = the_model()["history"]
    assert (history[0]["made"], len(history)) == (39, 1 if limit == "0" else 2)
    assert not unfinished()


def test_an_edit_that_needs_no_training_leaves_it_alone(cut_off, command):
    assert command(*SHORT, "--out", "o.png")[0] == 0
    before = the_model()
    cut_off(20, *TRAIN)
    assert command(*SHORT, "--out", "p.png")[0] == 0
    assert the_model() == before and len(unfinished()) == 1
    assert Path("o.png").read_bytes() == Path("p.png").read_bytes()


def test_a_training_anew_that_was_cut_off_spoils_no_model(whole, cut_off, command):
    assert command(*TRAIN)[0] == 0
    cut_off(40, *TRAIN, "--retrain")
    assert command(*TRAIN)[0] == 0
    assert the_model()["weights_sha256"] == whole["weights_sha256"]
    assert command(*TRAIN, "--retrain")[0] == 0
    assert the_model()["weights_sha256"] == whole["weights_sha256"] and not unfinished()


@pytest.mark.slow
def test_what_another_version_has_begun_is_kept_as_by_ctrl_c(cut_off, command, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("sinddm_toolkit.edits.unfinished.__version__", "0.0.1")
        cut_off(40, *TRAIN)
    assert command(*TRAIN)[0] == 0
    assert the_model()["history"][0]["made"] == 39


def spoilt(how, content):
    if how == "flipped":
        return content[:-500] + bytes([content[-500] ^ 4]) + content[-499:]
    return {"empty": b"", "cut": content[:-9], "no file of ours": b"hello" * 100}[how]


@pytest.mark.parametrize(
    "how",
    [
        "flipped",
        *(pytest.param(how, marks=pytest.mark.slow) for how in ("empty", "cut", "no file of ours")),
    ],
)
def test_a_damaged_one_is_left_out(how, whole, cut_off, command):
    cut_off(40, *TRAIN)
    (path,) = unfinished()
    path.write_bytes(spoilt(how, path.read_bytes()))
    if how != "flipped":  # that is among the weights, which a list does not read
        code, out, _ = command("models", "list")
        assert code == 0 and "is damaged" in out
    code, _, err = command(*TRAIN)
    assert code == 0 and err.startswith("note: an unfinished training is left out")
    assert the_model()["weights_sha256"] == whole["weights_sha256"] and not unfinished()


@pytest.mark.slow
def test_a_foreign_one_is_left_out(whole, cut_off, command, monkeypatch):
    cut_off(40, *TRAIN, "--train-seed", 3)
    (other,) = unfinished()
    cut_off(40, *TRAIN)
    (mine,) = set(unfinished()) - {other}
    other.replace(mine)
    code, _, err = command(*TRAIN)
    assert code == 0 and "does not go on from this model" in err
    assert the_model()["weights_sha256"] == whole["weights_sha256"] and not unfinished()


@pytest.mark.slow
def test_one_of_another_network_is_left_out(cut_off, command, monkeypatch):
    """As after a change of the optimizer, which a phase does not tell."""
    cut_off(40, *TRAIN)
    monkeypatch.setattr(training.Muon, "momenta", property(lambda muon: []))
    code, _, err = command(*TRAIN)
    assert code == 0 and "of another network" in err and not unfinished()


def test_killed_between_model_and_removal(cut_off, command, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "KEEP_EVERY", 0.0)
        patch.setattr("sinddm_toolkit.edits.learning.remove_file", lambda path: None)
        assert command(*SHORT, "--out", "o.png")[0] == 0
    before = the_model()["history"]
    assert len(unfinished()) == 1
    code, _, err = command(*TRAIN)
    assert code == 0 and "does not go on from this model" in err
    assert the_model()["history"][:-1] == before and not unfinished()


@pytest.mark.slow
def test_a_training_that_can_not_be_kept_goes_on(whole, command, monkeypatch):
    monkeypatch.setattr(training, "KEEP_EVERY", 0.0)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sinddm_toolkit.edits.unfinished.write_tensors", full)
    code, _, err = command(*TRAIN)
    assert code == 0 and err.count("No space left") == err.count("note:") == 1
    assert the_model()["weights_sha256"] == whole["weights_sha256"]
