from itertools import pairwise

import pytest
import torch

from sinddm_toolkit.engine.pyramid import (
    build_pyramid,
    check_size,
    downsample,
    filled,
    scale_sizes,
    upsample,
    working_size,
)
from sinddm_toolkit.errors import UserError


@pytest.mark.parametrize(
    ("size", "coarsest"),
    [((193, 258), 48), ((167, 298), 42), ((176, 282), 44), ((200, 249), 50), ((198, 252), 49)],
)
def test_pictures_of_the_paper_have_five_scales(size, coarsest):
    sizes, factor = scale_sizes(size)
    assert len(sizes) == 5
    assert sizes[-1] == size
    assert min(sizes[0]) == coarsest
    assert factor == pytest.approx(1.411, abs=0.01)


def test_receptive_field_covers_forty_percent_of_scale_zero():
    sizes, _ = scale_sizes((200, 249))
    assert 35**2 / (sizes[0][0] * sizes[0][1]) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("size", "count"), [((33, 33), 1), ((20, 2000), 1), ((200, 4000), 6), ((3000, 4000), 13)]
)
def test_extreme_sizes(size, count):
    sizes, _ = scale_sizes(size)
    assert len(sizes) == count
    assert sizes[-1] == size
    assert all(
        a <= b for small, large in pairwise(sizes) for a, b in zip(small, large, strict=True)
    )


def test_too_small_is_refused_by_name():
    with pytest.raises(UserError, match=r"dot\.png is 1×1 .* at least 16"):
        check_size((1, 1), "dot.png")
    with pytest.raises(UserError):
        check_size((50_000, 1), "line.png")


def test_working_size_keeps_aspect_and_what_the_network_sees():
    assert working_size((3000, 4000), 250_000) == (433, 577)
    assert working_size((30, 40), 250_000) == (30, 40)
    assert min(working_size((200, 40_000), 100_000)) == 33


def test_blurred_pyramid_is_the_scale_below_upsampled():
    pyramid = build_pyramid(torch.rand(1, 3, 100, 130) * 2 - 1)
    assert torch.equal(pyramid.blurred[0], pyramid.scales[0])
    for s in range(1, pyramid.count):
        expected = upsample(pyramid.scales[s - 1], pyramid.sizes[s])
        assert torch.equal(pyramid.blurred[s], expected)


def test_downsampling_is_antialiased():
    checkerboard = torch.ones(1, 1, 64, 64)
    checkerboard[..., ::2, ::2] = checkerboard[..., 1::2, 1::2] = -1
    assert downsample(checkerboard, (23, 23))[..., 2:-2, 2:-2].abs().max() < 0.05


def test_what_is_hidden_reaches_no_scale():
    x = torch.rand(1, 3, 120, 160) * 0.2
    known = torch.ones(1, 1, 120, 160)
    known[..., 40:90, 50:110] = 0
    loud = x.clone()
    loud[..., 40:90, 50:110] = 50.0
    quiet, marked = build_pyramid(x, known), build_pyramid(loud, known)
    for a, b, seen in zip(quiet.scales, marked.scales, quiet.known, strict=True):
        assert torch.equal(a, b) and a.max() < 0.3
        assert seen.shape[-2:] == a.shape[-2:] and 0.5 < seen.mean() < 0.9
    assert (filled(x, known)[..., 40:90, 50:110].std() < x.std()).all()


def test_pictures_learnt_together_are_shrunk_as_often_by_the_same_factor():
    first, *others = (torch.rand(1, 3, *size) for size in ((90, 120), (120, 90), (60, 180)))
    pyramid = build_pyramid(first, others=others)
    alone = build_pyramid(first)
    assert all(torch.equal(a, b) for a, b in zip(pyramid.scales, alone.scales, strict=True))
    assert pyramid.sources == (pyramid, *pyramid.others) and alone.sources == (alone,)
    for other, x in zip(pyramid.others, others, strict=True):
        assert (other.count, other.factor) == (pyramid.count, pyramid.factor)
        assert torch.equal(other.scales[-1], x)
        for s, (h, w) in enumerate(other.sizes):
            height, width = pyramid.sizes[s]
            assert h * w == pytest.approx(height * width, rel=0.03)
            assert w / h == pytest.approx(x.shape[-1] / x.shape[-2], rel=0.03)


def test_the_noise_covers_the_detail_of_all_that_is_learnt():
    smooth, rough = torch.zeros(1, 3, 90, 120), torch.rand(1, 3, 90, 120)
    alone = build_pyramid(rough).details
    assert min(alone) > 0
    assert build_pyramid(smooth, others=[rough]).details == alone
    assert build_pyramid(rough, others=[smooth]).details == alone
