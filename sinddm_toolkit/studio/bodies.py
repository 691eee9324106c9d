"""What requests say in JSON, read value by value; and routes that make a picture of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit.studio.answers import Refusal, json_body, studio_of
from sinddm_toolkit.studio.uploads import About, Pictures, as_json

Points = Sequence[tuple[float, float]]
"""(x, y) in pixels of a picture, from its left and top."""
Strokes = Sequence[Points]

FARTHEST = 1_000_000
"""Pixels from a picture's corner."""
MOST_POINTS = 100_000
MOST_STROKES = 10_000


def number_of(
    given: dict[str, Any], key: str, default: float | None, least: float, most: float
) -> float:
    """A member that is a number. Refusal if it is none, or missing and without a default."""
    return _number(given.get(key, default), key, least, most)


def _number(value: Any, what: str, least: float, most: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        raise Refusal(400, f"{what}: give a number from {least:g} to {most:g}")
    return float(value)


def switch_of(given: dict[str, Any], key: str) -> bool:
    """A member that is true or false, false if it is not there. Refusal if it is neither."""
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise Refusal(400, f"{key}: give true or false")
    return value


def list_of(value: Any, what: str, most: int) -> list[Any]:
    """Refusal if `value` is no list, or longer than `most`."""
    if not isinstance(value, list) or len(value) > most:
        raise Refusal(400, f"{what}: give a list of {most} at most")
    return value


def object_in(value: Any, what: str) -> dict[str, Any]:
    """Refusal if `value`, of the list `what`, is no object."""
    if not isinstance(value, dict):
        raise Refusal(400, f"{what}: give objects, {{…}}")
    return value


def points_of(value: Any, what: str, least: int = 1) -> Points:
    """Points [x, y]. Refusal if `value` is no list of `least` of them."""
    found = list_of(value, what, MOST_POINTS)
    if len(found) < least or not all(isinstance(one, list) and len(one) == 2 for one in found):
        raise Refusal(400, f"{what}: give points [x, y], {least} at least")
    x_and_y = [[_number(one, what, -FARTHEST, FARTHEST) for one in point] for point in found]
    return [(x, y) for x, y in x_and_y]


def strokes_of(value: Any, what: str) -> Strokes:
    """Lists of points. Refusal if `value` is none."""
    return [points_of(one, what) for one in list_of(value, what, MOST_STROKES)]


def made_route(path: str, make: Callable[[dict[str, Any], Pictures], About]) -> Route:
    """A route that answers 201 with the picture that `make` makes of the body."""

    async def post(request: Request) -> Response:
        body = await json_body(request)
        about = await run_in_threadpool(make, body, studio_of(request).pictures)
        return JSONResponse(as_json(about), 201)

    return Route(path, post, methods=["POST"])
