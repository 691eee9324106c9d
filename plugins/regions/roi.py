"""Regions of the picture at chosen places, the rest at random (paper §3.3, "image ROIs")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import (
    CanvasSize,
    Picture,
    Region,
    UserError,
    check_pixels,
    hookimpl,
    option,
)

from .layouts import LayoutTask
from .pinning import Pins, resample

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Run, Step

WHOLE = 0.8
"""The strength from which on regions are followed at all scales but the finest; below, their
details are made up, and last of all their outlines."""

FloatArray = npt.NDArray[np.float32]


class Roi(LayoutTask):
    """What is in each source appears at its targets; what is around them is made up to fit."""

    name = "roi"
    summary = "put regions where you want them, and let the rest vary"
    also_called = (
        "move",
        "copy",
        "rearrange",
        "put elsewhere",
        "region of interest",
    )
    learns_from = "image"

    image: Picture | list[Picture] = option(
        "the picture to learn from; given several times: the pictures to mix, of which the first "
        "has the regions"
    )
    source: list[Region] = option(
        "a region of the picture: a box X,Y,W,H in pixels or percent, or a mask picture"
    )
    target: list[list[Region]] = option(
        "a box where the source before it is to appear, at any size: in percent of the result, or "
        "in pixels as large as the picture's",
        follows="source",
    )
    strength: float = option(
        "how far the regions are followed: 0 not at all, 0.3 their large shapes, 1 all but the "
        "finest strokes",
        default=0.8,
        minimum=0,
        maximum=1,
    )
    source_image: list[list[Picture]] = option(
        "another picture that the source before it is a region of", default=None, follows="source"
    )
    size: CanvasSize | None = option(
        "size of the result: pixels, or times the picture's working size as in 2x1", default=None
    )

    def check(self) -> None:
        for source, targets, images in zip(
            self.source, self.target, self.source_image, strict=True
        ):
            if not targets:
                raise UserError(f"--source {source}: give a --target behind it")
            if len(images) > 1:
                raise UserError(f"--source {source}: it can come from one --source-image only")
            if any(target.box is None for target in targets):
                raise UserError("--target takes a box X,Y,W,H")
            check_inside(source, (images or [self.learnt()])[0], "--source")

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        if self.size is not None:
            plan.set_canvas(self.size.of(plan.canvas))
        if self.strength > 0:
            resample(plan)
        self._finest = pyramid.count - 1
        if plan.stages[0].s == self._finest > 0:
            raise UserError(
                "roi acts while the layout is made, and here that is given: "
                "outpaint and inpaint need --structure free beside it"
            )
        self._pins = self._arranged(plan.canvas, pyramid.sizes[-1])
        _, mask = self._pins.at(plan.canvas)
        self.lay_out(plan, pyramid, free=1 - self.strength * mask)

    def _arranged(self, canvas: tuple[int, int], working: tuple[int, int]) -> Pins:
        """All sources at their targets on a canvas (h, w); later ones over earlier ones."""
        target = np.zeros((*canvas, 3), np.float32)
        mask = np.zeros(canvas, np.float32)
        scale = working[0] / self.learnt().size[0]
        units = (round(canvas[0] / scale), round(canvas[1] / scale))
        for source, places, images in zip(self.source, self.target, self.source_image, strict=True):
            picture = (images or [self.learnt()])[0]
            for place in places:
                edges = [round(edge * scale) for edge in place.bounds(units)]
                y0, x0, y1, x1 = edges
                if min(y1, canvas[0]) - max(y0, 0) < 1 or min(x1, canvas[1]) - max(x0, 0) < 1:
                    raise UserError(
                        f"--target {place} lies outside the result, which is "
                        f"{units[1]}×{units[0]} pixels"
                    )
                size = (y1 - y0, x1 - x0)
                check_pixels(size, f"--target {place!s:.60}")
                colours, shape = patch(picture, source, size)
                rows = slice(max(y0, 0), min(y1, canvas[0]))
                columns = slice(max(x0, 0), min(x1, canvas[1]))
                seen = (
                    slice(rows.start - y0, rows.stop - y0),
                    slice(columns.start - x0, columns.stop - x0),
                )
                target[rows, columns] = np.where(
                    shape[seen][..., None] > 0, colours[seen], target[rows, columns]
                )
                mask[rows, columns] = np.maximum(mask[rows, columns], shape[seen])
        return Pins(target, mask)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        self.guide(run, step)
        if step.s < self._finest or self._finest == 0:
            self._pins.pull(step, self.strength * share(self.strength, step.s, self._finest))


def share(strength: float, s: int, finest: int) -> float:
    """How much of its usual pull a scale has at a `strength`: less and less from fine to coarse.

    Each of many steps pulls again, so that less of all would soon be as much.
    """
    return min(1.0, max(0.0, strength / WHOLE * finest - s + 1))


def check_inside(region: Region, picture: Picture, flag: str) -> None:
    """UserError unless all of a box, or something of a mask, lies in the picture."""
    h, w = picture.size
    y0, x0, y1, x1 = region.bounds(picture.size)
    if region.box is not None and (y1 > h + 0.5 or x1 > w + 0.5):
        raise UserError(f"{flag} {region} reaches beyond {picture.name}, which is {w}×{h} pixels")
    if min(y1 - y0, x1 - x0) < 1:
        raise UserError(f"{flag} {region} is empty in {picture.name}, which is {w}×{h} pixels")


def patch(picture: Picture, region: Region, size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """The region as (h, w, 3) in [-1, 1] and its mask (h, w), both resized to `size`."""
    y0, x0, y1, x1 = (round(edge) for edge in region.bounds(picture.size))
    box = (max(0, y0), max(0, x0), min(picture.size[0], y1), min(picture.size[1], x1))
    cut = Picture(picture.pixels[box[0] : box[2], box[1] : box[3]])
    inside = region.inside(picture.size)[box[0] : box[2], box[1] : box[3]]
    mask = Picture.from_mask(inside, size)
    shape = (mask.rgb()[..., 0] + 1) / np.float32(2)
    return cut.resized(size).rgb(), shape
