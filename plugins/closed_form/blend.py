"""Keeping each scale to what the coarser one has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Run, Step

FREE_BELOW = 8
"""Timesteps below it are no longer held to the coarser scale: details may find their places."""


def keep_to_coarser(run: Run, step: Step) -> None:
    """Give x̂0 what can be seen of it at the scale below, as it was finished there.

    What sees little of a picture at once, patches or a small network, else rearranges at each scale
    what coarser ones have made. The Laplacian blend of Qiu, Kutulakos & Lindell (*Efficient and
    Training-Free Single-Image Diffusion Models*, 2026), but that the last steps are free. What is
    fixed stays, and so does a picture that is repainted: it is not to be held to itself.
    """
    begun, scale = step.scale.input, step.scale
    if begun is None or scale.index == 0 or step.t_next < FREE_BELOW:
        return
    if scale.stage.level is not None:
        return
    below, size = run.plan.stages[scale.index - 1].size, scale.stage.size
    wraps = run.plan.wraps
    seen = _shrunk(begun - step.x0, below, wraps)
    blended = step.x0 + st.upsample(seen, size, wraps=wraps)
    if scale.fixed is not None:
        blended = torch.where(scale.fixed[1].to(blended.device), step.x0, blended)
    step.x0 = blended


def _shrunk(x: Tensor, size: tuple[int, int], wraps: tuple[bool, bool]) -> Tensor:
    """x (n, c, h, w) at a smaller `size`; on the axes that wrap as one of many in a row."""
    if not any(wraps):
        return st.downsample(x, size)
    down, across = (3 if wrap else 1 for wrap in wraps)
    h, w = size
    shrunk = st.downsample(x.repeat(1, 1, down, across), (down * h, across * w))
    top, left = down // 2 * h, across // 2 * w
    return shrunk[..., top : top + h, left : left + w]
