"""What tasks have in common that keep the picture and add a new part (eq. 2 with η = 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import Picture, UserError, at_strength, hookimpl, option

from .layouts import LayoutTask
from .pinning import FloatArray, Pins, resample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step

    from .consistency import Consistency
    from .filling import Filling

REDRAWN_FROM = 6
"""Of the finest scale: pieces keep their shapes, and where they meet get strokes or grain."""

REDRAWN_PIXELS = 250_000
"""A larger picture's finest scale knows grain alone, which pieces of it have of their own."""

FILLING_SECONDS, FILLING_SECONDS_A_PIXEL = 2.0, 5e-7
"""Of a filling, which large pictures only take their finest detail for: on a core of an EPYC."""

REDRAWN_MOST = 15
"""At a strength of 1: strokes are new and softer, shapes are still those of the pieces."""


class KeepingTask(LayoutTask):
    """Calls `keep` in its `plan_edit`."""

    strength: float = option(
        "with --structure continue, how freely what is put together is redrawn: 0 not at all, "
        "nothing is learnt then; 0.5 as suits the picture's size; 1 in new strokes",
        default=0.5,
        minimum=0,
        maximum=1,
    )
    structure: str = option(
        "continue: hills, roofs or waves go on in the new part, which is put together from pieces "
        "of the picture; free: all in it is made up, and the best of several layouts goes on",
        default="continue",
        choices=("continue", "free"),
    )
    start_step: int | None = option(
        "with --structure continue: higher: the pieces are redrawn more freely; 0: they stay as "
        "they are, and nothing is learnt; as --strength says if not given",
        default=None,
        minimum=0,
        maximum=100,
        rarely=True,
    )

    def keep(
        self,
        plan: Plan,
        pyramid: Pyramid,
        picture: Picture,
        kept: FloatArray,
        rows: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        """The result is `picture`, of its size, where `kept` (h, w) is 1, and new where it is 0.

        rows: where the picture's upper and lower edge are, as shares of the result's height.
        """
        self._pins = Pins(picture.rgb(), kept)
        self._consistency: Consistency | None = None
        plan.enlarge(picture.size)
        plan.blend_onto(picture, 1 - kept)
        if self.goes_on:
            for flag, given in (("--pick", self.pick), ("--layout-sheet", self.layout_sheet)):
                if given is not None:
                    raise UserError(f"{flag} needs --structure free: no layout is made otherwise")
            self._inject(plan)
        else:
            resample(plan)
            follow_detail(plan, self._pins, pyramid.count)
            _, mask = self._pins.at(plan.stages[-1].size)
            self.lay_out(plan, pyramid, rows=rows, free=1 - mask)

    @property
    def goes_on(self) -> bool:
        """Whether the structure of the picture is continued."""
        return self.structure == "continue"

    def _inject(self, plan: Plan) -> None:
        """Start from what is kept, at full size; `before_sampling` fills the rest in."""
        start = self.start_step
        if start is None:
            usual = usual_start(plan.stages[-1].size)
            start = round(at_strength(self.strength, usual, REDRAWN_MOST))
        start_from_filling(plan, self._pins, start)

    def own_seconds(self, plan: Plan, device: torch.device) -> float:
        return filling_seconds(plan.canvas) if self.goes_on else 0.0

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        if not self.goes_on:
            super().before_sampling(run)
            return
        from .filling import fill

        target, kept = self._pins.at(run.plan.stages[0].size)
        hole = (kept < 0.5)[0, 0].numpy()
        run.start_image, self._misfits = filled(run, lambda one: fill(target, hole, one))

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        if self.goes_on:
            self._pins.hold(scale)
            return
        super().before_scale(run, scale)
        if scale.index == 0 and self._is_laid:
            self._pins.hold(scale)
        else:
            self._consistency = self._pins.fix(run, scale)
        self._pins.level(scale)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self._consistency is not None:
            self._consistency.shift(step)
        if not self.goes_on:
            self.guide(run, step)
        self._pins.pull(step, 1.0)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        if not self.goes_on:
            super().compose_output(run, result)
            result.samples = self._pins.levelled(result.samples)
            return
        tell_misfits(result, self._misfits)


def filling_seconds(size: tuple[int, int]) -> float:
    """What a filling of a picture of that size (h, w) takes."""
    return FILLING_SECONDS + size[0] * size[1] * FILLING_SECONDS_A_PIXEL


def usual_start(size: tuple[int, int]) -> int:
    """From which step what is put together is redrawn in a picture of that size (h, w)."""
    return REDRAWN_FROM if size[0] * size[1] <= REDRAWN_PIXELS else 0


def start_from_filling(plan: Plan, pins: Pins, start: int) -> None:
    """Inject what is held at the last stage, where a filling will take its place; 0: it stays."""
    stage = plan.stages[-1]
    target, _ = pins.at(stage.size)
    plan.inject(target, at=stage, start=max(1, start), option="--start-step")
    if start == 0:
        stage.visits = 0


def filled(run: Run, fill: Callable[[torch.Generator], Filling]) -> tuple[Tensor, list[float]]:
    """(samples, 3, h, w) and their misfits: what `fill` makes of each sample's random numbers."""
    import torch

    fillings = []
    for k, generator in enumerate(run.generators):
        run.report("filling", k + 1, run.samples)
        fillings.append(fill(generator))
    return torch.cat([one.image for one in fillings]), [one.misfit for one in fillings]


def tell_misfits(result: Result, misfits: Sequence[float]) -> None:
    """Say in each sample's record how badly its pieces fit."""
    for told, misfit in zip(result.metadata, misfits, strict=True):
        told["misfit"] = round(misfit, 4)


def follow_detail(plan: Plan, pins: Pins, learnt: int) -> None:
    """Add as much detail in the stages behind the `learnt` ones as what is held has there.

    A photograph has less and less of it at its last pixels; what its finest learnt scale has,
    added at every size, would be coarser and coarser grain beside that.
    """
    for index in range(learnt, len(plan.stages)):
        stage = plan.stages[index]
        detail = pins.detail(plan.stages[index - 1].size, stage.size)
        stage.start, stage.blur = min(stage.start, plan.schedule.start_for(detail)), False
