"""A new scene in the layout of another picture, built from the pieces of one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, UserError, check_pixels, hookimpl, option

from . import labels as maps
from .redrawing import Pieces, PiecesTask, Size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Run

    from .arranging import Level
    from .patches import Arrangement, Source

PLACE = (1.0, 0.0)
"""How much it counts to come from another height: lower skies are paler, near things larger."""

ROUNDS = 6
"""Of finding patches and colours in turn, at the first size."""

UNSEEN = 1e-3
"""Share of what colours usually count, where nothing but the guide says what goes where."""

LEAST_FADE = 0.4
"""Of the guide's weight from one size to the next, if `follow` is 0; it is 1 if that is 1."""

GREY = (0.299, 0.587, 0.114)


class Analogy(PiecesTask):
    """What is light or dark in the content, or how a map is labelled, says which pieces of the
    style go where (Hertzmann et al., *Image Analogies*, 2001)."""

    name = "analogy"
    summary = "your picture's pieces in the layout of another, or of a map"
    also_called = (
        "paint by numbers",
        "segmentation",
        "label map",
        "doodle",
        "texture by numbers",
    )
    learns_from = "style"

    style: Picture = option("the picture whose pieces are used: what is learnt")
    content: Picture | None = option(
        "the picture whose layout is wanted; the result has its shape and the style's pixels",
        default=None,
    )
    labels: Picture | None = option(
        "instead of --content: a map of the style, of its size, painted in a few flat colours",
        default=None,
    )
    to: Picture | None = option(
        "with --labels: the map of what is wanted, in the same colours and of any size; the result "
        "has its size",
        default=None,
    )
    follow: float = option(
        "how firmly the content or the map is followed: lower leaves pieces larger and whole",
        default=0.6,
        minimum=0,
        maximum=1,
    )

    def check(self) -> None:
        if (self.labels is None) != (self.to is None):
            raise UserError("--labels and --to go together: the map of the style, and the new one")
        if (self.content is None) == (self.labels is None):
            raise UserError("give --content, or --labels and --to: what is to go where")
        if self.labels is not None and self.labels.size != self.style.size:
            (label_h, label_w), (h, w) = self.labels.size, self.style.size
            raise UserError(
                f"{self.labels.name} is {label_w}x{label_h} and {self.style.name} {w}x{h} pixels: "
                "the map of the style must have its size"
            )
        check_pixels(self._size(), "the result")
        self._wanted = self._guides()

    def main_picture(self) -> Picture:
        return self.content or self.to or self.style

    def _size(self) -> Size:
        """(h, w) of the result."""
        if self.to is not None:
            return self.to.size
        assert self.content is not None
        by = math.sqrt(math.prod(self.style.size) / math.prod(self.content.size))
        h, w = self.content.size
        return round(h * by), round(w * by)

    def _guides(self) -> tuple[maps.FloatArray, maps.FloatArray]:
        """Of the style and of the result, (h, w, g) each: what is to be alike in both."""
        if self.labels is not None and self.to is not None:
            colours = maps.palette(self.labels)
            numbers = [
                maps.numbered(one, colours, self.labels.name) for one in (self.labels, self.to)
            ]
            return maps.channels(numbers[0], len(colours)), maps.channels(numbers[1], len(colours))
        assert self.content is not None
        style = (self.style.rgb() @ np.array(GREY, np.float32))[..., None]
        content = (self.content.rgb() @ np.array(GREY, np.float32))[..., None]
        return style, ranked_as(content, style)

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self.begin(plan, pyramid, self.style, self._size())

    def arranged(self, run: Run, size: Size, generator: torch.Generator) -> Pieces:
        from . import arranging

        style = st.tensor_from_rgb(self.style.rgb())
        levels = arranging.levels(self.style.size, size)
        guided = _Guided(style, *self._wanted, self._weight, self._fade, levels)
        tried = (guided.begun(generator) for _ in range(self.layouts))
        begun, misfit = min(tried, key=lambda one: one[1])
        made = arranging.refined(begun, levels[1:], guided.at, generator)
        return Pieces(arranging.with_detail(made, style, size), misfit)

    @property
    def _weight(self) -> float:
        """Of the guide beside the colours."""
        return 2 * self.follow

    @property
    def _fade(self) -> float:
        """Of that from one size to the next: borders of labels are those of the map at any."""
        return 1.0 if self.content is None else LEAST_FADE + (1 - LEAST_FADE) * self.follow


class _Guided:
    """A style and what guides its pieces, at any size."""

    def __init__(
        self,
        style: Tensor,
        own: maps.FloatArray,
        wanted: maps.FloatArray,
        weight: float,
        fade: float,
        levels: list[Level],
    ) -> None:
        """style: (1, 3, h, w); own: (h, w, g), of the style; wanted: of the result."""
        self._style, self._levels, self._fade = style, levels, fade
        self._own, self._wanted = st.tensor_from_rgb(own), st.tensor_from_rgb(wanted)
        deviations = [float(x.var(dim=(2, 3)).sum().sqrt()) for x in (style, self._own)]
        self._weight = weight * deviations[0] / max(deviations[1], 1e-6)

    def at(self, level: Level) -> tuple[Source, Tensor, Tensor]:
        """The style there; the guide of the canvas (1, g, h, w), and its places (1, 2, h, w)."""
        from .arranging import resized
        from .patches import Source, places

        weight = self._weight * self._fade ** self._levels.index(level)
        guide = weight * resized(self._own, level.source)
        source = Source(resized(self._style, level.source), guide, PLACE)
        return source, weight * resized(self._wanted, level.canvas), places(level.canvas)

    def begun(self, generator: torch.Generator) -> tuple[Arrangement, float]:
        """A layout at the first size, and how badly it fits: pieces beside each other and what was
        wanted, and what of the style is not in it."""
        import torch

        from .patches import Source, matched, nearest

        source, guide, where = self.at(self._levels[0])
        noise = torch.randn(1, 3, *guide.shape[-2:], generator=generator)
        mean = source.colours.mean(dim=(2, 3), keepdim=True)
        colours = mean + source.colours.std() * noise
        unseen = Source(UNSEEN * source.colours, source.guide, PLACE)
        made = matched(unseen, UNSEEN * colours, guide, where, generator)
        made = replace(made, source=source)
        for _ in range(ROUNDS):
            made = matched(source, made.colours(), guide, where, generator)
        missing, _ = nearest(source.looks, source.features(made.colours(), guide))
        return made, float(made.errors.mean() + missing.mean())


def ranked_as(values: maps.FloatArray, like: maps.FloatArray) -> maps.FloatArray:
    """`values` with the distribution of `like`: its k-th smallest for the k-th smallest."""
    ranks = np.argsort(np.argsort(values, axis=None, kind="stable"), kind="stable")
    ordered = np.sort(like, axis=None)
    at = (ranks + 0.5) * (len(ordered) / len(ranks))
    found: maps.FloatArray = ordered[at.astype(np.int64)].reshape(values.shape)
    return found
