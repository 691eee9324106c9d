import numpy as np
import pytest

from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.testing import drawn_picture


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("10,20,30,15", (20, 10, 35, 40)),
        ("25%,0,50%,100%", (0, 25, 60, 75)),
        ("10, 50%, 20%, 6", (30, 10, 36, 30)),
    ],
)
def test_boxes_are_pixels_or_percent(text, edges):
    region = Region.parse(text)
    assert region.bounds((60, 100)) == edges
    y0, x0, y1, x1 = (int(edge) for edge in edges)
    inside = region.inside((60, 100))
    assert inside[y0:y1, x0:x1].all() and inside.sum() == (y1 - y0) * (x1 - x0)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,0,4", "1,2,3,-4", "1,,2,3"])
def test_other_texts_are_no_boxes(text):
    with pytest.raises(ValueError):
        Region.parse(text)


def test_masks_are_regions():
    mask = np.zeros((30, 50), np.uint8)
    mask[5:9, 12:40] = 255
    region = Region.of_value(mask)
    assert region.bounds((30, 50)) == (5, 12, 9, 40)
    assert region.inside((60, 100)).sum() == pytest.approx(4 * 28 * 4, rel=0.1)
    assert Region.of_value(np.zeros((30, 50), np.uint8)).bounds((30, 50)) == (0, 0, 0, 0)


def test_four_numbers_are_a_box():
    assert Region.of_value((1, 2, 3, 4)).bounds((60, 100)) == (2, 1, 6, 4)


@pytest.mark.parametrize(
    ("text", "is_beyond"),
    [
        ("90,50,10,10", False),
        ("0,0,100%,100%", False),
        ("66.7%,0,33.34%,9", False),  # but for rounding
        ("91,50,10,10", True),
        ("90,50%,10,50.9%", True),
    ],
)
def test_a_box_beyond_the_picture_is_told(text, is_beyond):
    told = Region.parse(text).notices(drawn_picture((60, 100)), "--keep")
    assert len(told) == is_beyond
    assert all(line.startswith(f"--keep {text} reaches beyond ") for line in told)
    assert all("which is 100×60 pixels" in line for line in told)
