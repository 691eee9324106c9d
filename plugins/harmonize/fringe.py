"""A cut-out's rim without the colours of where it was cut out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

SOLID = 0.98
"""Opacity of what shows nothing of its old background."""

CLEAR = 0.02
"""Opacity of what isn't seen."""

WIDEST = 8.0
"""Pixels from what is solid to what is clear: a wider slope is no rim but glass, smoke or a shadow,
which means its colours."""


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
    alpha = np.pad(alpha[y0:y1, x0:x1], 1)
    to_solid, nearest = ndimage.distance_transform_edt(alpha < SOLID, return_indices=True)
    to_clear = ndimage.distance_transform_edt(alpha > CLEAR)
    rim = (alpha > 0) & (alpha < SOLID) & (to_solid + to_clear <= WIDEST)
    pixels = np.pad(cut.pixels[y0:y1, x0:x1], ((1, 1), (1, 1), (0, 0)))
    pixels[rim, :-1] = pixels[tuple(np.asarray(nearest)[:, rim])][:, :-1]
    whole = cut.pixels.copy()
    whole[y0:y1, x0:x1] = pixels[1:-1, 1:-1]
    return replace(cut, pixels=whole)
