"""Sheets of small pictures: each whole, in its place, under its line."""

import numpy as np
import pytest

from sinddm_toolkit.pictures.contact_sheet import (
    GAP,
    LEAST_SIDE,
    LINE,
    SIDE,
    contact_sheet,
    side_of,
    small,
)
from sinddm_toolkit.pictures.picture import Picture


def flat(colour, size=(20, 200)):
    return Picture(np.full((*size, 3), colour, np.uint8))


def test_each_picture_is_in_its_place_and_nothing_else_is_but_lines():
    colours = [10 * k + 5 for k in range(6)]
    sheet = contact_sheet([(f"{k}  seed 7", flat(c)) for k, c in enumerate(colours)])
    cell = (20 + LINE + GAP, 200 + GAP)
    assert sheet.size == (2 * cell[0] + GAP, 4 * cell[1] + GAP)
    left = sheet.pixels.copy()
    for k, colour in enumerate(colours):
        top, x = GAP + k // 4 * cell[0], GAP + k % 4 * cell[1]
        inside = (slice(top + LINE, top + LINE + 20), slice(x, x + 200))
        assert (sheet.pixels[inside] == colour).all()
        assert (sheet.pixels[top : top + LINE, x : x + 100] < 128).any(), "its line"
        left[inside] = 255
        left[top : top + LINE, x : x + 200] = 255
    assert (left == 255).all()


def test_lines_longer_than_their_pictures_have_room():
    sheet = contact_sheet([(f"{k}  seed {2**53}", flat(0, (90, 30))) for k in range(2)])
    second = GAP + (sheet.size[1] - GAP) // 2
    assert (sheet.pixels[GAP : GAP + LINE, second - GAP : second] == 255).all()


def test_many_are_smaller_and_as_many_across_as_down():
    assert (side_of(1), side_of(100)) == (SIDE, SIDE)
    assert side_of(400) == SIDE // 2 and side_of(10_000) == LEAST_SIDE
    sheet = contact_sheet([("", flat(0, (10, 10)))] * 81)
    assert sheet.size == (9 * (10 + LINE + GAP) + GAP, 9 * (10 + GAP) + GAP)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_is_opaque_and_of_8_bits_whatever_it_was(dtype):
    maximum = np.iinfo(dtype).max
    pixels = np.zeros((60, 120, 2), dtype)
    pixels[:, 60:, 1] = maximum
    shown = small(Picture(pixels), 40)
    assert shown.size == (20, 40) and shown.pixels.dtype == np.uint8
    assert shown.pixels.shape[2] == 3
    assert (shown.pixels[:, :17] == 255).all() and (shown.pixels[:, 23:] == 0).all()
    assert small(Picture(pixels), 500).size == (60, 120)
