"""Random views of a picture, through which an encoder judges it (paper §3.3, App. E.2).

A picture that only looks right from one angle is a trick played on the encoder. Each view is one
resampling of the picture: crop, flip, turn and perspective are multiplied into one matrix first.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

CROP_AREA = (0.6, 1.0)
"""Share of the picture's area that a random crop covers."""

FLIP_SHARE = 0.5

AFFINE_SHARE = 0.8
LARGEST_ANGLE = math.radians(15)
LARGEST_SHIFT = 0.2
"""10 % of a side, which goes from -1 to 1."""

PERSPECTIVE_SHARE = 0.5
LARGEST_DISTORTION = 0.4
"""How far a corner moves inwards, as a share of half a side."""

JITTER_SHARE = 0.7
JITTER = 0.1
"""Largest change of brightness, contrast and saturation, and of hue as a share of a turn."""

GREY_SHARE = 0.15

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601: grey from red, green and blue."""


class Draws:
    """Uniform random numbers for `count` views. They are drawn on the CPU: the same everywhere."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count = count
        self._generator = generator

    def uniform(self, low: float, high: float, *size: int) -> Tensor:
        """(count, *size) between low and high."""
        return low + (high - low) * torch.rand(self.count, *size, generator=self._generator)

    def chosen(self, share: float) -> Tensor:
        """(count,) truths, each true with probability `share`."""
        return self.uniform(0, 1) < share


def random_views(x: Tensor, count: int, size: int, generator: torch.Generator) -> Tensor:
    """x (1, 3, h, w) in [-1, 1] → (count, 3, size, size) in [0, 1], differentiable.

    The first view has the whole picture in it, the others are random crops; all are then flipped,
    turned, shifted, seen in perspective and changed in colour at random. The picture is squeezed
    into a square. What lies beyond its edges is its mirror image.
    """
    draws = Draws(count, generator)
    placements = crops(draws) @ flips(draws) @ turns(draws) @ perspectives(draws)
    source = _shrunk((x.clamp(-1, 1) + 1) / 2, size).expand(count, -1, -1, -1)
    grid = sampling_grid(placements.to(x.device), size)
    views = F.grid_sample(source, grid, padding_mode="reflection", align_corners=False)
    return recoloured(views, draws)


def _shrunk(picture: Tensor, size: int) -> Tensor:
    """The picture, made so small that the tightest crop still has `size` pixels a side.

    Resampling takes four neighbours only: a larger picture would come out with jagged edges.
    """
    enough = math.ceil(size / math.sqrt(CROP_AREA[0]))
    h, w = picture.shape[-2:]
    if max(h, w) <= enough:
        return picture
    smaller = (min(h, enough), min(w, enough))
    return F.interpolate(picture, smaller, mode="bilinear", align_corners=False, antialias=True)


# What follows makes matrices (count, 3, 3) that take homogeneous coordinates of a view to those of
# the picture, both from -1 to 1.


def crops(draws: Draws) -> Tensor:
    """Parts of the picture with its own proportions, anywhere in it; the first is all of it."""
    side = draws.uniform(*CROP_AREA).sqrt()
    side[0] = 1
    centre = draws.uniform(-1, 1, 2) * (1 - side[:, None])
    matrix = torch.diag_embed(torch.stack([side, side, torch.ones_like(side)], dim=1))
    matrix[:, :2, 2] = centre
    return matrix


def flips(draws: Draws) -> Tensor:
    """Left and right exchanged."""
    sign = torch.where(draws.chosen(FLIP_SHARE), -1.0, 1.0)
    ones = torch.ones_like(sign)
    return torch.diag_embed(torch.stack([sign, ones, ones], dim=1))


def turns(draws: Draws) -> Tensor:
    """Turned about the middle and shifted."""
    angle = draws.uniform(-LARGEST_ANGLE, LARGEST_ANGLE)
    shift = draws.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2)
    applied = draws.chosen(AFFINE_SHARE).float()
    angle, shift = angle * applied, shift * applied[:, None]
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = (
        (angle.cos(), -angle.sin(), shift[:, 0]),
        (angle.sin(), angle.cos(), shift[:, 1]),
        (zero, zero, one),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def perspectives(draws: Draws) -> Tensor:
    """The four corners moved inwards, each on its own."""
    inwards = draws.uniform(0, LARGEST_DISTORTION, 4, 2)
    inwards = inwards * draws.chosen(PERSPECTIVE_SHARE).float()[:, None, None]
    corners = inwards.new_tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return homography(corners * (1 - inwards), corners)


def homography(source: Tensor, target: Tensor) -> Tensor:
    """(n, 3, 3) that take four points (n, 4, 2) to four points (4, 2), each as (x, y)."""
    x, y = source.unbind(-1)
    u, v = target.expand_as(source).unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    # Two linear equations a point in the eight free entries; the ninth is 1.
    for_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    for_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    entries = torch.linalg.solve(torch.cat([for_u, for_v], dim=1), torch.cat([u, v], dim=1))
    return torch.cat([entries, torch.ones_like(entries[:, :1])], dim=1).view(-1, 3, 3)


def sampling_grid(matrices: Tensor, size: int) -> Tensor:
    """(n, 3, 3) → (n, size, size, 2): where in the picture each pixel of a view lies, as (x, y)."""
    middles = (torch.arange(size, device=matrices.device) + 0.5) * 2 / size - 1
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(1, -1, 3)
    mapped = points @ matrices.transpose(1, 2)
    return (mapped[..., :2] / mapped[..., 2:]).view(-1, size, size, 2)


def recoloured(views: Tensor, draws: Draws) -> Tensor:
    """Jittered in brightness, contrast, saturation and hue, or made grey; back in [0, 1]."""
    applied = draws.chosen(JITTER_SHARE).float()
    brightness, contrast, saturation = (
        1 + applied * draws.uniform(-JITTER, JITTER) for _ in range(3)
    )
    hue = applied * draws.uniform(-JITTER, JITTER) * 2 * math.pi
    saturation = saturation * ~draws.chosen(GREY_SHARE)
    luma = torch.tensor(LUMA)
    grey = luma.expand(3, 3)
    mixing = grey + saturation[:, None, None] * (torch.eye(3) - grey)
    matrix = (brightness * contrast)[:, None, None] * mixing @ hue_rotation(hue)
    mixed = torch.einsum("nij,njhw->nihw", matrix.to(views.device), views)
    mean = torch.einsum("j,njhw->n", luma.to(views.device), views) / views[0, 0].numel()
    lift = (brightness * (1 - contrast)).to(views.device) * mean
    return (mixed + lift[:, None, None, None]).clamp(0, 1)


def hue_rotation(angle: Tensor) -> Tensor:
    """(n,) radians → (n, 3, 3): colours turned about the grey axis (Rodrigues' formula)."""
    a = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -a, a], [a, 0, -a], [-a, a, 0]])
    angle = angle[:, None, None]
    return angle.cos() * torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) / 3
