"""A hole filled from what surrounds it: all but the hole as a region (a consequence of eq. 2)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Region, UserError, hookimpl, option

from .keeping import KeepingTask
from .pinning import FULLY, faded

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid

HARDLY_MORE = 0.5
"""Share of a picture that goes on purpose: a mask that is white on more of it may be white on what
is to stay. What a box covers, or is transparent, can't be mistaken for the rest."""


class Inpaint(KeepingTask):
    """The hole is neither seen nor learnt: what was in it is gone, everything else stays."""

    name = "inpaint"
    summary = "remove what a mask covers, or fill a hole"
    also_called = (
        "remove",
        "delete",
        "erase",
        "take out",
        "take away",
        "get rid of",
        "clean up",
        "repair",
        "scratch",
    )
    learns_from = "image"

    image: Picture = option("the picture")
    mask: Region | None = option(
        "white on what goes, or a box X,Y,W,H in pixels or percent; what is transparent in the "
        "picture if not given",
        default=None,
    )
    grow: float = option(
        "pixels around the mask that go too: an object's rim",
        default=2.0,
        minimum=0,
        maximum=500,
        rarely=True,
    )
    feather: float = option(
        "pixels around the hole over which the picture passes into the new part",
        default=4.0,
        minimum=0,
        maximum=500,
        rarely=True,
    )

    def check(self) -> None:
        if self.mask is not None:
            self.mask.check_covers(self.image, "--mask")
        elif not self.image.is_transparent:
            raise UserError(
                f"missing --mask: white on what goes, or a box X,Y,W,H; without it the transparent "
                f"parts of the picture go, and {self.image.name} has none"
            )
        if self._hole.all():
            what = "what is transparent" if self.mask is None else f"--mask {self.mask}"
            raise UserError(f"{what} covers all of {self.image.name}")

    def notices(self) -> list[str]:
        if self.mask is None:
            return []
        share = float(self.mask.inside(self.image.size).mean())
        if self.mask.box is not None or share <= HARDLY_MORE:
            return self.mask.notices(self.image, "--mask")
        return [
            f"--mask {self.mask} is white on {int(100 * share)}% of {self.image.name}, and what is "
            "white goes: if that is what was to stay, swap black and white in it"
        ]

    def proposed(self, name: str) -> Picture | None:
        """The transparent hole."""
        if name != "mask" or not self.image.is_transparent:
            return None
        return Picture.from_mask(self._clear)

    @cached_property
    def _hole(self) -> npt.NDArray[np.bool_]:
        """(h, w), true where the picture is made anew."""
        from scipy import ndimage

        wanted = self._clear if self.mask is None else self.mask.inside(self.image.size)
        grown: npt.NDArray[np.bool_] = ndimage.distance_transform_edt(~wanted) <= self.grow
        return grown

    @property
    def _clear(self) -> npt.NDArray[np.bool_]:
        """(h, w), true where the picture is not fully opaque."""
        if not self.image.has_alpha:
            return np.zeros(self.image.size, np.bool_)
        clear: npt.NDArray[np.bool_] = self.image.pixels[..., -1] < self.image.maximum
        return clear

    @cached_property
    def _opaque(self) -> Picture:
        """The picture, where it is transparent in the colours of what is next to that."""
        if self.mask is not None or not self.image.is_transparent or self._clear.all():
            return self.image
        from scipy import ndimage

        places = ndimage.distance_transform_edt(
            self._clear, return_distances=False, return_indices=True
        )
        return replace(self.image, pixels=self.image.pixels[tuple(places)])

    def learnt(self) -> Picture:
        return self._opaque

    def hidden(self) -> Picture | None:
        """What goes, where it could come back: no patch of it is ever put in, but what a network
        has learnt makes layouts of anything.

        Nobody knows what is under a transparent part.
        """
        if (self.goes_on or self.is_laid) and self._opaque is self.image:
            return None
        return replace(Picture.from_mask(self._hole), name="the mask")

    def remembered(self, pyramid: Pyramid) -> Pyramid:
        """All but what goes."""
        known = st.tensor_from_rgb((~self._hole)[..., None].astype(np.float32))
        masks = [(st.downsample(known, size) > FULLY).float() for size in pyramid.sizes]
        if pyramid.known is not None:
            masks = [ours * others for ours, others in zip(masks, pyramid.known, strict=True)]
        return replace(pyramid, known=tuple(masks))

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self.keep(plan, pyramid, self._opaque, faded(~self._hole, self.feather))
