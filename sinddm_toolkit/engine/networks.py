"""The denoisers there are, by the names that recipes and model files use."""

from __future__ import annotations

from sinddm_toolkit.engine.half_resolution import HalfResolutionDenoiser
from sinddm_toolkit.engine.paper_network import PaperDenoiser

Denoiser = PaperDenoiser | HalfResolutionDenoiser

NETWORKS: dict[str, type[PaperDenoiser] | type[HalfResolutionDenoiser]] = {
    "paper": PaperDenoiser,
    "half": HalfResolutionDenoiser,
}


def make_network(name: str | None, width: int) -> Denoiser:
    """An untrained denoiser, the paper's if `name` is None. KeyError if there is none so called."""
    return NETWORKS[name or "paper"](width)
