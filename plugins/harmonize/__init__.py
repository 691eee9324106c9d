"""Harmonization: one task, how it finds the object, and how it works through large pictures."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .harmonize import Harmonize

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Harmonize]
