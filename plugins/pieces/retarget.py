"""The picture at another size or in other proportions, with nothing in it stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import (
    CanvasSize,
    Picture,
    Region,
    UserError,
    check_pixels,
    hookimpl,
    option,
)

from .redrawing import PiecesTask, Size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Run

LARGEST_FACTOR = 4.0
"""Of a side: the picture has not enough in it for more."""


class Retarget(PiecesTask):
    """Things keep their size: what is between them becomes more, or less."""

    name = "retarget"
    summary = "another size or shape, with nothing stretched and nothing lost"
    learns_from = "image"

    image: Picture = option("the picture")
    size: CanvasSize = option("size of the result: pixels, or factors as in 1.5x1 or 60%x100%")
    keep: Region | None = option(
        "what must stay whole: a mask, white on it, or a box X,Y,W,H; what is found to be there "
        "once if not given",
        default=None,
    )

    def check(self) -> None:
        size, own = self.size.of(self.image.size), self.image.size
        check_pixels(size, "the result")
        factors = [new / old for new, old in zip(size, own, strict=True)]
        if not 1 / LARGEST_FACTOR <= min(factors) <= max(factors) <= LARGEST_FACTOR:
            raise UserError(
                f"--size {self.size} is {size[1]}x{size[0]} pixels and {self.image.name} "
                f"{own[1]}x{own[0]}: sides may be from a quarter to "
                f"{LARGEST_FACTOR:g} times as long"
            )
        if self.keep is not None:
            self.keep.check_covers(self.image, "--keep")
            self._check_room(size)

    def _check_room(self, size: Size) -> None:
        """UserError if what is to be kept doesn't fit."""
        inside = self.keep.inside(self.image.size) if self.keep else np.zeros((1, 1), np.bool_)
        for axis, (side, words) in enumerate(zip(size, ("high", "wide"), strict=True)):
            needed = int(inside.sum(axis=axis).max())
            if needed > side:
                raise UserError(
                    f"--keep {self.keep} is {needed} pixels {words}, and --size {self.size} makes "
                    f"the result {side}"
                )

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self.begin(plan, pyramid, self.image, self.size.of(self.image.size))

    def arranged(self, run: Run, size: Size, generator: torch.Generator) -> tuple[Tensor, float]:
        from . import arranging, layouts
        from .patches import Source

        image = st.tensor_from_rgb(self.image.rgb())
        kept = None
        if self.keep is not None:
            inside = self.keep.inside(self.image.size).astype(np.float32)
            kept = st.tensor_from_rgb(inside[..., None])
        first, *finer = arranging.levels(self.image.size, size)
        layout = layouts.Layouts(image, kept, first).best(self.layouts, generator)

        def source_at(level: arranging.Level) -> tuple[Source, None, Tensor]:
            source = Source(arranging.resized(image, level.source), place=layouts.PLACE)
            return source, None, arranging.resized(layout.where, level.canvas)

        made = arranging.refined(layout.made, finer, source_at, generator)
        return arranging.with_detail(made, image, size), layout.misfit
