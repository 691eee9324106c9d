"""The denoisers ε_θ(x_t, t, s): four blocks of convolutions that know timestep and scale.

`PaperDenoiser` is the paper's (Fig. 4, App. B). `HalfResolutionDenoiser` works on 2×2 pixels at
once: a sixth of the time at equal error. Both see 33×33 pixels and are trained and sampled alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sinddm_toolkit.engine.pyramid import Size
from sinddm_toolkit.engine.schedule import cosine_alphas_cumprod

# What lies around the pixels that a network is given

HALO = 16
"""Pixels to each side that an output pixel sees: the receptive field is 33×33."""

CELL = 2
"""Side of the squares of pixels that a network may work on as one. What is cut from a picture and
is to come out as in the whole of it must begin at a multiple of this."""

Corner = tuple[int, int]
"""(top, left) of a crop."""


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

    @classmethod
    def of_crops(
        cls, corners: Sequence[Corner], size: Size, picture: Size, device: torch.device
    ) -> Frame:
        """That of crops (h, w) of a picture (h, w), cut at these corners by `with_halo`."""
        (h, w), (height, width) = size, picture
        if all(
            HALO <= top <= height - h - HALO and HALO <= left <= width - w - HALO
            for top, left in corners
        ):
            return cls(halo=True)
        whole = torch.ones((), device=device).expand(1, 1, height, width)
        return cls(halo=True, inside=with_halo(whole, corners, size))

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


def with_halo(x: Tensor, corners: Sequence[Corner], size: Size) -> Tensor:
    """The `size` pixels of x (n, c, h, w) at each corner and `HALO` more around, one after another.

    (n · corners, c, size + 2 · HALO), zero beyond the picture.
    """
    return torch.cat([_cut_with_halo(x, corner, size) for corner in corners])


def _cut_with_halo(x: Tensor, corner: Corner, size: Size) -> Tensor:
    (top, left), (bottom, right) = corner, (corner[0] + size[0], corner[1] + size[1])
    height, width = x.shape[-2:]
    rows = slice(max(0, top - HALO), bottom + HALO)
    columns = slice(max(0, left - HALO), right + HALO)
    beyond = (
        max(0, HALO - left),
        max(0, right + HALO - width),
        max(0, HALO - top),
        max(0, bottom + HALO - height),
    )
    part = x[..., rows, columns]
    return F.pad(part, beyond) if any(beyond) else part


def without_halo(x: Tensor) -> Tensor:
    return x[..., HALO:-HALO, HALO:-HALO]


def centre(x: Tensor, size: Size) -> Tensor:
    """The central `size` pixels of (n, c, h, w)."""
    beyond = [length - wanted for length, wanted in zip(x.shape[-2:], size, strict=True)]
    if not any(beyond):
        return x
    # A slice would do, but its gradient has another memory layout than that of convolutions, and
    # to add the two takes ten times as long.
    (top, left), (bottom, right) = (d // 2 for d in beyond), (d - d // 2 for d in beyond)
    return F.pad(x, (-left, -right, -top, -bottom))


# What a network knows of timestep and scale

EMBEDDING = 32
CONDITION_HIDDEN = 128


def sinusoidal_embedding(position: Tensor, width: int = EMBEDDING) -> Tensor:
    """(n,) → (n, width): sines then cosines, frequencies from 1 down to 1/10000."""
    half = width // 2
    steps = torch.arange(half, device=position.device, dtype=torch.float32)
    angles = position.float()[:, None] * torch.exp(-steps * (math.log(10000) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def positions(t: Tensor, scale: Tensor) -> Tensor:
    """Timesteps and scales (n,) as a network is given them, (n, 2 · EMBEDDING)."""
    return torch.cat([sinusoidal_embedding(t), sinusoidal_embedding(scale)], dim=1)


def joint_embedding() -> nn.Sequential:
    """Layers that make of `positions` the embedding that every block is given."""
    return nn.Sequential(
        nn.Linear(2 * EMBEDDING, CONDITION_HIDDEN),
        nn.GELU(),
        nn.Linear(CONDITION_HIDDEN, EMBEDDING),
    )


# The paper's network


class PaperBlock(nn.Module):
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


class PaperDenoiser(nn.Module):
    """Predicts the noise ε in x_t^s. With `width` 160 it is the paper's, 1 106 772 parameters."""

    cell = 1
    """Side of the squares of pixels that it works on as one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.width = width
        self.embed = joint_embedding()
        channels = [3, half, width, width, half]
        self.blocks = nn.ModuleList(PaperBlock(c_in, c_out) for c_in, c_out in pairwise(channels))
        self.head = nn.Conv2d(half, 3, 1)

    def forward(self, x: Tensor, t: Tensor, scale: Tensor, frame: Frame = WHOLE) -> Tensor:
        """x: (n, 3, h, w); t, scale: (n,) integers → ε, (n, 3, h, w) without the frame's halo."""
        embedding = self.embed(positions(t, scale).to(x.dtype))
        x = frame.hide_outside(x)
        for block in self.blocks:
            x = block(x, embedding, frame)
        out: Tensor = self.head(x)
        return out


# The quicker one. It has as many blocks as the paper's and sees as many pixels, here counted from a
# 2×2 cell. What differs, and where that comes from:
#
# * pixels are folded into channels and back (Zhang et al., FFDNet, 2018), so that all layers work
#   at half the resolution;
# * timestep and scale multiply as well as add (Perez et al., FiLM, 2018);
# * ε is what is left for the network to tell once the best guess proportional to x_t is taken
#   (Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, 2022, §5).

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

    def forward(self, x: Tensor, embedding: Tensor, frame: Frame) -> Tensor:
        gain, offset = self.condition(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(offset, frame.convolve(x, self.depthwise), 1 + gain)
        h = frame.convolve(frame.hide_outside(h), self.conv1)
        h = self.conv2(F.gelu(h)) + centre(x, (h.shape[-2], h.shape[-1]))
        return frame.hide_outside(h)


class HalfResolutionDenoiser(nn.Module):
    """Predicts the noise ε in x_t^s. With `width` 48 it has 125 020 parameters."""

    cell = CELL
    """Side of the squares of pixels that it works on as one."""

    def __init__(self, width: int, alphas_cumprod: Sequence[float] | None = None) -> None:
        """`alphas_cumprod` are ᾱ_t of the schedule, those of the cosine schedule if None."""
        super().__init__()
        self.width = width
        self.embed = joint_embedding()
        self.stem = nn.Conv2d(3 * CELL**2, width, 1)
        self.blocks = nn.ModuleList(HalfResolutionBlock(width) for _ in range(BLOCKS))
        self.head = nn.Conv2d(width, 3 * CELL**2, 1)
        usual = cosine_alphas_cumprod() if alphas_cumprod is None else alphas_cumprod
        alphas = torch.as_tensor(usual, dtype=torch.float64)
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
        embedding = self.embed(positions(t, scale).to(x.dtype))
        normalise, guess, rest = (
            getattr(self, name)[t].view(-1, 1, 1, 1) for name in ("normalise", "guess", "rest")
        )
        size = (x.shape[-2], x.shape[-1])
        cells = frame.in_cells(CELL)
        h = cells.hide_outside(self.stem(_folded(frame.hide_outside(x * normalise))))
        for block in self.blocks:
            h = block(h, embedding, cells)
        h = F.pixel_shuffle(self.head(h), CELL)
        halo = HALO if frame.halo else 0
        inner = slice(halo, size[0] - halo), slice(halo, size[1] - halo)
        return guess * x[..., *inner] + rest * h[..., : size[0] - 2 * halo, : size[1] - 2 * halo]


def _folded(x: Tensor) -> Tensor:
    """(n, 3, h, w) → (n, 12, ⌈h/2⌉, ⌈w/2⌉), zero beyond the lower and right end."""
    height, width = x.shape[-2:]
    x = F.pixel_unshuffle(F.pad(x, (0, -width % CELL, 0, -height % CELL)), CELL)
    return x.contiguous(memory_format=torch.channels_last)


# Any other


class WholeDenoiser(nn.Module):
    """A network of somebody else's, which is only ever given whole pictures.

    How many pixels it sees, and what it takes to lie beyond a border, is nobody's business then:
    it is trained without crops and asked without tiles.
    """

    cell = 1

    def __init__(
        self,
        network: nn.Module,
        guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`network`(x, t, s) is ε: see the service `network`. It is called inside a `guard`."""
        super().__init__()
        self.network = network
        self._guard = guard

    def forward(self, x: Tensor, t: Tensor, scale: Tensor, frame: Frame = WHOLE) -> Tensor:
        """x: (n, 3, h, w); t, scale: (n,) integers → ε, (n, 3, h, w)."""
        if frame.halo:
            raise ValueError("this network is for whole pictures, not for parts of them")
        with self._guard():
            out = self.network(x, t, scale)
            if not isinstance(out, Tensor) or out.shape != x.shape:
                found = tuple(getattr(out, "shape", ())) or type(out).__name__
                raise ValueError(f"the noise must have the shape {tuple(x.shape)}, not {found}")
        return out


# By the names that qualities and model files use

Denoiser = PaperDenoiser | HalfResolutionDenoiser | WholeDenoiser


def make_network(
    name: str | None, width: int, alphas_cumprod: Sequence[float] | None = None
) -> PaperDenoiser | HalfResolutionDenoiser:
    """An untrained denoiser, the paper's if `name` is None, for a schedule with those ᾱ_t.

    KeyError if there is none so called.
    """
    if name in (None, "paper"):
        return PaperDenoiser(width)
    if name == "half":
        return HalfResolutionDenoiser(width, alphas_cumprod)
    raise KeyError(name)
