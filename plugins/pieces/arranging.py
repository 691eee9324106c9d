"""A layout of pieces made into a picture: at larger and larger sizes, down to its finest detail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

import sinddm_toolkit.api as st

from .patches import SIDE, Arrangement, Size, Source, matched

FACTOR = math.sqrt(2)
"""Between the sides of one size and the next."""

COARSEST_SIDE = 30
"""Of the picture at the first size, where the layout is decided: four patches. Less where the
canvas is larger, so that larger things stay whole, and more where it has to do with less of each.
"""

COARSEST_PIXELS = 4_000
"""There, of the picture: all patches are compared with each other."""

ROUNDS = 2
"""Of finding patches and colours in turn, at each size but the first."""

MOST_PIXELS = 100_000
"""Larger pictures are put together at this size, and get their finest detail from where pieces
came."""

STRIP_ROWS = 256
"""For which that is done at a time."""


@dataclass(frozen=True)
class Level:
    """One size at which pieces are put together."""

    source: Size
    """(h, w) of the picture."""
    canvas: Size
    """(h, w) of what is made of it, in the same proportion."""


def levels(source: Size, canvas: Size) -> list[Level]:
    """From coarse to fine, up to `MOST_PIXELS` of the larger of picture and canvas, both (h, w)."""
    larger = max(source, canvas, key=math.prod)
    last = st.working_size(larger, MOST_PIXELS)[0] / larger[0]
    side = COARSEST_SIDE * (math.prod(source) / math.prod(canvas)) ** 0.25
    coarsest = min(side / min(source), math.sqrt(COARSEST_PIXELS / math.prod(source)), last)
    # A patch and a little more of each have to be there.
    coarsest = min(last, max(coarsest, (2 * SIDE) / min(*source, *canvas)))
    count = max(0, math.ceil(math.log(last / coarsest) / math.log(FACTOR) - 1e-6))
    factors = [coarsest ** (1 - k / count) * last ** (k / count) for k in range(count)] + [last]
    return [Level(_scaled(source, by), _scaled(canvas, by)) for by in factors]


def _scaled(size: Size, by: float) -> Size:
    """`size` times `by`, at least one patch and a pixel."""
    return max(SIDE + 1, round(size[0] * by)), max(SIDE + 1, round(size[1] * by))


def resized(x: Tensor, size: Size) -> Tensor:
    """(n, c, h, w) → (n, c, *size); a side may grow while the other shrinks."""
    if x.shape[-2:] == size:
        return x
    return torch.nn.functional.interpolate(x, size=size, mode="bicubic", antialias=True)


def refined(
    begun: Arrangement,
    finer: list[Level],
    source_at: Callable[[Level], tuple[Source, Tensor | None, Tensor]],
    generator: torch.Generator,
    hold: Callable[[Tensor], Tensor] | None = None,
) -> Arrangement:
    """The arrangement carried up through the `finer` levels.

    source_at: the picture at a level, and of its canvas the guide (1, g, h, w) and the places that
    are expected (1, 2, h, w); hold: puts what is held fast onto a canvas of any size.
    """
    hold = hold or (lambda colours: colours)
    made = begun
    for level in finer:
        source, guide, where = source_at(level)
        colours = hold(resized(made.colours(), level.canvas))
        chosen = made.carried_to(source, level.canvas)
        for _ in range(ROUNDS):
            made = matched(source, colours, guide, where, generator, chosen)
            colours, chosen = hold(made.colours()), made.chosen
    return made


def with_detail(made: Arrangement, image: Tensor, size: Size) -> Tensor:
    """(1, 3, *size): what was arranged at a smaller size of `image` (1, 3, h, w), enlarged.

    What it lacks of the picture there is copied to it from where the pieces came from.
    """
    colours = made.colours()
    source: Size = (image.shape[-2], image.shape[-1])
    if size == made.size and source == made.source.size:
        return colours.clamp_(-1, 1)
    detail = image - st.upsample(made.source.colours, source)
    enlarged = st.upsample(colours, size)
    for rows, from_y, from_x in _sources(made, source, size):
        enlarged[0][:, rows] += detail[0][:, from_y, from_x]
    return enlarged.clamp_(-1, 1)


def _sources(made: Arrangement, source: Size, size: Size) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows of a canvas of that `size`, and where in the picture their pixels come from."""
    origin_y, origin_x = made.origins()
    at, within = zip(*(_below(*sides) for sides in zip(size, made.size, strict=True)), strict=True)
    scale = [large / small for large, small in zip(source, made.source.size, strict=True)]
    for top in range(0, size[0], STRIP_ROWS):
        rows = slice(top, min(top + STRIP_ROWS, size[0]))
        y = (origin_y[at[0][rows]][:, at[1]] + within[0][rows, None]) * scale[0] - 0.5
        x = (origin_x[at[0][rows]][:, at[1]] + within[1]) * scale[1] - 0.5
        yield (
            rows,
            y.round().long().clamp_(0, source[0] - 1),
            x.round().long().clamp_(0, source[1] - 1),
        )


def _below(large: int, small: int) -> tuple[Tensor, Tensor]:
    """Of each pixel of a side, which of the smaller side it lies in, and where in that."""
    middle = (torch.arange(large) + 0.5) * (small / large)
    at = middle.floor().long().clamp_(0, small - 1)
    return at, middle - at
