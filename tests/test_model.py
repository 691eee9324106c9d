import errno
import json
import os
import subprocess
import sys

import pytest
import torch

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.model import (
    ModelConfig,
    load_model,
    new_model,
    read_description,
    save_model,
    trained_cells,
)
from sinddm_toolkit.pyramid import build_pyramid
from sinddm_toolkit.schedule import make_schedule
from sinddm_toolkit.store import ModelStore, default_store
from sinddm_toolkit.training import Phase

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
    others = [("picture", "1"), ("size", (1, 2)), ("recipe", "x"), ("width", 9), ("seed", 1)]
    keys = {ModelConfig(**{**vars(config), name: value}).key for name, value in others}
    assert len({config.key, *keys}) == 6


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x00" * 200])
def test_damaged_files_are_refused(content, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a model file"):
        load_model(path)


def test_truncated_file_is_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError):
        load_model(path)


def test_other_versions_are_refused(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    monkeypatch.setattr("sinddm_toolkit.model.FORMAT_VERSION", 99)
    save_model(path, model)
    monkeypatch.undo()
    with pytest.raises(UserError, match="format 99"):
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


def test_store_lists_finds_and_removes(model):
    store = default_store()
    assert store.keys() == []
    save_model(store.path(model.config.key), model)
    assert store.keys() == [model.config.key]
    assert store.find(model.config.key[:4]) == model.config.key
    with pytest.raises(UserError, match="no model"):
        store.find("zz")
    store.remove(model.config.key)
    assert store.keys() == []


def test_a_locked_model_is_waited_for(tmp_path):
    """Another process holds the lock until it has written what this one then reads."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from sinddm_toolkit.store import ModelStore\n"
        "folder = Path(sys.argv[1])\n"
        "with ModelStore(folder).locked('k'):\n"
        "    print('held', flush=True); time.sleep(1.2); (folder / 'done').touch()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    waited = []
    with ModelStore(tmp_path).locked("k", lambda: waited.append(True)):
        assert (tmp_path / "done").exists()
    assert waited == [True]
    assert other.wait() == 0


def test_model_file_is_plain_json_and_tensors(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["sinddm"])["format"] == "sinddm-toolkit model"
