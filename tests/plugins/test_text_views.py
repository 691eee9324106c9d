import pytest
import torch
from sinddm_toolkit.plugins.text import views as module
from sinddm_toolkit.plugins.text.views import homography, random_views, sampling_grid


def picture(h=60, w=80):
    return torch.rand(1, 3, h, w, generator=torch.Generator().manual_seed(3)) * 2 - 1


def views(x, seed=0, count=16, size=32):
    return random_views(x, count, size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(60, 80), (20, 20), (300, 40), (16, 400)])
def test_views_have_the_encoders_size_and_range(size):
    made = views(picture(*size))
    assert made.shape == (16, 3, 32, 32)
    assert made.min() >= 0 and made.max() <= 1
    assert torch.isfinite(made).all()


def test_views_follow_from_the_seed():
    assert torch.equal(views(picture()), views(picture()))
    assert not torch.equal(views(picture()), views(picture(), seed=1))


def test_every_pixel_gets_a_gradient():
    x = picture().requires_grad_()
    (views(x) * torch.rand(16, 3, 32, 32)).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad.abs().sum(dim=1) > 0).float().mean() > 0.99


def test_gradients_are_those_of_small_differences():
    x = picture(12, 12).double() * 0.5
    weight = torch.rand(4, 3, 8, 8, dtype=torch.float64)

    def total(y):
        return (random_views(y.float(), 4, 8, torch.Generator().manual_seed(1)) * weight).sum()

    x.requires_grad_()
    total(x).backward()
    direction = torch.randn_like(x)
    step = 1e-3
    slope = (total(x + step * direction) - total(x - step * direction)) / (2 * step)
    assert float(slope.detach()) == pytest.approx(float((x.grad * direction).sum()), rel=0.02)


def test_without_chance_a_view_is_the_picture(monkeypatch):
    for share in ("FLIP_SHARE", "AFFINE_SHARE", "PERSPECTIVE_SHARE", "JITTER_SHARE", "GREY_SHARE"):
        monkeypatch.setattr(module, share, 0.0)
    monkeypatch.setattr(module, "CROP_AREA", (1.0, 1.0))
    x = picture(32, 32)
    assert torch.allclose(views(x, count=2), ((x + 1) / 2).expand(2, -1, -1, -1), atol=1e-5)


def test_crops_cover_their_share():
    draws = module.Draws(2000, torch.Generator().manual_seed(0))
    crops = module.crops(draws)
    area = crops[:, 0, 0] * crops[:, 1, 1]
    assert area[0] == 1 and 0.6 <= area.min() < 0.62 and area.max() <= 1
    assert (crops[:, :2, 2].abs() + crops[:, :1, 0] <= 1 + 1e-6).all()


def test_a_homography_takes_its_corners_where_they_belong():
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    moved = corners * (1 - 0.4 * torch.rand(7, 4, 2))
    matrices = homography(moved, corners)
    mapped = torch.cat([moved, torch.ones(7, 4, 1)], dim=2) @ matrices.transpose(1, 2)
    assert torch.allclose(mapped[..., :2] / mapped[..., 2:], corners.expand(7, -1, -1), atol=1e-4)


def test_nothing_is_ever_seen_from_behind():
    draws = module.Draws(5000, torch.Generator().manual_seed(0))
    grid = sampling_grid(module.turns(draws) @ module.perspectives(draws), 4)
    assert torch.isfinite(grid).all() and grid.abs().max() < 8


def test_grey_views_are_grey(monkeypatch):
    monkeypatch.setattr(module, "GREY_SHARE", 1.0)
    made = views(picture())
    assert torch.allclose(made[:, 0], made[:, 1], atol=1e-5)


def test_hue_turns_leave_grey_alone():
    turned = module.hue_rotation(torch.tensor([0.5, -2.0]))
    assert torch.allclose(turned @ torch.ones(3), torch.ones(2, 3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(turned), torch.ones(2), atol=1e-6)
