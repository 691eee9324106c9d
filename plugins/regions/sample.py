"""Random pictures of any size with the structures of one picture (paper §3.2, Algorithm 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import CanvasSize, Picture, UserError, hookimpl, option

from .layouts import LayoutTask

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid

MIN_SIDE = 33
"""What the network sees at once: a smaller canvas would be all border."""


def canvas_of(asked: CanvasSize, working: tuple[int, int]) -> tuple[int, int]:
    """The canvas (h, w) that is `asked` for of a picture worked on at that size.

    UserError if it is too small.
    """
    size = asked.of(working)
    if min(size) < MIN_SIDE:
        raise UserError(
            f"--size {asked} is {size[1]}x{size[0]} pixels: give at least {MIN_SIDE} a side"
        )
    return size


class Sample(LayoutTask):
    """Every scale from noise, on a canvas of any size."""

    name = "sample"
    summary = "random pictures of any size that look like yours"
    also_called = (
        "more like this",
        "variations",
        "another",
        "the same again",
        "generate",
        "new",
    )
    learns_from = "image"

    image: Picture | list[Picture] = option(
        "the picture to learn from; given several times: the pictures to mix"
    )
    size: CanvasSize | None = option(
        "size of the result: pixels, or times the picture's working size as in 2x1 or 150%x100%; "
        "larger: more of the same, not the same larger",
        default=None,
    )

    drift: float = option(
        "how far a horizon, and all with it, may come higher or lower than the picture has it, in "
        "shares of the height",
        default=0.2,
        minimum=0,
        maximum=1,
        formerly=0.0,
        rarely=True,
    )

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        if self.size is not None:
            plan.set_canvas(canvas_of(self.size, pyramid.sizes[-1]))
        self.lay_out(plan, pyramid, drift=self.drift)
