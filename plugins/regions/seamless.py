"""Tiles: pictures that go on at their other side, from noise or from the picture itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sinddm_toolkit.api import (
    CanvasSize,
    Length,
    OutputFile,
    Picture,
    UserError,
    check_pixels,
    hookimpl,
    option,
)

from .borders import along_borders, fill_round
from .keeping import filled, filling_seconds, start_from_filling, tell_misfits, usual_start
from .layouts import LayoutTask
from .pinning import Pins, faded
from .sample import canvas_of

if TYPE_CHECKING:
    import torch

    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step

BAND = Length(12.0, True)
LEAST_BAND = 4
"""Pixels: a filling needs some room to pass from one side to the other."""

MOST_BAND = 0.4
"""Of a side, at each of its ends: what is made anew consists of pieces of the rest."""

FEATHER = 4
"""Pixels over which the picture passes into the new part."""


class Seamless(LayoutTask):
    """The canvas wraps round, so that no border is one."""

    name = "seamless"
    summary = "a tile whose opposite borders fit together"
    also_called = (
        "texture",
        "wallpaper",
        "repeat",
        "pattern",
        "tiling",
    )
    learns_from = "image"

    image: Picture = option("the picture to learn from")
    axes: str = option(
        "which borders fit together: x left and right, y top and bottom",
        default="both",
        choices=("both", "x", "y"),
    )
    keep: bool = option(
        "make a tile of the picture itself: only a band along its borders is made anew",
        default=False,
    )
    band: Length | None = option(
        f"with --keep: how wide that band is, pixels or percent of the side; {BAND} if not given",
        default=None,
    )
    size: CanvasSize | None = option(
        "size of a random tile: pixels, or times the picture's working size as in 2x1",
        default=None,
    )
    start_step: int | None = option(
        "with --keep: higher: the band is redrawn more freely; 0: the pieces that it is put "
        "together from stay as they are; by the picture's size if not given",
        default=None,
        minimum=0,
        maximum=100,
        rarely=True,
    )
    check_sheet: OutputFile | None = option(
        "write a sheet there with the first result laid side by side, 2x2 if both axes fit",
        default=None,
    )

    def check(self) -> None:
        if not self.keep:
            if self.band is not None or self.start_step is not None:
                raise UserError("--band and --start-step go with --keep only")
            return
        if self.size is not None:
            raise UserError("--size is that of a random tile: with --keep it is the picture's own")
        if self.layout_sheet is not None or self.pick is not None:
            raise UserError("--layout-sheet and --pick are for random tiles, without --keep")
        self._widths()

    @property
    def _wraps(self) -> tuple[bool, bool]:
        return self.axes != "x", self.axes != "y"

    def _widths(self) -> tuple[int, int]:
        """Of the band, in pixels of the picture: at top and bottom, at left and right."""
        band = self.band or BAND
        widths = []
        for wraps, side in zip(self._wraps, self.image.size, strict=True):
            width = round(band.of(side))
            if wraps and not LEAST_BAND <= width <= MOST_BAND * side:
                raise UserError(
                    f"--band {band} is {width} pixels of {side}: give {LEAST_BAND} pixels to "
                    f"{MOST_BAND:.0%}"
                )
            widths.append(width if wraps else 0)
        return widths[0], widths[1]

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self._has_sheet = False
        if self.keep:
            self._keep(plan)
        else:
            self._make(plan, pyramid)
        plan.wraps = self._wraps
        if self.check_sheet is not None:
            h, w = (n * (1 + wrap) for n, wrap in zip(plan.canvas, plan.wraps, strict=True))
            check_pixels((h, w), f"--check-sheet {self.check_sheet}")

    def _make(self, plan: Plan, pyramid: Pyramid) -> None:
        """Everything from noise."""
        if self.size is not None:
            plan.set_canvas(canvas_of(self.size, pyramid.sizes[-1]))
        self.lay_out(plan, pyramid)

    def _keep(self, plan: Plan) -> None:
        """The picture at full size, to be filled along its borders and redrawn there."""
        size = self.image.size
        kept = faded(~along_borders(size, self._widths()), FEATHER)
        self._pins = Pins(self.image.rgb(), kept)
        plan.enlarge(size)
        plan.blend_onto(self.image, 1 - kept)
        start = usual_start(size) if self.start_step is None else self.start_step
        start_from_filling(plan, self._pins, start)

    def own_seconds(self, plan: Plan, device: torch.device) -> float:
        bands = 3 if all(self._wraps) else 1
        return bands * filling_seconds(plan.canvas) if self.keep else 0.0

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        if not self.keep:
            super().before_sampling(run)
            return
        target, _ = self._pins.at(run.plan.stages[0].size)
        widths = self._widths()
        run.start_image, self._misfits = filled(run, lambda one: fill_round(target, widths, one))

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        if self.keep:
            self._pins.hold(scale)
        else:
            super().before_scale(run, scale)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self.keep:
            self._pins.pull(step, 1.0)
        else:
            super().modify_x0(run, step)

    @hookimpl(trylast=True)
    def compose_output(self, run: Run, result: Result) -> None:
        if self.keep:
            tell_misfits(result, self._misfits)
        else:
            super().compose_output(run, result)
        if self.check_sheet is not None and not self._has_sheet:
            tile = result.pictures[0]
            pixels = tile.pixels
            for axis, wrap in enumerate(self._wraps):
                pixels = np.concatenate([pixels, pixels], axis=axis) if wrap else pixels
            result.extras[self.check_sheet] = replace(tile, pixels=pixels)
            self._has_sheet = True
