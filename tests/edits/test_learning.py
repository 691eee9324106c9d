"""Where an edit gets its model from, and which trainings are kept."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.learning import _train
from sinddm_toolkit.edits.models import new_model, save_model
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.record import load_record
from sinddm_toolkit.edits.replay import replayed
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.phases import Phase
from sinddm_toolkit.settings.request import make_tasks
from tests.edits.conftest import BY_THE_NETWORK
from tests.edits.records import carry, changed, record_in

SAMPLE = ("run", "sample", "--image", "bg.png")


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_damaged_model_is_noticed_before_anything_is_done(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    path = default_store().path(key)
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[-2000] ^= 16
    expected = f"the model {key} is damaged: `sinddm-tk models remove {key}` and train again"
    for content in (spoilt, b"", whole[:-200]):
        path.write_bytes(content)
        for words in (SAMPLE, (*SAMPLE, "--model", key), ("train", "bg.png")):
            code, out, err = command(*words)
            assert (code, out, err) == (2, "", f"sinddm-tk: {expected}\n")
    path.unlink()
    path.symlink_to("nowhere")
    code, _, err = command(*SAMPLE)
    assert code == 2 and expected in err and not Path("bg-sample.png").exists()
    assert command("models", "remove", key)[0] == 0
    assert command(*SAMPLE)[0] == 0 and default_store().keys() == [key]


@pytest.mark.slow
def test_a_damaged_model_does_not_stop_a_replay(command, pasted, tiny):
    assert command(*SAMPLE, "--out", "s.png")[0] == 0
    (key,) = default_store().keys()
    default_store().path(key).write_bytes(b"")
    code, _, err = command("replay", "s.png", "--out", "again.png")
    assert code == 0 and "is damaged" in err
    assert np.array_equal(pixels("s.png"), pixels("again.png"))


def test_a_model_under_anothers_name_is_not_used(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    other = ("--train-seed", "7")
    assert command("train", "bg.png", *other)[0] == 0
    (second,) = set(default_store().keys()) - {key}
    default_store().path(second).write_bytes(default_store().path(key).read_bytes())
    code, _, err = command(*SAMPLE, *other)
    assert code == 2 and f"the model {second} is damaged" in err


def test_a_store_that_can_not_be_written_serves_what_is_known(command, pasted, tiny, monkeypatch):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)  # what has to be written first of all
    whole = (*BY_THE_NETWORK, "--overwrite", "--out", "o.png")
    for words in ((), ("--train-time", "0"), ("--model", key), ("--train-time", "5m")):
        code, _, err = command(*whole, *words)
        assert code == 0, err
    code, _, err = command(*whole, "--retrain")
    assert code == 2 and "cannot use the model store" in err and "Read-only" in err


def test_no_time_to_train_needs_a_known_picture(command, pasted):
    code, _, err = command(*SAMPLE, "--out", "o.png", "--train-time", 0)
    assert code == 2 and "nothing is known yet of" in err and not Path("o.png").exists()


def test_full_disk_while_the_model_is_written(command, pasted, tiny, monkeypatch, home):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = command(*SAMPLE, "--out", "o.png")
    assert code == 2 and "No space left" in err and len(err.strip().splitlines()) == 1
    assert not Path("o.png").exists()
    assert [p for p in (home / "models").iterdir() if p.suffix != ".lock"] == []


def trained_by(record, name="x.png"):
    """`record` with the hash of the weights that its history leads to."""
    tasks, options = make_tasks(
        replayed(load_record(Path(carry(record))), Path(name), Path("y.png"), {}, overwrite=False)
    )
    ready = prepare(tasks, options, default_store(), Events(), load_record(Path(name)).model)
    model = new_model(ready.subject.config, ready.subject.schedule)
    for phase in load_record(Path(name)).model.history:
        again = replace(phase, made=0)
        _train(model, ready.subject, again, ready.compute, Events(), stop_after=phase.made)
    return changed(record, "model.weights_sha256", model.weights_hash())


def poisoned(record, **values):
    phase = {**record["model"]["history"][0], **values}
    return trained_by(changed(record, "model.history", [phase]))


def test_what_this_toolkit_trained_is_kept_by_a_replay(command, trained_record):
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert default_store().keys() == [trained_record["model"]["key"]]
    assert Path("again.png").read_bytes() == Path("o.png").read_bytes()


@pytest.mark.slow
def test_a_model_that_grew_by_edits_is_kept_by_a_replay(command, pasted, tiny):
    """Each adds what it lacks and rehearses what was known."""
    paint = ("run", "paint", "--image", "bg.png", "--painting", "bg.png")
    for step, out in ((60, "a.png"), (70, "b.png")):
        assert command(*paint, "--start-step", step, "--out", out)[0] == 0
    assert command(*BY_THE_NETWORK, "--out", "o.png")[0] == 0
    history = load_record(Path("o.png")).model.history
    assert len(history) == 3 and len(history[-1].updates) == 2
    assert command("models", "remove", "--all")[0] == 0
    code, _, err = command("replay", "o.png", "--out", "again.png")
    assert code == 0 and "not kept" not in err
    assert default_store().keys() == [record_in("o.png")["model"]["key"]]


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 2.0},
        {"made": 39},
        *(
            pytest.param(values, marks=pytest.mark.slow)
            for values in (
                {"seed": 1},
                {"decay_from": 30},
                {"t_ends": {"0": 100, "1": 5}},
                {"updates": {"0": 31, "1": 29}},
                {"updates": {"0": 25, "1": 25}, "end": 50, "made": 50, "decay_from": 5},
                {"end": 10, "made": 10, "decay_from": 1},
            )
        ),
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_model_trained_otherwise_makes_the_picture_and_is_not_kept(
    values, command, trained_record
):
    carry(poisoned(trained_record, **values))
    code, _, err = command("replay", "x.png", "--out", "p.png")
    assert code == 0 and "the model is not kept" in err, err
    assert default_store().keys() == []
    assert command(*BY_THE_NETWORK, "--seed", 1, "--out", "q.png")[0] == 0
    assert Path("q.png").read_bytes() == Path("o.png").read_bytes()


@pytest.mark.slow
def test_a_training_at_a_senseless_rate_spoils_no_later_edit(command, trained_record):
    carry(poisoned(trained_record, rate=200.0))
    command("replay", "x.png", "--out", "p.png")
    assert default_store().keys() == []
    assert command(*BY_THE_NETWORK, "--seed", 1, "--out", "q.png")[0] == 0
    assert Path("q.png").read_bytes() == Path("o.png").read_bytes()


@pytest.mark.slow
def test_many_trainings_cut_short_are_not_kept(command, trained_record):
    phase = {**trained_record["model"]["history"][0], "decay_from": 0, "end": 1, "made": 1}
    carry(trained_by(changed(trained_record, "model.history", [phase] * 60)))
    assert command("replay", "x.png", "--out", "p.png")[0] == 0
    assert default_store().keys() == []


def test_a_training_that_leads_nowhere_is_refused(command, trained_record):
    carry(poisoned(trained_record, rate=1e30))
    code, _, err = command("replay", "x.png", "--out", "p.png", "--quiet")
    assert code == 2 and "leads nowhere" in err and err.count("\n") == 1
    assert default_store().keys() == [] and not Path("p.png").exists()


def test_a_model_file_with_an_endless_history_is_damaged(command, trained_record):
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    store = default_store()
    path = store.path(store.keys()[0])
    model = new_model(load_record(Path("o.png")).model.config, ready_schedule())
    model.history = [Phase({0: 100}, {0: 10**12}, 0, 0, 10**12, made=10**12)]
    save_model(path, model)
    code, _, err = command("run", "sample", "--image", "bg.png", "--out", "q.png")
    assert code == 2 and "is damaged" in err


def ready_schedule():
    record = load_record(Path("o.png"))
    tasks, options = make_tasks(replayed(record, Path("o.png"), Path("y.png"), {}, overwrite=False))
    return prepare(tasks, options, default_store(), Events(), record.model).subject.schedule
