"""Moving x̂0 to where its patches are distributed as the picture's.

The distance is the sliced Wasserstein one: patches of both are projected onto random directions,
on each of which the k-th smallest of the one belongs to the k-th smallest of the other (as GPDM
does in place of a network: Elnekave & Weiss, *Generating Natural Images with Direct Patch
Distributions Matching*, 2022). What each patch lacks on all directions is given back to its
pixels, the mean over the patches that a pixel is in: a step of iterative distribution transfer
(Pitié, Kokaram & Dahyot, 2005), which needs no gradient to be recorded and no step size.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinddm_toolkit.api import Pyramid

SIDE = 7
DIRECTIONS = 48
"""Of a step, orthonormal: a third of all that there are of patches of that side."""

MOST_PATCHES = 5_000
"""Of a step, on a lattice at a random place: of more, sorting would take the time."""

Rows = tuple[float, float]
Wraps = tuple[bool, bool]

Source = tuple[Tensor, Tensor | None]
"""A picture at one scale, (1, 3, h, w), and what of it is known, (1, 1, h, w)."""


class PatchGuidance:
    """The patches of what is learnt at all its scales: of several pictures, those of all."""

    def __init__(self, pyramid: Pyramid, device: torch.device) -> None:
        self._pyramid = pyramid
        self._device = device
        self._latest: tuple[int, Tensor, Tensor | None] | None = None

    def moved(
        self,
        x0: Tensor,
        s: int,
        generators: Sequence[torch.Generator],
        *,
        strength: float = 1.0,
        free: Tensor | None = None,
        rows: Rows = (0.0, 1.0),
        wraps: Wraps = (False, False),
    ) -> Tensor:
        """x0 (n, 3, h, w), a step nearer to the patches of scale `s`.

        generators: one a sample, which draw directions and lattices; strength: in [0, 1], how much
        of the way; free: (1, 1, h, w) in [0, 1], how much each pixel may change, and whose patches
        count, everywhere if None; rows: the part of the picture's height whose patches are wanted;
        wraps: on which axes x0 goes on at its other side, (down, across).
        """
        if strength == 0:
            return x0
        sources = self._scale(s, rows)
        side = _side(x0, sources)
        moved = [
            one + strength * self._step(one, sources, side, free, generator, wraps)
            for one, generator in zip(x0.split(1), generators, strict=True)
        ]
        return torch.cat(moved)

    def distance(self, x: Tensor, s: int, wraps: Wraps = (False, False)) -> Tensor:
        """How far the patches of each of x (n, 3, h, w) are from those of scale `s`, (n,)."""
        sources = self._scale(s, (0.0, 1.0))
        side = _side(x, sources)
        generator = torch.Generator().manual_seed(0)
        filters = _directions(side, generator).to(self._device)
        projected = [_projected(m, known, filters, 1, (0, 0)) for m, known in sources]
        wanted = _sorted(torch.cat(projected, dim=1))
        x = _gone_on(x, side, wraps)
        found = [_sorted(_projected(one, None, filters, 1, (0, 0))) for one in x.split(1)]
        return torch.stack([(one - _quantiles(wanted, one.shape[1])).abs().mean() for one in found])

    def _scale(self, s: int, rows: Rows) -> list[Source]:
        """Each picture at that scale, as far as it is wanted, and what of it is known."""
        return [_part_of(pyramid, s, rows, self._device) for pyramid in self._pyramid.sources]

    def _step(
        self,
        x: Tensor,
        sources: Sequence[Source],
        side: int,
        free: Tensor | None,
        generator: torch.Generator,
        wraps: Wraps,
    ) -> Tensor:
        """What to add to x (1, 3, h, w)."""
        size = (x.shape[-2], x.shape[-1])
        # Lattices don't close into a ring: where they meet is anywhere, not at the border.
        turn = [_drawn(n, generator) if wrap else 0 for n, wrap in zip(size, wraps, strict=True)]
        x = _gone_on(torch.roll(x, turn, (-2, -1)), side, wraps)
        if free is not None:
            free = _gone_on(torch.roll(free, turn, (-2, -1)), side, wraps)
        filters = _directions(side, generator).to(x.device)
        projected = [
            _projected(m, known, filters, *_lattice(m, side, generator)) for m, known in sources
        ]
        wanted = _sorted(torch.cat(projected, dim=1))
        gap, corner = _lattice(x, side, generator)
        seen = F.conv2d(x[..., corner[0] :, corner[1] :], filters, stride=gap)
        values = seen[0].flatten(1)
        lacks = torch.zeros_like(values)
        counts = _counts(free, side, gap, corner, values)
        found = values[:, counts]
        order = _order(found)
        quantiles = _quantiles(wanted, found.shape[1])
        lacks[:, counts] = torch.empty_like(found).scatter_(1, order, quantiles) - found
        given = F.conv_transpose2d(lacks.view_as(seen), filters, stride=gap)
        ones = counts.to(x.dtype).view(1, 1, *seen.shape[-2:])
        cover = F.conv_transpose2d(ones, x.new_ones(1, 1, side, side), stride=gap)
        padding = (
            *(corner[1], x.shape[-1] - corner[1] - given.shape[-1]),
            *(corner[0], x.shape[-2] - corner[0] - given.shape[-2]),
        )
        given, cover = (_come_back(F.pad(one, padding), size) for one in (given, cover))
        step = given * (filters[0].numel() / len(filters)) / cover.clamp(min=1)
        if free is not None:
            step = step * free[..., : size[0], : size[1]].to(x.device)
        return torch.roll(step, [-by for by in turn], (-2, -1))


def _drawn(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))


def _gone_on(x: Tensor, side: int, wraps: Wraps) -> Tensor:
    """x (n, c, h, w), whose patches begin at each of its pixels, on the axes that wrap."""
    for axis, wrap in zip((-2, -1), wraps, strict=True):
        if wrap:
            x = torch.cat([x, x.narrow(axis, 0, side - 1)], dim=axis)
    return x


def _come_back(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x, what is beyond the `size` (h, w) being added to where it comes from."""
    for axis, length in zip((-2, -1), size, strict=True):
        beyond = x.shape[axis] - length
        if beyond:
            x, more = x.split([length, beyond], dim=axis)
            x = x.clone()
            x.narrow(axis, 0, beyond).add_(more)
    return x


def _part_of(pyramid: Pyramid, s: int, rows: Rows, device: torch.device) -> Source:
    """A picture at that scale, between those heights."""
    m = pyramid.scales[s]
    known = None if pyramid.known is None else pyramid.known[s]
    h = m.shape[-2]
    first = max(0, min(round(rows[0] * h), h - SIDE))
    last = min(h, max(round(rows[1] * h), first + SIDE))
    part = (..., slice(first, last), slice(None))
    if known is not None:
        known = known[part].to(device)
    return m[part].to(device), known


def _side(x: Tensor, sources: Sequence[Source]) -> int:
    """Of the patches of x and of the pictures."""
    return min(SIDE, *x.shape[-2:], *(length for m, _ in sources for length in m.shape[-2:]))


def _directions(side: int, generator: torch.Generator) -> Tensor:
    """(k, 3, side, side), orthonormal."""
    size = 3 * side**2
    directions, _ = torch.linalg.qr(torch.randn(size, min(DIRECTIONS, size), generator=generator))
    return directions.T.reshape(-1, 3, side, side).contiguous()


def _lattice(x: Tensor, side: int, generator: torch.Generator) -> tuple[int, tuple[int, int]]:
    """The gap between patches, and where the first one is."""
    h, w = x.shape[-2:]
    count = (h - side + 1) * (w - side + 1)
    gap = max(1, min(side - 1, math.ceil(math.sqrt(count / MOST_PATCHES))))
    corner = [
        int(torch.randint(min(gap, length - side + 1), (1,), generator=generator))
        for length in (h, w)
    ]
    return gap, (corner[0], corner[1])


def _projected(
    m: Tensor, known: Tensor | None, filters: Tensor, gap: int, corner: tuple[int, int]
) -> Tensor:
    """(k, patches) of those that are known throughout, or for the most."""
    part = (..., slice(corner[0], None), slice(corner[1], None))
    values = F.conv2d(m[part], filters, stride=gap)[0].flatten(1)
    if known is None:
        return values
    share = F.avg_pool2d(known[part], filters.shape[-1], stride=gap).flatten()
    return values[:, share >= share.max()]


def _counts(
    free: Tensor | None, side: int, gap: int, corner: tuple[int, int], values: Tensor
) -> Tensor:
    """(patches,) boolean: those that have something to change."""
    if free is None:
        return torch.ones(values.shape[1], dtype=torch.bool, device=values.device)
    part = free[..., corner[0] :, corner[1] :].to(values.device)
    return F.max_pool2d(part, side, stride=gap).flatten() > 0


def _quantiles(ordered: Tensor, count: int) -> Tensor:
    """(k, count) of (k, m) values in order: as many as there are, evenly over their ranks."""
    m = ordered.shape[1]
    ranks = (torch.arange(count, device=ordered.device) + 0.5) * (m / count)
    return ordered[:, ranks.long().clamp(max=m - 1)]


def _sorted(values: Tensor) -> Tensor:
    """(k, n), each of the k in order. Several times as quick by numpy, which needs no indices."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.from_numpy(np.sort(values.detach().numpy(), axis=1))


def _order(values: Tensor) -> Tensor:
    """(k, n): where the n of each of the k are that come first, second, and so on."""
    if values.device.type != "cpu":
        return values.argsort(dim=1)
    return torch.from_numpy(np.argsort(values.detach().numpy(), axis=1))
