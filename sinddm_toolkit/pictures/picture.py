"""The picture: its pixels, and what came with them in its file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Rgb = npt.NDArray[np.float32]
Size = tuple[int, int]
"""(h, w)."""
Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), the ends excluded."""

STRIP_ROWS = 256
"""How many are blended at a time."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A still picture as its file holds it, upright."""

    pixels: Pixels
    """(h, w, c), uint8 or uint16; c = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA."""
    name: str = "picture"
    """What messages call it."""
    path: Path | None = None
    """Where it came from, absolute; None if not from a file."""
    icc: bytes | None = None
    """The colour profile as in the file."""
    exif: bytes | None = None
    """EXIF as in the file, without orientation, thumbnail and record."""

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_], size: Size | None = None) -> Picture:
        """A grey picture, white where `mask` (h, w) is true, resized to `size` (h, w)."""
        picture = cls(mask[..., None].astype(np.uint8) * np.uint8(255), "mask")
        return picture if size is None else picture.resized(size)

    @property
    def size(self) -> Size:
        """(h, w)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def depth(self) -> int:
        """Bits a channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def maximum(self) -> int:
        """The largest value of a channel: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def has_alpha(self) -> bool:
        """Whether there is an alpha channel, be it opaque or not."""
        return self.pixels.shape[2] in (2, 4)

    @property
    def is_transparent(self) -> bool:
        """Whether anything is not fully opaque."""
        return self.has_alpha and bool((self.pixels[..., -1] < self.maximum).any())

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours: one channel, or one and alpha."""
        return self.pixels.shape[2] <= 2

    def rgb(self, box: Box | None = None) -> Rgb:
        """(h, w, 3) float32 in [-1, 1], of `box` or of everything."""
        colour = self._colour(box).astype(np.float32)
        colour *= 2 / self.maximum
        colour -= 1
        return np.repeat(colour, 3, axis=2) if self.is_grey else colour

    def alpha(self, box: Box | None = None) -> Rgb | None:
        """(h, w) float32 in [0, 1]; None if there is no alpha or everything is opaque."""
        if not self.is_transparent:
            return None
        return self._cut(box)[..., -1].astype(np.float32) / np.float32(self.maximum)

    def _cut(self, box: Box | None) -> Pixels:
        y0, x0, y1, x1 = box or (0, 0, *self.size)
        return self.pixels[y0:y1, x0:x1]

    def _colour(self, box: Box | None) -> Pixels:
        return self._cut(box)[..., : 1 if self.is_grey else 3]

    def with_rgb(self, rgb: Rgb, box: Box | None = None) -> Picture:
        """The colours, of `box` or of everything, replaced by `rgb` (h, w, 3) in [-1, 1].

        Clipped and rounded; alpha stays. ValueError if the shapes differ.
        """
        everything = np.broadcast_to(np.float32(1), self._cut(box).shape[:2])
        return self.blend(rgb, everything, box)

    def blend(self, rgb: Rgb, weight: Rgb, box: Box | None = None) -> Picture:
        """weight · rgb + (1 - weight) · old, in `box` or everywhere.

        rgb: (h, w, 3) in [-1, 1]; weight: (h, w) in [0, 1]. Where it is 0 the old bits are kept.
        ValueError if the shapes differ, or if anything that counts is not finite.
        """
        size = self._cut(box).shape[:2]
        if rgb.shape != (*size, 3):
            raise ValueError(f"the colours are {rgb.shape}, not {(*size, 3)}")
        if weight.shape != size:
            raise ValueError(f"the weight is {weight.shape}, the region {size}")
        changed = replace(self, pixels=self.pixels.copy())
        colour = changed._colour(box)
        # Strip by strip: the floats of a whole photograph would take up much memory.
        for top in range(0, size[0], STRIP_ROWS):
            rows = slice(top, top + STRIP_ROWS)
            old, share = colour[rows], weight[rows, :, None]
            levels = share * self._levels(rgb[rows]) + (1 - share) * old
            if not np.isfinite(np.where(share == 0, 0, levels)).all():
                raise ValueError("the colours are not finite")
            old[...] = np.where(share == 0, old, np.rint(np.clip(levels, 0, self.maximum)))
        return changed

    def _levels(self, rgb: Rgb) -> Array:
        """`rgb` as float channel values, not yet rounded."""
        new = rgb.mean(axis=2, keepdims=True) if self.is_grey else rgb
        return (new + 1) * (self.maximum / 2)

    def resized(self, size: Size) -> Picture:
        """Antialiased Lanczos to (h, w)."""
        if size == self.size:
            return self
        pixels: Array
        if self.depth == 8 and not self.has_alpha:  # much quicker than by channels
            pixels = with_channel_axis(_lanczos(without_channel_axis(self.pixels), size))
        else:
            levels = np.stack(self._resized_channels(size), axis=2)
            pixels = np.rint(np.clip(levels, 0, self.maximum)).astype(self.pixels.dtype)
        return replace(self, pixels=pixels)

    def _resized_channels(self, size: Size) -> list[Array]:
        """Float values, neither clipped nor rounded, (h, w) a channel."""
        channels = [self.pixels[..., k].astype(np.float32) for k in range(self.pixels.shape[2])]
        if not self.has_alpha:
            return [_lanczos(colour, size) for colour in channels]
        # Colours under transparency must not bleed into what can be seen, yet they stay.
        *colours, alpha = channels
        weight = np.maximum(alpha / self.maximum, 1e-3)
        total = np.maximum(_lanczos(weight, size), 1e-4)
        resized = [_lanczos(colour * weight, size) / total for colour in colours]
        return [*resized, _lanczos(alpha, size)]

    def content_hash(self) -> str:
        """sha256 of shape, depth and pixels."""
        digest = hashlib.sha256(f"{self.pixels.shape}{self.pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


def picture_from_rgb(rgb: Rgb, like: Picture) -> Picture:
    """`rgb` (h, w, 3) in [-1, 1], any size, with the depth, greyness and profile of `like`.

    A picture that is like no other is `Picture(pixels)`, of (h, w, c) uint8 or uint16.
    """
    channels = 1 if like.is_grey else 3
    blank = np.zeros((*rgb.shape[:2], channels), like.pixels.dtype)
    return Picture(blank, icc=like.icc).with_rgb(rgb)


def with_channel_axis(pixels: Array) -> Array:
    """(h, w, c), be it of (h, w) or of (h, w, c)."""
    return pixels[..., None] if pixels.ndim == 2 else pixels


def without_channel_axis(pixels: Array) -> Array:
    """(h, w) of (h, w, 1), which is how encoders expect a grey picture; others as they are."""
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _lanczos(channels: Array, size: Size) -> Array:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(channels))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))
