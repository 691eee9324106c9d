"""The patches of a picture, and those of them that a noisy one may be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

DENSE = 6_000
"""Up to so many patches a noisy one is compared with all of them."""

LATTICE = 6_000
"""Of more, so many are looked at first, evenly spread over the picture."""

FIRST = 6
"""Best ones of the lattice, whose neighbours are looked at next."""

BEST = 8
"""Of all those, which the mean is taken of."""

DIMENSIONS = 24
"""That patches are told apart by in the search: the directions in which they differ most."""

MOST_PATCHES = 150_000
"""That are kept; of larger pictures every other one, or fewer."""


class PatchMemory:
    """All side×side patches of m (1, 3, h, w) that are `known` (1, 1, h, w) throughout.

    Where no patch is, those that are known for the most part.
    """

    def __init__(self, m: Tensor, known: Tensor | None, side: int) -> None:
        h, w = m.shape[-2:]
        self.side = side = min(side, h, w)
        count = (h - side + 1) * (w - side + 1)
        step = math.ceil(math.sqrt(count / MOST_PATCHES)) if count > MOST_PATCHES else 1
        self._rows, self._columns = ((n - side) // step + 1 for n in (h, w))
        self._patches = F.unfold(m, side, stride=step)[0].T.contiguous()
        self._usable = torch.ones(len(self._patches), dtype=torch.bool, device=m.device)
        if known is not None:
            share = F.unfold(known.to(m.device), side, stride=step)[0].mean(dim=0)
            self._usable = share >= share.max()
        self._is_dense = int(self._usable.sum()) <= DENSE
        if self._is_dense:
            self._patches = self._patches[self._usable]
        else:
            self._prepare_search()

    @property
    def compared(self) -> int:
        """Patches that each noisy one is compared with at once."""
        if self._is_dense:
            return len(self._patches)
        return max(len(self._lattice), FIRST * len(self._around) * 4)

    def posterior_mean(self, noisy: Tensor, sigma: float) -> Tensor:
        """E[P | y] for y (q, 3·side²) = P + σ ε → (q, 3·side²).

        Exact where all patches are compared; else over the `BEST` ones found.
        """
        return _mean(*self.likely(noisy, sigma))

    def likely(self, noisy: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """The patches P that each of y (q, 3·side²) may be, and -‖y - P‖² / 2σ² of each.

        (q, k), and the patches (k, 3·side²) or, where each has others, (q, k, 3·side²).
        """
        if self._is_dense:
            return -_squared_distances(noisy, self._patches) / (2 * sigma**2), self._patches
        found = self._patches[self._search(noisy)]
        distances = (noisy[:, None] - found).square().sum(dim=2)
        return -distances / (2 * sigma**2), found

    def _prepare_search(self) -> None:
        self._mean = self._patches.mean(dim=0)
        sample = self._patches[:: max(1, len(self._patches) // 20_000)] - self._mean
        _, directions = torch.linalg.eigh(sample.T @ sample)
        self._directions = directions[:, -DIMENSIONS:]
        self._places = (self._patches - self._mean) @ self._directions
        self._places[~self._usable] = math.inf
        gaps = _gaps(self._rows, self._columns)
        sides = self._rows, self._columns
        rows, columns = (torch.arange(gap // 2, n, gap) for gap, n in zip(gaps, sides, strict=True))
        lattice = (rows[:, None] * self._columns + columns[None, :]).flatten()
        lattice = lattice.to(self._patches.device)
        self._lattice = lattice[self._usable[lattice]]
        near = (torch.arange(-gap + 1, gap, device=lattice.device) for gap in gaps)
        self._around = torch.cartesian_prod(*near)

    @torch.no_grad()
    def _search(self, noisy: Tensor) -> Tensor:
        """(q, BEST) patches near each of `noisy`: the best of a lattice, then of what surrounds
        them, as neighbours in the picture are alike."""
        place = (noisy - self._mean) @ self._directions
        distances = _squared_distances(place, self._places[self._lattice])
        first = self._lattice[distances.topk(min(FIRST, len(self._lattice)), largest=False).indices]
        row = (first // self._columns)[..., None] + self._around[:, 0]
        column = (first % self._columns)[..., None] + self._around[:, 1]
        row, column = row.clamp(0, self._rows - 1), column.clamp(0, self._columns - 1)
        candidates = (row * self._columns + column).flatten(1).sort(dim=1).values
        distances = (self._places[candidates] - place[:, None]).square().sum(dim=2)
        # What is found twice counts once.
        distances[:, 1:][candidates[:, 1:] == candidates[:, :-1]] = math.inf
        best = distances.topk(min(BEST, candidates.shape[1]), dim=1, largest=False).indices
        return candidates.gather(1, best)


class JointMemory:
    """The patches of several pictures, which a noisy one may be of any."""

    def __init__(self, memories: Sequence[PatchMemory]) -> None:
        self._memories = memories
        self.side = memories[0].side
        self.compared = max(memory.compared for memory in memories)

    def posterior_mean(self, noisy: Tensor, sigma: float) -> Tensor:
        """As `PatchMemory.posterior_mean`: the mean of theirs, by how likely each is."""
        found = [memory.likely(noisy, sigma) for memory in self._memories]
        shares = torch.softmax(torch.stack([fits.logsumexp(dim=1) for fits, _ in found]), dim=0)
        means = torch.stack([_mean(fits, patches) for fits, patches in found])
        return (shares[..., None] * means).sum(dim=0)


def _mean(fits: Tensor, patches: Tensor) -> Tensor:
    """The mean of what `PatchMemory.likely` gives, (q, 3·side²)."""
    weights = torch.softmax(fits, dim=1)
    if patches.dim() == 2:
        return weights @ patches
    return (weights[:, None] @ patches)[:, 0]


def _gaps(rows: int, columns: int) -> tuple[int, int]:
    """Down and across, between the patches of the lattice: alike, unless it is too narrow."""
    gap = math.ceil(math.sqrt(rows * columns / LATTICE))
    down, across = min(gap, rows), min(gap, columns)
    if down < gap:
        across = math.ceil(columns * rows / LATTICE / down)
    elif across < gap:
        down = math.ceil(rows * columns / LATTICE / across)
    return down, across


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) → (n, m)."""
    squares = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1)
    return torch.addmm(squares, a, b.T, alpha=-2).clamp(min=0)
