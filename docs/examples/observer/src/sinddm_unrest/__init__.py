"""A map of where a picture was undecided: an observer, which goes with any task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import OutputFile, Picture, Task, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Edit, Outcome, Run, ScaleState, Step

API_VERSION = 2


class Unrest(Task):
    """Nothing of the picture is changed: changes from step to step are summed up at each pixel."""

    name = "unrest"
    summary = "a map of where the picture was undecided"
    learns_from = None

    to: OutputFile = option(
        "where the map goes; {out} is the name of the result without its extension",
        default="{out}-unrest.png",
    )
    scale_from: int = option("leave out coarser scales than this", default=0, minimum=0)

    @hookimpl
    def begin_edit(self, edit: Edit) -> None:
        self._canvas = edit.plan.canvas
        self._total: Tensor | None = None

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._last: Tensor | None = None

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        if step.s < self.scale_from:
            return
        if self._last is not None:
            change = (step.x0 - self._last).abs().mean(dim=(0, 1), keepdim=True)
            change = st.upsample(change, self._canvas).clamp(min=0)
            self._total = change if self._total is None else self._total + change
        self._last = step.x0

    @hookimpl
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        if outcome.error is None and self._total is not None:
            share = (self._total / self._total.max().clamp(min=1e-9))[0, 0].cpu().numpy()
            outcome.extras[self.to] = Picture((share * 255).round().astype("uint8")[..., None])


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Unrest]
