"""Guidance towards the patches of the picture: exact on small pictures, without a network."""

import numpy as np
import pytest
import torch
from sinddm_toolkit.plugins.patches import guidance
from sinddm_toolkit.plugins.patches.guidance import PatchGuidance

from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from tests.conftest import texture

CPU = torch.device("cpu")


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.fixture
def pyramid():
    return build_pyramid(tensor_from_rgb(texture(60, 80).astype(np.float32) / 127.5 - 1))


def noise(size, seed=0, count=1):
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed)) * 0.3


def test_the_picture_itself_stays(pyramid):
    m = pyramid.scales[0]
    found = PatchGuidance(pyramid, CPU).moved(m, 0, generators(1))
    assert torch.allclose(found, m, atol=1e-5)


def test_so_does_the_picture_turned_over(pyramid):
    """What counts is which patches there are, not where: two halves change places."""
    m = pyramid.scales[-1]
    turned = torch.cat([m[..., 40:], m[..., :40]], dim=3)
    guide = PatchGuidance(pyramid, CPU)
    s = pyramid.count - 1
    assert float(guide.distance(turned, s)) < 0.25 * float(guide.distance(noise((60, 80)), s))


def test_noise_comes_near_in_few_steps(pyramid):
    guide, x, s = PatchGuidance(pyramid, CPU), noise((50, 70)), pyramid.count - 1
    begun = float(guide.distance(x, s))
    random = generators(5)
    for _ in range(30):
        x = guide.moved(x, s, random)
    assert float(guide.distance(x, s)) < 0.25 * begun


def test_half_the_strength_is_half_the_way(pyramid):
    guide, x = PatchGuidance(pyramid, CPU), noise((50, 70))
    whole = guide.moved(x, 0, generators(2)) - x
    half = guide.moved(x, 0, generators(2), strength=0.5) - x
    assert torch.allclose(2 * half, whole, atol=1e-5)
    assert guide.moved(x, 0, generators(2), strength=0.0) is x


def test_a_sample_is_moved_alike_alone_and_among_others(pyramid):
    guide, x = PatchGuidance(pyramid, CPU), noise((50, 70), count=3)
    together = guide.moved(x, 0, generators(7, 8, 9))
    assert torch.equal(guide.moved(x[1:2], 0, generators(8)), together[1:2])


def test_what_is_held_keeps_every_bit(pyramid):
    x, free = noise((50, 70)), torch.zeros(1, 1, 50, 70)
    free[..., 30:] = 1
    found = PatchGuidance(pyramid, CPU).moved(x, 0, generators(1), free=free)
    assert torch.equal(found[..., :30], x[..., :30])
    assert not torch.equal(found[..., 30:], x[..., 30:])


def test_only_what_is_known_is_wanted():
    picture = tensor_from_rgb(texture(60, 80).astype(np.float32) / 127.5 - 1) * 0.3
    picture[..., 10:40, 20:60] = torch.tensor([9.0, -9.0, 9.0]).view(3, 1, 1)
    known = torch.ones(1, 1, 60, 80)
    known[..., 10:40, 20:60] = 0
    hiding = PatchGuidance(build_pyramid(picture, known), CPU)
    seeing = PatchGuidance(build_pyramid(picture), CPU)
    x = noise((60, 80))
    for _ in range(4):
        x = hiding.moved(x, 1, generators(3))
    assert float(x.abs().max()) < 2
    assert float(seeing.moved(x, 1, generators(3)).abs().max()) > 3


def test_rows_choose_what_is_wanted():
    picture = torch.full((1, 3, 64, 80), -0.5)
    picture[..., 32:, :] = 0.5
    guide = PatchGuidance(build_pyramid(picture), CPU)
    x = torch.zeros(1, 3, 40, 40)
    assert float(guide.moved(x, 0, generators(1), rows=(0.0, 0.4)).mean()) < -0.2
    assert float(guide.moved(x, 0, generators(1), rows=(0.6, 1.0)).mean()) > 0.2


def test_a_large_picture_costs_no_more_patches(pyramid, monkeypatch):
    monkeypatch.setattr(guidance, "MOST_PATCHES", 300)
    guide, x, s = PatchGuidance(pyramid, CPU), noise((50, 70)), pyramid.count - 1
    begun = float(guide.distance(x, s))
    random = generators(5)
    for _ in range(30):
        x = guide.moved(x, s, random)
    assert float(guide.distance(x, s)) < 0.5 * begun


@pytest.mark.parametrize("size", [(5, 9), (7, 7), (8, 200)])
def test_canvases_of_any_size(pyramid, size):
    found = PatchGuidance(pyramid, CPU).moved(noise(size), 0, generators(1))
    assert found.shape[-2:] == size and bool(found.isfinite().all())


def coloured(value, size=(60, 80)):
    """Noise around one colour."""
    return noise(size, seed=7) * 0.1 + value


def test_of_several_pictures_the_patches_of_all_are_wanted():
    first, second = coloured(-0.6), coloured(0.6)
    both = PatchGuidance(build_pyramid(first, others=[second]), CPU)
    one = PatchGuidance(build_pyramid(first), CPU)
    mixed = torch.cat([first[..., :40], second[..., :40]], dim=3)
    assert float(both.distance(mixed, 1)) < 0.1 * float(one.distance(mixed, 1))
    assert float(both.distance(first, 1)) > 5 * float(both.distance(mixed, 1))


@pytest.mark.parametrize("count", [1, 2])
def test_each_picture_has_its_share(count):
    others = [coloured(0.6, (80, 60))] * count
    guide = PatchGuidance(build_pyramid(coloured(-0.6), others=others), CPU)
    x, random = noise((50, 60)), generators(5)
    for _ in range(12):
        x = guide.moved(x, 1, random)
    share = float((x.mean(dim=1) > 0).float().mean())
    assert share == pytest.approx(count / (count + 1), abs=0.08)
