import numpy as np
import pytest
from sinddm_paint_to_image import PaintToImage

from sinddm_toolkit.api import UserError


def two_halves(h, w):
    """Dark above, light below."""
    painting = np.full((h, w, 3), 40, np.uint8)
    painting[h // 2 :] = 210
    return painting


def test_the_shapes_are_the_paintings_and_the_texture_is_the_pictures(sinddm_run):
    pixels = sinddm_run(PaintToImage, painting=two_halves(60, 80)).picture.pixels.astype(float)
    assert pixels[35:].mean() > pixels[:25].mean() + 60
    assert pixels[40:].std() > 5  # the painting has no texture at all


def test_the_result_has_the_size_of_the_painting(sinddm_run):
    result = sinddm_run(PaintToImage, painting=two_halves(150, 100), oracle=True)
    assert result.picture.size == (150, 100)


def test_it_starts_where_it_is_told(sinddm_run):
    usual, short = (
        sinddm_run(PaintToImage, painting=two_halves(60, 80), oracle=True, start_step=steps)
        for steps in (None, 4)
    )
    assert (short.network_evaluations, usual.network_evaluations) == (4, 6)


def test_the_result_has_the_depth_and_the_transparency_of_the_painting(sinddm_run):
    painting = np.zeros((60, 80, 4), np.uint16)
    painting[10:, :, 3] = 65535
    pixels = sinddm_run(PaintToImage, painting=painting, oracle=True).picture.pixels
    assert pixels.dtype == np.uint16 and np.array_equal(pixels[..., 3], painting[..., 3])


def test_a_step_that_there_is_not_is_refused(sinddm_run):
    with pytest.raises(UserError, match="--start-step: 101 is not allowed"):
        sinddm_run(PaintToImage, painting=two_halves(60, 80), start_step=101)


def test_it_is_installed(sinddm_run, sinddm_picture, tmp_path):
    out = tmp_path / "o.png"
    result = sinddm_run("paint-to-image", painting=sinddm_picture, oracle=True, out=out)
    assert result.outputs == [out]
