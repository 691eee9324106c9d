import itertools

import pytest
import torch
from sinddm_toolkit.plugins.style_transfer.colours import matched, with_hues_of
from sinddm_toolkit.plugins.style_transfer.strokes import (
    CANVAS,
    MOST_PIXELS,
    Strength,
    stroke_scale,
    way,
)

from sinddm_toolkit.engine.pyramid import build_pyramid, downsample


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def painting():
    """Five scales, the finest of 198×252."""
    return build_pyramid(random(1, 3, 198, 252) - 0.5)


def test_colours_get_the_mean_and_covariance_of_the_style():
    mixed = torch.tensor([[0.5, 0.2, 0.0], [0.1, 0.4, 0.1], [0.0, 0.1, 0.3]])
    x = random(1, 3, 30, 40) - 0.5
    style = torch.einsum("ij,njhw->nihw", mixed, random(1, 3, 20, 25, seed=1)) - 0.3
    style[..., 0, 0], style[..., 0, 1] = -1, 1  # so that nothing goes too far
    y = matched(x, style)
    assert torch.allclose(y.mean(dim=(2, 3)), style.mean(dim=(2, 3)), atol=1e-3)
    assert torch.allclose(torch.cov(y[0].flatten(1)), torch.cov(style[0].flatten(1)), atol=2e-3)
    assert torch.allclose(matched(style, style), style, atol=1e-3)


def test_no_colour_goes_further_than_those_of_the_style():
    x = random(1, 3, 30, 40) ** 8
    style = random(1, 3, 20, 25, seed=1) * 0.2
    y = matched(x, style)
    assert (y.amax(dim=(2, 3)) <= style.amax(dim=(2, 3))).all()
    assert (y.amin(dim=(2, 3)) >= style.amin(dim=(2, 3))).all()


def test_a_picture_of_one_colour_takes_the_mean_of_the_style():
    style = random(1, 3, 20, 25)
    y = matched(torch.zeros(1, 3, 8, 8), style)
    assert torch.allclose(y[0, :, 0, 0], style.mean(dim=(0, 2, 3)), atol=1e-3)


def test_hues_come_back_and_brightness_stays():
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    x, content = random(2, 3, 32, 48), random(1, 3, 4, 6, seed=1)
    y = with_hues_of(x, content, 1.0)
    assert torch.allclose((luma * y).sum(1), (luma * x).sum(1), atol=1e-5)
    wanted = content[:, 0] - content[:, 1]
    before, after = (downsample(z, (4, 6))[:, 0] - downsample(z, (4, 6))[:, 1] for z in (x, y))
    assert (after - wanted).abs().mean() < 0.4 * (before - wanted).abs().mean()
    assert with_hues_of(x, content, 0.0) is x


def test_strokes_are_of_the_finest_scale_and_the_one_below(painting):
    chosen = way(painting, (360, 540), 3, 1.0, 0.0)
    assert (list(chosen.scales), chosen.strokes) == ([3, 4], 2)
    (h, w), own = chosen.sizes
    assert own == (360, 540)
    assert h * w == pytest.approx(CANVAS * 140 * 178, rel=0.02)


def test_past_the_finest_scale_that_one_is_repeated(painting):
    chosen = way(painting, (1000, 1500), 3, 1.0, 0.0)
    assert list(chosen.scales) == [3, 4, 4, 4, 4]
    assert chosen.strokes == 2 and chosen.sizes[-1] == (1000, 1500)
    for below, above in itertools.pairwise(chosen.sizes):
        assert 1.2 < above[0] / below[0] < 1.7


def test_a_style_of_more_pixels_has_finer_scales_to_go_on_with():
    pyramid = build_pyramid(random(1, 3, 400, 500))
    assert pyramid.count == 7 and stroke_scale(pyramid) == 4
    chosen = way(pyramid, (1000, 1500), 3, 1.0, 0.0)
    assert list(chosen.scales) == [3, 4, 5, 6, 6] and chosen.strokes == 2


def test_larger_strokes_begin_smaller(painting):
    usual, large = (way(painting, (1000, 1500), 3, stroke, 0.0) for stroke in (1.0, 2.0))
    assert usual.sizes[0][0] == pytest.approx(2 * large.sizes[0][0], abs=1)


def test_small_contents_get_strokes_of_the_finest_scale_too(painting):
    chosen = way(painting, (60, 80), 3, 1.0, 0.0)
    assert list(chosen.scales) == [3, 4] and chosen.sizes[-1] == (60, 80)


def test_very_large_contents_are_painted_smaller(painting):
    h, w = way(painting, (5000, 8000), 3, 1.0, 0.0).sizes[-1]
    assert h * w == pytest.approx(MOST_PIXELS, rel=0.01)


def test_what_is_left_out_are_the_coarsest_sizes(painting):
    whole = way(painting, (1000, 1500), 3, 1.0, 0.0)
    half, last = (way(painting, (1000, 1500), 3, 1.0, share) for share in (0.7, 1.0))
    assert half.sizes == whole.sizes[2:] and half.strokes == 1
    assert last.sizes == whole.sizes[-1:] and last.scales == [4] and last.strokes == 1


def test_the_dial_goes_from_hardly_anything_to_abstract():
    least, middle, most = (Strength.of(strength) for strength in (0.0, 0.5, 1.0))
    assert least.start < middle.start and least.left_out == 1
    assert least.hold == 1 and 0 < middle.hold < 1 and most.hold == 0
    assert (middle.below, most.below, middle.left_out) == (1, 3, 0)
