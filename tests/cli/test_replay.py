"""The command `replay`, with models that are trained."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import texture

SAMPLE = ("run", "sample", "--image", "bg.png")


def pixels(path):
    return np.asarray(Image.open(path))


def test_replay_is_bit_exact_also_without_the_model(command, pasted, tiny):
    assert command("run", "harmonize", "--bg", "bg.png", "--composite", "c.png")[0] == 0
    assert command(*SAMPLE, "--layouts", 2, "--samples", 2, "--seed", 5)[0] == 0
    made = ["c-harmonize.png", "bg-sample-2.png"]
    for name in made:
        assert command("replay", name, "--out", f"kept-{name}")[0] == 0
    assert command("models", "remove", "--all")[0] == 0
    for name in made:
        assert command("replay", name, "--out", f"gone-{name}")[0] == 0
        for again in (f"kept-{name}", f"gone-{name}"):
            assert np.array_equal(pixels(again), pixels(name))


def test_replay_says_what_is_missing_or_changed(command, pasted, tiny):
    assert command(*SAMPLE, "--out", "s.png")[0] == 0
    Path("bg.png").rename("moved.png")
    code, _, err = command("replay", "s.png")
    assert code == 2 and "--input image=FILE" in err
    code, _, err = command("replay", "s.png", "--input", "imag=moved.png")
    assert (code, err.count("\n")) == (2, 1) and "no input imag: s.png was made from files" in err
    assert command("replay", "s.png", "--input", "image=moved.png")[0] == 0
    Image.fromarray(texture(60, 80, seed=9)).save("bg.png")
    code, _, err = command("replay", "s.png", "--overwrite")
    assert code == 2 and "has changed" in err
    code, _, err = command("replay", "moved.png")
    assert code == 2 and "carries no record" in err
