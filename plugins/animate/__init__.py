"""Moving pictures: of a result as it comes into being, and of a walk from result to result.

Both join whatever task makes the pictures.
"""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .animate import Animate
from .film import describe_video
from .walk import Walk

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Animate, Walk]


@hookimpl
def describe_setup() -> dict[str, str]:
    return describe_video()
