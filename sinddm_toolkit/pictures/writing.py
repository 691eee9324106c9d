"""A picture → a file: whether it may be written, what its format holds, and writing it whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures import files
from sinddm_toolkit.pictures.deep_png import DEEP_PNG_SIDE, encode_deep_png
from sinddm_toolkit.pictures.deep_tiff import encode_deep_tiff
from sinddm_toolkit.pictures.exif import fits_jpeg, tags_for_jpeg, tags_with
from sinddm_toolkit.pictures.files import is_there, temporary_beside, write_atomically
from sinddm_toolkit.pictures.libraries import muted_and_limited
from sinddm_toolkit.pictures.picture import Picture, without_channel_axis

if TYPE_CHECKING:
    from PIL import Image

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""What libjpeg and libwebp write; the formats with 8 bits only."""
JPEG_QUALITY = 95
ICC_BYTES = {"PNG": 2**20 - 1, "JPEG": 255 * 65_519}
"""The largest profile: that JPEG holds, and that Pillow reads from a PNG if nobody tells it to."""


def check_output(
    path: str | os.PathLike[str],
    *,
    alpha: bool,
    overwrite: bool,
    size: tuple[int, int] | None = None,
) -> Path:
    """Everything about an output file that can be refused before any work is done.

    `alpha`: whether anything will be transparent; `size`: (h, w), if it is known. UserError.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: the extension must be one of {', '.join(FORMATS)}")
    check_format(FORMATS[path.suffix.lower()], path, alpha=alpha, size=size)
    check_file(path, overwrite=overwrite)
    return path


def check_format(
    format: str, what: str | Path, *, alpha: bool, size: tuple[int, int] | None = None
) -> None:
    """UserError if the `format`, of `FORMATS`, can't hold a picture that is called `what`."""
    if alpha and format == "JPEG":
        raise UserError(f"{what}: JPEG cannot hold transparency: use .png, .webp or .tiff")
    limit = LONGEST_SIDE.get(format)
    if size and limit and max(size) > limit:
        raise UserError(f"{what}: {format} holds at most {limit} pixels a side: use .png or .tiff")


def check_file(path: Path, *, overwrite: bool) -> None:
    """UserError if a file of that name can't or must not be written."""
    with _explained_writing(path):
        if files.ON_WINDOWS and (why := files.wrong_on_windows(path.name)):
            raise UserError(f"{path}: {why}: give another name")
        if path.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file")
        if not path.parent.is_dir():
            raise UserError(f"{path}: there is no folder {path.parent}")
        if is_there(path) and not overwrite:
            raise _exists(path)
        probe = temporary_beside(path)
        probe.touch(exist_ok=False)
        probe.unlink()


@contextmanager
def _explained_writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _exists(path: Path) -> UserError:
    return UserError(f"{path} exists: give --overwrite or another --out")


def write_picture(
    path: str | os.PathLike[str],
    picture: Picture,
    *,
    overwrite: bool = False,
    record: str | None = None,
) -> list[str]:
    """Write `picture` whole or not at all, in the format of the extension; `record` is ASCII text.

    PNG, TIFF and WebP are lossless; JPEG is of quality 95 without chroma subsampling. Returns what
    the format could not keep, in words. Of EXIF, 16-bit TIFF keeps only the texts of IFD0 (maker,
    date, artist, ...), not exposure and GPS. UserError says what is in the way.
    """
    data, notes = file_of(Path(path), picture, overwrite=overwrite, record=record)
    write_file(Path(path), data, overwrite=overwrite)
    return notes


def quick_png(picture: Picture) -> bytes:
    """The picture as PNG with all that came with it, somewhat larger than need be.

    For what is looked at and goes into further edits: of a photograph `encoded` takes five times as
    long. UserError if PNG can't hold it.
    """
    if max(picture.size) > DEEP_PNG_SIDE:
        raise UserError(f"{picture.name}: PNG holds at most {DEEP_PNG_SIDE} pixels a side here")
    with muted_and_limited():
        picture, _ = _as_held(picture, "PNG", picture.name)
        return encode_deep_png(picture, tags_with(picture.exif, None), level=1)


def file_of(
    path: Path, picture: Picture, *, overwrite: bool = False, record: str | None = None
) -> tuple[bytes, list[str]]:
    """What `write_picture` would write, and what it would return. UserError as there."""
    check_output(path, alpha=picture.is_transparent, overwrite=overwrite, size=picture.size)
    return encoded(picture, FORMATS[path.suffix.lower()], path.name, record)


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write `data` whole or not at all. UserError says what is in the way."""
    with _explained_writing(path):
        try:
            write_atomically(path, data, overwrite=overwrite)
        except FileExistsError:
            raise _exists(path) from None


def encoded(
    picture: Picture, format: str, name: str, record: str | None
) -> tuple[bytes, list[str]]:
    """The bytes of a file and what it could not keep, in words. UserError if it can't be made."""
    with muted_and_limited():
        picture, notes = _as_held(picture, format, name)
        exif = tags_with(picture.exif, record)
        if format == "JPEG" and not fits_jpeg(exif):
            exif, note = tags_for_jpeg(picture.exif, record, name)
            notes.append(note)
        if picture.depth == 8:
            return _encode_by_pillow(picture, format, exif), notes
        if format == "TIFF":
            return encode_deep_tiff(picture, exif), notes
        if max(picture.size) > DEEP_PNG_SIDE:
            limit = f"at most {DEEP_PNG_SIDE} pixels a side"
            raise UserError(f"{name}: PNG of 16 bits holds {limit}: use .tiff")
        return encode_deep_png(picture, exif), notes


def _as_held(picture: Picture, format: str, name: str) -> tuple[Picture, list[str]]:
    """As much of `picture` as the format holds, EXIF aside, and what is left out, in words."""
    notes = []
    if picture.icc and len(picture.icc) > ICC_BYTES.get(format, len(picture.icc)):
        size = f"{len(picture.icc) / 2**20:.1f} MB"
        notes.append(f"{name}: a colour profile of {size} is too large for {format}: left out")
        picture = replace(picture, icc=None)
    if picture.depth == 16 and format in LONGEST_SIDE:
        notes.append(f"{name}: {format} holds 8 bits a channel, the 16-bit picture was rounded")
        rounded = (picture.pixels.astype(np.uint32) + 128) // 257
        picture = replace(picture, pixels=rounded.astype(np.uint8))
    if format == "JPEG" and picture.has_alpha:  # opaque, or it would have been refused
        picture = replace(picture, pixels=picture.pixels[..., :-1])
    return picture, notes


def _encode_by_pillow(picture: Picture, format: str, exif: Image.Exif) -> bytes:
    from PIL import Image

    by_format: dict[str, dict[str, Any]] = {
        "PNG": {},
        "JPEG": {"quality": JPEG_QUALITY, "subsampling": 0},
        "WEBP": {"lossless": True, "exact": True},
        "TIFF": {},  # compressed, Pillow fails on the tables of EXIF (exposure, GPS)
    }
    options = by_format[format]
    if len(exif):
        options["exif"] = exif
    if picture.icc:
        options["icc_profile"] = picture.icc
    buffer = BytesIO()
    Image.fromarray(without_channel_axis(picture.pixels)).save(buffer, format, **options)
    return buffer.getvalue()
