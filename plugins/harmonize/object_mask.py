"""Where the object of a composite is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

CERTAIN_DIFFERENCE = 0.12
POSSIBLE_DIFFERENCE = 0.05
"""Of the full range, after smoothing: seeds of the found mask, and what grows from them. JPEG
noise stays below the first; what lies above the second is part of the object if it touches one."""

SMALLEST_OBJECT = 12
"""Pixels at the working size: less is a speck of compression."""

DIFFERENCE_BLUR = 1.0
"""Pixels; evens out compression noise before it is measured."""

UNCERTAIN = 2
"""Pixels by which a found mask may be too wide."""

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def flattened(picture: Picture, background: Picture) -> Picture:
    """`picture` over `background`, opaque; itself if nothing of it is transparent."""
    alpha = picture.alpha()
    if alpha is None:
        return picture
    opaque = replace(picture, pixels=picture.pixels[..., :-1])
    return opaque.blend(background.rgb(), 1 - alpha)


def shares_at(share: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(h, w) in [0, 1] of a picture's pixels → the same at another `size` of the picture."""
    return st.carried_over(
        share, st.whole((share.shape[0], share.shape[1])), st.whole(size), smooth=False
    )


def certain(found: BoolArray) -> BoolArray:
    """(h, w): what is part of the object even if its mask is a little too wide."""
    from scipy import ndimage

    inner: BoolArray = ndimage.binary_erosion(found, iterations=UNCERTAIN)
    return inner if inner.any() else found


def difference(composite: FloatArray, background: FloatArray) -> BoolArray:
    """Where two pictures (h, w, 3) in [-1, 1] show different things, compression noise aside."""
    from scipy import ndimage
    from skimage.filters import apply_hysteresis_threshold

    apart = np.abs(composite - background).max(axis=2) / 2
    apart = ndimage.gaussian_filter(apart, DIFFERENCE_BLUR)
    # What differs everywhere, as after another JPEG round, is no object.
    everywhere = np.median(apart)
    found = apply_hysteresis_threshold(
        apart, everywhere + POSSIBLE_DIFFERENCE, everywhere + CERTAIN_DIFFERENCE
    )
    labels, _ = ndimage.label(ndimage.binary_fill_holes(found))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    kept: BoolArray = (areas >= SMALLEST_OBJECT)[labels]
    return kept
