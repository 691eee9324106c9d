"""A hole filled from what surrounds it: all but the hole as a region (a consequence of eq. 2)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import (
    Picture,
    Region,
    UserError,
    downsample,
    hookimpl,
    option,
    tensor_from_rgb,
)

from .keeping import KeepingTask
from .pinning import FULLY, faded

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid


class Inpaint(KeepingTask):
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
        self.mask.check_covers(self.image, "--mask")
        if self._hole.all():
            raise UserError(f"--mask {self.mask} covers all of {self.image.name}")

    @cached_property
    def _hole(self) -> npt.NDArray[np.bool_]:
        """(h, w), true where the picture is made anew."""
        from scipy import ndimage

        wanted = self.mask.inside(self.image.size)
        grown: npt.NDArray[np.bool_] = ndimage.distance_transform_edt(~wanted) <= self.grow
        return grown

    def hidden(self) -> Picture | None:
        """What goes, where it could come back: no patch of it is ever put in, but what a network
        has learnt makes layouts of anything."""
        if self.goes_on or self.is_laid:
            return None
        return replace(Picture.from_mask(self._hole), name="the mask")

    def remembered(self, pyramid: Pyramid) -> Pyramid:
        """All but what goes."""
        known = tensor_from_rgb((~self._hole)[..., None].astype(np.float32))
        masks = [(downsample(known, size) > FULLY).float() for size in pyramid.sizes]
        if pyramid.known is not None:
            masks = [ours * others for ours, others in zip(masks, pyramid.known, strict=True)]
        return replace(pyramid, known=tuple(masks))

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self.keep(plan, pyramid, self.image, faded(~self._hole, self.feather))
