"""A rough painting or a crude edit made into a picture (paper §4; SinGAN's paint-to-image)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Region, Task, hookimpl, option

from .pinning import Pins

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Run, Step


class Paint(Task):
    """The painting gives the large shapes, the model of the picture everything finer."""

    name = "paint"
    summary = "make a rough painting or a crude edit look like the picture"
    learns_from = "image"
    named_after = "painting"

    image: Picture | list[Picture] = option(
        "the picture to learn from; given several times: the pictures to mix"
    )
    painting: Picture = option("the painting, or the picture with a crude edit; its size is kept")
    mask: Region | None = option(
        "where the painting may change: a mask picture or a box X,Y,W,H; everywhere if not given",
        default=None,
    )
    start_scale: int = option(
        "lower: larger shapes are redrawn too; 0 is the coarsest, -1 the finest, -2 the next",
        default=1,
    )
    start_step: int | None = option(
        "higher: freer; the usual start of that scale if not given",
        default=None,
        minimum=1,
        maximum=100,
    )
    feather: float = option(
        "softness of the mask's border, in pixels of the painting",
        default=3.0,
        minimum=0,
        maximum=200,
    )

    def check(self) -> None:
        if self.mask is not None:
            self.mask.check_covers(self.painting, "--mask")

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        size = self.painting.size
        height, width = plan.canvas
        plan.set_canvas(st.working_size(size, height * width))
        plan.enlarge(size)
        free = np.ones(size, np.float32)
        if self.mask is not None:
            free = st.softened(self.mask.inside(size), 0, self.feather)
        plan.blend_onto(self.painting, free)
        self._pins = Pins(self.painting.rgb(), 1 - free)
        at = plan.stage(max(-pyramid.count, min(self.start_scale, pyramid.count - 1)))
        image = st.downsample(st.tensor_from_rgb(self.painting.rgb()), at.size)
        plan.inject(image, at=at, start=self.start_step or at.start, option="--start-step")

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self.mask is not None:
            self._pins.pull(step, 1.0)
