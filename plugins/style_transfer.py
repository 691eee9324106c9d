"""A picture repainted in the style of another (paper §4, "Style transfer")."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Task, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid

API_VERSION = 2


STYLE_PIXELS = 250_000
"""Of the style: the strokes that are seen at this size are learnt, not the grain of its canvas."""

MOST_PIXELS = 500_000
"""Contents up to this size are repainted pixel by pixel, larger ones shrunk to it: strokes keep
their size in pixels, so they must not become too fine for the picture."""


class StyleTransfer(Task):
    """The content, in the style's colours, is noised and denoised by a model of the style."""

    name = "style-transfer"
    summary = "repaint a picture in the style of another"
    learns_from = "style"
    named_after = "content"
    most_pixels = STYLE_PIXELS

    style: Picture = option("the picture whose strokes and colours are wanted: what is learnt")
    content: Picture = option("the picture to repaint; its size is kept")
    start_scale: int | None = option(
        "lower: larger shapes of the content are redrawn too; the finest if not given",
        default=None,
        minimum=0,
    )
    start_step: int = option(
        "higher: more of the style, less of the content's detail",
        default=15,
        minimum=1,
        maximum=100,
    )

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        content = coloured(self.content)
        plan.set_canvas(st.working_size(content.size, MOST_PIXELS))
        first = plan.stage(self.start_scale, option="--start-scale")
        whole = st.tensor_from_rgb(content.resized(plan.canvas).rgb())
        small = st.downsample(whole, first.size)
        plan.repaint(
            content,
            at=plan.stages[-1],
            first=first,
            image=with_colours_of(small, pyramid.scales[first.s]),
            start=self.start_step,
            option="--start-step",
        )


def coloured(picture: Picture) -> Picture:
    """`picture` with three colour channels, also if it is grey: the style brings colours."""
    if not picture.is_grey:
        return picture
    grey, rest = picture.pixels[..., :1], picture.pixels[..., 1:]
    return replace(picture, pixels=np.concatenate([grey, grey, grey, rest], axis=2), icc=None)


def with_colours_of(x: Tensor, style: Tensor) -> Tensor:
    """x (1, 3, h, w) with each channel's histogram matched to that of `style` (1, 3, h', w')."""
    from skimage.exposure import match_histograms

    matched = match_histograms(st.rgb_from_tensor(x), st.rgb_from_tensor(style), channel_axis=2)
    return st.tensor_from_rgb(matched.astype(np.float32))


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [StyleTransfer]
