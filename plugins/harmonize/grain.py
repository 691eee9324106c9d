"""How much of an object may be redrawn: as much as the grain of its background is that of paint.

Strokes and dabs are everywhere in a painting, in its sky and walls too, of about the same strength,
and cross each other with few edges. A photograph has smooth parts, or else leaves and stones, which
are rougher or have hard edges. So three things are asked of the finest detail, at a size at which
neither the scan nor its compression count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

PHOTOGRAPH_STEP = 5
PAINTING_STEP = 22
"""Start steps: the first keeps an object's own detail, the second redraws it in strokes."""

PIXELS = 50_000
"""Of the size that is looked at."""

FINEST = 1.0
AROUND = 4.0
REGION = 6.0
"""σ in pixels: of the blur that the finest detail is what is lost by, of the surroundings that its
strength is compared with, and of the parts that must have it."""

POOREST = 10
"""Percent of the picture that may have less grain than is asked for: a signature, a rim."""

NO_GRAIN, GRAIN = 0.013, 0.020
ROUGH, TOO_ROUGH = 0.033, 0.040
EVEN, EDGED = 3.5, 3.9
"""From where to where a picture becomes one or the other: deviations of lightness, of 1, and the
kurtosis of the detail, which is 3 for noise and more the harder its edges are. Measured on three
paintings and thirty photographs."""

FloatArray = npt.NDArray[np.float32]
Lightness = npt.NDArray[np.floating]


def start_step(background: Picture) -> int:
    """The start step that suits an object in that picture."""
    small = background.resized(st.working_size(background.size, PIXELS))
    return round(PHOTOGRAPH_STEP + (PAINTING_STEP - PHOTOGRAPH_STEP) * share_of_paint(small.rgb()))


def share_of_paint(rgb: FloatArray) -> float:
    """From 0, a photograph, to 1, a painting: by a picture (h, w, 3) in [-1, 1]."""
    light = (rgb.astype(np.float64) + 1) / 2 @ (0.299, 0.587, 0.114)
    detail = finest_detail(light)
    grain = float(np.percentile(strength(detail, REGION), POOREST))
    even = detail / (strength(detail, AROUND) + 0.003)  # nothing is not enlarged to something
    kurtosis = float((even**4).mean() / max(float((even**2).mean()), 1e-12) ** 2)
    return (
        _rising(grain, NO_GRAIN, GRAIN)
        * (1 - _rising(grain, ROUGH, TOO_ROUGH))
        * (1 - _rising(kurtosis, EVEN, EDGED))
    )


def finest_detail(light: Lightness) -> Lightness:
    """(h, w): what a blur takes from it."""
    from scipy import ndimage

    return light - ndimage.gaussian_filter(light, FINEST)


def strength(detail: Lightness, sigma: float) -> Lightness:
    """(h, w): how strong the `detail` (h, w) is around each pixel."""
    from scipy import ndimage

    return np.sqrt(ndimage.gaussian_filter(detail**2, sigma))


def _rising(value: float, start: float, end: float) -> float:
    """0 below `start`, 1 above `end`, straight between."""
    return float(np.clip((value - start) / (end - start), 0, 1))
