"""No halos: beside an edge an enlarged picture is neither brighter nor darker than both its sides.

Filters that keep edges sharp, and back projection even more so, draw a bright rim along the bright
side of each and a dark one along the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from torch import Tensor

PEAK = 3.0
"""Deviations of the detail that is added, which may go beyond what the picture has around."""


class Range:
    """What tones are allowed where, at one size."""

    def __init__(self, original: Tensor, room: Tensor, size: tuple[int, int]) -> None:
        """original: (1, 3, h, w); room: (1, 1, h, w), the deviation of what may be added."""
        from torch.nn import functional as F

        brightest = F.max_pool2d(original, 3, stride=1, padding=1)
        darkest = -F.max_pool2d(-original, 3, stride=1, padding=1)
        self._high = st.upsample(brightest + PEAK * room, size, "bilinear")
        self._low = st.upsample(darkest - PEAK * room, size, "bilinear")

    def within(self, x: Tensor) -> Tensor:
        """x (n, 3, *size) without what is brighter or darker than it may be."""
        return x.clamp(self._low, self._high)
