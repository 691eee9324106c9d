"""What stands in place of the trained network, made by a plugin."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch

from sinddm_toolkit import registry
from sinddm_toolkit.blame import blaming, culprit
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pyramid import Pyramid
from sinddm_toolkit.sampler import NoisePredictor
from sinddm_toolkit.schedule import Schedule


def make_denoiser(
    name: str, pyramid: Pyramid, schedule: Schedule, device: torch.device
) -> NoisePredictor:
    """The denoiser of that name, for one picture. UserError if no plugin makes it."""
    hook = registry.current().manager.hook.make_denoiser
    with blaming(partial(culprit, hook), "in make_denoiser"):
        made = hook(name=name, pyramid=pyramid, schedule=schedule, device=device)
    if made is None:
        raise UserError(
            f"--denoiser {name}: no plugin makes it; `sinddm-tk plugins list` shows those that "
            "are loaded and what they offer"
        )
    return cast(NoisePredictor, made)
