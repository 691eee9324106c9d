"""The command `show`: what a picture's record says."""

import json
import shlex
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.pictures.reading import read_picture, read_record
from tests.conftest import SHORT


@pytest.fixture
def made(known, command):
    """The record of k.png, which `paint` made."""
    assert command(*SHORT, "--seed", 7, "--out", "k.png")[0] == 0
    return json.loads(read_record("k.png"))


def test_words_and_the_line_that_makes_it_again(made, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = command("show", "k.png")
    assert (code, err) == (0, "")
    for line in (
        "k.png",
        "  task        paint (sinddm-toolkit 0.1.0)",
        "              start-step = 3",
        "  seed        7",
        "  again       sinddm-tk replay k.png",
    ):
        assert line.replace("0.1.0", made["toolkit"]) in out.splitlines()
    assert "start-scale" not in out and made["model"]["key"] in out  # defaults are not told
    line = out.partition("as a line ")[2].replace("\\\n", " ")
    words = shlex.split(line)[1:]
    assert words[:2] == ["run", "paint"]
    assert command(*words, "--out", "again.png", "-q")[0] == 0
    assert Path("again.png").read_bytes() == Path("k.png").read_bytes()


def test_json_has_all_of_it(made, command):
    code, out, _ = command("show", "--json", "k.png", "bg.png", "k.png")
    first, second, third = map(json.loads, out.splitlines())
    assert code == 2
    assert first == third and "carries no record" in second["error"]
    assert first["seed"] == 7 and first["replayable"] and first["toolkit"] == made["toolkit"]
    (task,) = first["tasks"]
    assert task["name"] == "paint" and task["options"]["start-step"] == 3
    assert task["options"]["image"]["picture"] == "bg.png"
    assert task["plugin"]["version"] == made["tasks"][0]["plugin"]["version"]
    assert first["model"]["key"] == made["model"]["key"]


def test_what_is_in_the_way(made, command):
    Image.fromarray(255 - read_picture("bg.png").pixels).save("bg.png")
    code, out, _ = command("show", "k.png")
    assert code == 0 and "bg.png has changed since k.png was made" in out
    assert "  again " not in out
    Path("bg.png").unlink()
    facts = json.loads(command("show", "k.png", "--json")[1])
    assert not facts["replayable"] and "'bg.png'" in facts["in_the_way"][0]
    code, out, _ = command("show", "k.png", "--no-plugin", "regions")
    told = f"the task paint of sinddm-toolkit {made['toolkit']}, which is not here"
    assert code == 0 and told in out and "as a line" not in out and "start-step = 3" in out
    code, out, err = command("show", "gone.png", "k.png")
    assert code == 2 and "gone.png: there is no such file" in err and "seed        7" in out
