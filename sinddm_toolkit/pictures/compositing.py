"""Putting what a run made into a picture of full resolution, and leaving the rest as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.pictures.picture import Box, Picture, Size

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """A part of a picture of some size."""

    size: Size
    """(h, w) of the whole picture."""
    box: Box
    """(y0, x0, y1, x1) in pixels of that size, the ends excluded."""

    @property
    def shape(self) -> Size:
        """(h, w) of the part."""
        y0, x0, y1, x1 = self.box
        return y1 - y0, x1 - x0

    def at(self, size: Size, margin: int = 0, multiple: int = 1) -> Window:
        """The same part at another `size` (h, w) of the picture, rounded outwards.

        `margin` pixels wider all around, its edges at a `multiple`, as far as the picture goes.
        """
        y, x = (new / old for new, old in zip(size, self.size, strict=True))
        y0, x0, y1, x1 = self.box
        box = math.floor(y0 * y), math.floor(x0 * x), math.ceil(y1 * y), math.ceil(x1 * x)
        return Window(size, _outwards(box, size, margin, multiple))


def whole(size: Size) -> Window:
    """All of a picture (h, w)."""
    return Window(size, (0, 0, *size))


LEAST_WEIGHT = 1 / 512
"""Of a soft mask: less is nothing, so that it ends."""


def softened(mask: BoolArray, spread: float, feather: float) -> FloatArray:
    """(h, w) in [0, 1]: the mask (h, w) dilated by a disk of radius `spread` and blurred with a
    Gaussian of σ = `feather` (pixels), scaled to a maximum of 1 and exactly 0 further away."""
    from scipy import ndimage

    wide = ndimage.distance_transform_edt(~mask) <= spread
    weight = ndimage.gaussian_filter(wide.astype(np.float32), feather)
    soft: FloatArray = weight / max(float(weight.max()), LEAST_WEIGHT)
    soft[soft < LEAST_WEIGHT] = 0
    return soft


def bounds(mask: BoolArray, margin: int = 0, multiple: int = 1) -> Box:
    """(y0, x0, y1, x1) around what is true of (h, w), `margin` pixels wider but inside of it.

    Its edges are moved outwards to a `multiple`, as far as the picture goes.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    return _outwards(box, (mask.shape[0], mask.shape[1]), margin, multiple)


def _outwards(box: Box, size: Size, margin: int, multiple: int) -> Box:
    (y0, x0, y1, x1), (h, w) = box, size
    return (
        max(0, (y0 - margin) // multiple * multiple),
        max(0, (x0 - margin) // multiple * multiple),
        min(h, -(-(y1 + margin) // multiple) * multiple),
        min(w, -(-(x1 + margin) // multiple) * multiple),
    )


def with_change(
    picture: Picture, change: FloatArray, weight: FloatArray, window: Window | None = None
) -> Picture:
    """`picture` with a change that was made at another resolution, carried up to its own.

    change: (h, w, 3) in units of [-1, 1], of that `window`, of the whole picture if None; weight:
    of the whole picture at any size, (h, w) in [0, 1], how much of it counts. The window has a
    pixel more than all that counts. Where the weight is 0, every pixel stays as it is, bit for
    bit; the picture's own finest detail stays everywhere.
    """
    if not (weight > 0).any():
        return picture
    everywhere = whole((weight.shape[0], weight.shape[1]))
    window = window or whole((change.shape[0], change.shape[1]))
    part = Window(everywhere.size, bounds(weight > 0, 1)).at(picture.size)
    carried = np.stack([carried_over(change[..., k], window, part) for k in range(3)], axis=2)
    strength = carried_over(weight, everywhere, part, smooth=False)
    return picture.blend(picture.rgb(part.box) + carried, strength, part.box)


def carried_over(
    channel: FloatArray, window: Window, target: Window, smooth: bool = True
) -> FloatArray:
    """What `channel` (h, w) shows in a window of a picture → in another window, of any size.

    Bicubic, or bilinear where nothing may overshoot. The target is a part of the window.
    """
    from PIL import Image

    top, left, _, _ = window.box
    y0, x0, y1, x1 = target.box
    if window.size == target.size:
        return channel[y0 - top : y1 - top, x0 - left : x1 - left]
    y, x = (old / new for old, new in zip(window.size, target.size, strict=True))
    h, w = channel.shape
    part = (
        max(x0 * x - left, 0),
        max(y0 * y - top, 0),
        min(x1 * x - left, w),
        min(y1 * y - top, h),
    )
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(channel, dtype=np.float32))
    return np.asarray(image.resize((x1 - x0, y1 - y0), method, part))
