"""A picture enlarged with detail of its own: the finest scale, again and again (paper §4)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import CanvasSize, Picture, Task, UserError, hookimpl, option

from .detail import gated, room_for_detail
from .halo import Range

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Run, Step

FACTOR = 2.0
"""How many times larger each side gets if nothing is said."""

ASPECT_TOLERANCE = 0.02
"""Sizes whose aspects differ by less have the shape of the picture."""

Size = tuple[int, int]


class SuperResolve(Task):
    """What the model knows of the finest scale is applied at sizes past it."""

    name = "super-resolve"
    summary = "enlarge the picture and give it detail"
    also_called = (
        "upscale",
        "bigger",
        "resolution",
        "sharper",
        "zoom",
        "enhance",
    )
    learns_from = "image"

    strength: float = option(
        "how much detail is added: 0 none, 0.5 as much as fits to the picture's own, 1 twice that",
        default=0.5,
        minimum=0,
        maximum=1,
    )
    image: Picture = option("the picture to enlarge")
    factor: float | None = option(
        "how many times larger each side gets; 2 if neither this nor --size is given",
        default=None,
        minimum=1,
        maximum=16,
    )
    size: CanvasSize | None = option(
        "the size of the result, in the shape of the picture: 3000x2000, or 150%x150%",
        default=None,
    )
    start_step: int | None = option(
        "higher: more new detail, less likeness; the usual start of the finest scale if not given",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )
    detail: float | None = option(
        "how much detail is added where the picture has some: 1 as much as fits, 0 none; higher "
        "is bolder; twice the --strength if not given",
        default=None,
        minimum=0,
        maximum=5,
        rarely=True,
    )
    faithful: float = option(
        "how much the result, shrunk again, is to be the picture: 1 as far as can be, 0 not at all",
        default=1.0,
        minimum=0,
        maximum=1,
        rarely=True,
    )

    def check(self) -> None:
        if self.size is None:
            return
        if self.factor is not None:
            raise UserError("give --factor or --size, not both")
        (h, w), (height, width) = self.image.size, self._wanted()
        growth = height / h, width / w
        if abs(math.log(growth[0] / growth[1])) > ASPECT_TOLERANCE:
            raise UserError(
                f"--size {self.size}: {self.image.name} is {w}×{h} pixels, of another shape; "
                f"{width}x{round(h * growth[1])} would fit"
            )
        if min(growth) < 1 or max(growth) > 16:
            raise UserError(
                f"--size {self.size}: give one to sixteen times the {w}×{h} pixels of "
                f"{self.image.name}"
            )

    def _wanted(self) -> Size:
        """(h, w) of the result."""
        if self.size is not None:
            return self.size.of(self.image.size)
        h, w = self.image.size
        factor = self.factor or FACTOR
        return round(h * factor), round(w * factor)

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        rgb = self.image.rgb()
        detail = st.at_strength(self.strength, 1, 2) if self.detail is None else self.detail
        self._original, self._room = st.tensor_from_rgb(rgb), detail * room_for_detail(rgb)
        self._size: Size | None = None
        plan.set_canvas(self.image.size)
        plan.enlarge(self._wanted(), start=self.start_step)
        first = plan.stages[min(pyramid.count, len(plan.stages) - 1)]
        image = st.upsample(self._original, first.size)
        plan.inject(image, at=first, start=first.start, blurred=True)

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        """Detail where there is room for it, and what the shrunk x̂0 lacks is added to it."""
        if step.scale.stage.size != self._size:
            self._begin(step.scale.stage.size, step.x0.device)
        x0 = gated(self._faithful(step.x0), self._plain, self._room.to(step.x0.device))
        step.x0 = self._faithful(x0)

    def _begin(self, size: Size, device: torch.device) -> None:
        """What there is at the `size` of a stage: no new detail yet, and the tones that may be."""
        self._size = size
        original, room = self._original.to(device), self._room.to(device)
        self._range = Range(original, room, size)
        enlarged = st.tensor_from_rgb(self.image.resized(size).rgb())
        self._plain = self._faithful(enlarged.to(device))

    def _faithful(self, x: Tensor) -> Tensor:
        """Back projection (Irani & Peleg, 1991): what the shrunk x lacks is added to it.

        One round only: what each adds to an edge is its stairs.
        """
        lacks = self._original.to(x.device) - st.downsample(x, self.image.size)
        size = (x.shape[-2], x.shape[-1])
        return self._range.within(x + self.faithful * st.upsample(lacks, size))
