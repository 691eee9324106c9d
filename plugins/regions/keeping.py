"""What tasks have in common that keep the picture and add a new part (eq. 2 with η = 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import Picture, Task, hookimpl

from .pinning import FloatArray, Pins, resample

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step


class KeepingTask(Task):
    """Calls `keep` in its `plan_edit`."""

    def keep(self, plan: Plan, pyramid: Pyramid, picture: Picture, kept: FloatArray) -> None:
        """The result is `picture`, of its size, where `kept` (h, w) is 1, and new where it is 0."""
        self._pins = Pins(picture.rgb(), kept)
        plan.enlarge(picture.size)
        plan.blend_onto(picture, 1 - kept)
        resample(plan)
        follow_detail(plan, self._pins, pyramid.count)

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._consistency = self._pins.fix(run, scale)
        self._pins.level(scale)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        if self._consistency is not None:
            self._consistency.shift(step)
        self._pins.pull(step, 1.0)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        result.samples = self._pins.levelled(result.samples)


def follow_detail(plan: Plan, pins: Pins, learnt: int) -> None:
    """Add as much detail in the stages behind the `learnt` ones as what is held has there.

    A photograph has less and less of it at its last pixels; what its finest learnt scale has,
    added at every size, would be coarser and coarser grain beside that.
    """
    for index in range(learnt, len(plan.stages)):
        stage = plan.stages[index]
        detail = pins.detail(plan.stages[index - 1].size, stage.size)
        stage.start, stage.blur = min(stage.start, plan.schedule.start_for(detail)), False
