"""A rough painting or a crude edit made into a picture (paper §4; SinGAN's paint-to-image)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sinddm_toolkit.api import Picture, Region, Task, hookimpl, option, softened

from .pinning import Pins

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, Step


class Paint(Task):
    """The painting gives the large shapes, the model of the picture everything finer."""

    name = "paint"
    summary = "make a rough painting or a crude edit look like the picture"
    learns_from = "image"
    named_after = "painting"

    image: Picture = option("the picture to learn from")
    painting: Picture = option("the painting, or the picture with a crude edit; its size is kept")
    mask: Region | None = option(
        "where the painting may change: a mask picture or a box X,Y,W,H; everywhere if not given",
        default=None,
    )
    start_scale: int = option("lower: larger shapes are redrawn too", default=1, minimum=0)
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
        from sinddm_toolkit.api import downsample, tensor_from_rgb, working_size

        size = self.painting.size
        height, width = plan.canvas
        plan.set_canvas(working_size(size, height * width), by=self.name)
        plan.enlarge(size)
        plan.transparent = self.painting.alpha() is not None
        self._free = np.ones(size, np.float32)
        if self.mask is not None:
            self._free = softened(self.mask.inside(size), 0, self.feather)
        self._pins = Pins(self.painting.rgb(), 1 - self._free)
        at = plan.stage(min(self.start_scale, pyramid.count - 1))
        image = downsample(tensor_from_rgb(self.painting.rgb()), at.size)
        plan.inject(image, at=at, start=self.start_step or at.start, by=self.name)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self.mask is not None:
            self._pins.pull(step, 1.0)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        from sinddm_toolkit.api import rgb_from_tensor

        result.pictures = [
            self.painting.blend(rgb_from_tensor(one), self._free) for one in result.samples.split(1)
        ]
