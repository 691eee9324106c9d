"""Label maps: pictures in a few flat colours, each of which says what is there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import Picture, UserError

MOST_LABELS = 16
LEAST_SHARE = 0.001
"""Of a map's pixels: rarer colours are soft edges."""

APART = 40.0
"""Distance of two colours, of 255 a channel, from which they are two labels."""

STRAY_SHARE = 0.01
"""Of pixels that may be of no label: soft edges between two of them."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def palette(labels: Picture) -> FloatArray:
    """(k, 3) in [0, 255], the colours of a label map, the most frequent first.

    UserError if there is but one, or if there are too many for a map.
    """
    colours, counts = np.unique(_levels(labels).reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    chosen: list[FloatArray] = []
    for colour in colours[order][counts[order] >= LEAST_SHARE * counts.sum()]:
        if all(np.linalg.norm(colour - one) >= APART for one in chosen):
            chosen.append(colour)
    found = np.array(chosen, np.float32).reshape(-1, 3)
    strays = _distances(labels, found).min(axis=2) >= APART if chosen else np.ones(1, np.bool_)
    if not 2 <= len(found) <= MOST_LABELS or strays.mean() > STRAY_SHARE:
        raise UserError(
            f"{labels.name} is no label map: it must be painted in 2 to {MOST_LABELS} flat colours"
        )
    return found


def numbered(labels: Picture, colours: FloatArray, map_name: str) -> IntArray:
    """(h, w): which of the colours (k, 3) each pixel has, or is nearest to.

    UserError, which calls the map that they are from by its name, if some have none of them.
    """
    distances = _distances(labels, colours)
    strays = distances.min(axis=2) >= APART
    if strays.mean() > STRAY_SHARE:
        y, x = (int(one[0]) for one in np.nonzero(strays))
        red, green, blue = (int(one) for one in _levels(labels)[y, x])
        raise UserError(
            f"{labels.name} has a colour that {map_name} has not, {red},{green},{blue} at {x},{y}: "
            "a label must have the same colour in both"
        )
    nearest: IntArray = distances.argmin(axis=2)
    return nearest


def channels(numbers: IntArray, count: int) -> FloatArray:
    """(h, w, count): 1 in the channel of each pixel's number."""
    return np.eye(count, dtype=np.float32)[numbers]


def _levels(picture: Picture) -> FloatArray:
    """(h, w, 3) in [0, 255]"""
    levels: FloatArray = np.rint((picture.rgb() + 1) * 127.5)
    return levels


def _distances(picture: Picture, colours: FloatArray) -> FloatArray:
    """(h, w, k)"""
    levels = _levels(picture)
    apart = [np.linalg.norm(levels - colour, axis=2) for colour in colours]
    return np.stack(apart, axis=2)
