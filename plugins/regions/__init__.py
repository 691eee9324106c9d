"""Tasks that make something new from noise, all of the picture or what some regions leave free."""

from __future__ import annotations

from sinddm_toolkit.api import Task, hookimpl

from .inpaint import Inpaint
from .outpaint import Outpaint
from .paint import Paint
from .roi import Roi
from .sample import Sample
from .seamless import Seamless
from .symmetric import Symmetric

API_VERSION = 2


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Sample, Roi, Outpaint, Inpaint, Paint, Seamless, Symmetric]
