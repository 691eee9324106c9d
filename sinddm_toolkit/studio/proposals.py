"""The mask that a task would choose by itself, shown before it is asked for."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.settings.request import make_tasks
from sinddm_toolkit.studio.answers import Refusal, studio_of, text_of
from sinddm_toolkit.studio.edits_api import edit_in
from sinddm_toolkit.studio.requests import layer_of
from sinddm_toolkit.studio.uploads import Pictures, as_json

OPTION = "option"


def proposal(edit: dict[str, Any], option: str, pictures: Pictures) -> Picture | None:
    """What a task of `edit` would choose for its `option`, which may be `TASK.OPTION`.

    UserError for what is wrong with the edit, or missing. Refusal if no task has the option.
    """
    tasks, _ = make_tasks(layer_of(edit, pictures.read))
    task, name = _asked(tasks, option)
    with blaming(task.name, "in proposed"):
        found = task.proposed(name)
        if not isinstance(found, Picture | None):
            raise TypeError(f"it gave {type(found).__name__}, not a picture")
    return found


def _asked(tasks: list[Task], option: str) -> tuple[Task, str]:
    wanted, dot, name = option.removeprefix("--").partition(".")
    name = (name if dot else wanted).replace("-", "_")
    for task in tasks:
        if name in task.schema() and wanted in (task.name, option.removeprefix("--")):
            return task, name
    raise Refusal(400, f"{OPTION}: {option!r:.60} is none of this edit")


async def post_proposal(request: Request) -> Response:
    """`POST /api/proposals`."""
    edit = await edit_in(request)
    option = text_of(edit, OPTION)
    edit.pop(OPTION, None)
    pictures = studio_of(request).pictures
    found = await run_in_threadpool(proposal, edit, option, pictures)
    if found is None:
        return JSONResponse({"picture": None})
    about = await run_in_threadpool(pictures.add_picture, found, "proposed.png")
    return JSONResponse(as_json(about), 201)


routes = [Route("/api/proposals", post_proposal, methods=["POST"])]
