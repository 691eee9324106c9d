"""Make a pasted object belong to its background (paper §4, "Harmonization")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import OutputFile, Picture, Task, UserError, hookimpl, option

from .object_mask import BoolArray, difference, flattened

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run

WHOLE_PIXELS = 250_000
"""Up to this the picture is worked on as a whole; `--start-step`, `--spread` and `--feather` are
in pixels of that size. Larger ones only carry on there what it has made."""

ASPECT_TOLERANCE = 0.02
"""Sizes whose aspects differ by less are the same framing at another resolution."""

Size = tuple[int, int]


class Harmonize(Task):
    """The composite, noised a little at one scale, is denoised by a model of the background."""

    name = "harmonize"
    summary = "give a pasted object the texture and tone of its background"
    learns_from = "bg"
    named_after = "composite"

    bg: Picture = option("the background without the object: what the model learns")
    composite: Picture = option("the background with the object pasted in")
    mask: Picture | None = option(
        "white where the object is; else found from the composite's transparency, or from where "
        "it differs from the background",
        default=None,
    )
    start_scale: int | None = option(
        "lower: coarser structures of the object are redrawn too; 0 is the coarsest, -1 the "
        "finest, -2 the next; the finest of at most 250 000 pixels if not given",
        default=None,
    )
    start_step: int = option(
        "higher: more of the background's texture, less of the object's detail",
        default=15,
        minimum=1,
        maximum=100,
    )
    spread: float = option(
        "pixels around the object that may change too", default=7.0, minimum=0, maximum=200
    )
    feather: float = option(
        "softness of the border of the change, in pixels", default=5.0, minimum=0, maximum=100
    )
    fit: bool = option(
        "accept a composite or mask of another resolution than the background", default=False
    )
    flatten: bool = option(
        "paste a composite with transparency onto the background, giving an opaque picture",
        default=False,
    )
    save_mask: OutputFile | None = option("write the mask that was used there", default=None)

    def check(self) -> None:
        self._check_size(self.composite, self.bg)
        if self.mask is not None:
            self._check_size(self.mask, self.composite)

    def _check_size(self, picture: Picture, reference: Picture) -> None:
        (h, w), (height, width) = picture.size, reference.size
        if picture.size == reference.size:
            return
        sizes = f"{picture.name} is {w}×{h} and {reference.name} {width}×{height} pixels"
        if abs(math.log((h / w) / (height / width))) > ASPECT_TOLERANCE:
            raise UserError(f"{sizes}: they differ in shape, crop one to the other's framing")
        if not self.fit:
            raise UserError(f"{sizes}: give --fit if they show the same framing")

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        """The composite is injected; what it becomes counts where the object is, softly."""
        background = st.in_profile_of(self.bg, self.composite)
        opaque = flattened(self.composite, background.resized(self.composite.size))
        scale = self.start_scale
        first = None if scale is None else plan.stage(scale, option="--start-scale")
        at = plan.whole_stage(WHOLE_PIXELS, first)
        self._found = self._mask(at.size, background)
        plan.repaint(
            opaque,
            onto=opaque if self.flatten else self.composite,
            weight=st.softened(self._found, self.spread, self.feather),
            at=at,
            first=first,
            start=self.start_step,
            crop=True,
            option="--start-step",
        )

    def _mask(self, size: Size, background: Picture) -> BoolArray:
        """(h, w), true on the object. UserError if it is nowhere."""
        layer = self.composite.resized(size)
        alpha = layer.alpha()
        if self.mask is not None:
            found = self.mask.resized(size).rgb().mean(axis=2) > 0
            empty = f"the mask {self.mask.name} is all black"
        elif alpha is not None:
            found = alpha > 0.5
            empty = f"{self.composite.name} is transparent everywhere"
        else:
            found = difference(layer.rgb(), background.resized(size).rgb())
            empty = f"{self.composite.name} nowhere differs from {self.bg.name}"
        if not found.any():
            raise UserError(f"{empty}: nothing to harmonize (--mask says where the object is)")
        return found

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        if self.save_mask is not None:
            result.extras[self.save_mask] = Picture.from_mask(self._found, self.composite.size)
