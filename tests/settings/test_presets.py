"""Presets: layers, what is refused and how, saving, the schema for editors."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

import sinddm_toolkit as st
from sinddm_toolkit.settings import presets as preset_files
from sinddm_toolkit.settings.toml_files import TomlFile

LOOK = 'summary = "softer"\ntask = "harmonize"\nstart-step = 8\nquality = "standard"\n'


@pytest.fixture
def look(home):
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "look.toml").write_text(LOOK)
    (folder / "softer.toml").write_text('extends = "look"\nfeather = 9\n')
    (folder / "thorough.toml").write_text('quality = "paper"\nmax-pixels = 90000\n')
    return folder


@pytest.fixture
def explained(command):
    """Option → (value, origin) of a line."""

    def run(*words):
        code, out, err = command(*words, "--explain", "--json")
        assert code == 0, err
        return {row["option"]: (row["value"], row["from"]) for row in json.loads(out)}

    return run


def test_layers_go_over_each_other(explained, look):
    rows = explained("run", "harmonize", "--preset", "softer", "--feather", "2")
    assert rows["harmonize.feather"] == ("2.0", "command line")
    path = look / "look.toml"
    assert rows["harmonize.start-step"] == ("8", f"preset look ({path}, line 3)")
    assert rows["quality"] == ("standard", f"preset look ({path}, line 4)")
    assert rows["harmonize.spread"] == ("7.0", "default")
    assert rows["harmonize.bg"] == ("", "missing")


def test_the_later_of_two_presets_goes_before_the_earlier(explained, look):
    rows = explained("run", "--preset", "softer", "--preset", "thorough")
    assert (rows["quality"][0], rows["harmonize.start-step"][0]) == ("paper", "8")
    rows = explained("run", "--preset", "thorough", "--preset", "softer")
    assert (rows["quality"][0], rows["max-pixels"][0]) == ("standard", "90000")


def test_a_preset_of_several_tasks_and_more_on_the_line(explained, home):
    Path("two.toml").write_text(
        'roi.strength = 0.5\n[[task]]\nname = "outpaint"\nright = "50%"\n[[task]]\nname = "roi"\n'
    )
    words = ("run", "--preset", "two.toml", "--left", "9", "+", "roi", "--strength", "0.7")
    rows = explained(*words, "--with", "sample")
    assert rows["outpaint.right"][0] == "50%" and rows["outpaint.left"][0] == "9"
    assert rows["roi.strength"] == ("0.7", "command line")
    assert rows["sample.size"][1] == "default"
    assert explained("run", "--preset", "two.toml")["roi.strength"][1].endswith("two.toml, line 1)")


def test_the_text_of_explain_has_a_line_for_each_option(command, look):
    code, out, _ = command("run", "--preset", "look", "--explain")
    assert code == 0
    assert any(line.split() == ["seed", "-", "default"] for line in out.splitlines())


def test_paths_in_a_file_are_relative_to_it(command, explained, pasted):
    Path("folder").mkdir()
    for name in ("bg.png", "c.png"):
        Path(name).rename(Path("folder") / name)
    text = 'task = "harmonize"\nbg = "bg.png"\ncomposite = "c.png"\nmask = "none.png"\n'
    Path("folder/p.toml").write_text(text)
    assert explained("run", "--preset", "folder/p.toml")["harmonize.bg"][0] == "folder/bg.png"
    code, _, err = command("run", "--preset", "folder/p.toml")
    assert code == 2
    assert err == (
        "sinddm-tk: folder/p.toml, line 4: mask: folder/none.png: there is no such file\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qualty = 'draft'", "line 1: unknown option qualty, did you mean quality?"),
        ("task = 'harmonise'", "line 1: there is no task 'harmonise'"),
        ("task = 3", "line 1: task: give the name of a task"),
        ("task = []", "line 1: task: give the name of a task"),
        ("[[task]]\nstrength = 1", "line 1: a task has no name"),
        ("[[task]]\nname = 'roi'\n[[task]]\nname = 'roi'", "line 4: roi is named twice"),
        (
            "task = 'harmonize'\n\nstart-step = 3.7",
            "line 3: start-step: 3.7 is not",
        ),
        ("task = 'harmonize'\nstart-step = true", "line 2: start-step: true is not allowed"),
        ("task = 'harmonize'\nspread = true", "line 2: spread: true is not allowed"),
        ("task = 'harmonize'\nspread = inf", "line 2: spread: inf is not allowed"),
        ("task = 'harmonize'\nstart-step = 101", "line 2: start-step: 101 is not allowed, give a"),
        ("task = 'harmonize'\nbg = 3", "line 2: bg: 3 is not allowed, give a picture"),
        ("task = 'harmonize'\nflatten = 'x'", "line 2: flatten: x is not allowed"),
        ("quality = 'drft'", "did you mean draft?"),
        ("seed = 1\nroi.strength = 1", "line 2: roi is no task of this edit"),
        ("task='roi'\nroi = { strenth = 1 }", "line 2: unknown option roi.strenth, did you mean"),
        ("summary = 3", "line 1: summary: 3 is not allowed, give text"),
        ("extends = 'nothing'", "line 1: extends: there is no preset 'nothing'"),
        ("extends = 'p.toml'", "line 1: extends: p.toml extends p in turn"),
        ("extends = 'lok'", "did you mean look?"),
        ("extends = 'look'\ntask = 'roi'", "line 2: task: what this rests on is for harmonize"),
        ("extends = 'broken'", "broken.toml, line 1: unknown option x"),
        ("seed = [", "is not TOML"),
    ],
)
def test_files_are_refused_before_any_work(text, said, command, look):
    (look / "broken.toml").write_text("x = 1")
    Path("p.toml").write_text(text)
    code, out, err = command("presets", "validate", "p.toml")
    assert (code, out) == (2, "") and "p.toml" in err and said in err, err
    assert len(err.splitlines()) == 1
    assert command("run", "sample", "--preset", "p.toml")[0] == 2


def test_lines_of_keys_are_found():
    text = (
        "# a = 1\n\na = 1\nb = [\n  1,\n  2,\n]\n\n[t]\nc = '''\nx\n'''\n"
        "[[r]]\nk = 1\n[[r]]\n# k\nk = { m = 2 }\n"
    )
    file = TomlFile(Path("f"), text)
    keys = [("a",), ("b",), ("t",), ("t", "c"), ("r", 0, "k"), ("r", 1), ("r", 1, "k", "m")]
    assert [file.line(key) for key in keys] == [3, 4, 9, 10, 14, 15, 17]


def test_what_does_not_fit_the_line(command, look):
    for words, said in (
        (("roi", "--preset", "look"), "preset look is for harmonize, not for roi"),
        (("--preset", "thorough"), "preset thorough names no task"),
        (("--preset", "none"), "there is no preset 'none'"),
        (("--preset", "gone.toml"), "gone.toml: there is no such file"),
        (("--preset", "look", "+", "harmonize"), "harmonize is asked for twice"),
    ):
        code, _, err = command("run", *words, "--explain")
        assert code == 2 and said in err, err


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


def test_the_schema_accepts_what_is_accepted_and_nothing_else(command, look):
    schema = json.loads(command("presets", "schema")[1])
    validator = jsonschema.Draft7Validator(schema)
    for _, path in preset_files.available().values():
        assert validator.is_valid(tomllib.loads(path.read_text())), path
    good = (
        {"task": "roi", "source": ["1,2,3,4"], "size": "2x1"},
        {"task": [{"name": "outpaint", "right": "50%"}, {"name": "roi"}], "seed": 3},
        {"extends": "look", "feather": 3},
        {"quality": "standard", "train-time": "5m"},
    )
    bad = (
        {"task": "harmonize", "start-step": 3.7},
        {"task": "harmonize", "start-step": 101},
        {"task": "harmonize", "size": "2x1"},
        {"task": "harmonise"},
        {"qualty": "draft"},
        {"quality": "drft"},
        {"start-step": 3},
        {"task": [{"right": "50%"}]},
    )
    assert [validator.is_valid(one) for one in good] == [True] * len(good)
    assert [validator.is_valid(one) for one in bad] == [False] * len(bad)


BRINGS = """
from pathlib import Path
from sinddm_toolkit.api import hookimpl

@hookimpl
def register_presets():
    return [Path(__file__).parent / "looks"]
"""


def test_a_plugin_brings_presets(command, explained, look, tmp_path, monkeypatch):
    (tmp_path / "looks").mkdir()
    (tmp_path / "looks" / "theirs.toml").write_text("quality = 'standard'")
    (tmp_path / "looks" / "look.toml").write_text("quality = 'paper'")
    (tmp_path / "brings.py").write_text(BRINGS)
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
    assert explained("run", "sample", "--preset", "theirs")["quality"][0] == "standard"
    assert "theirs  (any task, of brings)" in command("presets", "list")[1]
    assert explained("run", "--preset", "look")["quality"][0] == "standard"  # one's own goes first


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
