"""The commands `presets`: what they list and show, and what is saved of a line."""

import json
import tomllib
from pathlib import Path

import sinddm_toolkit as st


def test_a_line_is_saved_as_a_preset(command, pasted):
    words = ("sample", "--samples", "3", "+", "roi", "--strength", "0.5", "--quiet")
    code, _, err = command("presets", "save", "look", *words)
    assert code == 0, err
    rows = json.loads(command("presets", "show", "look", "--json")[1])
    assert [row["option"] for row in rows] == ["roi.strength", "samples"]
    code, _, err = command("presets", "save", "more", "--preset", "look", "--seed", "4")
    assert code == 0 and "left out: seed" in err


def test_list_show_and_path(command, look):
    (look / "broken.toml").write_text("x = 1")
    found = {one["name"]: one for one in json.loads(command("presets", "list", "--json")[1])}
    assert found["look"]["whose"] == "yours" and found["look"]["tasks"] == ["harmonize"]
    assert "unknown option x" in found["broken"]["error"]
    assert "look  (harmonize, yours)  softer" in command("presets", "list")[1]
    shown = command("presets", "show", "softer")[1]
    assert "start-step = 8" in shown and "look.toml, line 3" in shown and "spread" not in shown
    assert command("presets", "path")[1].strip() == str(look)
    assert command("presets", "path", "look")[1].strip() == str(look / "look.toml")
    assert command("presets", "path", "nothing")[0] == 2


def test_save_a_line(command, explained, look, pasted):
    line = ("harmonize", "--preset", "look", "--bg", "bg.png", "--seed", "4", "--feather", "2")
    code, _, err = command("presets", "save", "--summary", "mine", "mine", *line)
    assert code == 0 and "left out: seed, bg" in err
    assert tomllib.loads((look / "mine.toml").read_text()) == {
        "summary": "mine",
        "task": "harmonize",
        "quality": "standard",
        "start-step": 8,
        "feather": 2.0,
    }
    assert command("presets", "save", "mine", *line)[0] == 2
    kept = ("--overwrite", "--keep", "seed", "--keep", "bg", "mine")
    assert command("presets", "save", *kept, *line)[0] == 0
    rows = explained("run", "--preset", "mine")
    assert rows["seed"][0] == "4" and rows["harmonize.bg"][0] == str(Path("bg.png").resolve())
    for words, said in (
        (("Bad Name", *line), "is no name for a preset"),
        (("--keep", "mask", "x", *line), "--keep mask: that is not set"),
        (("x", "bg.png"), "carries no record"),
        (("x", "nothing"), "there is no task"),
        (("x", "harmonize", "--start-step", "0"), "whole number from 1"),
    ):
        code, _, err = command("presets", "save", *words)
        assert code == 2 and said in err, err
    assert not (look / "x.toml").exists()


def test_save_several_tasks(command, look):
    line = ("outpaint", "--right", "50%", "+", "roi", "--strength", "0.5")
    assert command("presets", "save", "two", *line)[0] == 0
    assert tomllib.loads((look / "two.toml").read_text()) == {
        "task": [{"name": "outpaint", "right": "50%"}, {"name": "roi", "strength": 0.5}]
    }


def test_save_the_record_of_a_picture_and_run_it(command, look, pasted, tiny):
    line = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--start-step", "9")
    assert command(*line, "--seed", "3", "--out", "o.png")[0] == 0
    assert command("presets", "save", "--keep", "seed", "again", "o.png")[0] == 0
    saved = tomllib.loads((look / "again.toml").read_text())
    assert saved == {"task": "harmonize", "seed": 3, "start-step": 9}
    words = ("run", "--preset", "again", "--bg", "bg.png", "--composite", "c.png")
    assert command(*words, "--out", "p.png")[0] == 0
    assert Path("p.png").read_bytes() == Path("o.png").read_bytes()
    result = st.run(preset="again", bg="bg.png", composite="c.png", out="q.png")
    assert result.outputs == [Path("q.png")]
    assert Path("q.png").read_bytes() == Path("o.png").read_bytes()


def test_files_to_keep_are_checked_and_found_again_from_everywhere(command, look, pasted):
    Path("in").mkdir()
    Path("c.png").rename("in/m.png")
    line = ("harmonize", "--mask", "in/m.png", "--save-mask", "mask.png", "--bg", "none.png")
    assert command("presets", "save", "masked", *line)[0] == 0
    assert tomllib.loads((look / "masked.toml").read_text()) == {
        "task": "harmonize",
        "mask": str(Path("in/m.png").absolute()),
        "save-mask": str(Path("mask.png").absolute()),
    }
    code, _, err = command("presets", "save", "--keep", "bg", "broken", *line)
    assert code == 2 and "none.png: there is no such file" in err
    assert not (look / "broken.toml").exists()
