"""What the studio answers: JSON, errors as the command line's one line, bodies that are read."""

from __future__ import annotations

import errno
import json
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.json_values import is_deeper

if TYPE_CHECKING:
    from sinddm_toolkit.studio.app import Studio

logger = logging.getLogger(__name__)

BUG = "this is a bug of ours: the log of the server shows where"
MOST_NESTED = 32
FLAG = re.compile(r"--[a-z][a-z0-9-]*")
KEY = re.compile(r"([a-z][a-z0-9_-]*\.)?([a-z][a-z0-9_-]*): ")


class Refusal(UserError):
    """A request that is answered by an HTTP `status` other than success, and by one line."""

    def __init__(self, status: int, text: str, option: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.option = option


def not_found(what: str) -> Refusal:
    return Refusal(404, f"there is no such {what}")


def studio_of(request: Request) -> Studio:
    """The studio that is asked."""
    found: Studio = request.app.state.studio
    return found


def refused(status: int, text: str, option: str | None = None) -> Response:
    """The answer to what can't be done."""
    return JSONResponse({"error": text, "option": option}, status)


def option_in(text: str) -> str | None:
    """The option that an error is about, as a flag; None if it names none."""
    if found := FLAG.search(text):
        return found.group()
    if found := KEY.match(text):
        return "--" + found.group(2).replace("_", "-")
    return None


async def json_body(request: Request) -> dict[str, Any]:
    """The object that a request has as its body. Refusal if it is none."""
    return object_of(await request.body())


def object_of(data: bytes | str) -> dict[str, Any]:
    """The object that JSON stands for. Refusal if it is none, or nested very deep."""
    try:
        found = json.loads(data)
        is_plain = isinstance(found, dict) and not is_deeper(found, MOST_NESTED)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None
    if not is_plain:
        raise Refusal(400, "the body must be one object in JSON, not nested deep")
    return dict(found)


def text_of(body: Mapping[str, Any], key: str, default: str = "") -> str:
    """A member of a body that is a text. Refusal if it is none."""
    value = body.get(key, default)
    if not isinstance(value, str):
        raise Refusal(400, f"{key} must be text")
    return value


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(error.status, str(error), error.option)


async def _on_toolkit_error(request: Request, error: Exception) -> Response:
    text = " ".join(str(error).split())
    return refused(422 if isinstance(error, UserError) else 500, text, option_in(text))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, str(error.detail))


async def _on_system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    logger.error("%s: %s", request.url.path, error)
    status = 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 500
    return refused(status, f"the server's system says: {error.strerror or 'it failed'}")


async def _on_bug(request: Request, error: Exception) -> Response:
    return refused(500, BUG)


HANDLERS: dict[Any, Any] = {
    Refusal: _on_refusal,
    ToolkitError: _on_toolkit_error,
    HTTPException: _on_http,
    OSError: _on_system,
    Exception: _on_bug,
}
