"""Any file, PIL image or array → a picture, with every pixel, profile and bit that it has."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.deep_png import decode_deep_png, is_deep_png
from sinddm_toolkit.pictures.deep_tiff import read_deep_tiff, size_of_tiff
from sinddm_toolkit.pictures.exif import exif_of, record_in, tags_of_tiff, upright
from sinddm_toolkit.pictures.files import check_ordinary
from sinddm_toolkit.pictures.libraries import (
    LIBRARIES,
    TEXT_BYTES,
    muted_and_limited,
    stderr_closed,
)
from sinddm_toolkit.pictures.limits import empty, too_large
from sinddm_toolkit.pictures.picture import Array, Picture, Pixels, Size, with_channel_axis

if TYPE_CHECKING:
    from PIL import Image

READABLE = (
    *("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"),
    *("AVIF", "HEIF", "JPEG2000", "PSD", "TGA"),
)
"""As Pillow calls them; JPEG is MPO too. It opens more, PostScript for one, which is a program:
nobody keeps pictures in that, and every decoder is something to attack."""
REFUSED_MODES = {
    "CMYK": "is CMYK",
    "LAB": "is Lab",
    "HSV": "is HSV",
    "I": "has 32-bit pixels",
    "F": "has floating-point pixels",
}
WITH_MORE = ("MPO", "HEIF")
"""The files of cameras and phones that append previews, depth or brightness maps."""
FRAME_WORDS = {"TIFF": "pages", "PSD": "layers"}
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def picture_from(source: Any, name: str | None = None) -> Picture:
    """A path, a PIL image, an array or a Picture as a Picture, called `name` if that is given.

    Arrays are (h, w) or (h, w, 1 … 4), uint8 or uint16, or float in [0, 1], which become 8-bit.
    ValueError for other types, UserError for pictures that can't be used.
    """
    from PIL import Image

    if isinstance(source, (str, os.PathLike)):
        source = read_picture(Path(source))
    if isinstance(source, Picture):
        return replace(source, name=name) if name else source
    name = name or "picture"
    if isinstance(source, Image.Image):
        with _explained(name):
            return _from_pil(source, name)
    if isinstance(source, np.ndarray):
        return Picture(_from_array(source, name), name)
    raise ValueError(f"{type(source).__name__} is no picture")


def _from_array(array: Array, name: str) -> Pixels:
    pixels: Array = with_channel_axis(array)
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or 0 in pixels.shape:
        raise UserError(f"{name}: an array of shape {array.shape} is no picture: give (h, w, c)")
    if pixels.dtype.kind == "f":
        if not bool((pixels >= 0).all() and (pixels <= 1).all()):
            raise UserError(f"{name}: a float array must lie in [0, 1]")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise UserError(f"{name}: an array must be uint8, uint16 or float, not {array.dtype}")
    return np.array(pixels, dtype=pixels.dtype.newbyteorder("="), order="C")


def read_picture(path: str | os.PathLike[str], name: str | None = None) -> Picture:
    """The picture in `path`, upright: 16 bits from PNG and TIFF, 8 bits from all other formats.

    It is called `name`, if that is given. EXIF that can't be parsed is left out. UserError says in
    one line what is wrong with a file.
    """
    path = Path(path)
    with _opened(path, name) as file:
        picture = _decoded(file, name or path.name)
    return replace(picture, path=path.resolve())


def picture_in(data: bytes, name: str) -> Picture:
    """The same of what a file holds, which comes from none and is called `name`. UserError."""
    with _explained(name):
        return _decoded(BytesIO(data), name)


def _decoded(file: BinaryIO, name: str) -> Picture:
    start = file.read(25)
    file.seek(0)
    picture = read_deep_tiff(file, name) if start[:4] in TIFF_STARTS else None
    return picture or _from_file(file, name, deep=is_deep_png(start))


def told_size(path: str | os.PathLike[str], name: str | None = None) -> Size:
    """(h, w) as the file `path` tells it, not yet turned upright; no pixel is decoded.

    UserError if there is no picture, which it calls `name`, if that is given.
    """
    path = Path(path)
    with _opened(path, name) as file:
        if file.read(4) in TIFF_STARTS:  # Pillow opens no 16-bit grey with alpha
            return size_of_tiff(file)
        with _open_image(file) as image:
            return image.height, image.width


def read_record(path: str | os.PathLike[str]) -> str | None:
    """The record that `write_picture` put into a file, None if it has none; no pixel is decoded.

    UserError if there is no picture.
    """
    with _opened(Path(path)) as file:
        return _record_in(file)


def record_of_file(data: bytes, name: str) -> str | None:
    """The same of what a file holds, which is called `name`."""
    with _explained(name):
        return _record_in(BytesIO(data))


def _record_in(file: BinaryIO) -> str | None:
    from PIL import Image

    if file.read(4) in TIFF_STARTS:  # Pillow opens no 16-bit grey with alpha
        return record_in(tags_of_tiff(file))
    tags = Image.Exif()
    with _open_image(file) as image:
        # `getexif` would decode a whole PNG in search of EXIF behind the pixels.
        tags.load(image.info.get("exif", b""))
    return record_in(tags)


@contextmanager
def _opened(path: Path, name: str | None = None) -> Iterator[BinaryIO]:
    with _explained(name or path):
        if path.is_dir():
            raise UserError(f"{path} is a folder: give a picture")
        check_ordinary(path)
        with path.open("rb") as file:
            yield file


@contextmanager
def _explained(what: str | Path) -> Iterator[None]:
    """Whatever goes wrong while `what` is decoded becomes a UserError of one line."""
    from PIL import Image, UnidentifiedImageError

    try:
        with muted_and_limited():
            yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{what}: there is no such file") from None
    except Image.DecompressionBombError:
        raise too_large(what) from None
    except UnidentifiedImageError:
        reason = "is not a picture in a format that can be read, or it is cut short"
        raise UserError(f"{what} {reason}") from None
    except MemoryError:
        raise UserError(f"cannot read {what}: there is not enough memory") from None
    except Exception as error:  # decoders raise just about anything on damaged data
        raise UserError(f"cannot read {what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Why something can't be read: in a decoder's own words, but never in those of Python."""
    damaged = "it is damaged or cut short"
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:  # the system's
        # No argument is invalid but a place before the start of the file, which the file told.
        return damaged if error.errno == errno.EINVAL else error.strerror
    if "PngImagePlugin.MAX_TEXT" in text:
        return f"it holds a colour profile or a text of more than {TEXT_BYTES >> 20} MB"
    is_for_people = isinstance(error, (OSError, SyntaxError, NotImplementedError))
    is_of_library = type(error).__module__.partition(".")[0] in LIBRARIES
    return f"{damaged} ({text})" if text and (is_for_people or is_of_library) else damaged


def _from_file(file: BinaryIO, name: str, deep: bool) -> Picture:
    with _open_image(file) as image:
        if not deep or image.mode == "I;16":
            return _from_pil(image, name)
        _refuse_unfit(image, name)
        turn, exif = exif_of(image)
        file.seek(0)
        pixels = decode_deep_png(file.read())
        return Picture(upright(pixels, turn), name, None, image.info.get("icc_profile"), exif)


def _open_image(file: BinaryIO) -> Image.Image:
    """The picture in `file`, nothing of it decoded yet, if its format is one of `READABLE`."""
    from PIL import Image

    Image.init()
    file.seek(4)
    if file.read(4) == b"ftyp" and "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
    file.seek(0)
    return Image.open(file, formats=[name for name in READABLE if name in Image.OPEN])


def _from_pil(image: Image.Image, name: str) -> Picture:
    _refuse_unfit(image, name)
    # Pillow leaves it to libtiff to say what is wrong with a strip: on standard error.
    with stderr_closed() if image.format == "TIFF" else nullcontext():
        pixels = _pillow_pixels(image)
    turn, exif = exif_of(image)  # after the pixels: Pillow itself turns TIFF when it loads them
    return Picture(upright(pixels, turn), name, None, image.info.get("icc_profile") or None, exif)


def _refuse_unfit(image: Image.Image, name: str) -> None:
    deep_grey = (image.format, image.mode) == ("PPM", "I")  # which Pillow brings to 0 … 65535
    if image.mode in REFUSED_MODES and not deep_grey:
        raise UserError(f"{name} {REFUSED_MODES[image.mode]}: convert it to RGB or grey first")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in WITH_MORE:
        words = FRAME_WORDS.get(image.format or "", "frames")
        raise UserError(f"{name} has {frames} {words}: give a still picture")
    if 0 in image.size:
        raise empty(name, image.width, image.height)


def _pillow_pixels(image: Image.Image) -> Pixels:
    """(h, w, c) of what Pillow holds in full."""
    transparent = "transparency" in image.info
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.uint16)[..., None]
        if not transparent:
            return deep
        opaque = deep != image.info["transparency"]
        return np.concatenate([deep, opaque * np.uint16(65535)], axis=2)
    if image.mode in ("1", "L"):
        image = image.convert("LA" if transparent else "L")
    elif image.mode == "La":
        image = image.convert("LA")
    elif image.mode in ("PA", "RGBa"):
        image = image.convert("RGBA")
    elif image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA" if transparent else "RGB")
    return with_channel_axis(np.array(image))
