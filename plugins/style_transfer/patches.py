"""A picture moved so that its small patches become as varied as those of another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SIDE = 7
"""Of the patches, in pixels."""

PROJECTIONS = 48
"""Directions that patches are compared along, each time others."""

MOST_PATCHES = 5000
"""Of either picture, about; larger ones are sampled on a lattice, each time another."""


def nearer(x: Tensor, style: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """x (1, 3, h, w) with its patches the share `rate` of the way to those of `style`.

    Along random directions the k-th smallest patch goes to the k-th smallest of the style: one step
    of sliced optimal transport (Rabin et al., *Wasserstein Barycenter and Its Application to
    Texture Mixing*, 2011). x is left as it is where a picture is smaller than a patch.
    """
    import torch
    from torch.nn import functional

    if min(*x.shape[-2:], *style.shape[-2:]) < SIDE:
        return x
    directions = _directions(generator).to(x.device)
    lattice, dy, dx = _lattice(style, generator)
    wanted = functional.conv2d(style[..., dy:, dx:], directions, stride=lattice)
    wanted = wanted[0].flatten(1).sort(dim=1).values
    lattice, dy, dx = _lattice(x, generator)
    found = functional.conv2d(x[..., dy:, dx:], directions, stride=lattice)
    flat = found[0].flatten(1)
    count, known = flat.shape[1], wanted.shape[1]
    rank = ((torch.arange(count, device=x.device) + 0.5) * (known / count)).long()
    target = torch.empty_like(flat).scatter_(1, flat.argsort(dim=1), wanted[:, rank])
    back = functional.conv_transpose2d((target - flat).view_as(found), directions, stride=lattice)
    # A pixel is in one patch or in many: without their number the lattice would be seen.
    patches = functional.conv_transpose2d(
        torch.ones_like(found[:, :1]), torch.ones_like(directions[:1, :1]), stride=lattice
    )
    share = rate * 3 * SIDE**2 / len(directions)
    moved = x.clone()
    moved[..., dy : dy + back.shape[-2], dx : dx + back.shape[-1]] += share * back / patches
    return moved


def _directions(generator: torch.Generator) -> Tensor:
    """(PROJECTIONS, 3, SIDE, SIDE), orthonormal."""
    import torch

    drawn = torch.randn(3 * SIDE**2, PROJECTIONS, generator=generator)
    basis: Tensor = torch.linalg.qr(drawn).Q
    return basis.T.reshape(-1, 3, SIDE, SIDE).contiguous()


def _lattice(x: Tensor, generator: torch.Generator) -> tuple[int, int, int]:
    """Every how many pixels a patch of x is taken, and from which corner (y, x) on."""
    import torch

    patches = (x.shape[-2] - SIDE + 1) * (x.shape[-1] - SIDE + 1)
    every = max(1, min(SIDE - 1, math.ceil(math.sqrt(patches / MOST_PATCHES))))
    most_y, most_x = (min(every, side - SIDE + 1) for side in x.shape[-2:])
    dy = int(torch.randint(most_y, (1,), generator=generator))
    dx = int(torch.randint(most_x, (1,), generator=generator))
    return every, dy, dx
