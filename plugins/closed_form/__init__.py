"""A denoiser that is computed, not trained: for previews at once, by `--denoiser closed-form`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import hookimpl

if TYPE_CHECKING:
    import torch

    from sinddm_toolkit.api import NoisePredictor, Pyramid, Schedule

API_VERSION = 1

NAME = "closed-form"


@hookimpl
def make_denoiser(
    name: str, pyramid: Pyramid, schedule: Schedule, device: torch.device
) -> NoisePredictor | None:
    from .denoiser import ClosedFormDenoiser

    return ClosedFormDenoiser(pyramid, schedule, device) if name == NAME else None


@hookimpl
def describe_setup() -> dict[str, str]:
    return {f"--denoiser {NAME}": "ready: it needs no training"}
