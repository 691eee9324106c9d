"""At which scales of the style, and at what sizes, a content gets its strokes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from sinddm_toolkit.api import Pyramid

STROKE_PIXELS = 60_000
"""Of the style at the scale whose strokes are the painting's: the finest that is no larger."""

CANVAS = 2.8
"""Pixels of the content at that scale for each of the style: strokes are then a little smaller in
the scene than in the style, and leave its objects whole."""

MOST_PIXELS = 4_000_000
"""Contents up to this size are painted at their own, larger ones are enlarged from it."""

MIDDLE = 0.5
"""The strength at which strokes are as they are meant to be; what is below leaves detail alone."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Strength:
    """What the one dial from 0 to 1 means."""

    below: int
    """How many scales below that of the strokes is begun: how large shapes are redrawn."""
    start: int
    """The start step there."""
    hold: float
    """How much of the content's large shapes is put back in each step."""
    left_out: float
    """Share of the sizes that are left out, coarsest first: what only they redraw stays."""

    @classmethod
    def of(cls, strength: float) -> Strength:
        """From hardly anything at 0 to abstract at 1."""
        more, less = max(0.0, strength / MIDDLE - 1), max(0.0, 1 - strength / MIDDLE)
        return cls(
            below=1 + round(2 * more),
            start=round(16 - 12 * less + 9 * more),
            hold=0.5 * (1 - more) + 0.5 * less,
            left_out=less,
        )


@dataclass(frozen=True)
class Way:
    """The scales of the style that a content goes through, and its size (h, w) at each."""

    scales: Sequence[int]
    sizes: Sequence[Size]
    strokes: int
    """How many of them, at the beginning, make strokes; the others finish those."""


def stroke_scale(pyramid: Pyramid) -> int:
    """The scale of the style whose strokes a painting gets."""
    small = [s for s, (h, w) in enumerate(pyramid.sizes) if h * w <= STROKE_PIXELS]
    return max(small, default=0)


def way(pyramid: Pyramid, content: Size, first: int, stroke: float, left_out: float) -> Way:
    """How a `content` of that size is painted from the scale `first` on.

    Strokes are `stroke` times as large in its scene as usual. Sizes grow about as the style's
    scales do, up to the content's own; past the style's finest scale that one is repeated.
    """
    own = st.working_size(content, MOST_PIXELS)
    last = max(first, stroke_scale(pyramid))
    h, w = pyramid.sizes[first]
    side = math.sqrt(CANVAS * h * w / (own[0] * own[1])) / stroke
    begun = min(side, pyramid.factor ** (first - last))
    count = round(-math.log(begun) / math.log(pyramid.factor))
    sides = [begun ** (1 - k / count) for k in range(count)] + [1.0]
    sizes = [(max(1, round(own[0] * by)), max(1, round(own[1] * by))) for by in sides]
    scales = [min(first + k, pyramid.count - 1) for k in range(len(sizes))]
    skipped = int(left_out * (len(sizes) - 1))
    strokes = max(1, last - first + 1 - skipped)
    return Way(scales[skipped:], sizes[skipped:], strokes)
