"""The closed-form denoiser of layouts: exact on small pictures."""

import math

import numpy as np
import pytest
import torch
from sinddm_toolkit.plugins.closed_form import layout
from sinddm_toolkit.plugins.closed_form.layout import LayoutDenoiser, _Memory, order_of_rows

from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.schedule import make_schedule
from tests.conftest import texture

CPU = torch.device("cpu")


def picture(h, w):
    return tensor_from_rgb(texture(h, w).astype(np.float32) / 127.5 - 1)


def subject(x, known=None):
    pyramid = build_pyramid(x, known)
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def laid_out(pyramid, schedule, size, seed, **options):
    """x̂0 by DDIM with few steps, as the sampler makes it."""
    denoise = LayoutDenoiser(pyramid, schedule, CPU, **options)
    x = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))
    steps = [99, 80, 60, 40, 20, 8, 0]
    for t, after in zip(steps, [*steps[1:], -1], strict=True):
        epsilon = denoise(x, t, 0)
        clean = schedule.clean(x, epsilon, t)
        alpha = schedule.alpha_bar(after)
        x = math.sqrt(alpha) * clean + math.sqrt(1 - alpha) * epsilon
    return x


@pytest.mark.parametrize("sigma", [0.4, 3.0])
def test_the_mean_is_that_of_its_definition(sigma):
    m = picture(12, 14)
    y = m[0, :, :9, :9] + sigma * torch.randn(3, 9, 9, generator=torch.Generator().manual_seed(1))
    patches = torch.stack([m[0, :, i : i + 9, j : j + 9] for i in range(4) for j in range(6)])
    logits = -(patches - y).square().sum(dim=(1, 2, 3)) / (2 * sigma**2)
    expected = (torch.softmax(logits, 0)[:, None, None, None] * patches).sum(dim=0)
    found = _Memory([(m, None)], 9, CPU).mean(y, sigma, 0.0, (0.0, 1.0))
    assert torch.allclose(found, expected, atol=1e-4)


def test_pieces_of_the_picture_come_out():
    """Every small patch of a calm layout is one of the picture."""
    pyramid, schedule = subject(picture(60, 80))
    made = laid_out(pyramid, schedule, pyramid.sizes[0], 3)
    m = pyramid.scales[0]
    side = 5
    known = torch.nn.functional.unfold(m, side)[0].T
    found = torch.nn.functional.unfold(made, side, stride=4)[0].T
    nearest = torch.cdist(found, known).min(dim=1).values / math.sqrt(3 * side**2)
    assert float(nearest.median()) < 0.3 * float(m.std())


def test_pieces_that_do_not_belong_together_are_not_mixed(monkeypatch):
    """Patches that are longer than the pieces are nearer to the picture's than if each overlap
    stayed the mean of what lies there."""
    pyramid, schedule = subject(picture(60, 80))
    side = 14

    def far():
        made = torch.cat([laid_out(pyramid, schedule, pyramid.sizes[0], k) for k in range(4)])
        known = torch.nn.functional.unfold(pyramid.scales[0], side)[0].T
        found = torch.nn.functional.unfold(made, side).transpose(1, 2).flatten(0, 1)
        return float(torch.cdist(found, known).min(dim=1).values.mean())

    settled = far()
    monkeypatch.setattr(layout, "SETTLED", (0.5, 0.25, 0))
    assert settled < 0.93 * far()


def two_colours(h=60, w=80):
    x = 0.2 * picture(h, w)
    x[:, 0, : h // 2] += 0.6
    x[:, 0, h // 2 :] -= 0.6
    return x


@pytest.mark.parametrize("size", [(42, 56), (84, 42)])
def test_above_stays_above(size):
    """On any canvas, a taller one too; the boldest layouts know no above."""
    pyramid, schedule = subject(two_colours())
    made = torch.cat([laid_out(pyramid, schedule, size, seed) for seed in range(4)])
    h = size[0]
    upper, lower = made[:, 0, : h // 3], made[:, 0, -(h // 3) :]
    assert float((upper > 0).float().mean()) > 0.95
    assert float((lower < 0).float().mean()) > 0.95


def test_bold_layouts_put_things_anywhere():
    pyramid, schedule = subject(two_colours())
    made = [laid_out(pyramid, schedule, (42, 56), seed, boldness=1.0) for seed in range(6)]
    shares = [float((one[:, 0, :14] > 0).float().mean()) for one in made]
    assert min(shares) < 0.7


def test_rows_say_where_the_picture_is_on_the_canvas():
    """As for what is added below it: all of that is like the picture's lowest part."""
    pyramid, schedule = subject(two_colours())
    made = laid_out(pyramid, schedule, (84, 56), 1, boldness=0.2, rows=(0.0, 0.5))
    assert float((made[:, 0, 50:] < 0).float().mean()) > 0.95


def test_a_drift_moves_the_horizon():
    pyramid, schedule = subject(two_colours())
    for drift in (-0.15, 0.15):
        made = laid_out(pyramid, schedule, (42, 56), 1, boldness=0.2, drifts=[drift])
        horizon = float((made[:, 0] > 0).float().mean())
        assert horizon == pytest.approx(0.5 - drift, abs=0.07)


def test_the_order_of_rows_is_that_of_above_and_below():
    assert order_of_rows(two_colours()) == 1
    flat = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    assert order_of_rows(flat) < 0.15


def test_what_is_hidden_is_never_used():
    x, known = 0.3 * picture(60, 80), torch.ones(1, 1, 60, 80)
    x[..., 10:24, 20:34] = torch.tensor([9.0, -9.0, -9.0]).view(3, 1, 1)
    known[..., 10:24, 20:34] = 0
    pyramid, schedule = subject(x, known)
    assert float(laid_out(pyramid, schedule, (42, 56), 1).abs().max()) < 2


def test_it_is_the_same_again_and_for_each_of_several():
    pyramid, schedule = subject(picture(60, 80))
    x = torch.randn(3, 3, 42, 56, generator=torch.Generator().manual_seed(0))
    together = LayoutDenoiser(pyramid, schedule, CPU)(x, 50, 0)
    again = LayoutDenoiser(pyramid, schedule, CPU)(x[1:2], 50, 0)
    assert torch.equal(together[1:2], again)


def test_a_large_scale_keeps_a_bounded_number_of_patches(monkeypatch):
    monkeypatch.setattr(layout, "MOST_PATCHES", 200)
    memory = _Memory([(picture(60, 80), None)], 9, CPU)
    assert len(memory._patches) <= 220


@pytest.mark.parametrize("sigma", [0.4, 3.0])
def test_of_several_pictures_the_mean_is_over_the_patches_of_all(sigma):
    parts = [picture(12, 14), picture(16, 10).flip(-1) * 0.8]
    noise = torch.randn(3, 9, 9, generator=torch.Generator().manual_seed(1))
    y = parts[1][0, :, :9, :9] + sigma * noise
    patches = torch.cat([torch.nn.functional.unfold(m, 9)[0].T for m in parts])
    logits = -(patches - y.flatten()).square().sum(dim=1) / (2 * sigma**2)
    expected = (torch.softmax(logits, 0) @ patches).view(3, 9, 9)
    found = _Memory([(m, None) for m in parts], 9, CPU).mean(y, sigma, 0.0, (0.0, 1.0))
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_layout_of_two_pictures_has_pieces_of_both():
    first, second = picture(60, 80) * 0.2 - 0.7, picture(80, 60) * 0.2 + 0.7
    pyramid = build_pyramid(first, others=[second])
    schedule = make_schedule(pyramid.details, pyramid.factor)
    made = torch.cat([laid_out(pyramid, schedule, (44, 44), seed, boldness=1) for seed in range(2)])
    shares = (made.mean(dim=1) > 0).float().mean()
    assert 0.1 < float(shares) < 0.9
    assert float((made.mean(dim=1).abs() > 0.4).float().mean()) > 0.8  # one or the other
