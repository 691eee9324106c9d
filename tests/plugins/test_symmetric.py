"""Pictures with a symmetry: exactly, and made of one part of the canvas."""

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.regions.symmetry import MOVES, SQUARE, Symmetry

from sinddm_toolkit.testing import drawn_picture

MIRROR, FLIP, TURN = np.fliplr, np.flipud, np.rot90
IMAGES = {
    "left-right": [MIRROR],
    "top-bottom": [FLIP],
    "four-way": [MIRROR, FLIP],
    "half-turn": [lambda x: TURN(x, 2)],
    "quarter-turn": [TURN],
    "kaleidoscope": [TURN, MIRROR],
}
"""Symmetry → what a picture must be equal to."""

ALL = pytest.mark.parametrize("name", IMAGES)
SIZED = pytest.mark.parametrize(
    ("name", "size"),
    [
        (name, size)
        for name in IMAGES
        for size in [(40, 40), (41, 41), (40, 57), (33, 38)]
        if size[0] == size[1] or name not in SQUARE
    ],
)


def test_these_are_all():
    assert list(IMAGES) == list(MOVES)


def noise(*size):
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))


@SIZED
def test_it_is_exact(name, size):
    made = Symmetry(name).of(noise(*size))
    for one in made.numpy():
        pixels = one.transpose(1, 2, 0)
        assert all(np.array_equal(pixels, image(pixels)) for image in IMAGES[name])


@ALL
def test_what_has_it_stays(name):
    x = sum(move(noise(41, 41)) for move in MOVES[name])
    assert torch.allclose(Symmetry(name).of(x), x, atol=1e-5)


@SIZED
def test_all_is_made_of_one_part(name, size):
    symmetry, x = Symmetry(name), noise(*size)
    part = symmetry.part(size)[0, 0]
    made = symmetry.of(x)
    own = (made == x).all(dim=1).all(dim=0)
    count = len(MOVES[name])
    edges = 6 * sum(size)
    assert abs(float(part.sum()) - size[0] * size[1] / count) < edges
    assert float((own & (part > 0)).sum()) > float(part.sum()) - edges
    other = torch.where(part > 0, x, noise(*size) * 9)
    assert torch.equal(symmetry.of(other), made)


@pytest.mark.parametrize("name", ["left-right", "half-turn"])
def test_the_oracle_leads_to_the_pictures_own_part(name, sinddm_run, sinddm_picture):
    made = sinddm_run("symmetric", symmetry=name, oracle=True, layouts=0, likeness=0).picture.pixels
    picture = sinddm_picture.pixels.astype(int)
    part = np.s_[:, :38] if name == "left-right" else np.s_[:28]
    assert abs(made[part] - picture[part]).max() <= 1
    assert all(np.array_equal(made, image(made)) for image in IMAGES[name])


@ALL
def test_a_random_picture_has_it_bit_for_bit(name, sinddm_run):
    made = sinddm_run("symmetric", symmetry=name, samples=2, layouts=2, sampling_steps=2)
    first, second = (one.pixels for one in made.pictures)
    for pixels in (first, second):
        assert all(np.array_equal(pixels, image(pixels)) for image in IMAGES[name])
        assert pixels.std() > 10
    assert not np.array_equal(first, second)
    assert first.shape[:2] == ((60, 60) if name in SQUARE else (60, 80))


def test_a_canvas_of_any_size(sinddm_run):
    made = sinddm_run("symmetric", symmetry="kaleidoscope", size="71x71", sampling_steps=2)
    pixels = made.picture.pixels
    assert pixels.shape[:2] == (71, 71)
    assert np.array_equal(pixels, TURN(pixels)) and np.array_equal(pixels, MIRROR(pixels))


def test_the_picture_itself_is_given_it(sinddm_run, sinddm_picture):
    """At the finest scale its part is hardly redrawn."""
    made = sinddm_run("symmetric", start_scale=-1, start_step=1).picture.pixels
    left = sinddm_picture.pixels[:, :36].astype(int)
    assert np.array_equal(made, MIRROR(made))
    assert abs(made[:, :36] - left).mean() < 12 < abs(made[:, 36:72] - left).mean()


def test_a_square_is_cut_from_the_middle(sinddm_run):
    made = sinddm_run("symmetric", symmetry="quarter-turn", start_scale=-1, start_step=1)
    pixels = made.picture.pixels
    assert pixels.shape == (60, 60, 3) and np.array_equal(pixels, TURN(pixels))


def test_a_picture_of_few_pixels_has_it_too(sinddm_run):
    small = drawn_picture((24, 31))
    made = sinddm_run("symmetric", image=small, symmetry="quarter-turn", sampling_steps=2)
    assert made.picture.pixels.shape[:2] == (24, 24)
    assert np.array_equal(made.picture.pixels, TURN(made.picture.pixels))


def test_it_is_made_again(command, known, tmp_path):
    words = ("run", "symmetric", "--image", "bg.png", "--sampling-steps", 2, "--seed", 3, "-q")
    assert command(*words, "--out", "a.png")[0] == 0
    assert command("replay", "a.png", "--out", "b.png")[0] == 0
    a, b = (np.asarray(Image.open(name)) for name in ("a.png", "b.png"))
    assert np.array_equal(a, b) and np.array_equal(a, MIRROR(a))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symmetry", "kaleidoscope", "--size", "80x60"), "needs a square"),
        (("--size", "20x20"), "at least 33"),
        (("--symmetry", "five-fold"), "kaleidoscope"),
        (("--start-scale", 0, "--size", "2x1"), "the picture's own"),
        (("--start-step", 5), "--start-scale"),
        (("--start-scale", 9), "scales 0"),
        (("--start-scale", 0, "--layout-sheet", "s.png"), "random pictures"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, command, known):
    code, _, err = command("run", "symmetric", "--image", "bg.png", *words, "--out", "a.png")
    assert code == 2 and said in err and err.strip().count("\n") <= 3
