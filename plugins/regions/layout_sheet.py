"""A sheet of numbered layouts to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 240
"""Pixels of the longer side of each."""


def sheet_of(layouts: Sequence[tuple[int, Tensor]], canvas: tuple[int, int]) -> Picture:
    """All of them, (1, 3, h, w) each with its number, in the proportions of the canvas (h, w)."""
    by = SIDE / max(canvas)
    size = (max(1, round(canvas[0] * by)), max(1, round(canvas[1] * by)))

    def shown(image: Tensor) -> Picture:
        rgb = st.rgb_from_tensor(st.upsample(image, size).clamp(-1, 1))
        return Picture(((rgb + 1) * 127.5).round().astype(np.uint8))

    return st.contact_sheet([(str(number), shown(image)) for number, image in layouts])
