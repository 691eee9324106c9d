"""Denoisers that are computed, not trained.

For previews at once, by `--denoiser closed-form`; and the service `layout-denoiser` for coarsest
scales, told the pyramid, the schedule and the device, and if wanted `boldness`, `rows` and `wraps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.api import hookimpl

if TYPE_CHECKING:
    from sinddm_toolkit.api import NoisePredictor

API_VERSION = 2

NAME = "closed-form"


@hookimpl
def make_service(kind: str, name: str | None, about: Mapping[str, Any]) -> NoisePredictor | None:
    """The denoiser `closed-form`, and the `layout-denoiser` for coarsest scales."""
    if (kind, name) == ("denoiser", NAME):
        from .denoiser import ClosedFormDenoiser

        return ClosedFormDenoiser(**about)
    if kind == "layout-denoiser":
        from .layout import LayoutDenoiser

        return LayoutDenoiser(**about)
    return None


@hookimpl
def describe_setup() -> dict[str, str]:
    return {f"--denoiser {NAME}": "ready: it needs no training"}
