"""EXIF: the tags that are kept and those left out, the way up, and the record among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Array, Pixels

if TYPE_CHECKING:
    from PIL import Image

JPEG_EXIF_BYTES = 65_533
"""What a JPEG file holds."""

ORIENTATION_TAG = 0x0112
SOFTWARE_TAG = 0x0131
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
MAKER_NOTE_TAG = 0x927C
RECORD_TAG = 0x9213
"""EXIF ImageHistory, "a record of what has been done to the image"; it lives in IFD0, which all
four formats have."""
DESCRIPTIVE_TAGS = {
    *(270, 271, 272, 282, 283, 296, SOFTWARE_TAG, 306, 315, 316, 33432),
    *(18246, 18249, 40091, 40092, 40093, 40094, 40095, EXIF_IFD, GPS_IFD),
}
"""IFD0 of a TIFF file also holds the layout of that file, which must not reach another one."""


def exif_of(image: Image.Image) -> tuple[int, bytes | None]:
    """The orientation 1 … 8 of a picture that Pillow has opened, and what is kept of its EXIF."""
    try:
        exif = image.getexif()
    except Exception:  # broken EXIF of any kind is no reason to refuse a good picture
        return 1, None
    return kept_exif(exif, from_tiff=image.format == "TIFF")


def kept_exif(exif: Image.Exif, from_tiff: bool) -> tuple[int, bytes | None]:
    """The orientation 1 … 8 and what is kept of `exif`, which is changed; None if nothing is.

    Of IFD0 of a TIFF only what describes the picture is kept.
    """
    exif.bigtiff = False  # of what is made of it
    turn = exif.get(ORIENTATION_TAG, 1)
    for tag in list(exif):
        structural = from_tiff and tag not in DESCRIPTIVE_TAGS
        if structural or tag in (ORIENTATION_TAG, RECORD_TAG):
            del exif[tag]
    try:
        _keep_letters(exif)
        return turn, exif.tobytes() if len(exif) else None
    except Exception:  # as above
        return turn, None


def tags_of_tiff(file: BinaryIO) -> Image.Exif:
    """IFD0 of a TIFF and what hangs on it; of a BigTIFF its texts and the orientation."""
    import tifffile
    from PIL import Image

    tags = Image.Exif()
    file.seek(0)
    is_big = b"+" in file.read(4)
    file.seek(0)
    if not is_big:
        tags.load_from_fp(file)
        return tags
    with tifffile.TiffFile(file) as tiff:  # of the other byte order, Pillow can't read them
        for tag in tiff.pages[0].tags:
            if tag.code == ORIENTATION_TAG or isinstance(tag.value, str):
                tags[tag.code] = tag.value
    return tags


def upright(pixels: Array, orientation: int) -> Pixels:
    """(h, w, c), turned and mirrored as the EXIF orientation 1 … 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def tags_with(exif: bytes | None, record: str | None) -> Image.Exif:
    """What is written: the tags kept from the file that a picture came from, and the record."""
    from PIL import Image

    tags = Image.Exif()
    if exif is not None:
        tags.load(exif)
        _keep_letters(tags)
    if record is not None:
        record.encode("ascii")  # else Pillow would put question marks
        tags[SOFTWARE_TAG] = "sinddm-toolkit"
        tags[RECORD_TAG] = record
    return tags


def fits_jpeg(tags: Image.Exif) -> bool:
    """Whether a JPEG file can hold all of `tags`."""
    return len(tags.tobytes()) <= JPEG_EXIF_BYTES


def tags_for_jpeg(exif: bytes | None, record: str | None, name: str) -> tuple[Image.Exif, str]:
    """As much of `tags_with(exif, record)` as fits into a JPEG file, and what was left out.

    UserError, naming the file `name`, if the record alone is too long.
    """
    tags = tags_with(exif, record)
    if EXIF_IFD in tags:
        tags.get_ifd(EXIF_IFD).pop(MAKER_NOTE_TAG, None)
    if fits_jpeg(tags):
        return tags, f"{name}: the camera's maker note did not fit beside the record: left out"
    tags = tags_with(None, record)
    if fits_jpeg(tags):
        return tags, f"{name}: the camera's EXIF did not fit beside the record: left out"
    raise UserError(f"{name}: the record is too long for JPEG: use .png, .webp or .tiff")


def record_in(tags: Image.Exif) -> str | None:
    """The record among the tags of a file, None if there is none."""
    record = tags.get(RECORD_TAG)
    if isinstance(record, bytes):
        record = record.decode("ascii", "replace")
    return str(record).rstrip("\0") if record else None


def _keep_letters(exif: Image.Exif) -> None:
    """Make texts that aren't ASCII bytes, as which Pillow leaves them alone."""
    tables = [exif.get_ifd(tag) for tag in (EXIF_IFD, GPS_IFD) if tag in exif]
    for table in (exif, *tables):
        for tag, value in list(table.items()):
            if isinstance(value, str) and not value.isascii():
                table[tag] = value.encode("latin-1", "replace")
