"""Edits over HTTP: asked for, watched, cancelled, fetched, forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sinddm_toolkit.studio.answers import Refusal, json_body, not_found, object_of, studio_of
from sinddm_toolkit.studio.queue import Entry, Queue
from sinddm_toolkit.studio.uploads import added, attached, form_of
from sinddm_toolkit.studio.worker import Message

EDIT = "edit"
MOST_LISTED = 200
ALIVE_EVERY = 15.0
"""Seconds between two signs of life: else whatever stands between would cut a silent stream."""
SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""What a browser may show by itself; everything else is only saved."""
NO_STORE = {"Cache-Control": "no-store"}


def _queue(request: Request) -> Queue:
    return studio_of(request).queue


def _asked(request: Request) -> Entry:
    """The edit whose id is in the address. Refusal if there is none."""
    return _queue(request).get(request.path_params["id"])


def _told(request: Request, entry: Entry, status: int = 200) -> Response:
    return JSONResponse(_queue(request).as_json(entry), status, headers=NO_STORE)


async def edit_in(request: Request) -> dict[str, Any]:
    """The edit that a request asks for, pictures that came with it by their new ids.

    Refusal, or UserError if one is no picture.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await json_body(request)
    form = await form_of(request)
    try:
        text = form.get(EDIT)
        if isinstance(text, UploadFile):
            text = (await text.read()).decode("utf-8", "replace")
        if text is None:
            raise Refusal(400, f"send the edit, as JSON, as the part `{EDIT}`")
        edit = object_of(text)
        return await _with_parts(request, edit, form)
    finally:
        await form.close()


async def _with_parts(request: Request, edit: dict[str, Any], form: FormData) -> dict[str, Any]:
    """`edit` with the ids of the pictures that came as parts in place of the parts' names."""
    parts = {name: part for name, part in form.items() if isinstance(part, UploadFile)}
    parts.pop(EDIT, None)
    named = set(_texts(edit))
    if strange := sorted(set(parts) - named):
        raise Refusal(400, f"the edit names no picture {strange[0]:.60}, which came with it")
    ids = {name: (await added(request, part)).id for name, part in parts.items()}
    found: dict[str, Any] = _replaced(edit, ids)
    return found


def _texts(value: Any) -> list[str]:
    """All texts in JSON that are values."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _replaced(value: Any, ids: dict[str, str]) -> Any:
    """The same with texts that are names of parts replaced."""
    if isinstance(value, dict):
        return {key: _replaced(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


async def post_edit(request: Request) -> Response:
    """`POST /api/edits`."""
    entry = await _queue(request).add(await edit_in(request))
    return _told(request, entry, 202)


async def get_edits(request: Request) -> Response:
    """`GET /api/edits?search=&limit=&before=`."""
    query = request.query_params
    limit = query.get("limit", "50")
    if not limit.isascii() or not limit.isdigit() or len(limit) > 6:
        raise Refusal(400, "limit must be a whole number")
    queue = _queue(request)
    most = min(int(limit), MOST_LISTED)
    entries = queue.listed(query.get("search", ""), most, query.get("before") or None)
    return JSONResponse([queue.as_json(one) for one in entries], headers=NO_STORE)


async def get_edit(request: Request) -> Response:
    """`GET /api/edits/ID`."""
    return _told(request, _asked(request))


async def cancel_edit(request: Request) -> Response:
    """`POST /api/edits/ID/cancel`."""
    entry = _asked(request)
    _queue(request).cancel(entry)
    return _told(request, entry)


async def delete_edit(request: Request) -> Response:
    """`DELETE /api/edits/ID`."""
    _queue(request).forget(_asked(request))
    return Response(status_code=204)


async def get_result(request: Request) -> Response:
    """`GET /api/edits/ID/results/NAME`."""
    name = request.path_params["name"]
    file = _queue(request).files(_asked(request)).get(name)
    if file is None:
        raise not_found("file of this edit")
    media = SHOWN.get(file.suffix.lower())
    if media is None or "download" in request.query_params:
        return attached(file, name)
    return FileResponse(file, media_type=media)


async def get_events(request: Request) -> Response:
    """`GET /api/edits/ID/events`: server-sent events until the edit is over."""
    return _stream(request, _asked(request))


async def get_all_events(request: Request) -> Response:
    """`GET /api/events`: those of all edits."""
    return _stream(request, None)


def _stream(request: Request, entry: Entry | None) -> Response:
    told = _queue(request).events(entry)
    return StreamingResponse(_lines(told), media_type="text/event-stream", headers=NO_STORE)


async def _lines(told: AsyncIterator[Message]) -> AsyncIterator[str]:
    """Messages as server-sent events, and comments as signs of life."""
    following = asyncio.ensure_future(anext(told))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=ALIVE_EVERY)
            if not done:
                yield ": alive\n\n"
                continue
            try:
                message = following.result()
            except StopAsyncIteration:
                return
            yield _event(message)
            following = asyncio.ensure_future(anext(told))
    finally:
        following.cancel()


def _event(message: Message) -> str:
    kind = message["type"]
    data = message["state"] if kind == "state" else {**message}
    data.pop("type", None)
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


routes = [
    Route("/api/edits", post_edit, methods=["POST"]),
    Route("/api/edits", get_edits),
    Route("/api/edits/{id}", get_edit),
    Route("/api/edits/{id}", delete_edit, methods=["DELETE"]),
    Route("/api/edits/{id}/cancel", cancel_edit, methods=["POST"]),
    Route("/api/edits/{id}/events", get_events),
    Route("/api/edits/{id}/results/{name}", get_result),
    Route("/api/events", get_all_events),
]
