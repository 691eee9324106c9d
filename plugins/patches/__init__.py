"""Guidance towards the patches of the picture, for any task that makes something new.

The service `patch-guidance`, told the pyramid and the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.api import hookimpl

if TYPE_CHECKING:
    from .guidance import PatchGuidance

API_VERSION = 2


@hookimpl
def make_service(kind: str, name: str | None, about: Mapping[str, Any]) -> PatchGuidance | None:
    """The `patch-guidance`, which makes the patches of x̂0 those of the picture."""
    if kind != "patch-guidance":
        return None
    from .guidance import PatchGuidance

    return PatchGuidance(**about)
