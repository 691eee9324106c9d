"""Keeping each scale to what the coarser one has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

import sinddm_toolkit.api as st

if TYPE_CHECKING:
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
    blended = step.x0 + st.upsample(st.downsample(begun - step.x0, below), size)
    if scale.fixed is not None:
        blended = torch.where(scale.fixed[1].to(blended.device), step.x0, blended)
    step.x0 = blended
