"""Tasks that put the pieces of a picture together anew, on a canvas of another size or layout."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .analogy import Analogy
from .retarget import Retarget

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Retarget, Analogy]
