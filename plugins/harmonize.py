"""Make a pasted object belong to its background (paper §4, "Harmonization")."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import (
    OutputFile,
    Picture,
    Task,
    UserError,
    bounds,
    hookimpl,
    in_profile_of,
    option,
    softened,
    with_change,
)

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Result, Run

API_VERSION = 1

ASPECT_TOLERANCE = 0.02
"""Sizes whose aspects differ by less are the same framing at another resolution."""

CERTAIN_DIFFERENCE = 0.12
POSSIBLE_DIFFERENCE = 0.05
"""Of the full range, after smoothing: seeds of the found mask, and what grows from them. JPEG
noise stays below the first; what lies above the second is part of the object if it touches one."""

SMALLEST_OBJECT = 12
"""Pixels at the working size: less is a speck of compression."""

DIFFERENCE_BLUR = 1.0
"""Pixels; evens out compression noise before it is measured."""

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


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
        "lower: coarser structures of the object are redrawn too; the finest if not given",
        default=None,
        minimum=0,
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
        from sinddm_toolkit.api import tensor_from_rgb

        size = pyramid.sizes[-1]
        background = in_profile_of(self.bg, self.composite)
        layer = self.composite.resized(size)
        small = flattened(layer, background.resized(size))
        self._target = self.composite
        if self.flatten:
            self._target = flattened(self.composite, background.resized(self.composite.size))
        plan.transparent = self._target.alpha() is not None
        self._found = self._mask(layer, small, background.resized(size))
        self._weight = softened(self._found, self.spread, self.feather)
        self._inject(plan, tensor_from_rgb(small.rgb()))

    def _inject(self, plan: Plan, image: Tensor) -> None:
        from sinddm_toolkit.api import CELL, HALO, downsample

        at = plan.stage(self.start_scale)
        self._window = (0, 0, *image.shape[-2:])
        if at is plan.stages[-1]:
            # Each step sees HALO pixels further: what lies beyond all of them can't matter, and a
            # large picture costs no more than its object.
            self._window = bounds(self._weight > 0, HALO * self.start_step, CELL)
            y0, x0, y1, x1 = self._window
            image = image[..., y0:y1, x0:x1]
            plan.set_canvas((y1 - y0, x1 - x0), by=self.name)
        self._before = image
        plan.inject(downsample(image, at.size), at=at, start=self.start_step, by=self.name)

    def _mask(self, layer: Picture, small: Picture, background: Picture) -> BoolArray:
        """(h, w) at the working size, true on the object. UserError if it is nowhere."""
        alpha = layer.alpha()
        if self.mask is not None:
            found = self.mask.resized(layer.size).rgb().mean(axis=2) > 0
            empty = f"the mask {self.mask.name} is all black"
        elif alpha is not None:
            found = alpha > 0.5
            empty = f"{self.composite.name} is transparent everywhere"
        else:
            found = difference(small.rgb(), background.rgb())
            empty = f"{self.composite.name} nowhere differs from {self.bg.name}"
        if not found.any():
            raise UserError(f"{empty}: nothing to harmonize (--mask says where the object is)")
        return found

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        from sinddm_toolkit.api import rgb_from_tensor

        changes = (rgb_from_tensor(one - self._before) for one in result.samples.split(1))
        result.pictures = [self._with_change(change) for change in changes]
        if self.save_mask is not None:
            mask = self._found[..., None].astype(np.uint8) * np.uint8(255)
            result.extras[self.save_mask] = Picture(mask).resized(self.composite.size)

    def _with_change(self, change: FloatArray) -> Picture:
        """The composite with the `change` of the window."""
        y0, x0, y1, x1 = self._window
        whole = np.zeros((*self._weight.shape, 3), np.float32)
        whole[y0:y1, x0:x1] = change
        return with_change(self._target, whole, self._weight)


def flattened(picture: Picture, background: Picture) -> Picture:
    """`picture` over `background`, opaque; itself if nothing of it is transparent."""
    alpha = picture.alpha()
    if alpha is None:
        return picture
    opaque = replace(picture, pixels=picture.pixels[..., :-1])
    return opaque.blend(background.rgb(), 1 - alpha)


def difference(composite: FloatArray, background: FloatArray) -> BoolArray:
    """Where two pictures (h, w, 3) in [-1, 1] show different things, compression noise aside."""
    from scipy import ndimage
    from skimage.filters import apply_hysteresis_threshold

    apart = np.abs(composite - background).max(axis=2) / 2
    apart = ndimage.gaussian_filter(apart, DIFFERENCE_BLUR)
    # What differs everywhere, as after another JPEG round, is no object.
    everywhere = np.median(apart)
    found = apply_hysteresis_threshold(
        apart, everywhere + POSSIBLE_DIFFERENCE, everywhere + CERTAIN_DIFFERENCE
    )
    labels, _ = ndimage.label(ndimage.binary_fill_holes(found))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    kept: BoolArray = (areas >= SMALLEST_OBJECT)[labels]
    return kept


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Harmonize]
