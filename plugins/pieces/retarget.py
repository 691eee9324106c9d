"""The picture at another size or in other proportions, with nothing in it stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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

from .redrawing import Pieces, PiecesTask, Size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Run

    from .arranging import Level
    from .patches import Source

LARGEST_FACTOR = 4.0
"""Of a side: the picture has not enough in it for more."""


class Retarget(PiecesTask):
    """Things keep their size: what is between them becomes more, or less."""

    name = "retarget"
    summary = "another size or shape, nothing stretched and nothing lost"
    also_called = (
        "wider",
        "narrower",
        "resize",
        "aspect ratio",
        "panorama",
        "banner",
        "crop",
    )
    learns_from = "image"

    image: Picture = option("the picture")
    size: CanvasSize = option("size of the result: pixels, or factors as in 1.5x1 or 60%x100%")
    keep: Region | None = option(
        "what is to stay as it is, pixel for pixel: a mask, white on it, or a box X,Y,W,H; what is "
        "around it is made to suit",
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

    def notices(self) -> list[str]:
        return self.keep.notices(self.image, "--keep") if self.keep else []

    def _check_room(self, size: Size) -> None:
        """UserError if what is to be kept doesn't fit."""
        from .keeping import parts

        inside = self._kept()
        for axis, words in enumerate(("high", "wide")):
            boxes = [box[axis] for box in parts(inside)[1]]
            needed = max(int(inside.sum(axis=axis).max()), *(one.stop - one.start for one in boxes))
            if needed > size[axis]:
                raise UserError(
                    f"--keep {self.keep} is {needed} pixels {words}, and --size {self.size} makes "
                    f"the result {size[axis]}"
                )

    def _kept(self) -> npt.NDArray[np.bool_]:
        """(h, w) of the picture."""
        if self.keep is None:
            return np.zeros(self.image.size, np.bool_)
        return self.keep.inside(self.image.size)

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self.begin(plan, pyramid, self.image, self.size.of(self.image.size))

    def arranged(self, run: Run, size: Size, generator: torch.Generator) -> Pieces:
        from . import arranging, keeping, layouts

        image, kept = st.tensor_from_rgb(self.image.rgb()), self._kept()
        first, *finer = arranging.levels(self.image.size, size)
        mask = st.tensor_from_rgb(kept[..., None].astype(np.float32)) if self.keep else None
        layout = layouts.Layouts(image, mask, first).best(self.layouts, generator)
        held = None
        if self.keep is not None:
            held = keeping.placed(image, kept, layout.where, layout.kept, size)

        def source_at(level: Level) -> tuple[Source, None, Tensor]:
            return (
                layouts.source_at(image, level),
                None,
                arranging.resized(layout.where, level.canvas),
            )

        hold = held.on if held else None
        made = arranging.refined(layout.made, finer, source_at, generator, hold)
        whole = arranging.with_detail(made, image, size)
        if held is None:
            return Pieces(whole, layout.misfit)
        return Pieces(held.on(whole), layout.misfit, held.mask)
