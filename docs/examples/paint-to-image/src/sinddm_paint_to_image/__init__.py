"""A rough painting made into a picture: put in at a coarse scale, it gets the finer ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Task, hookimpl, option

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid

API_VERSION = 2


class PaintToImage(Task):
    """The large shapes are the painting's, everything finer is the picture's."""

    name = "paint-to-image"
    summary = "turn a rough painting into a picture with the texture of yours"
    learns_from = "image"
    named_after = "painting"

    image: Picture = option("the picture to learn from")
    painting: Picture = option("the painting; the result has its size")
    start_scale: int = option("lower: larger shapes are redrawn too", default=1, minimum=0)
    start_step: int | None = option(
        "higher: freer; the usual start of that scale if not given",
        default=None,
        minimum=1,
        maximum=100,
    )

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        # As large as what was learnt, in the painting's proportions; then up to its own size.
        height, width = plan.canvas
        plan.set_canvas(st.working_size(self.painting.size, height * width))
        plan.enlarge(self.painting.size)
        at = plan.stage(min(self.start_scale, pyramid.count - 1))
        painting = st.downsample(st.tensor_from_rgb(self.painting.rgb()), at.size)
        plan.inject(painting, at=at, start=self.start_step or at.start, option="--start-step")
        # Everywhere in the painting's place, whose depth, profile and transparency the result has.
        plan.blend_onto(self.painting, np.ones(self.painting.size, np.float32))


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [PaintToImage]
