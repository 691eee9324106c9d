"""Random pictures, or the picture itself, in a style that a text names (paper §3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import hookimpl, option

from .prompts import Prompt
from .task import GuidedTask, with_random_steps

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid


class TextStyle(GuidedTask):
    """Only the finest scale is guided: the layout stays what the scales below it made."""

    name = "text-style"
    summary = "a random picture like yours, or yours, in a style you name"
    also_called = (
        "prompt",
        "describe",
        "as a watercolour",
        "filter",
    )

    strength: float = option("higher: more of the style", default=0.3, minimum=0, maximum=1)
    of_image: bool = option("the picture itself in that style, not a random one", default=False)

    momentum = 0.05

    def prompts(self) -> list[Prompt]:
        return [Prompt(styled(prompt.text), prompt.weight) for prompt in super().prompts()]

    def extent(self) -> tuple[float, float]:
        return self.strength, 1.0

    def guides(self, scale: int, finest: int) -> bool:
        return scale == finest

    @hookimpl(trylast=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        if self.of_image:
            plan.set_canvas(pyramid.sizes[-1])
            at = plan.stage(None)
            plan.repaint(self.image, at=at, image=pyramid.blurred[-1], start=at.start)
        for stage in plan.stages:
            if stage.s == pyramid.count - 1:
                with_random_steps(stage)


def styled(text: str) -> str:
    """The name of a style as a prompt."""
    return text if text.lower().endswith(" style") else f"{text} style"
