"""Levels of a picture, each half as large as the one before, and tiles of them for the view.

What is shown is sRGB of 8 bits; a level is a plain array on disk, of which a tile reads its part.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.profiles import in_srgb
from sinddm_toolkit.studio.answers import not_found, studio_of

TILE = 512
"""Pixels a side."""
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}

Bytes = npt.NDArray[np.uint8]


def level_count(width: int, height: int) -> int:
    """How many there are, down to the first that is no larger than one tile."""
    return next(k for k in range(64) if max(-(-width >> k), -(-height >> k), 1) <= TILE) + 1


def shown(picture: Picture) -> Bytes:
    """(h, w, 3 or 4), as a screen shows it: sRGB of 8 bits."""
    picture = in_srgb(picture)
    pixels = picture.pixels
    if picture.depth == 16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if picture.is_grey:
        grey, alpha = pixels[..., :1], pixels[..., 1:]
        pixels = np.concatenate([np.repeat(grey, 3, axis=2), alpha], axis=2)
    return np.ascontiguousarray(pixels, np.uint8)


def levels_of(picture: Picture) -> Iterator[Bytes]:
    """The levels of `picture`, the largest first."""
    from PIL import Image

    level = shown(picture)
    yield level
    for _ in range(1, level_count(picture.size[1], picture.size[0])):
        image = Image.fromarray(level)
        if picture.has_alpha:  # colours under transparency must not bleed into what can be seen
            level = np.asarray(image.convert("RGBa").reduce(2).convert("RGBA"))
        else:
            level = np.asarray(image.reduce(2))
        yield level


def write_levels(folder: Path, picture: Picture) -> int:
    """Put the levels of `picture` into `folder`, which is made → how many there are."""
    folder.mkdir()
    count = 0
    for count, level in enumerate(levels_of(picture), 1):
        np.save(folder / f"{count - 1}.npy", level)
    return count


def tile(folder: Path, level: int, column: int, row: int) -> bytes:
    """One tile as PNG. Refusal if there is none."""
    from PIL import Image

    try:
        whole = np.load(folder / f"{level}.npy", mmap_mode="r")
    except FileNotFoundError:
        raise not_found("level") from None
    part = whole[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
    if 0 in part.shape:
        raise not_found("tile")
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(part)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def get_tile(request: Request) -> Response:
    """`GET /api/pictures/ID/levels/K/C-R.png`."""
    place = studio_of(request).pictures.places.path(request.path_params["id"])
    level, column, row = (request.path_params[name] for name in ("level", "column", "row"))
    if max(level, column, row) > 10**6:
        raise not_found("tile")
    data = tile(place / "levels", level, column, row)
    return Response(data, headers=FOREVER, media_type="image/png")


routes = [
    Route("/api/pictures/{id}/levels/{level:int}/{column:int}-{row:int}.png", get_tile),
]
