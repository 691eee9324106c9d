"""Putting what a run made into a picture of full resolution, and leaving the rest as it is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.images import Picture

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), the ends excluded."""

LEAST_WEIGHT = 1 / 512
"""Of a soft mask: less is nothing, so that it ends."""


def softened(mask: BoolArray, spread: float, feather: float) -> FloatArray:
    """(h, w) in [0, 1]: the mask dilated by a disk of radius `spread` and blurred with a Gaussian
    of σ = `feather` (pixels), scaled to a maximum of 1 and exactly 0 further away."""
    from scipy import ndimage

    wide = ndimage.distance_transform_edt(~mask) <= spread
    weight = ndimage.gaussian_filter(wide.astype(np.float32), feather)
    soft: FloatArray = weight / max(float(weight.max()), LEAST_WEIGHT)
    soft[soft < LEAST_WEIGHT] = 0
    return soft


def bounds(mask: BoolArray, margin: int = 0, multiple: int = 1) -> Box:
    """The box around what is true, `margin` pixels wider but inside the picture.

    Its edges are moved outwards to a `multiple`, as far as the picture goes.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    h, w = mask.shape
    return (
        max(0, (int(rows[0]) - margin) // multiple * multiple),
        max(0, (int(columns[0]) - margin) // multiple * multiple),
        min(h, -(-(int(rows[-1]) + 1 + margin) // multiple) * multiple),
        min(w, -(-(int(columns[-1]) + 1 + margin) // multiple) * multiple),
    )


def with_change(picture: Picture, change: FloatArray, weight: FloatArray) -> Picture:
    """`picture` with a change that was made at another resolution, carried up to its own.

    change: (h, w, 3) in units of [-1, 1]; weight: (h, w) in [0, 1], how much of it counts. Where
    the weight is 0, every pixel stays as it is, bit for bit; the picture's own finest detail stays
    everywhere.
    """
    if not (weight > 0).any():
        return picture
    box = _scaled_box(bounds(weight > 0, 1), weight.shape, picture.size)
    channels = [_enlarged(change[..., k], box, picture.size) for k in range(3)]
    strength = _enlarged(weight, box, picture.size, smooth=False)
    return picture.blend(picture.rgb(box) + np.stack(channels, axis=2), strength, box)


def _scaled_box(box: Box, size: tuple[int, ...], target: Size) -> Box:
    """`box` of a picture of `size` in the pixels of one of size `target`, outwards."""
    y, x = target[0] / size[0], target[1] / size[1]
    return (
        math.floor(box[0] * y),
        math.floor(box[1] * x),
        min(target[0], math.ceil(box[2] * y)),
        min(target[1], math.ceil(box[3] * x)),
    )


def _enlarged(channel: FloatArray, box: Box, target: Size, smooth: bool = True) -> FloatArray:
    """The `box` of `channel` (h, w) after enlarging it to size `target`.

    Bicubic, or bilinear where nothing may overshoot.
    """
    from PIL import Image

    if channel.shape == target:
        return channel[box[0] : box[2], box[1] : box[3]]
    y, x = channel.shape[0] / target[0], channel.shape[1] / target[1]
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(channel, dtype=np.float32)).resize(
        (box[3] - box[1], box[2] - box[0]), method, (box[1] * x, box[0] * y, box[3] * x, box[2] * y)
    )
    return np.asarray(image)
