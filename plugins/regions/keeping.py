"""What tasks have in common that keep the picture and add a new part (eq. 2 with η = 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import Picture, Task, bounds, hookimpl

from .pinning import FloatArray, Pins, resample

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step


class KeepingTask(Task):
    """Calls `keep` in its `plan_edit`."""

    def keep(self, plan: Plan, pyramid: Pyramid, picture: Picture, kept: FloatArray) -> None:
        """The result is `picture`, of its size, where `kept` (h, w) is 1, and new where it is 0."""
        self._picture, self._kept = picture, kept
        self._pins = Pins(picture.rgb(), kept)
        plan.enlarge(picture.size)
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

        y0, x0, y1, x1 = box = bounds(self._kept < 1)
        new = 1 - self._kept[y0:y1, x0:x1]
        samples = self._pins.levelled(result.samples)[..., y0:y1, x0:x1]
        result.pictures = [
            self._picture.blend(rgb_from_tensor(one), new, box) for one in samples.split(1)
        ]


def follow_detail(plan: Plan, pins: Pins, learnt: int) -> None:
    """Add as much detail in the stages behind the `learnt` ones as what is held has there.

    A photograph has less and less of it at its last pixels; what its finest learnt scale has,
    added at every size, would be coarser and coarser grain beside that.
    """
    for index in range(learnt, len(plan.stages)):
        stage = plan.stages[index]
        detail = pins.detail(plan.stages[index - 1].size, stage.size)
        stage.start, stage.blur = min(stage.start, plan.start_for(detail)), False
