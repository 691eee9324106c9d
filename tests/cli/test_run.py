"""The command `run`: how its line is taken apart, what a slip is told, what it prints."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import SEED_MAX, RunOptions

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
        (
            ("harmonise", "--bg", "bg.png"),
            "there is no command 'harmonise': did you mean run harmo",
        ),
        (("run", "harmonise", "--bg", "bg.png"), "no task 'harmonise', did you mean harmonize?"),
        (("run", "outpaint", "--image", "bg.png", "--right", "0.5"), "--right 0.5 is less than a"),
        (("run", "outpaint", "--image", "bg.png", "--top", "0.1%"), "--top 0.1% is less than a"),
        (("presets", "save", "look", "sample", "c.png"), "c.png: write --image c.png"),
        (("presets", "save", "look", "--image", "c.png"), "name a task"),
    ],
)
def test_a_slip_is_told_the_right_form(words, said, command, pasted):
    code, out, err = command(*words)
    assert (code, out) == (2, "") and said in err, err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("flag", "near"),
    [
        ("--output", "did you mean --out?"),
        ("--steps", "did you mean --sampling-steps?"),
        ("--sample", "did you mean --samples"),
        ("--picture", "did you mean --image"),
        ("--photograph", "see sinddm-tk run sample --help\n"),
    ],
)
def test_an_option_that_there_is_not_is_told_what_may_be_meant(flag, near, command, pasted):
    code, out, err = command("run", "sample", flag, "x")
    assert (code, out) == (2, "") and near in err


def options_in(help):
    return [line.split()[0] for line in help.splitlines() if line.startswith("  -")]


def test_help_shows_what_to_touch_and_where_the_rest_is(command):
    code, short, _ = command("run", "harmonize", "--help")
    assert code == 0 and short.endswith("sinddm-tk run harmonize --help-all\n")
    shown = options_in(short)
    assert shown[:2] == ["--bg", "--composite"]
    assert {"--seed", "--samples", "--out", "--quality"} <= {*shown}
    code, whole, _ = command("run", "harmonize", "--help-all")
    every = options_in(whole)
    schema = {**registry.current().task("harmonize").schema(), **RunOptions.schema()}
    assert {*every} - {"-h,", "-q,"} >= {item.flag for item in schema.values()}
    rare = {item.flag for item in schema.values() if item.rarely}
    assert {"--train-seed", "--start-step"} <= rare and not rare & {*shown}
    of_line = {"--with", "--explain", "--format", "--print-path", "--json", "-q,", "--help-all"}
    assert {*every} - {*shown} == rare | of_line


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


SAMPLE = ("run", "sample", "--image", "bg.png")


def pixels(path):
    return np.asarray(Image.open(path))


FEW = ("--layouts", 2)


def test_sample_json(command, pasted, tiny):
    code, out, err = command(*SAMPLE, *FEW, "--samples", 2, "--seed", 5, "--json", "--size", "2x1")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["outputs"] == ["bg-sample-1.png", "bg-sample-2.png"]
    assert (facts["seed"], facts["device"]) == (5, "cpu")
    assert facts["network_evaluations"] == 2 * (2 * 12 + 6)
    assert set(facts["seconds"]) == {"training", "sampling"}
    assert facts["training_steps"] == 15, "a guided scale, and a layout that needs none"
    assert pixels("bg-sample-1.png").shape == (60, 160, 3)
    assert not np.array_equal(pixels("bg-sample-1.png"), pixels("bg-sample-2.png"))
    assert command(*SAMPLE, *FEW, "--seed", 6, "--size", "2x1", "--out", "alone.png")[0] == 0
    assert np.array_equal(pixels("alone.png"), pixels("bg-sample-2.png"))


def test_samples_beyond_the_largest_seed_are_refused(command, pasted):
    quick = ("--denoiser", "closed-form", "--sampling-steps", 1, "--max-pixels", 1500)
    words = (*SAMPLE, *quick, "--samples", 2, "--out", "o.png", "--seed")
    code, _, err = command(*words, SEED_MAX)
    assert code == 2 and f"{SEED_MAX - 1} at most" in err
    assert not list(Path().glob("o*.png"))
    assert command(*words, SEED_MAX - 1)[0] == 0
    assert command("replay", "o-2.png", "--out", "again.png")[0] == 0


BAD_LINES = [
    (["run", "nothing"], "there is no task"),
    (["run", "sample"], "missing --image"),
    ([*SAMPLE, "--nothing", "1"], "No such option"),
    ([*SAMPLE, "--samples", "0"], "whole number from 1"),
    ([*SAMPLE, "--samples", "2.5"], "whole number"),
    ([*SAMPLE, "--quality", "drft"], "did you mean draft"),
    ([*SAMPLE, "--device", "tpu"], "one of auto, cpu"),
    ([*SAMPLE, "--size", "30x30"], "at least 33"),
    ([*SAMPLE, "--out", "o.bmp"], "extension"),
    ([*SAMPLE, "--out", "no/o.png"], "no folder"),
    ([*SAMPLE, "--out", "bg.png"], "exists"),
    ([*SAMPLE, "--train-time", "soon"], "a time such as"),
    (["run", "sample", "--image", "none.png"], "no such file"),
    (["run", "sample", "--image", "."], "is a folder"),
    (["run", "sample", "--image", "text.png"], "not a picture"),
    (["run", "sample", "--image", "dot.png"], "1×1"),
    (["run", "sample", "--image", "line.png"], "50000×1"),
    (["run", "sample", "--image", "clear.png"], "transparent"),
    (["run", "sample", "--image", "cmyk.jpg"], "CMYK"),
]


@pytest.mark.parametrize(("words", "message"), BAD_LINES, ids=lambda value: str(value)[-40:])
def test_bad_input_is_one_line_and_exit_code_2(words, message, command, pasted):
    Path("text.png").write_text("hello")
    Image.new("RGB", (1, 1)).save("dot.png")
    Image.new("RGB", (50_000, 1)).save("line.png")
    Image.new("RGBA", (64, 64)).save("clear.png")
    Image.new("CMYK", (64, 64)).save("cmyk.jpg")
    before = sorted(Path().iterdir())
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err
    assert sorted(Path().iterdir()) == before
    assert default_store().keys() == []


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("L", marks=pytest.mark.slow),
        "P",
        pytest.param("LA", marks=pytest.mark.slow),
        "I;16",
    ],
)
def test_unusual_pictures_work(mode, command, pasted, tiny):
    grey = Image.open("bg.png").convert("L")
    if mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save("odd.png")
    else:
        (Image.open("bg.png") if mode == "P" else grey).convert(mode).save("odd.png")
    code, _, err = command("run", "sample", "--image", "odd.png", "--out", "o.png")
    assert code == 0, err
    assert pixels("o.png").shape[:2] == (60, 80)
