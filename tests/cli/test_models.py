"""The commands `models`: what they list, show and remove, whatever lies in the store."""

import json
import os
from pathlib import Path

import pytest
from safetensors.torch import save

from sinddm_toolkit.edits.store import default_store
from tests.conftest import SHORT
from tests.stored import models, unfinished

SAMPLE = ("run", "sample", "--image", "bg.png")


def test_models_commands(command, pasted, tiny):
    code, out, err = command("models", "list")
    assert (code, out) == (0, "") and "no models yet" in err
    code, out, _ = command("train", "bg.png", "--json")
    key = json.loads(out)["model"]
    assert json.loads(out)["training_steps"] == 40
    listed = json.loads(command("models", "list", "--json")[1])
    assert [m["model"] for m in listed] == [key] and listed[0]["name"] == "bg.png"
    assert key in command("models", "list")[1]
    shown = command("models", "show", key[:5], "--json")[1]
    assert json.loads(shown)["trained"] == {"0": 100, "1": 55}
    lines = command("models", "show", key[:5])[1].splitlines()
    assert lines[:3] == [
        f"model     {key}",
        "picture   bg.png, learnt at 80x60 pixels",
        "quality   draft, 40 updates",
    ]
    assert lines[4:6] == [
        "scale 0   64x48 pixels: timesteps 0 to 99",
        "scale 1   80x60 pixels: timesteps 0 to 54",
    ]
    assert len(lines) == 7 and str(default_store().path(key)) in lines[6]
    assert Path(command("models", "path", key[:5])[1].strip()).exists()
    facts = json.loads(command(*SAMPLE, "--json")[1])
    assert facts["model"] == key and facts["training_steps"] == 40  # nothing was left to train
    assert command("models", "remove", key)[0] == 0
    assert default_store().keys() == []
    assert command("models", "remove", "zz")[0] == 2
    assert command("models", "remove")[0] == 2


def test_one_odd_entry_does_not_hide_the_others(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    folder = default_store().folder
    (folder / "dangling.safetensors").symlink_to("nowhere")
    (folder / "folder.safetensors").mkdir()
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "empty.safetensors").touch()
    facts = {**default_store().describe(key), "history": None}
    (folder / "null.safetensors").write_bytes(save({}, metadata={"sinddm": json.dumps(facts)}))
    odd = {"dangling", "folder", "pipe", "empty", "null"}
    code, out, _ = command("models", "list", "--json")
    listed = {entry["model"]: entry for entry in json.loads(out)}
    assert code == 0 and listed.keys() == {key, *odd}
    assert {name for name, entry in listed.items() if "is damaged" in entry.get("error", "")} == odd
    code, out, _ = command("models", "list")
    assert code == 0 and len(out.splitlines()) == 6
    assert command("models", "show", key[:6])[0] == 0
    assert command(*SAMPLE, "--model", key[:6])[0] == 0
    for name in odd:
        code, _, err = command("models", "show", name)
        assert code == 2 and "is damaged" in err and len(err.splitlines()) == 1
        code, _, err = command("models", "remove", name)
        assert code == (2 if name == "folder" else 0)
    assert "cannot remove" in command("models", "remove", "folder")[2]
    (folder / "folder.safetensors").rmdir()
    assert default_store().keys() == [key]


def test_a_file_removed_meanwhile_does_not_spoil_the_list(command, pasted, tiny, monkeypatch):
    assert command("train", "bg.png")[0] == 0
    monkeypatch.setattr("sinddm_toolkit.edits.store.ModelStore.keys", lambda store: ["gone"])
    code, out, _ = command("models", "list")
    assert code == 0 and "there is no model gone" in out


@pytest.mark.parametrize(
    "words",
    [
        ("models", "remove", ""),
        ("models", "show", ""),
        ("models", "path", ""),
        (*SAMPLE, "--model", ""),
    ],
)
def test_no_name_is_not_the_only_model(words, command, pasted, tiny):
    assert command("train", "bg.png")[0] == 0
    code, _, err = command(*words)
    assert code == 2 and "empty" in err and len(err.splitlines()) == 1
    assert len(default_store().keys()) == 1 and not Path("bg-sample.png").exists()


def test_they_know_of_a_training_that_was_cut_off(cut_off, command, pasted, tiny):
    cut_off(20, "train", "bg.png")
    (key,) = default_store().unfinished_keys()
    code, out, _ = command("models", "list")
    assert code == 0 and out.split()[:4] == [key, "bg.png", "80x60", "draft"]
    assert "in training: 19 of 40 updates" in out
    (listed,) = json.loads(command("models", "list", "--json")[1])
    assert (listed["model"], listed["name"], listed["updates"]) == (key, "bg.png", 0)
    assert listed["in_training"] == {"made": 19, "planned": 40}
    assert command("models", "show", key)[0] == 2
    assert command("models", "remove", key[:4])[0] == 0 and not unfinished()
    assert command(*SHORT, "--out", "o.png")[0] == 0
    (listed,) = json.loads(command("models", "list", "--json")[1])
    assert listed["in_training"] is None
    cut_off(20, "train", "bg.png")
    (listed,) = json.loads(command("models", "list", "--json")[1])
    assert listed["updates"] > 0 and listed["in_training"]["made"] == 19
    assert "in training: 19 of" in command("models", "list")[1]
    assert command("models", "remove", "--all")[0] == 0
    assert not unfinished() and not models()
