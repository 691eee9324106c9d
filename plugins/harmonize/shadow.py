"""A soft contact shadow: what an object that stands or lies somewhere leaves on the ground."""

from __future__ import annotations

import math

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

from .object_mask import BoolArray, FloatArray

DARKNESS = 0.7
"""Share of the light that is taken where a full shadow is darkest."""

FOOT = 0.25
"""Share of the object's height, from below: only what is so low touches the ground."""

FLATNESS = 0.5
"""A shadow on level ground is seen from the side: its height in widths."""

CONTACT, PENUMBRA = 0.06, 0.18
"""σ, in sizes of the object (roots of areas), of the dark part where it touches and of the soft one
around that."""

BRIGHT, DEEPEST = 0.5, 4.0
"""On ground of less than this light, of 1, a shadow is as if several lay on each other, at most so
many: the same share of little light could not be seen."""

REACH = 3.0
"""σ that the shadow is looked at beyond its object."""


def shadowed(
    picture: Picture, covered: BoolArray, opaque: FloatArray, strength: float, reach: float = 1.0
) -> Picture:
    """`picture` with a shadow below the object that is `covered` (h, w), at any size.

    `opaque` (h, w) in [0, 1], of that size too, is what the object hides of the ground; `reach` is
    how many times as far the shadow goes as usual. Where there is none, every pixel stays as it is.
    """
    cast = cast_shadow(covered, reach) * (1 - opaque)
    if not (cast > 0).any():
        return picture
    cast *= np.float32(strength * DARKNESS / cast.max())  # most of the darkest is hidden
    everywhere = st.whole((cast.shape[0], cast.shape[1]))
    part = st.Window(everywhere.size, st.bounds(cast > 0, 1)).at(picture.size)
    weight = st.carried_over(cast, everywhere, part, smooth=False).clip(0, 1)
    ground = (picture.rgb(part.box).mean(axis=2) + 1) / 2
    light = float((ground * weight).sum() / max(float(weight.sum()), 1e-6))
    weight = 1 - (1 - weight) ** np.float32(np.clip(BRIGHT / max(light, 1e-6), 1, DEEPEST))
    black = np.full((*weight.shape, 3), -1, np.float32)
    return picture.blend(black, weight, part.box)


def cast_shadow(covered: BoolArray, reach: float = 1.0) -> FloatArray:
    """(h, w) in [0, 1]: how dark the ground is around the foot of what is `covered`."""
    from scipy import ndimage

    y0, x0, y1, x1 = st.bounds(covered)
    foot = _foot(covered[y0:y1, x0:x1])
    size = math.sqrt((y1 - y0) * (x1 - x0))
    margin = int(REACH * PENUMBRA * reach * size) + 2
    ground = np.pad(foot, margin).astype(np.float64)
    shadow = np.zeros_like(ground)
    for sigma, share in ((CONTACT, 0.5), (PENUMBRA, 0.5)):
        across = sigma * reach * size
        soft = ndimage.gaussian_filter(ground, (max(across * FLATNESS, 0.5), max(across, 0.5)))
        shadow += share * soft / max(float(soft.max()), 1e-9)
    shadow[shadow < 1 / 256] = 0
    found = np.zeros((covered.shape[0] + 2 * margin, covered.shape[1] + 2 * margin), np.float32)
    found[y0 : y1 + 2 * margin, x0 : x1 + 2 * margin] = shadow
    inner: FloatArray = found[margin:-margin, margin:-margin]
    return inner


def _foot(shape: BoolArray) -> BoolArray:
    """What of a shape (h, w) touches the ground: its lowest edge, where that is low enough."""
    height = shape.shape[0]
    row = np.arange(height)[:, None]
    lowest = np.where(shape, row, -1).max(axis=0)
    touches = lowest >= (1 - FOOT) * (height - 1)
    thick = max(1, round(0.04 * height))
    foot: BoolArray = shape & touches & (row > lowest - thick)
    return foot
