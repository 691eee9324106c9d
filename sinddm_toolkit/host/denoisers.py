"""What stands in place of the trained network, made by a plugin."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch

from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.sampler import NoisePredictor
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.blame import blaming, culprit


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
