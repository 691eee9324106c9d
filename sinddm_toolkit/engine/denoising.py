"""What predicts the noise in sampling: the network, on a large canvas in exact tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.networks import CELL, WHOLE, Denoiser, Frame, with_halo

TILE = 256
"""Side of the tiles that a larger canvas is denoised in, without their halo."""


class NetworkPredictor:
    """The trained network as a `NoisePredictor` (see `run`), in tiles where the canvas is large.

    The halo makes tiles exact: the same as the whole canvas but for the rounding of the
    arithmetic. Memory stays that of one tile.
    """

    def __init__(self, network: Denoiser, compute: Compute, tile: int = TILE) -> None:
        self.network = network.eval()
        self.compute = compute
        self.tile = tile

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        # On a CPU a batch is no quicker than its samples, and one by one each sample's rounding
        # does not depend on how many others there are.
        if self.compute.device.type == "cpu" and len(x) > 1:
            samples = [self._predict(sample, t, s, needless) for sample in x.split(1)]
            return torch.cat(samples)
        return self._predict(x, t, s, needless)

    def _predict(self, x: Tensor, t: int, s: int, needless: Tensor | None) -> Tensor:
        if max(x.shape[-2:]) <= 1.5 * self.tile:
            return self._forward(x, t, s, WHOLE)
        out = torch.zeros_like(x)
        for top, bottom in _spans(x.shape[-2], self.tile):
            for left, right in _spans(x.shape[-1], self.tile):
                if needless is not None and bool(needless[top:bottom, left:right].all()):
                    continue
                corner, size = [(top, left)], (bottom - top, right - left)
                tile = with_halo(x, corner, size)
                frame = Frame.of_crops(corner, size, (x.shape[-2], x.shape[-1]), x.device)
                out[..., top:bottom, left:right] = self._forward(tile, t, s, frame)
        return out

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


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    """Cuts 0 … length into about equal parts no longer than `tile` + 1, which begin at cells."""
    count = math.ceil(length / tile)
    cells = math.ceil(length / CELL)
    yield from pairwise(min(length, cells * k // count * CELL) for k in range(count + 1))
