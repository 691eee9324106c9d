"""Super-resolution: the task, and the gate that keeps smooth parts smooth."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .super_resolve import SuperResolve

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [SuperResolve]
