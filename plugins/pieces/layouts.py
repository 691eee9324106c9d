"""Layouts of a picture at another size: all of its things, at their own size, each once.

The picture grows or shrinks by a tenth at a time, and after each step is made of its own patches
again, so that what was stretched becomes more of the same (Simakov et al., *Summarizing Visual Data
Using Bidirectional Similarity*, 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .arranging import Level, resized
from .carving import Canvas, uniqueness
from .patches import SIDE, Arrangement, Source, matched, nearest, places

PLACE_OF_MORE, PLACE_OF_LESS = (2.5, 1.5), (3.0, 2.0)
"""How much it counts, beside the looks of a patch, to come from another height and width than is
expected: on a canvas that is larger than the picture, and on a smaller one."""

STEP = 1.1
"""By which the sides grow or shrink at a time."""

ROUNDS = 3
"""Of finding patches and colours in turn, after each step."""

SEAMS = (1.0, 0.8, 0.5)
"""Shares of the change that are made by seams, the rest by stretching, of one layout and the next.
"""

RARITY = 2.0
"""Power of uniqueness that is importance: what is there once is left alone."""

JITTER = 0.5
"""Deviation of the random factor, its logarithm, by which importance differs from layout to
layout."""

JITTER_PIXELS = 2.0
"""σ of that."""

PARTLY = 0.1
"""Share of a pixel of the layout that is to be kept from which all of it is."""

TWICE = 0.2
"""Of the score of a layout: how much more of what is there once is in it, beside how unlike its
patches are to the picture's and the picture's to its own."""


@dataclass(frozen=True)
class Layout:
    """A picture at another size."""

    made: Arrangement
    where: Tensor
    """(1, 2, h, w): where in the picture each pixel is from, about."""
    kept: Tensor
    """(1, 1, h, w), boolean: what is as it was."""
    misfit: float
    """What of it is not in the picture, what of the picture is not in it, and what is doubled."""


def source_at(image: Tensor, level: Level) -> Source:
    """`image` (1, 3, h, w) at that size, to be compared with what is about where it is expected."""
    is_more = math.prod(level.canvas) > math.prod(level.source)
    place = PLACE_OF_MORE if is_more else PLACE_OF_LESS
    return Source(resized(image, level.source), place=place)


class Layouts:
    """Makes layouts of one picture at one size."""

    def __init__(self, image: Tensor, kept: Tensor | None, level: Level) -> None:
        """image: (1, 3, h, w); kept: (1, 1, h, w), 1 where all is to stay as it is."""
        self._source = source_at(image, level)
        self._level = level
        self._unique = uniqueness(self._source)
        self._kept = torch.zeros_like(self._unique)
        if kept is not None:
            self._kept = (resized(kept, level.source) > PARTLY).float()
        rare = F.avg_pool2d(self._unique, SIDE, stride=1).flatten()
        kept_share = F.avg_pool2d(self._kept, SIDE, stride=1).flatten()
        self._rare = (rare - rare.median()).clamp(min=0) + kept_share

    def best(self, count: int, generator: torch.Generator) -> Layout:
        """The best of so many, by `misfit`."""
        # What is stretched doesn't stay as it is.
        seams = (1.0,) if self._kept.any() else SEAMS
        tried = (self._made(seams[k % len(seams)], generator) for k in range(count))
        return min(tried, key=lambda one: one.misfit)

    def _made(self, seams: float, generator: torch.Generator) -> Layout:
        source = self._source
        importance = self._importance(generator)
        canvas = Canvas(source.colours, places(source.size), importance, self._kept)
        for size in sizes(self._level):
            canvas.resize(size, seams)
            where = canvas.where
            for _ in range(ROUNDS):
                made = matched(source, canvas.colours, None, where, generator)
                canvas.colours = made.colours()
        return Layout(made, where, canvas.kept, self._misfit(made))

    def _importance(self, generator: torch.Generator) -> Tensor:
        from scipy import ndimage

        noise = torch.randn(self._source.size, generator=generator)
        smooth = torch.from_numpy(ndimage.gaussian_filter(noise.numpy(), JITTER_PIXELS))
        chance = torch.exp(JITTER * smooth / smooth.std())
        return self._unique**RARITY * chance

    def _misfit(self, made: Arrangement) -> float:
        looks = self._source.features(made.colours())
        missing, strange = nearest(self._source.looks, looks)
        more = float(self._rare[made.chosen].sum() / self._rare.sum().clamp(min=1e-6)) - 1
        return float(missing.mean() + strange.mean()) + TWICE * max(0.0, more)


def sizes(level: Level) -> list[tuple[int, int]]:
    """Those that a canvas goes through on its way from the picture's to its own; at least one."""
    growth = [new / old for new, old in zip(level.canvas, level.source, strict=True)]
    count = max(1, math.ceil(max(abs(math.log(by)) for by in growth) / math.log(STEP)))
    h, w = level.source
    between = [
        (round(h * growth[0] ** (k / count)), round(w * growth[1] ** (k / count)))
        for k in range(1, count)
    ]
    return [*between, level.canvas]
