"""A denoiser that works on 2×2 pixels at once: a sixth of the time of the paper's at equal error.

It sees as many pixels as the paper's (33, here counted from a 2×2 cell), has as many blocks and is
trained and sampled in the same way. What differs, and where that comes from:

* pixels are folded into channels and back (Zhang et al., *FFDNet*, 2018), so that all layers work
  at half the resolution;
* timestep and scale multiply as well as add (Perez et al., *FiLM*, 2018);
* ε is what is left for the network to tell once the best guess proportional to x_t is taken
  (Karras et al., *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022, §5).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sinddm_toolkit.engine.paper_network import (
    CELL,
    CONDITION_HIDDEN,
    EMBEDDING,
    HALO,
    WHOLE,
    Frame,
    centre,
)
from sinddm_toolkit.engine.paper_network import sinusoidal_embedding as embedding
from sinddm_toolkit.engine.schedule import cosine_alphas_cumprod

BLOCKS = 4

PICTURE_DEVIATION = 0.5
"""Of the values of a picture in [-1, 1], as far as the best guess needs it."""

CONDITION_DEVIATION = 0.02
"""Of the first weights of the condition: a block starts nearly without it."""


class HalfResolutionBlock(nn.Module):
    """Depthwise 3×3, condition, 3×3, GELU, 1×1, + residual: two cells to each side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        gain_and_offset = nn.Linear(EMBEDDING, 2 * width)
        nn.init.normal_(gain_and_offset.weight, 0, CONDITION_DEVIATION)
        nn.init.zeros_(gain_and_offset.bias)
        self.condition = nn.Sequential(nn.GELU(), nn.Linear(EMBEDDING, EMBEDDING), gain_and_offset)
        self.depthwise = nn.Conv2d(width, width, 3, groups=width)
        self.conv1 = nn.Conv2d(width, width, 3)
        self.conv2 = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, condition: Tensor, frame: Frame) -> Tensor:
        gain, offset = self.condition(condition)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(offset, frame.convolve(x, self.depthwise), 1 + gain)
        h = frame.convolve(frame.hide_outside(h), self.conv1)
        h = self.conv2(F.gelu(h)) + centre(x, (h.shape[-2], h.shape[-1]))
        return frame.hide_outside(h)


class HalfResolutionDenoiser(nn.Module):
    """Predicts the noise ε in x_t^s. With `width` 48 it has 125 020 parameters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.embed = nn.Sequential(
            nn.Linear(2 * EMBEDDING, CONDITION_HIDDEN),
            nn.GELU(),
            nn.Linear(CONDITION_HIDDEN, EMBEDDING),
        )
        self.stem = nn.Conv2d(3 * CELL**2, width, 1)
        self.blocks = nn.ModuleList(HalfResolutionBlock(width) for _ in range(BLOCKS))
        self.head = nn.Conv2d(width, 3 * CELL**2, 1)
        alphas = torch.from_numpy(cosine_alphas_cumprod())
        variance = alphas * PICTURE_DEVIATION**2 + 1 - alphas
        factors = {
            "normalise": variance.rsqrt(),
            "guess": (1 - alphas).sqrt() / variance,
            "rest": PICTURE_DEVIATION * (alphas / variance).sqrt(),
        }
        for name, values in factors.items():
            self.register_buffer(name, values.float(), persistent=False)

    def forward(self, x: Tensor, t: Tensor, scale: Tensor, frame: Frame = WHOLE) -> Tensor:
        """x: (n, 3, h, w); t, scale: (n,) integers → ε, (n, 3, h, w) without the frame's halo.

        Cells begin at the upper left corner of `x`; what is beyond the others is zero.
        """
        condition = self.embed(torch.cat([embedding(t), embedding(scale)], dim=1).to(x.dtype))
        normalise, guess, rest = (
            getattr(self, name)[t].view(-1, 1, 1, 1) for name in ("normalise", "guess", "rest")
        )
        size = (x.shape[-2], x.shape[-1])
        cells = frame.in_cells(CELL)
        h = cells.hide_outside(self.stem(_folded(frame.hide_outside(x * normalise))))
        for block in self.blocks:
            h = block(h, condition, cells)
        h = F.pixel_shuffle(self.head(h), CELL)
        halo = HALO if frame.halo else 0
        inner = slice(halo, size[0] - halo), slice(halo, size[1] - halo)
        return guess * x[..., *inner] + rest * h[..., : size[0] - 2 * halo, : size[1] - 2 * halo]


def _folded(x: Tensor) -> Tensor:
    """(n, 3, h, w) → (n, 12, ⌈h/2⌉, ⌈w/2⌉), zero beyond the lower and right end."""
    height, width = x.shape[-2:]
    x = F.pixel_unshuffle(F.pad(x, (0, -width % CELL, 0, -height % CELL)), CELL)
    return x.contiguous(memory_format=torch.channels_last)
