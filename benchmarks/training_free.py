"""Our reading of the training-free method, to be compared with.

Qiu, Kutulakos & Lindell, *Efficient and Training-Free Single-Image Diffusion Models*, 2026: scales
of factor 1/2, each begun from pure noise and sampled by ten deterministic steps of the closed-form
denoiser over all 15×15 patches at every place, put together by Gaussian windows (ρ = .2). After
every x̂0 but the last its low band is that of the finished coarser scale (Laplacian blend). Where
patches are few, all are compared; otherwise faiss looks through two of √N cells and the nearest
five are taken, as in their approximate search.
"""

from __future__ import annotations

import math

import faiss
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 15
WINDOW = 0.2
STEPS = 10
COARSEST = 24
"""Pixels of the shorter side."""

DENSE = 2_500
"""Up to so many patches all are compared."""

NEAREST = 5
CELLS_LOOKED_AT = 2
NOISIEST, CLEANEST = 0.999, 0.01
"""Noise's deviation at the first and the last step; alpha² = 1 - deviation²."""


class Sampler:
    """Random pictures like one."""

    def __init__(self, picture: Tensor) -> None:
        """picture: (1, 3, h, w) in [-1, 1]."""
        self._scales = [(_Patches(scale), tuple(scale.shape[-2:])) for scale in scales(picture)]

    def sample(self, seed: int) -> Tensor:
        """Another, of that size."""
        generator = torch.Generator().manual_seed(seed)
        coarser = None
        for patches, (h, w) in self._scales:
            coarser = _one_scale(patches, (h, w), coarser, generator)
        assert coarser is not None
        return coarser.clamp(-1, 1)


def scales(picture: Tensor) -> list[Tensor]:
    """By factors of 1/2, coarsest first: its short side is about `COARSEST`."""
    count = 1 + max(0, round(math.log2(min(picture.shape[-2:]) / COARSEST)))
    found = [picture]
    for _ in range(count - 1):
        h, w = (max(SIDE, round(n / 2)) for n in found[0].shape[-2:])
        found.insert(0, _resized(found[0], (h, w)))
    return found


def _one_scale(
    patches: _Patches, size: tuple[int, int], coarser: Tensor | None, generator: torch.Generator
) -> Tensor:
    x = torch.randn((1, 3, *size), generator=generator)
    deviations = np.linspace(NOISIEST, CLEANEST, STEPS)
    for k, deviation in enumerate(deviations):
        alpha = math.sqrt(1 - deviation**2)
        x0 = patches.denoised(x / alpha, deviation / alpha)
        if k == STEPS - 1:
            return x0
        if coarser is not None:
            low = _resized(_resized(x0, tuple(coarser.shape[-2:])), size)
            x0 = x0 - low + _resized(coarser, size)
        noise = (x - alpha * x0) / deviation
        after = deviations[k + 1]
        x = math.sqrt(1 - after**2) * x0 + after * noise
    raise AssertionError("at least one step is made")


class _Patches:
    """All patches of one scale (1, 3, h, w)."""

    def __init__(self, scale: Tensor) -> None:
        self._all = F.unfold(scale, SIDE)[0].T.contiguous()
        self._squares = self._all.square().sum(dim=1)
        away = torch.arange(SIDE) - (SIDE - 1) / 2
        line = torch.exp(-0.5 * (away / (WINDOW * SIDE)) ** 2)
        self._window = (line[:, None] * line[None, :]).flatten().repeat(3)
        self._cells = None if len(self._all) <= DENSE else _cells(self._all.numpy())

    def denoised(self, y: Tensor, sigma: float) -> Tensor:
        """E[m | y] for y = m + σ ε, from all overlapping patches."""
        size = y.shape[-2:]
        noisy = F.unfold(y, SIDE)[0].T.contiguous()
        guesses = torch.cat([self._means(part, sigma) for part in noisy.split(4096)])
        total = F.fold((guesses * self._window).T[None], size, SIDE)
        share = F.fold(self._window[:, None].expand(-1, len(noisy))[None], size, SIDE)
        return total / share.clamp(min=1e-12)

    def _means(self, noisy: Tensor, sigma: float) -> Tensor:
        if self._cells is None:
            distances = self._squares - 2 * noisy @ self._all.T
            return torch.softmax(-distances / (2 * sigma**2), dim=1) @ self._all
        found, which = self._cells.search(noisy.numpy(), NEAREST)
        # A cell may hold fewer than were asked for: those have no weight.
        distances = torch.from_numpy(found).masked_fill(torch.from_numpy(which) < 0, math.inf)
        weights = torch.softmax(-distances / (2 * sigma**2), dim=1)
        chosen = torch.from_numpy(which).clamp(min=0)
        total = torch.zeros_like(noisy)
        for k in range(NEAREST):
            total += weights[:, k : k + 1] * self._all[chosen[:, k]]
        return total


def _cells(patches: np.ndarray) -> faiss.IndexIVFFlat:
    count = round(math.sqrt(len(patches)))
    coarse = faiss.IndexFlatL2(patches.shape[1])
    index = faiss.IndexIVFFlat(coarse, patches.shape[1], count)
    index.cp.niter = 8
    index.cp.max_points_per_centroid = 64
    index.train(patches)
    index.add(patches)
    index.nprobe = CELLS_LOOKED_AT
    return index


def _resized(x: Tensor, size: tuple[int, ...]) -> Tensor:
    smaller = size[0] < x.shape[-2]
    return F.interpolate(x, size, mode="bicubic", align_corners=False, antialias=smaller)
