"""Models that put pictures and texts into one space: a plugin makes them, tasks compare by them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

import torch

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.blame import blaming, culprit
from sinddm_toolkit.host.hookspecs import TextEncoder


def text_encoder(
    name: str | None = None, weights: str | None = None, device: torch.device | None = None
) -> TextEncoder:
    """The encoder that a plugin makes of these, on the CPU if no device is given.

    The same call gives the same object as long as the process keeps its plugins. To ask for one is
    quick: it is a way to refuse early what can't work. UserError if no plugin makes one, or if its
    weights are not at hand.
    """
    device = device or torch.device("cpu")
    plugins = registry.current()
    key = (name, weights, str(device))
    if key not in plugins.text_encoders:
        hook = plugins.manager.hook.make_text_encoder
        with blaming(partial(culprit, hook), "in make_text_encoder"):
            made = hook(
                name=name, weights=None if weights is None else Path(weights), device=device
            )
        if made is None:
            raise UserError(
                f"no plugin makes the text encoder {name or 'that is the default'}: "
                "`sinddm-tk plugins list` shows those that are loaded"
            )
        plugins.text_encoders[key] = made
    return cast(TextEncoder, plugins.text_encoders[key])
