"""A larger canvas around the picture: the whole picture as a region (paper §3.3, eq. 2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sinddm_toolkit.api import (
    CanvasSize,
    Length,
    Picture,
    UserError,
    check_pixels,
    hookimpl,
    option,
)

from .keeping import KeepingTask
from .pinning import faded

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid


SHAPE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?):([0-9]{1,6}(?:\.[0-9]{1,6})?)")
"""Width:height."""

ANCHORS = {
    "top-left": (0.0, 0.0),
    "top": (0.0, 0.5),
    "top-right": (0.0, 1.0),
    "left": (0.5, 0.0),
    "centre": (0.5, 0.5),
    "right": (0.5, 1.0),
    "bottom-left": (1.0, 0.0),
    "bottom": (1.0, 0.5),
    "bottom-right": (1.0, 1.0),
}
"""Shares of what is added that come above the picture, and to the left of it."""


class Outpaint(KeepingTask):
    """The picture stays, bit for bit but for a feather where it meets the new part."""

    name = "outpaint"
    summary = "extend the picture beyond its borders"
    also_called = (
        "wider",
        "wide",
        "taller",
        "larger canvas",
        "uncrop",
        "expand",
        "beyond the frame",
        "more sky",
    )
    learns_from = "image"

    image: Picture = option("the picture to extend")
    left: Length | None = option("how much to add: pixels, or percent of the width", default=None)
    right: Length | None = option("how much to add: pixels, or percent of the width", default=None)
    top: Length | None = option("how much to add: pixels, or percent of the height", default=None)
    bottom: Length | None = option(
        "how much to add: pixels, or percent of the height", default=None
    )
    size: CanvasSize | None = option(
        "size of the result: pixels, or factors as in 2x1; see --anchor",
        default=None,
    )
    aspect: str | None = option(
        "shape of the result, such as 16:9: what is missing is added, where --anchor says",
        default=None,
    )
    anchor: str | None = option(
        "where the picture is in a result of that --size or --aspect; in the centre if not given",
        default=None,
        choices=tuple(ANCHORS),
    )
    feather: float = option(
        "pixels inside the old border over which the picture passes into the new part",
        default=8.0,
        minimum=0,
        maximum=1000,
        rarely=True,
    )

    def check(self) -> None:
        h, w = self.image.size
        for name in ("left", "right", "top", "bottom"):
            side: Length | None = getattr(self, name)
            whole = w if name in ("left", "right") else h
            if side is not None and side.number > 0 and round(side.of(whole)) == 0:
                raise UserError(
                    f"--{name} {side} is less than a pixel: give pixels such as 120, or percent "
                    "such as 50%"
                )
        _, _, height, width = self._frame()
        if height < h or width < w:
            raise UserError(
                f"--size {self.size} is smaller than {self.image.name} ({w}×{h} pixels)"
            )
        if (height, width) == (h, w):
            if self.aspect is not None:
                raise UserError(f"--aspect {self.aspect}: {self.image.name} has that shape already")
            raise UserError(
                "give --size, --aspect, --left, --right, --top or --bottom: how much to add"
            )
        check_pixels((height, width), "the result")

    def _frame(self) -> tuple[int, int, int, int]:
        """Top and left of the picture in the result, height and width of the result."""
        h, w = self.image.size
        sides = (self.top, self.bottom, self.left, self.right)
        if self.size is not None and self.aspect is not None:
            raise UserError("give --size or --aspect, not both")
        if self.size is not None or self.aspect is not None:
            flag = "--aspect" if self.size is None else "--size"
            if any(sides):
                raise UserError(f"{flag} and --left, --right, --top, --bottom exclude each other")
            height, width = self._shaped() if self.size is None else self.size.of((h, w))
            above, before = ANCHORS[self.anchor or "centre"]
            return int((height - h) * above), int((width - w) * before), height, width
        if self.anchor is not None:
            raise UserError("--anchor goes with --size or --aspect, which are not given")
        top, bottom, left, right = (
            0 if side is None else round(side.of(whole))
            for side, whole in zip(sides, (h, h, w, w), strict=True)
        )
        return top, left, h + top + bottom, w + left + right

    def _shaped(self) -> tuple[int, int]:
        """(h, w) of the smallest result of the shape that is asked for. UserError if it is none."""
        found = SHAPE.fullmatch(str(self.aspect).strip())
        across, down = (float(found[k]) if found else 0.0 for k in (1, 2))
        if not across or not down:
            raise UserError(f"--aspect {self.aspect!s:.60} is not allowed, give one such as 16:9")
        h, w = self.image.size
        return max(h, round(w * down / across)), max(w, round(h * across / down))

    @hookimpl(tryfirst=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        top, left, height, width = self._frame()
        h, w = self.image.size
        placed = np.zeros((height, width, self.image.pixels.shape[2]), self.image.pixels.dtype)
        if self.image.has_alpha:
            placed[..., -1] = self.image.maximum
        placed[top : top + h, left : left + w] = self.image.pixels
        inside = np.zeros((height, width), np.bool_)
        inside[top : top + h, left : left + w] = True
        scale = pyramid.sizes[-1][0] / h
        plan.set_canvas((round(height * scale), round(width * scale)))
        picture = replace(self.image, pixels=placed)
        rows = (top / height, (top + h) / height)
        self.keep(plan, pyramid, picture, faded(inside, self.feather), rows)
