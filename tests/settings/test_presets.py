"""Presets: what goes over what, and what is refused and how."""

from pathlib import Path

import pytest


def test_layers_go_over_each_other(explained, look):
    rows = explained("run", "harmonize", "--preset", "softer", "--feather", "2")
    assert rows["harmonize.feather"] == ("2.0", "command line")
    path = look / "look.toml"
    assert rows["harmonize.start-step"] == ("8", f"preset look ({path}, line 3)")
    assert rows["quality"] == ("standard", f"preset look ({path}, line 4)")
    assert rows["harmonize.spread"] == ("3.0", "default")
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
