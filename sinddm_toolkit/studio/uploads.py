"""The pictures of the studio: as they came, measured before they are decoded, cut for the view."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture, told_size
from sinddm_toolkit.pictures.writing import quick_png
from sinddm_toolkit.studio.answers import Refusal, studio_of
from sinddm_toolkit.studio.places import Places
from sinddm_toolkit.studio.tiles import write_levels

MOST_PIXELS = 200_000_000
"""Of a picture that is sent."""
MOST_FILES = 32
"""In one request."""
UNUSED_SECONDS = 30 * 24 * 3600.0
LONGEST_NAME = 80
FILE, LEVELS, ABOUT = "file", "levels", "about.json"


@dataclass(frozen=True)
class About:
    """What is told of a picture."""

    id: str
    name: str
    """As whoever sent it called it, made fit for any system; for show, and for commands."""
    width: int
    height: int
    has_alpha: bool
    levels: int
    """How many there are to see it at, each half as large as the one before."""


class Pictures:
    """All pictures that the studio has."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder, "picture")

    def about(self, given: object) -> About:
        """Refusal if there is none with that id."""
        return About(**json.loads((self.places.path(given) / ABOUT).read_text(encoding="utf-8")))

    def has(self, given: object) -> bool:
        return self.places.has(given) and (self.places.path(given) / ABOUT).is_file()

    def file(self, given: object) -> Path:
        """The file as it came. Refusal if there is none with that id."""
        return self.places.path(given) / FILE

    def read(self, given: object) -> Picture:
        """The picture itself, called as whoever sent it did; it says that it is in no file.

        Refusal if there is none with that id.
        """
        return replace(read_picture(self.file(given), self.about(given).name), path=None)

    def keep_only(self, used: Collection[str]) -> None:
        """Forget what no edit uses any more, if it is old: a page may still show what is young."""
        for found in self.places.ids():
            if found not in used and time.time() - self._made_at(found) > UNUSED_SECONDS:
                self.places.remove(found)

    def _made_at(self, found: str) -> float:
        try:
            return self.file(found).stat().st_mtime
        except FileNotFoundError:  # of one that was cut off while it came
            return self.places.path(found).stat().st_mtime

    def add(self, source: BinaryIO, name: str | None) -> About:
        """Keep what is in a file. UserError if that is no picture, or none to be used."""
        found, place = self.places.new()
        try:
            with (place / FILE).open("xb") as target:
                shutil.copyfileobj(source, target, 2**20)
            return self._measured(found, place, fit_name(name))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def add_result(self, file: Path) -> About:
        """Keep a file that the studio has written and will never change."""
        found, place = self.places.new()
        try:
            _link(file, place / FILE)
            return self._measured(found, place, fit_name(file.name))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def add_picture(self, picture: Picture, name: str) -> About:
        """Keep a picture that was made here, as PNG."""
        found, place = self.places.new()
        try:
            (place / FILE).write_bytes(quick_png(picture))
            return self._kept(found, place, fit_name(name), picture)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _measured(self, found: str, place: Path, name: str) -> About:
        file = place / FILE
        height, width = told_size(file, name)
        if height * width > MOST_PIXELS:
            limit = f"{MOST_PIXELS // 10**6} megapixels at most"
            raise Refusal(413, f"{name} has {width}×{height} pixels: {limit}")
        return self._kept(found, place, name, read_picture(file, name))

    def _kept(self, found: str, place: Path, name: str, picture: Picture) -> About:
        levels = write_levels(place / LEVELS, picture)
        height, width = picture.size
        about = About(found, name, width, height, picture.is_transparent, levels)
        # The last file to be written: what has none is not there.
        (place / ABOUT).write_text(json.dumps(asdict(about)), encoding="utf-8")
        return about


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where a file has but one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def fit_name(name: str | None) -> str:
    """A name for show and for commands, with nothing that a line or an option would mistake."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name or ""))[-1]
    plain = re.sub(r"[^\w.+() -]", "_", last).strip(" .").lstrip("-")
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        return plain[:LONGEST_NAME] or "picture"
    return f"{stem[: LONGEST_NAME - 9] or 'picture'}.{suffix[:8]}"


async def form_of(request: Request) -> FormData:
    """The parts of a request with files. Refusal if it is not well formed."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(400, "send multipart/form-data")
    try:
        return await request.form(max_files=MOST_FILES, max_fields=MOST_FILES)
    except (ValueError, KeyError) as error:  # of the parser, on damaged parts
        raise Refusal(400, f"the parts of the body are damaged: {error}") from None


async def added(request: Request, part: UploadFile) -> About:
    """Keep the picture that a request has with it. UserError if it is none."""
    pictures = studio_of(request).pictures
    return await run_in_threadpool(pictures.add, part.file, part.filename)


async def post_picture(request: Request) -> Response:
    """`POST /api/pictures`."""
    form = await form_of(request)
    try:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise Refusal(400, "send the picture as the part `file`")
        return JSONResponse(as_json(await added(request, part)), 201)
    finally:
        await form.close()


def get_about(request: Request) -> Response:
    """`GET /api/pictures/ID`."""
    return JSONResponse(as_json(studio_of(request).pictures.about(request.path_params["id"])))


def get_file(request: Request) -> Response:
    """`GET /api/pictures/ID/file`: the bytes as they came, never to be shown as a page."""
    pictures = studio_of(request).pictures
    about = pictures.about(request.path_params["id"])
    return attached(pictures.file(about.id), about.name)


def attached(file: Path, name: str) -> Response:
    """A file to be saved under `name`."""
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return FileResponse(file, media_type="application/octet-stream", headers=headers)


def as_json(about: About) -> dict[str, Any]:
    return asdict(about)


routes = [
    Route("/api/pictures", post_picture, methods=["POST"]),
    Route("/api/pictures/{id}", get_about),
    Route("/api/pictures/{id}/file", get_file),
]
