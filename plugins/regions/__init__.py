"""Tasks that fix some regions and let the rest vary: roi, outpaint, inpaint and paint."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .inpaint import Inpaint
from .outpaint import Outpaint
from .paint import Paint
from .roi import Roi

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Roi, Outpaint, Inpaint, Paint]
