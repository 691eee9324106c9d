"""Steering x̂0 towards a text (paper §3.3, "Text guided contents", eq. 3; App. E).

Eq. 3 as printed would put the scaled gradient in place of the masked pixels. Adding it to them is
what is meant, and what works.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.api import upsample

from .views import random_views

if TYPE_CHECKING:
    from sinddm_toolkit.api import TextEncoder

LOSS_FACTOR = 1.2
"""Of 1 - cosine (published implementation)."""


class TextLoss:
    """L_CLIP of every sample of a run, each through random views of its own.

    The views' random numbers are the plugin's own: a guided run sees the same noise as an unguided
    one of that seed, and sample k sees the same views in any batch.
    """

    def __init__(
        self, encoder: TextEncoder, views: int, generators: Sequence[torch.Generator]
    ) -> None:
        """`generators`: one a sample."""
        self._encoder = encoder
        self._views = views
        self._generators = generators

    def ascent(self, x0: Tensor, wanted: Tensor) -> tuple[Tensor, list[float]]:
        """-∇L with respect to x̂0 (n, 3, h, w), and the n losses; wanted: (d,), see `direction`.

        L = 1.2·(1 - cosine), in the mean over views, phrasings and prompts.
        """
        ascents, losses = [], []
        # One at a time: the views of one fill a forward pass, and the memory of many would not do.
        for sample, generator in zip(x0.detach().split(1), self._generators, strict=True):
            sample.requires_grad_()
            with torch.enable_grad():
                views = random_views(sample, self._views, self._encoder.image_size, generator)
                cosine = (self._encoder.encode_image(views) @ wanted).mean()
                loss = LOSS_FACTOR * (1 - cosine)
                (gradient,) = torch.autograd.grad(loss, sample)
            ascents.append(-gradient)
            losses.append(float(loss.detach()))
        return torch.cat(ascents), losses


TRIED_SIZE = (128, 128)
"""Of a picture to be compared: its size hardly matters, as views all have the encoder's."""


def seconds_of_a_comparison(encoder: TextEncoder, views: int, device: torch.device) -> float:
    """How long `ascent` takes for a sample, as a trial finds that after the encoder is loaded."""
    key = encoder.name, views, device
    if key not in _tried:
        loss = TextLoss(encoder, views, [torch.Generator().manual_seed(0)])
        x = torch.zeros(1, 3, *TRIED_SIZE, device=device)
        size = encoder.image_size
        width = encoder.encode_image(x.new_zeros(1, 3, size, size)).shape[1]
        started = time.monotonic()
        loss.ascent(x, x.new_ones(width))
        _tried[key] = time.monotonic() - started
    return _tried[key]


_tried: dict[tuple[str, int, torch.device], float] = {}
"""So that rows of a batch share a trial."""


class Guidance:
    """What guidance remembers of one run: the running x̂0 and the mask."""

    def __init__(self, loss: TextLoss, *, strength: float, fill: float, momentum: float) -> None:
        """strength: η; fill: f; momentum: λ, the share of each new x̂0 inside the mask."""
        self._loss = loss
        self._strength = strength
        self._fill = fill
        self._momentum = momentum
        self._mask: Tensor | None = None
        self._running: Tensor | None = None

    def guided(self, x0: Tensor, wanted: Tensor) -> tuple[Tensor, list[float]]:
        """x̂0 after one step towards the text, and the losses before it."""
        x0 = self.held(x0)
        ascent, losses = self._loss.ascent(x0, wanted)
        if self._mask is None:
            self._mask = strongest(ascent, self._fill)
            ascent = soft_thresholded(ascent, self._mask)
        self._running = stepped(x0, ascent, self._mask_at(x0), self._strength)
        return self._running, losses

    def held(self, x0: Tensor) -> Tensor:
        """x̂0 with the running one mixed in inside the mask: m·(λ·x̂0 + (1-λ)·running) + (1-m)·x̂0.

        Otherwise the network, which knows nothing of the text, would undo the last step each time.
        """
        if self._running is None:
            return x0
        running = upsample(self._running, _size(x0)).clamp(-1, 1)
        mask = self._mask_at(x0)
        self._running = x0 + mask * (1 - self._momentum) * (running - x0)
        return self._running

    def _mask_at(self, x0: Tensor) -> Tensor:
        """The mask (n, 1, h, w), 0 or 1, at the size of x̂0: always made from the first one."""
        if self._mask is None:
            raise ValueError("there is no mask before the first guided step")
        if _size(self._mask) == _size(x0):
            return self._mask
        enlarged = F.interpolate(self._mask, _size(x0), mode="bilinear", align_corners=False)
        return (enlarged >= 0.5).to(x0.dtype)


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]


def strongest(gradient: Tensor, fill: float) -> Tensor:
    """m (n, 1, h, w): 1 on the share `fill` of the pixels where the gradient is longest, else 0."""
    length = torch.linalg.vector_norm(gradient, dim=1).flatten(1)
    count = max(1, round(fill * length.shape[1]))
    mask = torch.zeros_like(length).scatter_(1, length.topk(count, dim=1).indices, 1.0)
    return mask.view(gradient.shape[0], 1, *gradient.shape[-2:])


def soft_thresholded(gradient: Tensor, mask: Tensor) -> Tensor:
    """Gradients inside the mask, shortened by the length of the longest one outside of it.

    So what just made it into the mask moves hardly, and no rim shows.
    """
    length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    threshold = (length * (1 - mask)).amax(dim=(2, 3), keepdim=True)
    return gradient * (1 - threshold / length.clamp(min=1e-12)).clamp(min=0)


def stepped(x0: Tensor, ascent: Tensor, mask: Tensor, strength: float) -> Tensor:
    """x̂0 + η·δ·m·∇ within [-1, 1], where δ = ‖x̂0·m‖ / ‖∇·m‖ of each sample (eq. 3)."""
    masked = ascent * mask
    reached = torch.linalg.vector_norm(x0 * mask, dim=(1, 2, 3), keepdim=True)
    pushed = torch.linalg.vector_norm(masked, dim=(1, 2, 3), keepdim=True)
    # Where the gradient vanishes there is nowhere to go.
    step = torch.where(pushed > 0, reached / pushed.clamp(min=1e-30), 0.0)
    return (x0 + strength * step * masked).clamp(-1, 1)
