"""Whole things in their places: the closed-form denoiser for the coarsest scale, where layouts are.

There the picture has so few patches that a noisy one is compared with all of them, at a side that
holds whole things, overlapping throughout. What is at a certain height of the picture is likelier
at that height of the canvas: skies stay above the ground, on canvases of any proportions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from .blend import keep_to_coarser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinddm_toolkit.api import Pyramid, Run, Schedule, Step

Wraps = tuple[bool, bool]
"""Whether a canvas goes on at its other side, (down, across)."""

SIDES = ((0.3, 0.35), (1.0, 0.5), (2.0, 0.65), (math.inf, 0.8))
"""σ up to which patches have that side, as a share of the picture's short one: with much noise the
whole of the layout has to be seen to tell what is where, with little what is near."""

SETTLED = (0.5, 0.25, 3)
"""σ below which what is guessed counts as a layout that has only the second σ left, and is guessed
again, so many times: where pieces overlap that don't belong together, one of them stays."""

BOLD = 0.55
"""Sides of the boldest layouts, as a share of those: smaller pieces, put together more freely."""

RING = 0.5
"""The same where the canvas goes on at its other side; nor is that settled: long pieces, none
of which closes a ring, would agree on nothing but their mean."""

OVERLAP = 4
"""Patches that a pixel lies in, in each direction."""

WINDOW = 0.2
"""σ of a patch's weights, as a share of its side."""

DIMENSIONS = 64
"""That patches are compared in: the directions in which they differ most."""

LEAST_SIDE = 5
MOST_PATCHES = 6_000
"""That are kept; of larger scales every other one, or fewer."""

PLACE = 88.0
"""How firmly things keep their height in the calmest layouts: 1 / (2 τ²), with τ the deviation as a
share of the height, .075."""

ORDERED = 0.3
"""Share of the rows' means in the picture's variance from which it has an above and a below."""


class LayoutDenoiser:
    """ε in x_t of a coarse scale, for canvases of any size (see `NoisePredictor`)."""

    def __init__(
        self,
        pyramid: Pyramid,
        schedule: Schedule,
        device: torch.device,
        boldness: float = 0.5,
        rows: tuple[float, float] = (0.0, 1.0),
        wraps: Wraps = (False, False),
        drifts: Sequence[float] = (),
    ) -> None:
        """boldness: 0 keeps to the picture's own layout, 1 puts anything anywhere; rows: where the
        picture's upper and lower edge are on the canvas, as shares of its height; wraps: on which
        axes the canvas goes on at its other side, (down, across); where it does so downwards, the
        picture's upper edge follows its lower one; drifts: of each sample, by which share of its
        height all comes higher than in the picture, by none if not given."""
        self._pyramid = pyramid
        self._schedule = schedule
        self._device = device
        self._shrunk = (1 + (BOLD - 1) * boldness) * (RING if any(wraps) else 1)
        self._rows = rows
        self._wraps = wraps
        self._drifts = drifts
        orders = [order_of_rows(one.scales[0]) for one in pyramid.sources]
        self._place = PLACE * (1 - boldness) ** 3 * sum(orders) / len(orders)
        self._memories: dict[tuple[int, int], _Memory] = {}

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        alpha = self._schedule.alpha_bar(t)
        sigma = math.sqrt((1 - alpha) / alpha)
        memory = self._memory(s, sigma, min(x.shape[-2:]))
        means = [
            self._mean(memory, y, sigma, drift)
            for y, drift in zip(x / math.sqrt(alpha), self._drifts or [0.0] * len(x), strict=True)
        ]
        return (x - math.sqrt(alpha) * torch.stack(means)) / math.sqrt(1 - alpha)

    def _mean(self, memory: _Memory, y: Tensor, sigma: float, drift: float) -> Tensor:
        """E[m | y], of y (3, h, w), settled where there is little noise."""
        below, left, times = SETTLED
        rows = (self._rows[0] - drift, self._rows[1] - drift)
        sigmas = [sigma] + [left] * (times if sigma < below and not any(self._wraps) else 0)
        for one in sigmas:
            y = memory.mean(y, one, self._place, rows, self._wraps)
        return y

    def keep(self, run: Run, step: Step) -> None:
        """Hold x̂0 of a finer scale to the layout: to be called in `modify_x0`, before others."""
        keep_to_coarser(run, step)

    def _memory(self, s: int, sigma: float, most: int) -> _Memory:
        """The patches of the scale for that much noise, none longer than `most`."""
        short = min(length for one in self._pyramid.sources for length in one.sizes[s])
        share = next(share for highest, share in SIDES if sigma <= highest)
        side = min(max(LEAST_SIDE, round(share * self._shrunk * short)), short, most)
        if (s, side) not in self._memories:
            parts = [
                (one.scales[s], None if one.known is None else one.known[s])
                for one in self._pyramid.sources
            ]
            self._memories[s, side] = _Memory(parts, side, self._device)
        return self._memories[s, side]


class _Memory:
    """All patches of one side of pictures m (1, 3, h, w) that are known throughout, or for the
    most."""

    def __init__(
        self, pictures: Sequence[tuple[Tensor, Tensor | None]], side: int, device: torch.device
    ) -> None:
        """pictures: m and what of it is known, (1, 1, h, w), if not all is."""
        self._side = side
        parts = [_patches(m, known, side) for m, known in pictures]
        self._patches = torch.cat([patches for patches, _ in parts]).to(device).contiguous()
        self._heights = torch.cat([heights for _, heights in parts]).to(device)
        halves = [side / 2 / m.shape[-2] for m, _ in pictures]
        middles = [
            heights * (1 - 2 * half) + half
            for (_, heights), half in zip(parts, halves, strict=True)
        ]
        self._middles = torch.cat(middles).to(device)
        self._mean = self._patches.mean(dim=0)
        self._directions = _directions(self._patches - self._mean)
        self._places = (self._patches - self._mean) @ self._directions
        self._squares = self._places.square().sum(dim=1)

    def mean(
        self,
        y: Tensor,
        sigma: float,
        place: float,
        rows: tuple[float, float],
        wraps: Wraps = (False, False),
    ) -> Tensor:
        """E[m | y] for y (3, h, w) = m + σ ε → (3, h, w)."""
        h, w = y.shape[-2:]
        tops, lefts = (
            _begins(length, self._side, wrap).to(y.device)
            for length, wrap in zip((h, w), wraps, strict=True)
        )
        line = torch.arange(self._side, device=y.device)
        down, across = (tops[:, None] + line) % h, (lefts[:, None] + line) % w
        covered = (down[:, None, :, None] * w + across[None, :, None, :]).reshape(
            len(tops) * len(lefts), -1
        )
        noisy = y.flatten(1)[:, covered].transpose(0, 1).flatten(1)
        places = (noisy - self._mean) @ self._directions
        # ‖y - P‖² but for ‖y‖², which is the same for all P.
        logits = torch.addmm(
            self._squares, places, self._places.T, beta=-0.5 / sigma**2, alpha=1 / sigma**2
        )
        if place:
            away = self._away(tops, h, None if wraps[0] else rows).square_().mul_(-place)
            logits.view(len(tops), len(lefts), -1).add_(away[:, None])
        weights = torch.softmax(logits, dim=1)
        window = _window(self._side).to(y)
        guesses = (weights @ self._patches).view(len(covered), 3, -1) * window
        total = y.new_zeros(3, h * w)
        total = total.index_add(1, covered.flatten(), guesses.transpose(0, 1).flatten(1))
        share = y.new_zeros(h * w)
        share = share.index_add(0, covered.flatten(), window.expand(len(covered), -1).flatten())
        return (total / share).view(3, h, w)

    def _away(self, tops: Tensor, h: int, rows: tuple[float, float] | None) -> Tensor:
        """How far each patch of the picture is from the height of each row of noisy ones.

        Without `rows` the canvas is a ring that has the picture's height.
        """
        if rows is None:
            away = ((tops + self._side / 2) / h)[:, None] - self._middles
            return away - away.round()
        first, last = rows[0] * h, rows[1] * h - self._side
        heights = ((tops - first) / max(1.0, last - first)).clamp(0, 1)
        return heights[:, None] - self._heights


def _patches(m: Tensor, known: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
    """(n, 3·side²) patches of m and (n,) the heights that they are at, from 0 to 1."""
    h, w = m.shape[-2:]
    count = (h - side + 1) * (w - side + 1)
    step = math.ceil(math.sqrt(count / MOST_PATCHES)) if count > MOST_PATCHES else 1
    patches = F.unfold(m, side, stride=step)[0].T
    columns = (w - side) // step + 1
    heights = torch.arange(len(patches)) // columns * step / max(1, h - side)
    if known is None:
        return patches, heights
    share = F.unfold(known, side, stride=step)[0].mean(dim=0)
    return patches[share >= share.max()], heights[share >= share.max()]


def order_of_rows(m: Tensor) -> float:
    """How much m (1, 3, h, w) has an above and a below, from 0 to 1."""
    rows = m.mean(dim=3)
    share = rows.var(dim=2).mean() / m.flatten(2).var(dim=2).mean().clamp(min=1e-6)
    return float((share / ORDERED).clamp(max=1))


def _directions(patches: Tensor) -> Tensor:
    """(d, k) orthonormal directions in which (n, d) patches differ most, about.

    By subspace iteration from fixed random ones (Halko, Martinsson & Tropp, 2011, §4.5).
    """
    generator = torch.Generator().manual_seed(0)
    count = min(DIMENSIONS, *patches.shape)
    directions = torch.randn(patches.shape[1], count, generator=generator).to(patches.device)
    for _ in range(3):
        directions, _ = torch.linalg.qr(patches.T @ (patches @ directions))
    return directions


def _begins(length: int, side: int, wraps: bool = False) -> Tensor:
    """Where patches begin so that they overlap `OVERLAP` times.

    The last one ends at the border, or where it wraps reaches into the first ones; there are an
    even number then, so that half a turn brings patches onto patches.
    """
    if wraps:
        count = 2 * math.ceil(length * OVERLAP / side / 2)
        return torch.arange(count) * length // count
    last = length - side
    count = max(1, round(last / max(1, side / OVERLAP))) + 1 if last else 1
    return torch.linspace(0, last, count).round().long()


def _window(side: int) -> Tensor:
    """(side²,), Gaussian."""
    away = torch.arange(side) - (side - 1) / 2
    line = torch.exp(-0.5 * (away / (WINDOW * side)) ** 2)
    return (line[:, None] * line[None, :]).flatten()
