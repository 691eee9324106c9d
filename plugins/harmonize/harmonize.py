"""Make a pasted object belong to its background (paper §4, "Harmonization")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import (
    OutputFile,
    Picture,
    Task,
    UserError,
    Window,
    bounds,
    carried_over,
    hookimpl,
    in_profile_of,
    option,
    softened,
    whole,
    with_change,
)

from .levels import Level
from .object_mask import difference, flattened

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Stage, Step

WHOLE_PIXELS = 250_000
"""Up to this the picture is worked on as a whole; `--start-step`, `--spread` and `--feather` are
in pixels of that size. Larger ones only carry on there what it has made."""

ASPECT_TOLERANCE = 0.02
"""Sizes whose aspects differ by less are the same framing at another resolution."""

BoolArray = npt.NDArray[np.bool_]
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
        "lower: coarser structures of the object are redrawn too; the finest of at most "
        "250 000 pixels if not given",
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
        background = in_profile_of(self.bg, self.composite)
        self._opaque = flattened(self.composite, background.resized(self.composite.size))
        self._target = self._opaque if self.flatten else self.composite
        plan.transparent = self._target.alpha() is not None
        small = [s for s in plan.stages if s.size[0] * s.size[1] <= WHOLE_PIXELS]
        main = (small or plan.stages)[-1]
        first = main if self.start_scale is None else plan.stage(self.start_scale)
        main = max(main, first, key=lambda stage: stage.scale)
        self._found = self._mask(main.size, background)
        self._weight = softened(self._found, self.spread, self.feather)
        self._begin(plan, first, main)

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

    def _begin(self, plan: Plan, first: Stage, main: Stage) -> None:
        """Inject the composite at `first`; beyond `main` only the object is worked on."""
        from sinddm_toolkit.api import tensor_from_rgb

        first.start = self.start_step
        finer = [stage for stage in plan.stages if stage.scale > main.scale]
        for stage in finer:
            stage.blur = stage.ddpm = False
            stage.start = plan.finer_start(main.start, stage.scale - main.scale)
        self._levels = {}
        for stage in [main, *finer]:
            everything = stage is main and first is not main
            window = whole(main.size) if everything else self._window(stage)
            self._levels[stage.scale] = self._level(stage.size, window)
        self._finest = self._levels[plan.stages[-1].scale]
        plan.set_canvas(self._finest.window.shape, by=self.name)
        for stage in [main, *finer]:
            stage.size = self._levels[stage.scale].window.shape
        image = self._opaque.resized(first.size).rgb()
        if first is main:
            image = self._levels[main.scale].composite
        plan.inject(tensor_from_rgb(image), at=first, start=self.start_step, by=self.name)

    def _window(self, stage: Stage) -> Window:
        """What is looked at of a stage. Each step sees HALO pixels further: what lies beyond all
        of them can't matter, and a large picture costs no more than its object."""
        from sinddm_toolkit.api import CELL, HALO

        margin = HALO * len(stage.timesteps(stage.start))
        thing = Window(self._found.shape, bounds(self._weight > 0, 1))
        return thing.at(stage.size, margin, CELL)

    def _level(self, size: Size, window: Window) -> Level:
        weight = carried_over(self._weight, whole(self._found.shape), window, smooth=False)
        return Level(window, self._opaque.resized(size).rgb(window.box), weight)

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        """A finer level begins with its own detail of the composite, changed as the last one."""
        import torch

        from sinddm_toolkit.api import tensor_from_rgb

        level = self._levels.get(scale.stage.scale)
        below = self._levels.get(scale.stage.scale - 1)
        if level is None or below is None or scale.input is None:
            return
        begun = [level.with_change_of(below, change) for change in self._changes]
        scale.input = torch.cat([tensor_from_rgb(one) for one in begun]).to(scale.input.device)

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        level = self._levels.get(step.scale.stage.scale)
        if step.t_next < 0 and level is not None:
            self._changes = level.changes(step.x0)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        level = self._finest
        result.pictures = [
            with_change(self._target, change, self._weight, level.window)
            for change in level.changes(result.samples)
        ]
        if self.save_mask is not None:
            mask = self._found[..., None].astype(np.uint8) * np.uint8(255)
            result.extras[self.save_mask] = Picture(mask).resized(self.composite.size)
