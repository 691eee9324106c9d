import math

import pytest
import torch
from sinddm_toolkit.plugins.text.guidance import (
    Guidance,
    TextLoss,
    soft_thresholded,
    stepped,
    strongest,
)

from sinddm_toolkit.engine.run import plugin_generator


def random(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


class Redness:
    """A picture's embedding is its mean colour, a text's is red."""

    image_size, name = 8, "redness"

    def encode_text(self, texts):
        return torch.tensor([[1.0, 0, 0]]).repeat(len(texts), 1)

    def encode_image(self, images):
        return torch.nn.functional.normalize(images.mean(dim=(2, 3)), dim=1)


RED = torch.tensor([1.0, 0, 0])


def loss(views, *seeds, name="test"):
    generators = [plugin_generator(seed, name) for seed in seeds]
    return TextLoss(Redness(), views, generators)


def test_the_step_is_the_formula_pixel_by_pixel():
    x0, gradient = random(2, 3, 4, 5) / 3, random(2, 3, 4, 5, seed=1)
    mask = (random(2, 1, 4, 5, seed=2) > 0).float()
    made = stepped(x0, gradient, mask, 0.3)
    for n in range(2):
        reached = pushed = 0.0
        for c in range(3):
            for i in range(4):
                for j in range(5):
                    m = float(mask[n, 0, i, j])
                    reached += (float(x0[n, c, i, j]) * m) ** 2
                    pushed += (float(gradient[n, c, i, j]) * m) ** 2
        delta = math.sqrt(reached) / math.sqrt(pushed)
        for c in range(3):
            for i in range(4):
                for j in range(5):
                    m, g = float(mask[n, 0, i, j]), float(gradient[n, c, i, j])
                    slow = min(1.0, max(-1.0, float(x0[n, c, i, j]) + 0.3 * delta * m * g))
                    assert float(made[n, c, i, j]) == pytest.approx(slow, abs=1e-5)


def test_no_gradient_no_step():
    x0 = random(1, 3, 4, 4).clamp(-1, 1)
    assert torch.equal(stepped(x0, torch.zeros_like(x0), torch.ones(1, 1, 4, 4), 0.5), x0)


@pytest.mark.parametrize("fill", [0.001, 0.1, 0.5, 1.0])
def test_the_mask_has_the_area_asked_for_where_the_gradient_is_longest(fill):
    gradient = random(2, 3, 30, 40)
    mask = strongest(gradient, fill)
    assert mask.shape == (2, 1, 30, 40)
    length = gradient.norm(dim=1, keepdim=True)
    for m, g in zip(mask, length, strict=True):
        assert int(m.sum()) == max(1, round(fill * 1200))
        if fill < 1:
            assert g[m > 0].min() >= g[m == 0].max()


def test_soft_thresholding_starts_from_nothing_at_the_mask_s_rim():
    gradient = random(1, 3, 30, 40)
    mask = strongest(gradient, 0.2)
    soft = soft_thresholded(gradient, mask)
    length, before = soft.norm(dim=1, keepdim=True), gradient.norm(dim=1, keepdim=True)
    threshold = before[mask == 0].max()
    assert float(length[mask == 0].max()) < 1e-5
    assert torch.allclose(length[mask > 0], before[mask > 0] - threshold, atol=1e-5)
    everywhere = torch.ones_like(mask)
    assert torch.allclose(soft_thresholded(gradient, everywhere), gradient)


def test_guided_colours_turn_red_inside_the_mask_only():
    guidance = Guidance(loss(4, 7), strength=0.2, fill=0.25, momentum=0.2)
    x0 = random(1, 3, 20, 20) * 0.2
    first = None
    for _ in range(10):
        made, losses = guidance.guided(x0, RED)
        first = first or losses[0]
    mask = guidance._mask
    assert int(mask.sum()) == 100
    assert losses[0] < first
    outside = (mask == 0).expand_as(x0)
    assert torch.equal(made[outside], x0[outside])
    red = (made - x0) * mask
    assert red[:, 0].mean() > 0.03 > red[:, 1:].mean()


def test_momentum_is_the_share_of_the_new_inside_the_mask():
    guidance = Guidance(loss(2, 7), strength=0.2, fill=0.5, momentum=0.2)
    running, _ = guidance.guided(random(1, 3, 10, 10) * 0.2, RED)
    new, mask = random(1, 3, 10, 10, seed=5) * 0.2, guidance._mask
    expected = mask * (0.2 * new + 0.8 * running) + (1 - mask) * new
    assert torch.allclose(guidance.held(new), expected, atol=1e-6)


def test_the_mask_keeps_its_area_when_it_is_carried_up():
    guidance = Guidance(loss(2, 7), strength=0.2, fill=0.4, momentum=0.2)
    ramp = torch.linspace(-0.5, 0.5, 20).expand(1, 3, 20, 20).contiguous()
    guidance._mask = strongest(ramp.exp(), 0.4)
    for side in (28, 41, 57):
        assert float(guidance._mask_at(torch.zeros(1, 3, side, side)).mean()) == pytest.approx(
            0.4, abs=0.02
        )


def test_a_sample_s_views_are_its_own():
    x0 = random(2, 3, 20, 20) * 0.2
    together, losses = loss(4, 5, 6).ascent(x0, RED)
    alone, own = loss(4, 6).ascent(x0[1:], RED)
    assert torch.equal(together[1:], alone) and losses[1:] == own
    other, _ = loss(4, 6, name="another").ascent(x0[1:], RED)
    assert not torch.equal(alone, other)


def test_nothing_is_left_of_the_gradients():
    x0 = random(1, 3, 8, 8)
    with torch.no_grad():
        ascent, _ = loss(2, 1).ascent(x0, RED)
    assert not ascent.requires_grad and not x0.requires_grad and torch.isfinite(ascent).all()
