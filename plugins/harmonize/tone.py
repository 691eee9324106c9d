"""An object's tones and colours brought nearer to those around it.

Lightness and two colours, which in pictures have little to do with each other, are changed one by
one, as in Reinhard et al. (*Color Transfer between Images*, 2001), by percentiles, which a glint or
a black corner doesn't change. An orange in the grass stays one: what a picture has no light for is
what makes an object look pasted, and that is what `by_range` takes away first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

from .object_mask import BoolArray, FloatArray, shares_at

PIXELS = 100_000
"""Of the size that is measured at."""

REACH = 0.75
"""How far the surroundings go, in sizes of the object."""

DARKEST, LIGHTEST = 2, 98
"""Percentiles of lightness that stand for black and white."""

SHARE_OF_WHITE, SHARE_OF_BLACK = 0.8, 0.5
"""What is lighter or darker than anything there: how much of that goes."""

SHARE_OF_LIGHT, SHARE_OF_COLOUR = 0.3, 0.1
"""Of the way from the object's middle to that of its surroundings."""

LEAST_CONTRAST = 0.5
SATURATION = (0.7, 1.1)
"""At least and at most of the object's own."""

TINT = 0.2
"""How much of the colour of the light, which is that of what is around, falls onto the object."""

OPPONENTS = np.array(
    [
        [3**-0.5, 3**-0.5, 3**-0.5],
        [6**-0.5, 6**-0.5, -2 * 6**-0.5],
        [2**-0.5, -(2**-0.5), 0],
    ]
)
"""Rows are lightness, yellow to blue, red to green (Ruderman et al., 1998), at right angles."""

BLACK = math.sqrt(3)
"""The lightness of black, less than none; that of white is as much above."""

EVEN = 0.05
"""A difference in lightness that is none yet."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What tones become: they are scaled around the object's middle, which is moved, and tinted."""

    middle: Array
    """(3,) of the object."""
    target: Array
    """(3,) what that becomes."""
    scale: Array
    """(3,) of what differs from it."""
    light: Array | None = None
    """(3,) what red, green and blue are multiplied by."""

    def __call__(self, opponents: Array) -> Array:
        """(..., 3) → RGB (..., 3)."""
        rgb = (self.target + (opponents - self.middle) * self.scale) @ OPPONENTS
        return rgb if self.light is None else (rgb + 1) * self.light - 1


Way = Callable[[Array, Array, Array], Fit]
"""From the opponents (n, 3) of an object, of its surroundings and of the whole picture."""


def by_range(own: Array, around: Array, everywhere: Array) -> Fit:
    """What is lighter or darker than anything there comes nearer, as with the ends of levels.

    Contrast in between is kept: an object doesn't become flat because the table below it is.
    """
    black, white = _ends(own)
    darkest, lightest = (_ends(around) + _ends(everywhere)) / 2
    new_black = black + SHARE_OF_BLACK * max(0.0, darkest - black)
    new_white = white - SHARE_OF_WHITE * max(0.0, white - lightest)
    contrast = (new_white - new_black + EVEN) / (white - black + EVEN)
    contrast = float(np.clip(contrast, LEAST_CONTRAST, 1))
    if white - new_white > new_black - black:
        end, moved = white, new_white
    else:
        end, moved = black, new_black
    middle, there = np.median(own, axis=0), np.median(around, axis=0)
    target = middle.copy()
    target[0] = moved + contrast * (middle[0] - end)
    target[0] += SHARE_OF_LIGHT * (there[0] - target[0])
    dimmed = float(np.clip((target[0] + BLACK) / max(middle[0] + BLACK, 1e-6), LEAST_CONTRAST, 1))
    saturation = dimmed * _ratio(
        _colourfulness(everywhere), dimmed * _colourfulness(own), SATURATION
    )
    target[1:] *= saturation
    target[1:] += SHARE_OF_COLOUR * (there[1:] - target[1:])
    colour = (around @ OPPONENTS).mean(axis=0) + 1
    light = 1 + TINT * (colour / max(float(colour.mean()), 1e-6) - 1)
    return Fit(middle, target, np.array([contrast, saturation, saturation]), light)


def by_spread(own: Array, around: Array, everywhere: Array) -> Fit:
    """After Reinhard et al.: middle and spread come towards those of the surroundings."""
    middle, there = np.median(own, axis=0), np.median(around, axis=0)
    target = middle + np.array([0.5, 0.3, 0.3]) * (there - middle)
    contrast = _ratio(_spread(around[:, 0]), _spread(own[:, 0]), (0.6, 1.25))
    own_range, whole_range = (np.percentile(one[:, 0], (1, 99)) for one in (own, everywhere))
    target[0] = np.clip(target[0], *whole_range)
    for end, limit in zip(own_range, whole_range, strict=True):
        if contrast * abs(end - middle[0]) > abs(limit - target[0]):
            contrast = abs(limit - target[0]) / abs(end - middle[0])
    saturation = _ratio(_colourfulness(everywhere), _colourfulness(own), (0.5, 1.2))
    target[1:] *= min(1.0, saturation)
    return Fit(middle, target, np.array([contrast, saturation, saturation]))


WAYS: dict[str, Way] = {"range": by_range, "spread": by_spread}


def toned(
    picture: Picture, background: Picture, inside: FloatArray, strength: float, way: Way
) -> Picture:
    """`picture` with what is `inside` (h, w; 0 to 1, at any size) fitted to the `background`.

    Both have the same framing. Pixels where `inside` is 0 stay as they are, bit for bit.
    """
    size = st.working_size(picture.size, PIXELS)
    everywhere = st.whole((inside.shape[0], inside.shape[1]))
    share = shares_at(inside, size)
    own, around = (_opponents(one.resized(size).rgb()) for one in (picture, background))
    covered = share >= min(0.5, float(share.max()))
    fit = way(own[covered], around[_surroundings(covered)], around.reshape(-1, 3))
    part = st.Window(everywhere.size, st.bounds(inside > 0, 1)).at(picture.size)
    fitted = fit(_opponents(picture.rgb(part.box)))
    weight = st.carried_over(inside, everywhere, part, smooth=False) * np.float32(strength)
    return picture.blend(fitted.astype(np.float32), weight.clip(0, 1), part.box)


def _opponents(rgb: FloatArray) -> Array:
    return rgb.astype(np.float64) @ OPPONENTS.T


def _surroundings(covered: BoolArray) -> BoolArray:
    """(h, w): what is near, but not on, what is covered; all of it if there is nothing else."""
    from scipy import ndimage

    reach = REACH * math.sqrt(covered.sum())
    near: BoolArray = ~covered & (ndimage.distance_transform_edt(~covered) <= reach)
    return near if near.any() else covered


def _ends(opponents: Array) -> Array:
    """(2,): the lightness of black and white."""
    ends: Array = np.percentile(opponents[:, 0], (DARKEST, LIGHTEST))
    return ends


def _spread(values: Array) -> float:
    low, high = np.percentile(values, (10, 90))
    return float(high - low)


def _colourfulness(opponents: Array) -> float:
    """How far from grey the more colourful parts are."""
    return float(np.percentile(np.hypot(opponents[:, 1], opponents[:, 2]), 80))


def _ratio(wanted: float, own: float, limits: tuple[float, float]) -> float:
    return float(np.clip(wanted / max(own, 1e-6), *limits))
