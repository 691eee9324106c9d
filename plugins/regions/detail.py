"""The finest detail of a large picture, put where the patches of a small one of it were put."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import sinddm_toolkit.api as st

from .patches import SIDE, Match

IntArray = npt.NDArray[np.int64]
Shifts = tuple[IntArray, IntArray]
Part = tuple[slice, slice]
"""Rows and columns of a picture."""

TILE = 512
"""Side of the parts of a large picture that are looked at one by one."""

BORDER = 2
"""Pixels beside a hole that tell the tones which are to be met: of one it is much the grain's."""


def with_detail(image: Tensor, hole: npt.NDArray[np.bool_], match: Match, small: Tensor) -> Tensor:
    """`image` (1, 3, h, w) with its `hole` filled as the `small` one was, by `match`.

    What `small` shows is enlarged, and what it lacks of the picture is copied to it from where the
    patches came from: tones and edges join as they do there.
    """
    enlarged = st.upsample(small, (hole.shape[0], hole.shape[1]))
    lacks = (image - enlarged).masked_fill_(torch.from_numpy(hole), 0)
    shifts = _shifts(match)
    y, x = np.nonzero(hole)
    from_y, from_x = _sources(y, x, shifts, hole)
    filled = torch.where(torch.from_numpy(hole), enlarged, image, out=enlarged)
    filled[0][:, y, x] += lacks[0][:, from_y, from_x]
    _meet(filled, lacks, hole, shifts)
    return filled.clamp_(-1, 1)


def _meet(filled: Tensor, lacks: Tensor, hole: npt.NDArray[np.bool_], shifts: Shifts) -> None:
    """Change tones inside the `hole` (h, w) so that they meet at its very border.

    lacks: (1, 3, h, w), of an enlarged small picture, 0 in the hole. A pixel of the small one has
    both sides of the border in it, which the other side's detail is to make good: what detail is
    copied is another's. The mean difference along the border fades out inwards.
    """
    from scipy import ndimage

    scale = hole.shape[0] / shifts[0].shape[0]
    border = ~hole & (ndimage.minimum_filter(~hole, 2 * BORDER + 1) == 0)
    y, x = np.nonzero(border)
    from_y, from_x = _sources(y, x, shifts, hole)
    differ = torch.zeros_like(lacks[0])
    differ[:, y, x] = lacks[0][:, y, x] - lacks[0][:, from_y, from_x]
    reach = math.ceil(2 * scale)
    for tile in _tiles(border, reach):
        part, within = _with_surroundings(tile, 2 * reach)
        change = _fading(differ[(slice(None), *part)], border[part], hole[part], scale)
        filled[(0, slice(None), *tile)] += change[(slice(None), *within)]


def _tiles(border: npt.NDArray[np.bool_], reach: int) -> Iterator[Part]:
    """Parts (rows, columns) of a picture that have some of its `border` (h, w) within `reach`."""
    for top in range(0, border.shape[0], TILE):
        for left in range(0, border.shape[1], TILE):
            tile = (slice(top, top + TILE), slice(left, left + TILE))
            if border[_with_surroundings(tile, reach)[0]].any():
                yield tile


def _with_surroundings(tile: Part, width: int) -> tuple[Part, Part]:
    """A part with so many pixels around it, where there are, and the part within that."""
    first = [max(0, one.start - width) for one in tile]
    wide = [slice(start, one.stop + width) for start, one in zip(first, tile, strict=True)]
    within = [
        slice(one.start - start, one.stop - start) for start, one in zip(first, tile, strict=True)
    ]
    return (wide[0], wide[1]), (within[0], within[1])


def _fading(
    differ: Tensor, border: npt.NDArray[np.bool_], hole: npt.NDArray[np.bool_], scale: float
) -> Tensor:
    """(3, h, w) the means of what is at the `border`, carried over twice `scale` into the `hole`.

    differ: (3, h, w), 0 elsewhere.
    """
    from scipy import ndimage

    side = 2 * round(scale / 2) + 1
    share = _mean_around(border.astype(np.float32), side)
    inwards = np.minimum(ndimage.distance_transform_cdt(hole) / (2 * scale), 1)
    fading = np.cos(inwards * (np.pi / 2)) ** 2 * (hole & (share > 0))
    weight = torch.from_numpy((fading / np.maximum(share, 1e-6)).astype(np.float32))
    return (
        torch.stack([torch.from_numpy(_mean_around(one.numpy(), side)) for one in differ]) * weight
    )


def _mean_around(values: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """The values (h, w), blurred by a tent of twice that side: quick at any."""
    from scipy import ndimage

    blurred: npt.NDArray[np.float32] = ndimage.uniform_filter(
        ndimage.uniform_filter(values, side), side
    )
    return blurred


def _sources(
    y: IntArray, x: IntArray, shifts: Shifts, hole: npt.NDArray[np.bool_]
) -> tuple[IntArray, IntArray]:
    """Where the pixels at `y`, `x` of the hole have their detail from."""
    h, w = shifts[0].shape
    scale = (hole.shape[0] / h, hole.shape[1] / w)
    at = (
        np.minimum((y / scale[0]).astype(np.int64), h - 1),
        np.minimum((x / scale[1]).astype(np.int64), w - 1),
    )
    found = [
        np.clip(here + np.rint(shift[at] * by).astype(np.int64), 0, side - 1)
        for here, shift, by, side in zip((y, x), shifts, scale, hole.shape, strict=True)
    ]
    return found[0], found[1]


def _shifts(match: Match) -> Shifts:
    """(h, w) each: how far off, down and to the right, the best patch over a pixel comes from.

    Outside the hole it is that of the nearest pixel inside.
    """
    from scipy import ndimage

    known = match.known
    place = torch.arange(known.rows * known.columns)
    place[known.targets] = match.chosen
    errors = torch.full((len(place),), torch.inf)
    errors[known.targets] = match.errors
    best = torch.full((known.h, known.w), torch.inf)
    target = torch.zeros(known.h, known.w, dtype=torch.long)
    errors, number = errors.view(known.rows, -1), torch.arange(len(place)).view(known.rows, -1)
    for dy in range(SIDE):
        for dx in range(SIDE):
            part = (slice(dy, dy + known.rows), slice(dx, dx + known.columns))
            better = errors < best[part]
            best[part] = torch.where(better, errors, best[part])
            target[part] = torch.where(better, number, target[part])
    down = place[target] // known.columns - target // known.columns
    right = place[target] % known.columns - target % known.columns
    near = ndimage.distance_transform_edt(
        ~known.hole.numpy(), return_distances=False, return_indices=True
    )
    return down.numpy()[tuple(near)], right.numpy()[tuple(near)]
