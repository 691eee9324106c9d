"""A picture enlarged with detail of its own: the finest scale, again and again (paper §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Task, hookimpl, option

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Run, Step

API_VERSION = 2

BACK_PROJECTIONS = 3
"""Enlarging does not quite undo shrinking: each round leaves a smaller rest."""


class SuperResolve(Task):
    """What the model knows of the finest scale is applied at sizes past it."""

    name = "super-resolve"
    summary = "enlarge the picture and give it detail"
    learns_from = "image"

    image: Picture = option("the picture to enlarge")
    factor: float = option(
        "how many times larger each side gets", default=2.0, minimum=1, maximum=16
    )
    start_step: int | None = option(
        "higher: more new detail, less likeness; the usual start of the finest scale if not given",
        default=None,
        minimum=1,
        maximum=100,
    )
    faithful: float = option(
        "how much the result, shrunk again, must equal the picture: 1 exactly, 0 not at all",
        default=1.0,
        minimum=0,
        maximum=1,
    )

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self._original = st.tensor_from_rgb(self.image.rgb())
        h, w = self.image.size
        plan.set_canvas((h, w))
        plan.enlarge((round(h * self.factor), round(w * self.factor)), start=self.start_step)
        first = plan.stages[min(pyramid.count, len(plan.stages) - 1)]
        image = st.upsample(self._original, first.size)
        plan.inject(image, at=first, start=first.start, blurred=True)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        """Back projection (Irani & Peleg, 1991): what the shrunk x̂0 lacks is added to it."""
        original, x0 = self._original.to(step.x0.device), step.x0
        size = (x0.shape[-2], x0.shape[-1])
        for _ in range(BACK_PROJECTIONS):
            shrunk = st.downsample(x0, self.image.size)
            x0 = x0 + self.faithful * st.upsample(original - shrunk, size)
        step.x0 = x0


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [SuperResolve]
