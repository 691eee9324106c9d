"""The studio put together: what it holds, and what it answers to which address."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sinddm_toolkit.studio import (
    catalogue,
    composing,
    edits_api,
    openapi,
    palette,
    proposals,
    selecting,
    tiles,
    uploads,
    written,
)
from sinddm_toolkit.studio.answers import HANDLERS, not_found
from sinddm_toolkit.studio.guard import Guard, Hosts
from sinddm_toolkit.studio.places import default_folder
from sinddm_toolkit.studio.queue import Queue
from sinddm_toolkit.studio.uploads import Pictures

STATIC = Path(str(resources.files("sinddm_toolkit.studio"))) / "static"
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
"""Of what the page is made of: nothing else is served."""


@dataclass
class Studio:
    """What a server has at hand, for all its routes: `studio_of(request)`."""

    folder: Path = field(default_factory=default_folder)

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.pictures = Pictures(self.folder / "pictures")
        self.queue = Queue(self.folder / "edits", self.pictures)


def new_token() -> str:
    return secrets.token_urlsafe(24)


def get_page(request: Request) -> Response:
    """`GET /`: the page."""
    return _static("index.html")


def get_static(request: Request) -> Response:
    """`GET /static/NAME`: a part of the page."""
    return _static(request.path_params["name"])


def _static(name: str) -> Response:
    known = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}
    path = known.get(name)  # looked up, so that no name from the network becomes a path
    if path is None or path.suffix not in MEDIA:
        raise not_found("page")
    return FileResponse(path, media_type=MEDIA[path.suffix], headers={"Cache-Control": "no-cache"})


def no_page(request: Request) -> Response:
    """`GET /` of a server for programs."""
    raise not_found("page: this server is for programs, see /api/")


PAGE: list[BaseRoute] = [Route("/", get_page), Route("/static/{name:path}", get_static)]
API: list[BaseRoute] = [
    *uploads.routes,
    *tiles.routes,
    *catalogue.routes,
    *composing.routes,
    *selecting.routes,
    *palette.routes,
    *proposals.routes,
    *written.routes,
    *openapi.routes,
    *edits_api.routes,
]


def make_app(
    studio: Studio, *, token: str, host: str = "127.0.0.1", port: int, page: bool = True
) -> ASGIApp:
    """What answers, behind its guard; `host` and `port` are where the server listens."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio.queue.open()
        try:
            yield
        finally:
            await studio.queue.close()

    routes = [*API, *(PAGE if page else [Route("/", no_page)])]
    app = Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan)
    app.state.studio = studio
    return Guard(app, token, Hosts(host, port), port)
