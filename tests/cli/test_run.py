"""How a line is taken apart: tasks, order of options, and what a slip of the fingers is told."""

import json
import re
from pathlib import Path

import pytest

import sinddm_toolkit as st
from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.errors import UserError

ROOT = Path(__file__).parents[2]
BOX = "0,0,10,10"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "sampel", "--image", "bg.png"), "there is no task 'sampel', did you mean sample?"),
        (("run", "sample", "--with", "sampl"), "there is no task 'sampl', did you mean sample?"),
        (("run", "sample", "--image", "bg.png", "--with", ""), "there is no task ''; there are: "),
        (("run", "", "--image", "bg.png"), "there is no task ''; there are: "),
        (("run", "sample", "+", "", "--image", "bg.png"), "there is no task ''"),
        (("harmonize", "--bg", "bg.png"), "harmonize is a task: write sinddm-tk run harmonize"),
        (("run", "sample", "my forest.png"), "'my forest.png': write --image 'my forest.png'"),
        (("run", "harmonize", "--bg", "bg.png", "c.png"), "c.png: write --composite c.png"),
        (("run", "sample", "--image", "bg.png", "x"), "x: each value stands behind its option"),
        (
            ("run", "sample", "--image", "bg.png", "roi"),
            "roi: write + roi for a task that acts too",
        ),
        (("presets", "save", "look", "sample", "c.png"), "c.png: write --image c.png"),
        (("presets", "save", "look", "--image", "c.png"), "name a task"),
    ],
)
def test_a_slip_is_told_the_right_form(words, said, command, pasted):
    code, out, err = command(*words)
    assert (code, out) == (2, "") and said in err, err
    assert len(err.splitlines()) == 1


def test_python_has_to_name_a_task():
    with pytest.raises(UserError, match="name a task, or a preset that has one"):
        st.run(image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("", image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("sample", image="bg.png", also={"": {}})


def targets(*words):
    """What `--target` gets, as texts."""
    (part,) = parts_of_line(["roi", *words])

    def texts(value):
        return [texts(one) for one in value] if isinstance(value, list) else str(value)

    return texts(part.values["target"])


def test_values_belong_to_the_option_before_them_however_it_is_written():
    first, second = ("--source", BOX), (f"--source={BOX}",)
    line = (*first, "--target", "1,1,5,5", "--target=2,2,5,5", *second, "--target", "3,3,5,5")
    assert targets(*line) == [["1,1,5,5", "2,2,5,5"], ["3,3,5,5"]]
    # What looks like an option and is the value of one counts as no option.
    assert targets(*first, "--out", "--target", *second, "--target", "3,3,5,5") == [[], ["3,3,5,5"]]
    assert targets("--target", "1,1,5,5", *first) == ["1,1,5,5"]
    with pytest.raises(UserError, match="--target stands before the --source it belongs to"):
        targets("--target", "1,1,5,5", *first, *second)


def test_a_line_is_saved_as_a_preset(command, pasted):
    words = ("sample", "--samples", "3", "+", "roi", "--strength", "0.5", "--quiet")
    code, _, err = command("presets", "save", "look", *words)
    assert code == 0, err
    rows = json.loads(command("presets", "show", "look", "--json")[1])
    assert [row["option"] for row in rows] == ["roi.strength", "samples"]
    code, _, err = command("presets", "save", "more", "--preset", "look", "--seed", "4")
    assert code == 0 and "left out: seed" in err


@pytest.mark.parametrize("path", sorted((ROOT / "sinddm_toolkit").rglob("*.py")), ids=str)
def test_nothing_private_of_click_is_used(path):
    """It changes between the versions that are allowed."""
    text = path.read_text()
    if "import click" in text:
        assert not re.findall(r"(?<!self)\._[a-z]\w*", text)
