"""Model files: what is written is what is read, and any damage is noticed."""

import dataclasses
import errno
import json
import math
import os
import random

import pytest
import torch
from safetensors.torch import save

from sinddm_toolkit.edits.models import (
    ModelConfig,
    description,
    load_model,
    new_model,
    read_description,
    save_model,
)
from sinddm_toolkit.edits.tensor_files import write_tensors
from sinddm_toolkit.engine.phases import Phase, trained_cells
from sinddm_toolkit.engine.pyramid import build_pyramid
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.errors import UserError

PYRAMID = build_pyramid(torch.rand(1, 3, 60, 80) * 2 - 1)
SCHEDULE = make_schedule(PYRAMID.details, PYRAMID.factor)


@pytest.fixture
def model():
    made = new_model(ModelConfig("0" * 64, (60, 80), "draft", 8, 0), SCHEDULE)
    made.history.append(Phase({1: 5}, {1: 30}, 7, 18, 30, made=30))
    made.facts = {"name": "b.png"}
    return made


def test_round_trip(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    loaded = load_model(path)
    assert loaded.config == model.config
    assert loaded.schedule == model.schedule
    assert loaded.history == model.history
    assert loaded.weights_hash() == model.weights_hash()
    found = read_description(path)
    assert found["trained"] == {"1": 5}
    assert found["pyramid"]["sizes"][-1] == [60, 80]
    assert trained_cells(loaded.history) == {1: 5}


def test_key_depends_on_every_part_of_the_configuration(model):
    config = model.config
    others = [("picture", "1"), ("size", (1, 2)), ("quality", "x"), ("width", 9), ("seed", 1)]
    keys = {ModelConfig(**{**vars(config), name: value}).key for name, value in others}
    assert len({config.key, *keys}) == 6


DAMAGED = "the model m is damaged: `sinddm-tk models remove m` and train again"


def old_file(path, model, changes=None, weights=None):
    """A file as version 0.1 wrote it, without a hash of its description, with `changes` in it."""
    facts = {**description(model), **(changes or {})}
    tensors = {name: x.contiguous() for name, x in model.network.state_dict().items()}
    metadata = {"sinddm": json.dumps(facts)}
    path.write_bytes(save({**tensors, **(weights or {})}, metadata=metadata))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x00" * 200, save({})])
def test_damaged_files_are_refused(content, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    for read in (load_model, read_description):
        with pytest.raises(UserError) as refusal:
            read(path)
        assert str(refusal.value) == DAMAGED


def test_a_file_cut_short_is_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    whole = path.read_bytes()
    for length in (0, 5, 1000, len(whole) - 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError) as refusal:
            load_model(path)
        assert str(refusal.value) == DAMAGED


def test_any_changed_bit_is_noticed(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    whole = path.read_bytes()
    places = {*range(120), *random.Random(0).sample(range(len(whole)), 500)}
    for name in (b'"sinddm"', b'"sha256"', b'"F32"', b'"dtype"', b'"data_offsets"'):
        begins = whole.index(name)
        places |= set(range(begins, begins + len(name)))
    for place in places:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        path.write_bytes(spoilt)
        with pytest.raises(UserError, match="the model m "):
            load_model(path)
    path.write_bytes(whole)
    assert load_model(path).weights_hash() == model.weights_hash()


def test_files_without_a_hash_of_their_description_are_read(model, tmp_path):
    path = tmp_path / "m.safetensors"
    old_file(path, model)
    assert load_model(path).weights_hash() == model.weights_hash()
    assert read_description(path)["trained"] == {"1": 5}


def test_weights_that_are_not_those_described_are_noticed(model, tmp_path):
    path = tmp_path / "m.safetensors"
    name, weights = next(iter(model.network.state_dict().items()))
    nan = torch.full_like(weights, math.nan)
    others = {name: weights + 1e-6}, {name: weights[:1]}, {name: weights.double()}, {"more": nan}
    for changed in (*others, {name: nan}):
        old_file(path, model, weights=changed)
        with pytest.raises(UserError) as refusal:
            load_model(path)
        assert str(refusal.value) == DAMAGED
    model.network.load_state_dict({**model.network.state_dict(), name: nan})
    save_model(path, model)  # as hashed, and of no use
    with pytest.raises(UserError) as refusal:
        load_model(path)
    assert str(refusal.value) == DAMAGED


def spoilt_schedules():
    good = dataclasses.asdict(SCHEDULE)
    alphas, starts, gammas = (list(good[k]) for k in ("alphas_cumprod", "starts", "gammas"))
    rows = list(map(list, gammas))
    return [
        "text",
        None,
        [good],
        {},
        {**good, "starts": [100]},
        {**good, "starts": [100, starts[1] + 1]},
        {**good, "starts": [float(start) for start in starts[:1]] + ["x"]},
        {**good, "starts": None},
        {**good, "gammas": rows[:1]},
        {**good, "gammas": [rows[1], rows[1]]},
        {**good, "gammas": [rows[0], rows[1][::-1]]},
        {**good, "gammas": [rows[0], [math.nan, *rows[1][1:]]]},
        {**good, "gammas": [rows[0], rows[1][:50]]},
        {**good, "gammas": [rows[0], rows[1], rows[1]], "starts": [*starts, starts[1]]},
        {**good, "gammas": [], "starts": []},
        {**good, "alphas_cumprod": alphas[::-1]},
        {**good, "alphas_cumprod": alphas[:-1]},
        {**good, "alphas_cumprod": [10**400, *alphas[1:]]},
        {**good, "alphas_cumprod": [2.0, *alphas[1:]]},
        {**good, "alphas_cumprod": [*alphas[:-1], math.nan]},
    ]


@pytest.mark.parametrize("schedule", spoilt_schedules(), ids=range(len(spoilt_schedules())))
def test_what_is_no_schedule_is_noticed(schedule, model, tmp_path):
    refuse_description(model, tmp_path, {"schedule": schedule})


def refuse_description(model, folder, changes):
    """Files with and without a hash of their description."""
    path = folder / "m.safetensors"
    old_file(path, model, changes)
    facts = {**description(model), **changes}
    write_tensors(folder / "n.safetensors", model.network.state_dict(), facts)
    for file in (path, folder / "n.safetensors"):
        for read in (read_description, load_model):
            with pytest.raises(UserError, match=f"^the model {file.stem} is damaged: "):
                read(file)


PHASE = Phase({1: 5}, {1: 30}, 7, 18, 30, made=30).to_json()
SIZES = (5, "ab", [0, 0], [-3, 5], [5], [60.0, 80])
CONFIG = ModelConfig("0" * 64, (60, 80), "draft", 8, 0).to_json()


@pytest.mark.parametrize(
    "changes",
    [
        *({"format": value} for value in (None, "another", [])),
        *({"trained": value} for value in (None, "text", [1], {"1": "5"})),
        *({"name": value} for value in (None, 5)),
        {"weights_sha256": 5},
        *({"config": value} for value in (None, "text", [], {}, {**CONFIG, "more": 1})),
        *(
            {"config": {**CONFIG, "size": size}}
            for size in (5, "ab", [0, 0], [-3, 5], [5], [60.0, 80])
        ),
        *({"config": {**CONFIG, "width": width}} for width in (-4, 0, "8", 8.0, 10**6, True)),
        *({"config": {**CONFIG, name: 5}} for name in ("picture", "recipe", "init", "network")),
        {"config": {**CONFIG, "seed": "0"}},
        {"config": {**CONFIG, "network": "none such"}},
        *({"history": value} for value in (None, 5, "text", [None], ["text"], [{}])),
        *(
            {"history": [{**PHASE, **phase}]}
            for phase in (
                {"made": 31},
                {"made": 10**12, "updates": {"1": 10**12}},
                {"made": "30"},
                {"updates": {"0": 30}},
                {"updates": {"1": -1}},
                {"t_ends": {"1": 10**9}},
                {"t_ends": {"1": 0}},
                {"t_ends": {"99": 5}, "updates": {"99": 30}},
                {"t_ends": [5]},
                {"seed": "x"},
                {"rate": -1.0},
                {"rate": math.nan},
                {"rate": "fast"},
                {"environment": None},
            )
        ),
    ],
    ids=str,
)
def test_what_a_description_can_not_be_is_noticed(changes, model, tmp_path):
    refuse_description(model, tmp_path, changes)


def test_descriptions_that_are_no_objects_are_noticed(model, tmp_path):
    path = tmp_path / "m.safetensors"
    for text in ("", "5", "null", "[]", '"text"', "{", "[" * 100_000):
        path.write_bytes(save({}, metadata={"sinddm": text}))
        with pytest.raises(UserError) as refusal:
            read_description(path)
        assert str(refusal.value) == DAMAGED


def test_other_versions_are_refused(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    monkeypatch.setattr("sinddm_toolkit.edits.models.FORMAT_VERSION", 99)
    save_model(path, model)
    monkeypatch.undo()
    with pytest.raises(UserError, match="m has format 99"):
        load_model(path)


def test_full_disk_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        save_model(path, model)
    assert path.read_bytes() == before
    assert list(tmp_path.glob(".*tmp")) == []


def test_model_file_is_plain_json_and_tensors(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["sinddm"])["format"] == "sinddm-toolkit model"
