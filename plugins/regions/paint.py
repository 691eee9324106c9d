"""A rough painting or a crude edit made into a picture (paper §4; SinGAN's paint-to-image)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Region, Task, hookimpl, option

from .pinning import Pins

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Run, Stage, Step


MASSES = 1.7
"""Deviation of the noise that leaves the largest masses where they are, at the coarsest scale: its
usual start leaves nothing."""

PAST_FINEST = 4
"""At a strength of 0 noise falls by r² so often below the usual one of the finest scale."""


class Paint(Task):
    """The painting gives the large shapes, the model of the picture everything finer."""

    name = "paint"
    summary = "make a rough painting or a crude edit look like the picture"
    also_called = (
        "sketch",
        "draw",
        "paint to image",
        "scribble",
        "add by hand",
    )
    learns_from = "image"
    named_after = "painting"

    strength: float = option(
        "how much is redrawn: 0 next to nothing, 1 all but where large masses are",
        default=0.5,
        minimum=0,
        maximum=1,
    )
    image: Picture | list[Picture] = option(
        "the picture to learn from; given several times: the pictures to mix"
    )
    painting: Picture = option("the painting, or the picture with a crude edit; its size is kept")
    mask: Region | None = option(
        "where the painting may change: a mask picture or a box X,Y,W,H; everywhere if not given",
        default=None,
    )
    start_scale: int | None = option(
        "lower: larger shapes are redrawn too; 0 is the coarsest, -1 the finest, -2 the next; as "
        "--strength says if not given",
        default=None,
        rarely=True,
    )
    start_step: int | None = option(
        "higher: freer; the usual start of that scale, or as --strength says, if not given",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )
    feather: float = option(
        "softness of the mask's border, in pixels of the painting",
        default=3.0,
        minimum=0,
        maximum=200,
        rarely=True,
    )

    def check(self) -> None:
        if self.mask is not None:
            self.mask.check_covers(self.painting, "--mask")

    def notices(self) -> list[str]:
        return self.mask.notices(self.painting, "--mask") if self.mask else []

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
        at, start = self._begun(plan, pyramid)
        image = st.downsample(st.tensor_from_rgb(self.painting.rgb()), at.size)
        plan.inject(image, at=at, start=start, option="--start-step")

    def _begun(self, plan: Plan, pyramid: Pyramid) -> tuple[Stage, int]:
        """The stage that is begun at, and its start step."""
        count = pyramid.count
        if self.start_scale is not None:
            at = plan.stage(max(-count, min(self.start_scale, count - 1)))
            return at, self.start_step or at.start
        place = place_of(self.strength, count)
        at = plan.stage(max(0, min(int(place), count - 1)))
        start, noise = at.start, plan.schedule.start_sigma
        is_usual = place == at.s and (at.s > 0 or count == 1)
        if not is_usual:
            less = pyramid.factor ** (2 * (at.s - place))
            usual = noise(at.start) if at.s > 0 else MASSES
            start = plan.schedule.start_above(less * usual)
            if at.s == count - 1:  # and so do the sizes past it
                for stage in plan.stages[plan.stages.index(at) + 1 :]:
                    stage.start = plan.schedule.start_above(less * noise(stage.start))
        return at, self.start_step or start

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self.mask is not None:
            self._pins.pull(step, 1.0)


def place_of(strength: float, count: int) -> float:
    """Where among `count` scales a painting is injected, so that a `strength` of it is redrawn.

    A whole number is a scale with its usual noise. From one to the next the noise falls, by r², so
    that what it frees becomes half as large in units of the picture, as with the usual starts of
    the scales; before the first it goes on rising. The middle of the dial is scale 1.
    """
    middle = min(1, count - 1)
    return st.at_strength(strength, middle, -middle, least=count - 1 + PAST_FINEST)
