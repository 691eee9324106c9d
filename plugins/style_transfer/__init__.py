"""A picture repainted in the strokes of another: style-transfer."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .style_transfer import StyleTransfer

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [StyleTransfer]
