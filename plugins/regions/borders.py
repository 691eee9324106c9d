"""A picture whose borders are made anew, so that it goes on at its other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from .filling import Filling

BoolArray = npt.NDArray[np.bool_]
Size = tuple[int, int]


def along_borders(size: Size, widths: Size) -> BoolArray:
    """(h, w): true where a pixel is nearer than `widths` (from top and bottom, from left and right)
    to a border."""
    inside = [
        (np.arange(n) >= width) & (np.arange(n) < n - width)
        for n, width in zip(size, widths, strict=True)
    ]
    return ~(inside[0][:, None] & inside[1][None, :])


def fill_round(image: Tensor, widths: Size, generator: torch.Generator) -> Filling:
    """`image` (1, 3, h, w) with its borders so wide filled to go on at the other side.

    widths: from top and bottom, from left and right; 0 leaves the borders as they are. Rolled by
    half, opposite borders meet in the middle, where what is around a hole is known on all sides.
    """
    from .filling import Filling

    down, across = widths
    h, w = (image.shape[-2], image.shape[-1])
    # The last one mends what the second can't see: where the ends of its band meet.
    bands = [(h, 2 * across)] * bool(across) + [(2 * down, w)] * bool(down)
    bands += [(2 * down, 2 * across)] * bool(across and down)
    misfits = []
    for band in bands:
        turn = (h // 2 if band[0] < h else 0, w // 2 if band[1] < w else 0)
        made = _filled_turned(image, band, turn, generator)
        image = made.image
        misfits.append(made.misfit)
    return Filling(image, float(np.mean(misfits)))


def _filled_turned(image: Tensor, band: Size, turn: Size, generator: torch.Generator) -> Filling:
    """Rolled by `turn`, with a hole of the size `band` in its middle filled, and rolled back."""
    import torch

    from .filling import Filling, fill

    h, w = (image.shape[-2], image.shape[-1])
    hole = np.zeros((h, w), np.bool_)
    top, left = (by - part // 2 if by else 0 for by, part in zip(turn, band, strict=True))
    hole[top : top + band[0], left : left + band[1]] = True
    made = fill(torch.roll(image, turn, (-2, -1)), hole, generator)
    back = torch.roll(made.image, [-by for by in turn], (-2, -1))
    return Filling(back, made.misfit)
