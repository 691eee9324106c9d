"""A hole filled from what surrounds it: all but the hole as a region (a consequence of eq. 2)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import Picture, Region, Task, UserError, hookimpl, option

from .pinning import Pins, faded, follow_detail, resample

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step


class Inpaint(Task):
    """The hole is neither seen nor learnt: what was in it is gone, everything else stays."""

    name = "inpaint"
    summary = "remove what a mask covers, or fill a hole"
    learns_from = "image"

    image: Picture = option("the picture")
    mask: Region = option("white on what goes, or a box X,Y,W,H in pixels or percent")
    grow: float = option(
        "pixels around the mask that go too: an object's rim",
        default=2.0,
        minimum=0,
        maximum=500,
    )
    feather: float = option(
        "pixels around the hole over which the picture passes into the new part",
        default=4.0,
        minimum=0,
        maximum=500,
    )

    def check(self) -> None:
        mask, (h, w) = self.mask.mask, self.image.size
        if mask is not None and mask.size != (h, w):
            raise UserError(
                f"{mask.name} is {mask.size[1]}×{mask.size[0]} and {self.image.name} {w}×{h} "
                "pixels: a mask must have the size of its picture"
            )
        if not self._hole.any():
            raise UserError(f"--mask {self.mask} covers nothing of {self.image.name}")
        if self._hole.all():
            raise UserError(f"--mask {self.mask} covers all of {self.image.name}")

    @cached_property
    def _hole(self) -> npt.NDArray[np.bool_]:
        """(h, w), true where the picture is made anew."""
        from scipy import ndimage

        wanted = self.mask.inside(self.image.size)
        grown: npt.NDArray[np.bool_] = ndimage.distance_transform_edt(~wanted) <= self.grow
        return grown if wanted.any() else wanted

    def hidden(self) -> Picture:
        return Picture(self._hole[..., None].astype(np.uint8) * np.uint8(255), "the mask")

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self._kept = faded(~self._hole, self.feather)
        self._pins = Pins(self.image.rgb(), self._kept)
        plan.enlarge(self.image.size)
        resample(plan)
        follow_detail(plan, self._pins, pyramid.count)

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._pins.fix(scale)
        self._pins.level(scale)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        self._pins.pull(step, 1.0)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        from sinddm_toolkit.api import rgb_from_tensor

        new = 1 - self._kept
        samples = self._pins.levelled(result.samples)
        result.pictures = [self.image.blend(rgb_from_tensor(one), new) for one in samples.split(1)]
