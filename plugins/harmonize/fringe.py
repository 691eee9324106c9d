"""A cut-out's rim without the colours of where it was cut out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

SOLID = 0.98
"""Opacity of what shows nothing of its old background."""

REACH = 4.0
"""Pixels from there; what is translucent further away is glass or smoke, and means its colours."""


def defringed(cut: Picture) -> Picture:
    """`cut` with its translucent rim in the colours of the nearest solid pixels.

    A rim is a mixture of the object and of what was behind it: pasted before something else it is a
    halo. Opacity stays, and so does every pixel that is solid or invisible.
    """
    from scipy import ndimage

    alpha = cut.alpha()
    if alpha is None or not (alpha >= SOLID).any():
        return cut
    y0, x0, y1, x1 = st.bounds(alpha > 0)
    alpha = alpha[y0:y1, x0:x1]
    apart, nearest = ndimage.distance_transform_edt(alpha < SOLID, return_indices=True)
    rim = (apart > 0) & (apart <= REACH) & (alpha > 0)
    pixels = cut.pixels.copy()
    colours = pixels[y0:y1, x0:x1, :-1]
    colours[rim] = colours[tuple(np.asarray(nearest)[:, rim])]
    return replace(cut, pixels=pixels)
