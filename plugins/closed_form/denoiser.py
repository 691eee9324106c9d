"""The best guess at a picture all of whose patches come from one picture.

If every p×p patch of the clean picture m is one of the patches P_i of the known one, all equally
likely, then that of a noisy y = m + σ ε has the posterior mean

    E[P | y] = Σ_i w_i P_i,   w_i ∝ exp(-‖y - P_i‖² / 2σ²)

(the empirical-Bayes denoiser; over the patches of one picture as in Qiu, Kutulakos & Lindell,
*Efficient and Training-Free Single-Image Diffusion Models*, 2026). Overlapping patches each have a
guess at a pixel; their mean is taken, the nearer the middle the heavier. The coarsest of several
scales is that of layouts, and each finer one is kept to what the one below has made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sinddm_toolkit.api import UserError, hookimpl

from .blend import keep_to_coarser
from .layout import LayoutDenoiser, Wraps
from .memory import JointMemory, PatchMemory

if TYPE_CHECKING:
    from sinddm_toolkit.api import Pyramid, Run, Schedule, Step

Memory = PatchMemory | JointMemory

SIDES = ((0.15, 5), (0.5, 7), (1.0, 9), (2.0, 13), (4.0, 17), (math.inf, 21))
"""σ up to which patches have that side: the more noise, the more has to be seen to tell what is
below it."""

OVERLAP = 2
"""Patches that a pixel lies in, in each direction."""

WINDOW = 0.12
"""σ of a patch's weights, as a share of its side."""

MOST_PIXELS = 16_000_000
"""Of the picture as the model sees it: a preview of more would take hours, and gigabytes."""

MOST_PAIRS = 2_000_000
"""Of noisy and known patches that are compared at once: memory."""


class ClosedFormDenoiser:
    """ε in x_t^s, for canvases of any size (see `NoisePredictor`). Differentiable."""

    def __init__(
        self,
        pyramid: Pyramid,
        schedule: Schedule,
        device: torch.device,
        wraps: Wraps = (False, False),
    ) -> None:
        """wraps: on which axes canvases go on at their other side, (down, across).

        UserError if the picture is too large to be compared with.
        """
        h, w = pyramid.sizes[-1]
        if h * w > MOST_PIXELS:
            raise UserError(
                f"the closed-form denoiser takes at most {MOST_PIXELS / 1e6:g} megapixels, and "
                f"this picture is worked on at {w}×{h}: crop it or give fewer --max-pixels"
            )
        self._pyramid = pyramid
        self._schedule = schedule
        self._device = device
        self._wraps = wraps
        self._latest: tuple[tuple[int, int, int], Memory] | None = None
        self._layout = LayoutDenoiser(pyramid, schedule, device, wraps=wraps)

    def __call__(self, x: Tensor, t: int, scale: int, needless: Tensor | None = None) -> Tensor:
        if scale == 0 and self._pyramid.count > 1:
            return self._layout(x, t, scale)  # what is where needs more than small patches
        alpha = self._schedule.alpha_bar(t)
        sigma = math.sqrt((1 - alpha) / alpha)
        side = next(side for most, side in SIDES if sigma <= most)
        sizes = [x.shape[-2:], *(one.sizes[scale] for one in self._pyramid.sources)]
        memory = self._memory(scale, t, min(side, *(length for size in sizes for length in size)))
        means = [
            mean_of_patches(y[0], memory, sigma, needless, self._wraps)
            for y in (x / math.sqrt(alpha)).split(1)
        ]
        return (x - math.sqrt(alpha) * torch.stack(means)) / math.sqrt(1 - alpha)

    @hookimpl(tryfirst=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        keep_to_coarser(run, step)

    def _memory(self, scale: int, t: int, side: int) -> Memory:
        """The patches of what is learnt as it is mixed with its blurred self at (s, t)."""
        gamma = self._schedule.gamma(scale, t)
        # Where nothing is mixed in, they serve many steps.
        key = (scale, t if gamma > 0 else -1, side)
        if self._latest is None or self._latest[0] != key:
            self._latest = None
            parts = [self._memory_of(one, scale, gamma, side) for one in self._pyramid.sources]
            self._latest = key, parts[0] if len(parts) == 1 else JointMemory(parts)
        return self._latest[1]

    def _memory_of(self, pyramid: Pyramid, scale: int, gamma: float, side: int) -> PatchMemory:
        mixed = pyramid.scales[scale]
        if gamma > 0:
            mixed = torch.lerp(mixed, pyramid.blurred[scale], gamma)
        known = None if pyramid.known is None else pyramid.known[scale]
        return PatchMemory(mixed.to(self._device), known, side)


def mean_of_patches(
    y: Tensor,
    memory: Memory,
    sigma: float,
    needless: Tensor | None = None,
    wraps: Wraps = (False, False),
) -> Tensor:
    """E[m | y] for y (3, h, w) = m + σ ε → (3, h, w)."""
    h, w = y.shape[-2:]
    side = memory.side
    corners = _corners(h, w, side, wraps).to(y.device)
    together = max(1, MOST_PAIRS // memory.compared)
    if needless is not None:
        hidden = needless.flatten()
        parts = corners.split(together)
        needed = torch.cat([~hidden[_covered(part, h, w, side)].all(dim=1) for part in parts])
        corners = corners[needed]
    weight = _window(side).to(y)
    total = y.new_zeros(3, h * w)
    share = y.new_zeros(h * w)
    for corner in corners.split(together):
        part = _covered(corner, h, w, side)
        noisy = y.flatten(1)[:, part].transpose(0, 1).flatten(1)
        guess = memory.posterior_mean(noisy, sigma).view(len(part), 3, -1) * weight
        total = total.index_add(1, part.flatten(), guess.transpose(0, 1).flatten(1))
        share = share.index_add(0, part.flatten(), weight.expand(len(part), -1).flatten())
    return (total / share.clamp(min=1e-12)).view(3, h, w)


def _corners(h: int, w: int, side: int, wraps: Wraps) -> Tensor:
    """(q, 2) row and column of the first pixel of every noisy patch."""
    rows, columns = (
        _begins(length, side, wrap) for length, wrap in zip((h, w), wraps, strict=True)
    )
    return torch.cartesian_prod(rows, columns)


def _covered(corners: Tensor, h: int, w: int, side: int) -> Tensor:
    """(q, side²) indices of all pixels of the patches at `corners` (q, 2)."""
    line = torch.arange(side, device=corners.device)
    rows, columns = ((corners[:, k, None] + line) % length for k, length in enumerate((h, w)))
    return (rows[:, :, None] * w + columns[:, None, :]).flatten(1)


def _begins(length: int, side: int, wraps: bool) -> Tensor:
    """The last one ends at the border, or where it wraps reaches into the first ones."""
    step = max(1, side // OVERLAP)
    if wraps:
        count = math.ceil(length / step)
        return torch.arange(count) * length // count
    last = length - side
    return torch.tensor(sorted({*range(0, last, step), last}))


def _window(side: int) -> Tensor:
    """(side²,), Gaussian."""
    away = torch.arange(side) - (side - 1) / 2
    line = torch.exp(-0.5 * (away / (WINDOW * side)) ** 2)
    return (line[:, None] * line[None, :]).flatten()
