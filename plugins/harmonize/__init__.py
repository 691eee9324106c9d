"""Harmonization: one task, how it finds or places its object, and how it prepares that."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .harmonize import Harmonize

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Harmonize]
