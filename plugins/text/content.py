"""Random pictures with something in them that a text names (paper §3.3, "Text guided contents")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import hookimpl, option

from .task import GuidedTask, with_random_steps

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid


class TextContent(GuidedTask):
    """Where the text moves the picture most, it is guided at every scale but the coarsest."""

    name = "text-content"
    summary = "a random picture like yours that shows what you say"
    also_called = (
        "prompt",
        "describe",
        "words",
    )

    strength: float = option(
        "higher: more of the text, less like your picture", default=0.2, minimum=0, maximum=1
    )
    fill: float = option(
        "share of the picture that may change, from 0 to 1", default=0.5, minimum=0.001, maximum=1
    )

    momentum = 0.2

    def extent(self) -> tuple[float, float]:
        return self.strength, self.fill

    def guides(self, scale: int, finest: int) -> bool:
        return scale > 0 or finest == 0

    @hookimpl(trylast=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        for stage in plan.stages:
            with_random_steps(stage)
