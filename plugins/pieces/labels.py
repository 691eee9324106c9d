"""Label maps: pictures in a few flat colours, each of which says what is there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import Picture, UserError

MOST_LABELS = 16
APART = 40.0
"""Distance of two colours, of 255 a channel, from which they are two labels."""

NOISE = 12.0
"""By how much a channel of one label may differ, as after JPEG's compression."""

FLAT_SHARE = 0.5
"""Of a map's pixels, that must be like those around them: others are edges."""

LEAST_SHARE = 0.002
"""Of those: rarer colours are no labels."""

STRAY_SHARE = 0.01
"""Of those, that may have no label's colour."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def palette(labels: Picture) -> FloatArray:
    """(k, 3) in [0, 255], the colours of a label map, the most frequent first.

    UserError if there is but one, or if there are too many for a map.
    """
    levels = _levels(labels)
    flat = _flat(levels)
    colours, counts = np.unique(levels[flat], axis=0, return_counts=True)
    chosen: list[FloatArray] = []
    for k in np.argsort(-counts, kind="stable"):
        is_new = all(np.linalg.norm(colours[k] - one) >= APART for one in chosen)
        if is_new and counts[k] >= LEAST_SHARE * counts.sum():
            chosen.append(colours[k])
    found = np.array(chosen, np.float32).reshape(-1, 3)
    is_map = 2 <= len(found) <= MOST_LABELS and flat.mean() >= FLAT_SHARE
    if not is_map or _strays(levels, found, 2 * NOISE)[flat].mean() > STRAY_SHARE:
        raise UserError(
            f"{labels.name} is no label map: it must be painted in 2 to {MOST_LABELS} flat colours"
        )
    return found


def numbered(labels: Picture, colours: FloatArray, map_name: str) -> IntArray:
    """(h, w): which of the colours (k, 3) each pixel has, or is nearest to.

    UserError, which calls the map that they are from by its name, if some have none of them.
    """
    levels = _levels(labels)
    flat = _flat(levels)
    strays = flat & _strays(levels, colours, APART)
    if strays.sum() > STRAY_SHARE * flat.sum():
        y, x = (int(one[0]) for one in np.nonzero(strays))
        red, green, blue = (int(one) for one in levels[y, x])
        raise UserError(
            f"{labels.name} has a colour that {map_name} has not, {red},{green},{blue} at {x},{y}: "
            "a label must have the same colour in both"
        )
    nearest: IntArray = _distances(levels, colours).argmin(axis=2)
    return nearest


def channels(numbers: IntArray, count: int) -> FloatArray:
    """(h, w, count): 1 in the channel of each pixel's number."""
    return np.eye(count, dtype=np.float32)[numbers]


def _levels(picture: Picture) -> FloatArray:
    """(h, w, 3) in [0, 255]"""
    levels: FloatArray = np.rint((picture.rgb() + 1) * 127.5)
    return levels


def _flat(levels: FloatArray) -> BoolArray:
    """(h, w): where all around a pixel is of its colour."""
    from scipy import ndimage

    spread = ndimage.maximum_filter(levels, (3, 3, 1)) - ndimage.minimum_filter(levels, (3, 3, 1))
    flat: BoolArray = spread.max(axis=2) <= NOISE
    return flat


def _distances(levels: FloatArray, colours: FloatArray) -> FloatArray:
    """(h, w, k)"""
    return np.stack([np.linalg.norm(levels - colour, axis=2) for colour in colours], axis=2)


def _strays(levels: FloatArray, colours: FloatArray, most: float) -> BoolArray:
    """(h, w): what differs by more than that from all of the colours."""
    far: BoolArray = _distances(levels, colours).min(axis=2) > most
    return far
