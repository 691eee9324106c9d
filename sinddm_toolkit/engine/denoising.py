"""What predicts the noise in sampling: the network, on a large canvas in exact tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.networks import (
    CELL,
    HALO,
    WHOLE,
    Denoiser,
    Frame,
    WholeDenoiser,
    with_halo,
)
from sinddm_toolkit.engine.pyramid import FLAT, Wraps, surrounded
from sinddm_toolkit.engine.run import NoisePredictor
from sinddm_toolkit.engine.schedule import Schedule

TILE = 256
"""Side of the tiles that a larger canvas is denoised in, without their halo."""


class NetworkPredictor:
    """The trained network as a `NoisePredictor` (see `run`), in tiles where the canvas is large.

    The halo makes tiles exact: the same as the whole canvas but for the rounding of the
    arithmetic. Memory stays that of one tile.

    Where the canvas wraps, its other side is what lies beyond a border, and to roll it is to roll
    what is predicted: by any number of pixels, or of cells if a side is even and the network has
    cells.
    """

    def __init__(
        self, network: Denoiser, compute: Compute, tile: int = TILE, wraps: Wraps = FLAT
    ) -> None:
        self.network = network.eval()
        self.compute = compute
        self.tile = tile
        self.wraps = wraps

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        # On a CPU a batch is no quicker than its samples, and one by one each sample's rounding
        # does not depend on how many others there are.
        if self.compute.device.type == "cpu" and len(x) > 1:
            samples = [self._predict(sample, t, s, needless) for sample in x.split(1)]
            return torch.cat(samples)
        return self._predict(x, t, s, needless)

    def _predict(self, x: Tensor, t: int, s: int, needless: Tensor | None) -> Tensor:
        for axis, wrap in zip((-2, -1), self.wraps, strict=True):
            if wrap and x.shape[axis] % self.network.cell:
                return self._in_both_phases(x, t, s, needless, axis)
        if isinstance(self.network, WholeDenoiser):
            return self._at_once(x, t, s)
        is_small = max(x.shape[-2:]) <= 1.5 * self.tile
        if is_small and not any(self.wraps):
            return self._forward(x, t, s, WHOLE)
        out = torch.zeros_like(x)
        around = surrounded(x, HALO, self.wraps)
        down, across = (HALO * wrap for wrap in self.wraps)
        side = max(x.shape[-2:]) if is_small else self.tile
        for top, bottom in _spans(x.shape[-2], side):
            for left, right in _spans(x.shape[-1], side):
                if needless is not None and bool(needless[top:bottom, left:right].all()):
                    continue
                corner, size = [(top + down, left + across)], (bottom - top, right - left)
                tile = with_halo(around, corner, size)
                whole = (around.shape[-2], around.shape[-1])
                frame = Frame.of_crops(corner, size, whole, x.device)
                out[..., top:bottom, left:right] = self._forward(tile, t, s, frame)
        return out

    def _at_once(self, x: Tensor, t: int, s: int) -> Tensor:
        """What a network predicts that is not to be given parts of a picture."""
        around = self._forward(surrounded(x, HALO, self.wraps), t, s, WHOLE)
        top, left = (HALO * wrap for wrap in self.wraps)
        return around[..., top : top + x.shape[-2], left : left + x.shape[-1]]

    def _in_both_phases(
        self, x: Tensor, t: int, s: int, needless: Tensor | None, axis: int
    ) -> Tensor:
        """What is predicted of a side that is odd, on which cells don't close into a ring.

        Twice as long it is even: each pixel is then once the first of its cell and once the second.
        """
        if needless is not None:
            needless = torch.cat([needless, needless], dim=axis)
        first, second = self._predict(torch.cat([x, x], dim=axis), t, s, needless).chunk(2, axis)
        return (first + second) / 2

    def _forward(self, x: Tensor, t: int, s: int, frame: Frame) -> Tensor:
        n = x.shape[0]
        x = x.contiguous(memory_format=torch.channels_last)
        with self.compute.autocast():
            predicted = self.network(
                x,
                torch.full((n,), t, device=x.device),
                torch.full((n,), s, device=x.device),
                frame,
            )
        return predicted.to(x.dtype)


class OtherNoise:
    """A network asked at the levels of noise of another schedule than it has learnt.

    Each is taken for the nearest one that it knows, and x scaled to be of that one's length. What
    is learnt is σ, as t is but its number (Karras et al., 2022, §2 and App. C.3).
    """

    def __init__(self, predict: NoisePredictor, learnt: Schedule, asked: Schedule) -> None:
        self._predict = predict
        self._learnt = learnt
        self._asked = asked

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        known = self._learnt.nearest(self._asked.start_sigma(t + 1))
        by = math.sqrt(self._learnt.alpha_bar(known) / self._asked.alpha_bar(t))
        return self._predict(x * by, known, s, needless)


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    """Cuts 0 … length into about equal parts no longer than `tile` + 1, which begin at cells."""
    count = math.ceil(length / tile)
    cells = math.ceil(length / CELL)
    yield from pairwise(min(length, cells * k // count * CELL) for k in range(count + 1))
