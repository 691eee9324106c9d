"""An object's tones and colours brought nearer to those around it.

After Reinhard et al. (*Color Transfer between Images*, 2001): lightness and two colours, which in
pictures have little to do with each other, get the middle and the spread of the surroundings. They
get them in part, so that an orange in the grass stays one, and as percentiles, which a glint or a
black corner doesn't change.
"""

from __future__ import annotations

import math
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

SHARE_OF_LIGHT, SHARE_OF_COLOUR = 0.5, 0.3
"""Of the way from the object's middle to that of its surroundings."""

CONTRAST = (0.6, 1.25)
SATURATION = (0.5, 1.2)
"""At least and at most of the object's own."""

DARKEST, LIGHTEST = 1, 99
"""Percentiles of the whole picture: the object's are to lie between them."""

OPPONENTS = np.array(
    [
        [3**-0.5, 3**-0.5, 3**-0.5],
        [6**-0.5, 6**-0.5, -2 * 6**-0.5],
        [2**-0.5, -(2**-0.5), 0],
    ]
)
"""Rows are lightness, yellow to blue, red to green (Ruderman et al., 1998), at right angles."""

Array = npt.NDArray[np.float64]


def toned(picture: Picture, background: Picture, inside: FloatArray, strength: float) -> Picture:
    """`picture` with what is `inside` (h, w; 0 to 1, at any size) fitted to the `background`.

    Both have the same framing. Pixels where `inside` is 0 stay as they are, bit for bit.
    """
    size = st.working_size(picture.size, PIXELS)
    everywhere = st.whole((inside.shape[0], inside.shape[1]))
    share = shares_at(inside, size)
    own, around = (_opponents(one.resized(size).rgb()) for one in (picture, background))
    covered = share >= min(0.5, float(share.max()))
    fit = Fit.between(own[covered], around[_surroundings(covered)], around.reshape(-1, 3))
    part = st.Window(everywhere.size, st.bounds(inside > 0, 1)).at(picture.size)
    fitted = fit(_opponents(picture.rgb(part.box))) @ OPPONENTS
    weight = st.carried_over(inside, everywhere, part, smooth=False) * np.float32(strength)
    return picture.blend(fitted.astype(np.float32), weight.clip(0, 1), part.box)


@dataclass(frozen=True)
class Fit:
    """What tones become: they are scaled around the object's middle, and that is moved."""

    middle: Array
    """(3,) of the object."""
    target: Array
    """(3,) what that becomes."""
    scale: Array
    """(3,) of what differs from it."""

    @classmethod
    def between(cls, own: Array, around: Array, everywhere: Array) -> Fit:
        """By the opponents (n, 3) of the object, of its surroundings and of the whole picture."""
        shares = np.array([SHARE_OF_LIGHT, SHARE_OF_COLOUR, SHARE_OF_COLOUR])
        middle, there = np.median(own, axis=0), np.median(around, axis=0)
        target = middle + shares * (there - middle)
        contrast = _ratio(_spread(around[:, 0]), _spread(own[:, 0]), CONTRAST)
        own_range, whole_range = (
            np.percentile(one[:, 0], (DARKEST, LIGHTEST)) for one in (own, everywhere)
        )
        target[0] = np.clip(target[0], *whole_range)
        for end, limit in zip(own_range, whole_range, strict=True):
            if contrast * abs(end - middle[0]) > abs(limit - target[0]):
                contrast = abs(limit - target[0]) / abs(end - middle[0])
        saturation = _ratio(_colourfulness(everywhere), _colourfulness(own), SATURATION)
        target[1:] *= min(1.0, saturation)
        return cls(middle, target, np.array([contrast, saturation, saturation]))

    def __call__(self, opponents: Array) -> Array:
        """(..., 3) → (..., 3)."""
        return self.target + (opponents - self.middle) * self.scale


def _opponents(rgb: FloatArray) -> Array:
    return rgb.astype(np.float64) @ OPPONENTS.T


def _surroundings(covered: BoolArray) -> BoolArray:
    """(h, w): what is near, but not on, what is covered; all of it if there is nothing else."""
    from scipy import ndimage

    reach = REACH * math.sqrt(covered.sum())
    near: BoolArray = ~covered & (ndimage.distance_transform_edt(~covered) <= reach)
    return near if near.any() else covered


def _spread(values: Array) -> float:
    low, high = np.percentile(values, (10, 90))
    return float(high - low)


def _colourfulness(opponents: Array) -> float:
    """How far from grey the more colourful parts are."""
    return float(np.percentile(np.hypot(opponents[:, 1], opponents[:, 2]), 80))


def _ratio(wanted: float, own: float, limits: tuple[float, float]) -> float:
    return float(np.clip(wanted / max(own, 1e-6), *limits))
