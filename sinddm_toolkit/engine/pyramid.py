"""The scales of a picture: x^s and the blurred x̃^s (paper §3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.errors import UserError

SCALE_FACTOR = 1.411
"""r that the number of scales is chosen for: close to √2, so two scales halve the picture."""

COARSEST_AREA = 3110
"""Pixels of scale 0: the receptive field as the paper counts it, 35², is 40 % of them."""

COARSEST_SHORT_SIDE = (42, 55)
"""Limits of scale 0's short side; they keep panoramas as thick as the network sees."""

CUBIC = -0.75
"""The parameter of bicubic interpolation."""

CERTAINLY_KNOWN = 0.99
"""Share of a pixel of a coarser scale that must be known for it to be learnt."""

MIN_SIDE = 16
"""The smallest side of a picture that has statistics worth learning."""

Size = tuple[int, int]

Wraps = tuple[bool, bool]
"""Whether a canvas goes on at its other side, (down, across)."""

FLAT: Wraps = (False, False)
"""With borders all around, as pictures are."""

Upsampling = Literal["bicubic", "bilinear"]
"""The paper says bicubic, the published implementation is bilinear. A model must be sampled with
what it was trained with: the blur that it takes out is that one's."""


def scale_sizes(size: Size) -> tuple[list[Size], float]:
    """Sizes (h, w) of all scales, coarsest first, and the factor r between them.

    A picture whose short side is no longer than scale 0's has a single scale: itself.
    """
    short, long = min(size), max(size)
    low, high = COARSEST_SHORT_SIDE
    coarsest = min(max(round(math.sqrt(COARSEST_AREA * short / long)), low), high)
    if short <= coarsest:
        return [size], SCALE_FACTOR
    count = round(math.log(short / coarsest) / math.log(SCALE_FACTOR)) + 1
    if count == 1:
        return [size], SCALE_FACTOR
    factor = float((short / coarsest) ** (1 / (count - 1)))
    return [scaled(size, factor ** (s - count + 1)) for s in range(count)], factor


def scaled(size: Size, by: float) -> Size:
    """`size` times `by`, rounded, at least one pixel."""
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def working_size(size: Size, max_pixels: int) -> Size:
    """The largest size with the aspect of `size` (h, w) that has at most about `max_pixels` pixels.

    Never larger than `size`; a short side is not shrunk below what the network sees (33 pixels),
    so a very long panorama may exceed `max_pixels`.
    """
    by = math.sqrt(max_pixels / (size[0] * size[1]))
    by = min(1.0, max(by, 33 / min(size)))
    return size if by == 1.0 else scaled(size, by)


def downsample(x: Tensor, size: Size) -> Tensor:
    """(n, c, h, w) → (n, c, *size), antialiased bicubic."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bicubic", align_corners=False, antialias=True)


def upsample(x: Tensor, size: Size, mode: Upsampling = "bicubic", wraps: Wraps = FLAT) -> Tensor:
    """(n, c, h, w) → (n, c, *size): the ↑ of eq. 1 and of Algorithm 2 alike."""
    if x.shape[-2:] == size:
        return x
    if not any(wraps):
        return F.interpolate(x, size=size, mode=mode, align_corners=False)
    for axis, length, wrap in zip((-2, -1), size, wraps, strict=True):
        x = _interpolated(x, axis, length, mode, wrap)
    return x


def _interpolated(x: Tensor, axis: int, length: int, mode: Upsampling, wrap: bool) -> Tensor:
    """x with the `axis` made so long, as `F.interpolate` does it, whose borders never wrap."""
    n = x.shape[axis]
    place = (torch.arange(length, dtype=torch.float64) + 0.5) * n / length - 0.5
    first = place.floor()
    reach = 2 if mode == "bicubic" else 1
    total = torch.zeros((), device=x.device, dtype=x.dtype)
    for k in range(1 - reach, reach + 1):
        index = (first + k).long()
        index = index % n if wrap else index.clamp(0, n - 1)
        weight = _tap((place - first - k).abs(), mode).to(x)
        shape = [1] * x.ndim
        shape[axis] = length
        total = total + x.index_select(axis, index.to(x.device)) * weight.view(shape)
    return total


def _tap(away: Tensor, mode: Upsampling) -> Tensor:
    """The weight of a pixel so far away (Keys, 1981, with a = -0.75 as torch has it)."""
    if mode == "bilinear":
        return (1 - away).clamp(min=0)
    a = CUBIC
    near = ((a + 2) * away - (a + 3)) * away**2 + 1
    far = ((away - 5) * away + 8) * away * a - 4 * a
    return torch.where(away <= 1, near, torch.where(away < 2, far, 0.0))


def surrounded(x: Tensor, margin: int, wraps: Wraps) -> Tensor:
    """x (n, c, h, w) with `margin` more pixels at both ends of each axis that wraps.

    They are those of the other side, again and again if the margin is longer than the axis.
    """
    for axis, wrap in zip((-2, -1), wraps, strict=True):
        if wrap:
            n = x.shape[axis]
            x = x.index_select(axis, torch.arange(-margin, n + margin, device=x.device) % n)
    return x


def resized(x: Tensor, size: Size) -> Tensor:
    """(n, c, h, w) → (n, c, *size), larger or smaller."""
    larger = size[0] * size[1] > x.shape[-2] * x.shape[-1]
    return upsample(x, size) if larger else downsample(x, size)


class _Blurred(Sequence[Tensor]):
    """See `Pyramid.blurred`. Kept, they would take as much memory as the pyramid itself."""

    def __init__(self, pyramid: Pyramid) -> None:
        self._pyramid = pyramid

    def __len__(self) -> int:
        return self._pyramid.count

    @overload
    def __getitem__(self, s: int) -> Tensor: ...
    @overload
    def __getitem__(self, s: slice) -> list[Tensor]: ...
    def __getitem__(self, s: int | slice) -> Tensor | list[Tensor]:
        if isinstance(s, slice):
            return [self[k] for k in range(len(self))[s]]
        s = range(len(self))[s]
        scales = self._pyramid.scales
        if s == 0:
            return scales[0]
        return upsample(scales[s - 1], self._pyramid.sizes[s], self._pyramid.upsampling)


@dataclass(frozen=True, eq=False)
class Pyramid:
    """x^0 … x^{N-1} of one picture, each (1, 3, h, w) float32 in [-1, 1] on the CPU."""

    scales: tuple[Tensor, ...]
    """x^0 … x^{N-1}, coarsest first."""
    factor: float
    """r, the factor between the sides of one scale and the next, about √2."""
    known: tuple[Tensor, ...] | None = None
    """(1, 1, h, w) of each scale, 1 where there is something to be learnt; None is everywhere."""
    upsampling: Upsampling = "bicubic"
    """How a scale becomes the blurred one above it, here and in sampling."""
    others: tuple[Pyramid, ...] = ()
    """Those of the other pictures that are learnt with this one: as many scales, the same r."""

    @property
    def sources(self) -> tuple[Pyramid, ...]:
        """This one and the others: all that is learnt, and that what is made is to be like."""
        return (self, *self.others)

    @property
    def sizes(self) -> list[Size]:
        """(h, w) of each scale."""
        return [(x.shape[-2], x.shape[-1]) for x in self.scales]

    @property
    def count(self) -> int:
        """N, the number of scales."""
        return len(self.scales)

    @property
    def blurred(self) -> Sequence[Tensor]:
        """x̃^0 … x̃^{N-1}: the scale below, upsampled; x̃^0 = x^0.

        Each (1, 3, h, w), made when it is asked for.
        """
        return _Blurred(self)

    @property
    def details(self) -> list[float]:
        """RMSE(x^s, x̃^s) for s = 1 … N-1, in [-1, 1] units; of several pictures the largest."""
        return [
            max(float(F.mse_loss(one.scales[s], one.blurred[s]).sqrt()) for one in self.sources)
            for s in range(1, self.count)
        ]


def tensor_from_rgb(rgb: npt.NDArray[np.float32]) -> Tensor:
    """(h, w, 3) float32 in [-1, 1] → (1, 3, h, w) on the CPU. Other counts of channels will do."""
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].contiguous()


def rgb_from_tensor(x: Tensor) -> npt.NDArray[np.float32]:
    """(1, 3, h, w) on any device, without gradients → (h, w, 3) float32."""
    array: npt.NDArray[np.float32] = x[0].permute(1, 2, 0).contiguous().cpu().numpy()
    return array


def check_size(size: Size, name: str) -> None:
    """UserError if a picture of `size` is too small to learn from."""
    if min(size) < MIN_SIDE:
        raise UserError(
            f"{name} is {size[1]}×{size[0]} pixels: a picture to learn from needs at least "
            f"{MIN_SIDE} pixels on its short side"
        )


def build_pyramid(
    x: Tensor,
    known: Tensor | None = None,
    upsampling: Upsampling = "bicubic",
    others: Sequence[Tensor] = (),
) -> Pyramid:
    """x: (1, 3, h, w) in [-1, 1], the picture at its working size. Each scale is made from x.

    known: (1, 1, h, w), 0 where the picture is to be ignored. What is there is replaced by smooth
    colours from around, so that nothing of it reaches the coarser scales either. others: as x, of
    about as many pixels, what is learnt with it; they are shrunk as often, by the same factor.
    """
    sizes, factor = scale_sizes((x.shape[-2], x.shape[-1]))
    beside = tuple(
        Pyramid(_shrunk(one, len(sizes), factor), factor, upsampling=upsampling) for one in others
    )
    if known is None:
        scales = tuple(downsample(x, size) for size in sizes)
        return Pyramid(scales, factor, upsampling=upsampling, others=beside)
    x = filled(x, known)
    shares = [downsample(known, size) for size in sizes]
    certain = tuple((share >= min(CERTAINLY_KNOWN, float(share.max()))).float() for share in shares)
    scales = tuple(downsample(x, size) for size in sizes)
    return Pyramid(scales, factor, certain, upsampling, beside)


def _shrunk(x: Tensor, count: int, factor: float) -> tuple[Tensor, ...]:
    """x (1, 3, h, w) at `count` scales, of which each is smaller than the next by `factor`."""
    size = (x.shape[-2], x.shape[-1])
    return tuple(downsample(x, scaled(size, factor ** (s - count + 1))) for s in range(count))


def filled(x: Tensor, known: Tensor) -> Tensor:
    """x (1, 3, h, w) with what is not `known` (1, 1, h, w) filled in smoothly from around.

    By push and pull: means of what is known, over larger and larger squares.
    """
    if bool(known.all()) or min(x.shape[-2:]) < 2:
        return x
    share = F.avg_pool2d(known, 2, ceil_mode=True)
    means = F.avg_pool2d(x * known, 2, ceil_mode=True) / share.clamp(min=1e-6)
    size = (x.shape[-2], x.shape[-1])
    around = F.interpolate(filled(means, (share > 0).float()), size, mode="bilinear")
    return x * known + around * (1 - known)
