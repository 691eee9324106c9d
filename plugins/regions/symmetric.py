"""Pictures with a symmetry: every guess at the clean picture is given it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import CanvasSize, Picture, UserError, hookimpl, option

from .layouts import LayoutTask
from .sample import canvas_of
from .symmetry import MOVES, SQUARE, Symmetry

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, Step

UPPER_HALF = (0.0, 0.5)
"""Where the picture's height is, of a canvas whose lower half is made of the upper one."""


class Symmetric(LayoutTask):
    """A part of the canvas is made, the others are its images."""

    name = "symmetric"
    summary = "a picture with a mirror or rotation symmetry"
    also_called = (
        "mandala",
        "kaleidoscope",
        "mirrored",
        "ornament",
    )
    learns_from = "image"

    image: Picture = option("the picture to learn from")
    symmetry: str = option(
        "mirrored at a line (left-right, top-bottom) or at two (four-way), the same upside down "
        "(half-turn), or a square of four (quarter-turn) or eight (kaleidoscope) parts",
        default="left-right",
        choices=tuple(MOVES),
    )
    size: CanvasSize | None = option(
        "size of a random picture: pixels, or times the picture's working size as in 2x1",
        default=None,
    )
    start_scale: int | None = option(
        "begin with the picture itself, made symmetrical, and redraw it from this scale on: 0 is "
        "the coarsest, -1 the finest, which redraws least; a random picture if not given",
        default=None,
    )
    start_step: int | None = option(
        "with --start-scale: higher: freer; the usual start of that scale if not given",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )

    def check(self) -> None:
        if self.start_scale is None:
            if self.start_step is not None:
                raise UserError("--start-step goes with --start-scale only")
            return
        if self.size is not None:
            raise UserError(
                "--size is that of a random picture: with --start-scale it is the picture's own"
            )
        if self.layout_sheet is not None or self.pick is not None:
            raise UserError("--layout-sheet and --pick are for random pictures, no --start-scale")

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self._symmetry = Symmetry(self.symmetry)
        self._set_canvas(plan)
        if self.start_scale is not None:
            self._start_from_picture(plan)
        rows = (0.0, 1.0) if self.symmetry == "left-right" else UPPER_HALF
        self.lay_out(plan, pyramid, rows=rows, free=self._symmetry.part(plan.canvas))

    def _set_canvas(self, plan: Plan) -> None:
        is_square = self.symmetry in SQUARE
        size = plan.canvas if self.size is None else self.size.of(plan.canvas)
        if is_square and self.size is None:
            size = (min(size), min(size))
        if is_square and size[0] != size[1]:
            raise UserError(
                f"--size {self.size} is {size[1]}x{size[0]} pixels: --symmetry {self.symmetry} "
                "needs a square"
            )
        if self.size is not None:
            size = canvas_of(self.size, plan.canvas)
        if size != plan.canvas:
            plan.set_canvas(size)
        if is_square:
            for stage in plan.stages:
                stage.size = (min(stage.size), min(stage.size))

    def _start_from_picture(self, plan: Plan) -> None:
        """Inject the picture, or the square in its middle, with the symmetry."""
        picture = self.image
        if self.symmetry in SQUARE:
            h, w = picture.size
            side = min(h, w)
            top, left = (h - side) // 2, (w - side) // 2
            middle = picture.pixels[top : top + side, left : left + side]
            picture = replace(picture, pixels=middle)
        at = plan.stage(self.start_scale, option="--start-scale")
        image = st.downsample(st.tensor_from_rgb(picture.rgb()), at.size)
        start = self.start_step or at.start
        plan.inject(self._symmetry.of(image), at=at, start=start, option="--start-step")

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        self.guide(run, step)
        step.x0 = self._symmetry.of(step.x0)

    @hookimpl(tryfirst=True)
    def compose_output(self, run: Run, result: Result) -> None:
        result.samples = self._symmetry.of(result.samples)
        super().compose_output(run, result)
