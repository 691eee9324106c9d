"""Where a model of a photograph may be trusted with an object: where it has seen the like.

Asked for the outline of something white before the dark, a model of grass goes on with grass: the
outline becomes a comb. Asked for a red that the picture lacks, it weaves it of what it knows, and
what is smooth gets blotches. There the object is better left as it was pasted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grain import finest_detail, strength
from .object_mask import FloatArray

HARDEST = 90
"""Percentile of the background's edges up to which they are usual."""

AROUND = 1.0
"""σ in pixels: what is beside an edge is redrawn with it."""

SMOOTHEST = 20
"""Percent of the background that is as smooth: no less grain is put onto anything smooth."""

REGION = 3.0
"""σ in pixels of the parts that have some of the finest detail, or none."""

SHADES = 16
"""Of red, green and blue each, that are told apart."""

FOREIGN = 0.15
"""How far from all colours of the background one is half trusted, in ranges of a channel."""


def trust(picture: FloatArray, background: FloatArray) -> FloatArray:
    """(h, w) in [0, 1]: how usual a picture's edges, colours and roughness are in its background.

    Both are (h, w, 3) in [-1, 1].
    """
    from scipy import ndimage

    usual = max(float(np.percentile(_edges(background), HARDEST)), 1e-6)
    edges = (usual / np.maximum(_edges(picture), usual)) ** 2
    colours = 1 / (1 + (_foreignness(picture, background) / FOREIGN) ** 2)
    own, around = (
        strength(finest_detail(one.mean(axis=2)), REGION) for one in (picture, background)
    )
    smoothest, usual = np.percentile(around, (SMOOTHEST, 50))
    share = edges * colours * np.minimum(1, np.maximum(own, smoothest) / max(usual, 1e-6))
    soft: FloatArray = np.minimum(share, ndimage.gaussian_filter(share, AROUND))
    return soft.astype(np.float32)


def _edges(rgb: FloatArray) -> FloatArray:
    """(h, w): how far apart the lightness of neighbours is."""
    from scipy import ndimage

    light = rgb.mean(axis=2)
    apart: FloatArray = ndimage.maximum_filter(light, 3) - ndimage.minimum_filter(light, 3)
    return apart


def _foreignness(picture: FloatArray, background: FloatArray) -> npt.NDArray[np.float64]:
    """(h, w): how far each colour of a picture is from the nearest one of the background."""
    from scipy import ndimage

    seen = np.zeros((SHADES,) * 3, bool)
    seen[_shades(background)] = True
    apart: npt.NDArray[np.float64] = ndimage.distance_transform_edt(~seen)[_shades(picture)]
    return apart / SHADES


def _shades(rgb: FloatArray) -> tuple[npt.NDArray[np.intp], ...]:
    """Red, green and blue of (h, w, 3) as indices."""
    steps = ((rgb + 1) / 2 * SHADES).astype(np.intp).clip(0, SHADES - 1)
    return tuple(np.moveaxis(steps, 2, 0))
