"""A picture repainted in the strokes of another (paper §4, "Style transfer")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Task, hookimpl, option

from .colours import coloured, matched, with_hues_of
from .strokes import Strength, Way, stroke_scale, way

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Stage, Step

STYLE_PIXELS = 250_000
"""Of the style: the strokes that are seen at this size are learnt, not the grain of its canvas."""

CELL = 16
"""Pixels of the content as it begins: what is larger in it is held more or less, what is smaller is
free."""

WHOLE_START = 25
"""Where at least this start step is begun with, the strokes that follow start as usual."""

VARIETY = 0.3
"""How far each step of the strokes goes to the style's own variety of small patches."""

FEWER_STROKE_VISITS = 3
"""Strokes are made by random steps, which paint where the others weave: eight times as many as
those, so there are this many times fewer than usual."""

FINISHING_VISITS = 4
"""Timesteps of the sizes that only finish the strokes: they are large, and not much is new."""

FINISHING_HOLD = 0.3
"""How much of what they have changed of the strokes, shrunk again, each step takes back."""


class StyleTransfer(Task):
    """The content, in the style's colours, is noised where it is small and denoised by a model of
    the style at larger and larger sizes: first the strokes, then what is seen of them from near."""

    name = "style-transfer"
    summary = "repaint a picture in the strokes of another"
    also_called = (
        "in the manner of",
        "in the style of",
        "like this painting",
        "as a painting",
        "paint like",
        "filter",
    )
    learns_from = "style"
    named_after = "content"
    most_pixels = STYLE_PIXELS

    style: Picture = option("the picture whose strokes and colours are wanted: what is learnt")
    content: Picture = option("the picture to repaint; its size is kept")
    strength: float = option(
        "0: the content hardly touched, 1: abstract", default=0.5, minimum=0, maximum=1
    )
    stroke: float = option(
        "size of the strokes in the scene: 2 is twice as large, 0.5 half as large",
        default=1.0,
        minimum=0.25,
        maximum=4,
    )
    colour: float = option(
        "1: the colours of the style, 0: the content's own", default=0.8, minimum=0, maximum=1
    )
    start_scale: int | None = option(
        "lower: larger shapes of the content are redrawn too; 0 is the coarsest, -1 the finest; as "
        "--strength says if not given",
        default=None,
        rarely=True,
    )
    start_step: int | None = option(
        "higher: more of the style, less of the content's detail; as --strength says if not given",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        content, strength = coloured(self.content), Strength.of(self.strength)
        if self.start_scale is None:
            first, left_out = max(0, stroke_scale(pyramid) - strength.below), strength.left_out
        else:
            first, left_out = plan.stage(self.start_scale, option="--start-scale").s, 0.0
        chosen = way(pyramid, content.size, first, self.stroke, left_out)
        self._strokes, self._hold = chosen.strokes, strength.hold
        start = self.start_step or strength.start
        plan.stages = _stages(plan, chosen, start)
        begun = plan.stages[0]
        image = st.tensor_from_rgb(content.resized(begun.size).rgb())
        self._cells = (max(1, begun.size[0] // CELL), max(1, begun.size[1] // CELL))
        self._content = st.downsample(image, self._cells)
        plan.inject(
            matched(image, pyramid.scales[begun.s]),
            at=begun,
            start=start,
            option="--start-step",
        )
        plan.blend_onto(content, np.ones(content.size, np.float32))

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        """What is held while strokes are made: the content's large shapes, in the style's colours.

        That of a pass, as another task may have given it another picture to start from.
        """
        if run.start_image is None:
            raise ValueError("the plan no longer starts from the content")
        self._held = st.downsample(run.start_image, self._cells).to(run.device)

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        """The strokes are made: from now on they are what is held."""
        if scale.index == self._strokes and scale.input is not None:
            made = run.plan.stages[scale.index - 1].size
            self._held = st.downsample(scale.input, made)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if step.scale.index < self._strokes:
            step.x0 = held(_varied(step, run), self._held, self._hold)
        elif step.t_next >= 0:
            step.x0 = held(step.x0, self._held, FINISHING_HOLD)

    @hookimpl(tryfirst=True)
    def compose_output(self, run: Run, result: Result) -> None:
        result.samples = with_hues_of(result.samples, self._content, 1 - self.colour)


def _stages(plan: Plan, chosen: Way, start: int) -> list[Stage]:
    """Those of the `chosen` way, as the plan's own would be at those scales.

    Where less noise than usual is begun with, the strokes that follow get as much less. All are
    guided, strokes by the style's patches, and what finishes them by the strokes: more updates
    than that asks for change nothing that is seen.
    """
    own, schedule = {stage.s: stage for stage in plan.stages}, plan.schedule
    less = min(1.0, schedule.start_sigma(start) / schedule.start_sigma(WHOLE_START))
    stages = []
    for k, (s, size) in enumerate(zip(chosen.scales, chosen.sizes, strict=True)):
        is_stroke, visits = k < chosen.strokes, own[s].visits
        # The coarsest scale's own start is noise alone.
        usual = own[s].start if s > 0 else start
        stage = st.Stage(s, size, usual, blur=s > 0, ddpm=is_stroke, guided=True)
        if is_stroke:
            stage.start = schedule.start_above(less * schedule.start_sigma(stage.start))
            stage.visits = visits and max(1, visits // FEWER_STROKE_VISITS)
        else:
            stage.visits = min(visits or FINISHING_VISITS, FINISHING_VISITS)
        stages.append(stage)
    stages[0].visits = own[chosen.scales[0]].visits
    return stages


def _varied(step: Step, run: Run) -> Tensor:
    """x̂0 with its small patches nearer to those of the style at that scale."""
    guidance = st.service("patch-guidance", pyramid=run.pyramid, device=run.device)
    moved: Tensor = guidance.moved(step.x0, step.s, run.generators, strength=VARIETY)
    return moved


def held(x: Tensor, image: Tensor, share: float) -> Tensor:
    """x (n, 3, h, w) with a `share` of what it lacks, shrunk, of the small `image` added."""
    small, size = (image.shape[-2], image.shape[-1]), (x.shape[-2], x.shape[-1])
    return x + share * st.upsample(image - st.downsample(x, small), size)
