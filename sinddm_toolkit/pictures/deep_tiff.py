"""TIFF files with 16 bits a channel, of which Pillow reads and writes few."""

from __future__ import annotations

import math
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.exif import (
    ORIENTATION_TAG,
    SOFTWARE_TAG,
    kept_exif,
    tags_of_tiff,
    upright,
)
from sinddm_toolkit.pictures.limits import MAX_PIXELS, empty, too_large
from sinddm_toolkit.pictures.picture import (
    Picture,
    Pixels,
    Size,
    with_channel_axis,
    without_channel_axis,
)

if TYPE_CHECKING:
    from PIL import Image

ICC_TAG = 34675


def read_deep_tiff(file: BinaryIO, name: str) -> Picture | None:
    """A TIFF with 16 bits a channel; None, and the file at its start, if Pillow can read it."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page: Any = tiff.pages[0]
        if page.is_reduced or "DNGVersion" in page.tags:
            # Nikon, Sony, Adobe and others put a thumbnail in front of what the sensor saw.
            raise UserError(f"{name} is a camera raw file: develop it to TIFF or PNG first")
        if 0 in (page.imagewidth, page.imagelength):
            raise empty(name, page.imagewidth, page.imagelength)
        file.seek(0)
        if page.bitspersample <= 8:
            return None
        if fault := _tiff_fault(page, len(tiff.pages)):
            raise UserError(f"{name} {fault}")
        if page.imagewidth * page.imagelength > MAX_PIXELS:
            raise too_large(name)
        if len(page.dataoffsets) != math.prod(page.chunked):  # what is missing would be black
            raise UserError(f"cannot read {name}: it is damaged or cut short (strips are missing)")
        pixels, icc = _tiff_pixels(page), page.tags.valueof(ICC_TAG)
        turn, kept = page.tags.valueof(ORIENTATION_TAG, default=1), None
    with suppress(Exception):  # broken EXIF of any kind is no reason to refuse a good picture
        turn, kept = kept_exif(tags_of_tiff(file), from_tiff=True)
    return Picture(upright(pixels, turn), name, None, icc, kept)


def size_of_tiff(file: BinaryIO) -> Size:
    """(h, w) of the first page of a TIFF; nothing is decoded."""
    import tifffile

    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page: Any = tiff.pages[0]
        return int(page.imagelength), int(page.imagewidth)


def _tiff_fault(page: Any, pages: int) -> str | None:
    if pages > 1:
        return f"has {pages} pages: give a still picture"
    if page.photometric not in (0, 1, 2):
        kind = {5: "CMYK", 8: "Lab"}.get(page.photometric, page.photometric.name)
        return f"is {kind}: convert it to RGB or grey first"
    if page.bitspersample != 16 or page.dtype != np.uint16:
        kind = {"f": "floating-point", "i": "signed"}.get(page.dtype.kind, "unsigned")
        return f"has {page.bitspersample}-bit {kind} pixels: convert it to 8 or 16 bits first"
    return None if page.axes in ("YX", "YXS", "SYX") else "is no flat picture"


def _tiff_pixels(page: Any) -> Pixels:
    """(h, w, c): interleaved, black at 0, alpha only where an extra channel says it is one."""
    pixels = page.asarray().astype(np.uint16, copy=False)
    pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else with_channel_axis(pixels)
    count = 3 if page.photometric == 2 else 1
    colour, alpha = pixels[..., :count], pixels[..., count : count + 1]
    if page.photometric == 0:
        colour = 65535 - colour
    kind = page.extrasamples[0] if page.extrasamples else 0
    if kind == 1:  # colours were multiplied by alpha
        colour = np.minimum(np.rint(colour * (65535 / np.maximum(alpha, 1))), 65535)
    return np.concatenate([colour, alpha], axis=2).astype(np.uint16) if kind in (1, 2) else colour


def encode_deep_tiff(picture: Picture, exif: Image.Exif) -> bytes:
    """The bytes of a file with the picture, its profile and the texts of `exif`."""
    import tifffile

    texts = {tag: value for tag, value in exif.items() if _is_text(value)}
    software = texts.pop(SOFTWARE_TAG, False)
    tags: list[Any] = [(tag, "s", 0, text, True) for tag, text in texts.items()]
    if picture.icc:  # by hand: older versions of tifffile have no argument for it
        tags.append((ICC_TAG, 7, len(picture.icc), picture.icc, True))
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        without_channel_axis(picture.pixels),
        photometric="minisblack" if picture.is_grey else "rgb",
        planarconfig="contig" if picture.pixels.shape[2] > 1 else None,
        extrasamples=["unassalpha"] if picture.has_alpha else None,
        compression="adobe_deflate",
        software=software,
        metadata=None,
        extratags=tags,
    )
    return buffer.getvalue()


def _is_text(value: Any) -> bool:
    """Text, or the bytes of one with letters beyond ASCII; other bytes hold zeros."""
    return isinstance(value, str) or (isinstance(value, bytes) and 0 not in value)
