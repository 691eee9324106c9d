"""Tasks that are told in words what to make: text-content, text-style and text-roi."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .content import TextContent
from .region import TextRoi
from .style import TextStyle

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [TextContent, TextStyle, TextRoi]
