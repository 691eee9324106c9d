"""The denoiser: four convolutional blocks that know timestep and scale (paper Fig. 4, App. B)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALO = 16
"""Pixels to each side that an output pixel sees: the receptive field is 33×33."""

CELL = 2
"""Side of the squares of pixels that a network may work on as one. What is cut from a picture and
is to come out as in the whole of it must begin at a multiple of this."""

EMBEDDING = 32
CONDITION_HIDDEN = 128


def sinusoidal_embedding(position: Tensor, width: int = EMBEDDING) -> Tensor:
    """(n,) → (n, width): sines then cosines, frequencies from 1 down to 1/10000."""
    half = width // 2
    steps = torch.arange(half, device=position.device, dtype=torch.float32)
    angles = position.float()[:, None] * torch.exp(-steps * (math.log(10000) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def centre(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The central `size` pixels of (n, c, h, w)."""
    beyond = [length - wanted for length, wanted in zip(x.shape[-2:], size, strict=True)]
    if not any(beyond):
        return x
    # A slice would do, but its gradient has another memory layout than that of convolutions, and
    # to add the two takes ten times as long.
    (top, left), (bottom, right) = (d // 2 for d in beyond), (d - d // 2 for d in beyond)
    return F.pad(x, (-left, -right, -top, -bottom))


class Block(nn.Module):
    """Depthwise 5×5, + condition, 3×3, GELU, 3×3, + residual; no normalisation."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.condition = nn.Sequential(
            nn.GELU(), nn.Linear(EMBEDDING, EMBEDDING), nn.Linear(EMBEDDING, channels_in)
        )
        self.depthwise = nn.Conv2d(channels_in, channels_in, 5, groups=channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3)
        self.residual = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor, frame: Frame) -> Tensor:
        h = frame.convolve(x, self.depthwise) + self.condition(embedding)[:, :, None, None]
        h = frame.convolve(frame.hide_outside(h), self.conv1)
        h = frame.convolve(frame.hide_outside(F.gelu(h)), self.conv2)
        h = h + self.residual(centre(x, (h.shape[-2], h.shape[-1])))
        return frame.hide_outside(h)


class Frame:
    """What lies around the pixels that a network is given.

    A whole picture is surrounded by zeros at every layer. A crop comes with `HALO` more pixels on
    each side, used up by the layers instead of padding, so that its result is the same as if the
    whole picture had gone through; `inside` (n, 1, h, w) is 0 where that halo lies beyond the
    picture's true border and every layer must see the zeros of padding there, None where it
    nowhere does.
    """

    def __init__(self, *, halo: bool, inside: Tensor | None = None) -> None:
        self.halo = halo
        self.inside = inside

    def convolve(self, x: Tensor, layer: nn.Conv2d) -> Tensor:
        padding = 0 if self.halo else layer.kernel_size[0] // 2
        return F.conv2d(x, layer.weight, layer.bias, padding=padding, groups=layer.groups)

    def in_cells(self, side: int) -> Frame:
        """The same for squares of side×side pixels: one is inside if any of its pixels is."""
        if self.inside is None:
            return self
        height, width = self.inside.shape[-2:]
        whole = F.pad(self.inside, (0, -width % side, 0, -height % side))
        return Frame(halo=self.halo, inside=F.max_pool2d(whole, side))

    def hide_outside(self, x: Tensor) -> Tensor:
        if self.inside is None:
            return x
        return x * centre(self.inside, (x.shape[-2], x.shape[-1])).to(x.dtype)


WHOLE = Frame(halo=False)


class PaperDenoiser(nn.Module):
    """Predicts the noise ε in x_t^s. With `width` 160 it is the paper's, 1 106 772 parameters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.width = width
        self.embed = nn.Sequential(
            nn.Linear(2 * EMBEDDING, CONDITION_HIDDEN),
            nn.GELU(),
            nn.Linear(CONDITION_HIDDEN, EMBEDDING),
        )
        channels = [3, half, width, width, half]
        self.blocks = nn.ModuleList(Block(c_in, c_out) for c_in, c_out in pairwise(channels))
        self.head = nn.Conv2d(half, 3, 1)

    def forward(self, x: Tensor, t: Tensor, scale: Tensor, frame: Frame = WHOLE) -> Tensor:
        """x: (n, 3, h, w); t, scale: (n,) integers → ε, (n, 3, h, w) without the frame's halo."""
        position = torch.cat([sinusoidal_embedding(t), sinusoidal_embedding(scale)], dim=1)
        embedding = self.embed(position.to(x.dtype))
        x = frame.hide_outside(x)
        for block in self.blocks:
            x = block(x, embedding, frame)
        out: Tensor = self.head(x)
        return out
