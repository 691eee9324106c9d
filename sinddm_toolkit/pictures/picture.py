"""Pictures in and out: every pixel, profile and bit that the file had."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.files import (
    check_ordinary,
    is_there,
    temporary_beside,
    write_atomically,
)
from sinddm_toolkit.pictures.libraries import (
    LIBRARIES,
    TEXT_BYTES,
    muted_and_limited,
    stderr_closed,
)
from sinddm_toolkit.pictures.limits import MAX_PIXELS, empty, too_large

if TYPE_CHECKING:
    from PIL import Image

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Rgb = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), the ends excluded."""

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
READABLE = (
    *("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM"),
    *("AVIF", "JPEG2000", "PSD", "TGA"),
)
"""As Pillow calls them; JPEG is MPO too. It opens more, PostScript for one, which is a program:
nobody keeps pictures in that, and every decoder is something to attack."""
LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
"""What libjpeg and libwebp write; the formats with 8 bits only."""
DEEP_PNG_SIDE = 1_000_000
"""What libpng writes; Pillow, which writes 8 bits, has no limit."""
STRIP_ROWS = 256
JPEG_QUALITY = 95
JPEG_EXIF_BYTES = 65_533
ICC_BYTES = {"PNG": 2**20 - 1, "JPEG": 255 * 65_519}
"""The largest profile: that JPEG holds, and that Pillow reads from a PNG if nobody tells it to."""

ORIENTATION_TAG = 0x0112
SOFTWARE_TAG = 0x0131
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
MAKER_NOTE_TAG = 0x927C
ICC_TAG = 34675
RECIPE_TAG = 0x9213
"""EXIF ImageHistory, "a record of what has been done to the image"; it lives in IFD0, which all
four formats have."""
DESCRIPTIVE_TAGS = {
    *(270, 271, 272, 282, 283, 296, SOFTWARE_TAG, 306, 315, 316, 33432),
    *(18246, 18249, 40091, 40092, 40093, 40094, 40095, EXIF_IFD, GPS_IFD),
}
"""IFD0 of a TIFF file also holds the layout of that file, which must not reach another one."""

REFUSED_MODES = {
    "CMYK": "is CMYK",
    "LAB": "is Lab",
    "HSV": "is HSV",
    "I": "has 32-bit pixels",
    "F": "has floating-point pixels",
}
FRAME_WORDS = {"TIFF": "pages", "PSD": "layers"}
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Picture:
    """A still picture as its file holds it, upright."""

    pixels: Pixels
    """(h, w, c), uint8 or uint16; c = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA."""
    name: str = "picture"
    """What messages call it."""
    path: Path | None = None
    """Where it came from, absolute; None if not from a file."""
    icc: bytes | None = None
    """The colour profile as in the file."""
    exif: bytes | None = None
    """EXIF as in the file, without orientation, thumbnail and recipe."""

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_], size: tuple[int, int] | None = None) -> Picture:
        """A grey picture, white where `mask` (h, w) is true, resized to `size` (h, w)."""
        picture = cls(mask[..., None].astype(np.uint8) * np.uint8(255), "mask")
        return picture if size is None else picture.resized(size)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def depth(self) -> int:
        """Bits a channel: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def maximum(self) -> int:
        """The largest value of a channel: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def has_alpha(self) -> bool:
        """Whether there is an alpha channel, be it opaque or not."""
        return self.pixels.shape[2] in (2, 4)

    @property
    def is_transparent(self) -> bool:
        """Whether anything is not fully opaque."""
        return self.has_alpha and bool((self.pixels[..., -1] < self.maximum).any())

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours: one channel, or one and alpha."""
        return self.pixels.shape[2] <= 2

    def rgb(self, box: Box | None = None) -> Rgb:
        """(h, w, 3) float32 in [-1, 1], of `box` or of everything."""
        colour = self._colour(box).astype(np.float32)
        colour *= 2 / self.maximum
        colour -= 1
        return np.repeat(colour, 3, axis=2) if self.is_grey else colour

    def alpha(self, box: Box | None = None) -> Rgb | None:
        """(h, w) float32 in [0, 1]; None if there is no alpha or everything is opaque."""
        if not self.is_transparent:
            return None
        return self._cut(box)[..., -1].astype(np.float32) / np.float32(self.maximum)

    def _cut(self, box: Box | None) -> Pixels:
        y0, x0, y1, x1 = box or (0, 0, *self.size)
        return self.pixels[y0:y1, x0:x1]

    def _colour(self, box: Box | None) -> Pixels:
        return self._cut(box)[..., : 1 if self.is_grey else 3]

    def with_rgb(self, rgb: Rgb, box: Box | None = None) -> Picture:
        """The colours, of `box` or of everything, replaced by `rgb` (h, w, 3) in [-1, 1].

        Clipped and rounded; alpha stays. ValueError if the shapes differ.
        """
        everything = np.broadcast_to(np.float32(1), self._cut(box).shape[:2])
        return self.blend(rgb, everything, box)

    def blend(self, rgb: Rgb, weight: Rgb, box: Box | None = None) -> Picture:
        """weight · rgb + (1 - weight) · old, in `box` or everywhere.

        rgb: (h, w, 3) in [-1, 1]; weight: (h, w) in [0, 1]. Where it is 0 the old bits are kept.
        ValueError if the shapes differ, or if anything that counts is not finite.
        """
        size = self._cut(box).shape[:2]
        if rgb.shape != (*size, 3):
            raise ValueError(f"the colours are {rgb.shape}, not {(*size, 3)}")
        if weight.shape != size:
            raise ValueError(f"the weight is {weight.shape}, the region {size}")
        changed = replace(self, pixels=self.pixels.copy())
        colour = changed._colour(box)
        # Strip by strip: the floats of a whole photograph would take up much memory.
        for top in range(0, size[0], STRIP_ROWS):
            rows = slice(top, top + STRIP_ROWS)
            old, share = colour[rows], weight[rows, :, None]
            levels = share * self._levels(rgb[rows]) + (1 - share) * old
            if not np.isfinite(np.where(share == 0, 0, levels)).all():
                raise ValueError("the colours are not finite")
            old[...] = np.where(share == 0, old, np.rint(np.clip(levels, 0, self.maximum)))
        return changed

    def _levels(self, rgb: Rgb) -> Array:
        """`rgb` as float channel values, not yet rounded."""
        new = rgb.mean(axis=2, keepdims=True) if self.is_grey else rgb
        return (new + 1) * (self.maximum / 2)

    def resized(self, size: tuple[int, int]) -> Picture:
        """Antialiased Lanczos to (h, w)."""
        if size == self.size:
            return self
        from PIL import Image

        def resize(channels: Array) -> Array:
            image = Image.fromarray(np.ascontiguousarray(channels))
            return np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))

        if self.depth == 8 and not self.has_alpha:  # much quicker than by channels
            return replace(self, pixels=_with_axis(resize(_squeezed(self.pixels))))
        channels = [self.pixels[..., k].astype(np.float32) for k in range(self.pixels.shape[2])]
        if self.has_alpha:
            # Colours under transparency must not bleed into what can be seen, yet they stay.
            weight = np.maximum(channels[-1] / self.maximum, 1e-3)
            total = np.maximum(resize(weight), 1e-4)
            parts = [resize(colour * weight) / total for colour in channels[:-1]]
            parts.append(resize(channels[-1]))
        else:
            parts = [resize(colour) for colour in channels]
        levels = np.rint(np.clip(np.stack(parts, axis=2), 0, self.maximum))
        rounded: Array = levels.astype(self.pixels.dtype)
        return replace(self, pixels=rounded)

    def content_hash(self) -> str:
        """sha256 of shape, depth and pixels."""
        digest = hashlib.sha256(f"{self.pixels.shape}{self.pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


def picture_from_rgb(rgb: Rgb, like: Picture) -> Picture:
    """`rgb` (h, w, 3) in [-1, 1], any size, with the depth, greyness and profile of `like`."""
    channels = 1 if like.is_grey else 3
    blank = np.zeros((*rgb.shape[:2], channels), like.pixels.dtype)
    return Picture(blank, icc=like.icc).with_rgb(rgb)


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
    pixels: Array = _with_axis(array)
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or 0 in pixels.shape:
        raise UserError(f"{name}: an array of shape {array.shape} is no picture: give (h, w, c)")
    if pixels.dtype.kind == "f":
        if not bool((pixels >= 0).all() and (pixels <= 1).all()):
            raise UserError(f"{name}: a float array must lie in [0, 1]")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise UserError(f"{name}: an array must be uint8, uint16 or float, not {array.dtype}")
    return np.array(pixels, dtype=pixels.dtype.newbyteorder("="), order="C")


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """The picture in `path`, upright: 16 bits from PNG and TIFF, 8 bits from all other formats.

    EXIF that can't be parsed is left out. UserError says in one line what is wrong with a file.
    """
    path = Path(path)
    with _opened(path) as file:
        start = file.read(25)
        file.seek(0)
        picture = _from_deep_tiff(file, path.name) if start[:4] in TIFF_STARTS else None
        if picture is None:
            picture = _from_file(file, path.name, deep=start[:8] == PNG_START and start[24] == 16)
    return replace(picture, path=path.resolve())


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with _explained(path):
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
        turn, exif = _exif_of(image)
        import imagecodecs

        file.seek(0)
        pixels = imagecodecs.png_decode(file.read())  # Pillow would cut them to 8 bits
        return Picture(_upright(pixels, turn), name, None, image.info.get("icc_profile"), exif)


def _open_image(file: BinaryIO) -> Image.Image:
    """The picture in `file`, nothing of it decoded yet, if its format is one of `READABLE`."""
    from PIL import Image

    Image.init()
    return Image.open(file, formats=[name for name in READABLE if name in Image.OPEN])


def _from_pil(image: Image.Image, name: str) -> Picture:
    _refuse_unfit(image, name)
    # Pillow leaves it to libtiff to say what is wrong with a strip: on standard error.
    with stderr_closed() if image.format == "TIFF" else nullcontext():
        pixels = _pillow_pixels(image)
    turn, exif = _exif_of(image)  # after the pixels: Pillow itself turns TIFF when it loads them
    return Picture(_upright(pixels, turn), name, None, image.info.get("icc_profile") or None, exif)


def _refuse_unfit(image: Image.Image, name: str) -> None:
    deep_grey = (image.format, image.mode) == ("PPM", "I")  # which Pillow brings to 0 … 65535
    if image.mode in REFUSED_MODES and not deep_grey:
        raise UserError(f"{name} {REFUSED_MODES[image.mode]}: convert it to RGB or grey first")
    frames = getattr(image, "n_frames", 1)
    # MPO is the JPEG of cameras and phones that append previews, depth or brightness maps.
    if frames > 1 and image.format != "MPO":
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
    return _with_axis(np.array(image))


def _with_axis(pixels: Array) -> Pixels:
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _from_deep_tiff(file: BinaryIO, name: str) -> Picture | None:
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
        turn, kept = _kept_exif(_tiff_tags(file), from_tiff=True)
    return Picture(_upright(pixels, turn), name, None, icc, kept)


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
    pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else _with_axis(pixels)
    count = 3 if page.photometric == 2 else 1
    colour, alpha = pixels[..., :count], pixels[..., count : count + 1]
    if page.photometric == 0:
        colour = 65535 - colour
    kind = page.extrasamples[0] if page.extrasamples else 0
    if kind == 1:  # colours were multiplied by alpha
        colour = np.minimum(np.rint(colour * (65535 / np.maximum(alpha, 1))), 65535)
    return np.concatenate([colour, alpha], axis=2).astype(np.uint16) if kind in (1, 2) else colour


def _tiff_tags(file: BinaryIO) -> Image.Exif:
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


def _upright(pixels: Array, orientation: int) -> Pixels:
    """(h, w, c), turned and mirrored as the EXIF orientation 1 … 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _exif_of(image: Image.Image) -> tuple[int, bytes | None]:
    try:
        exif = image.getexif()
    except Exception:  # broken EXIF of any kind is no reason to refuse a good picture
        return 1, None
    return _kept_exif(exif, from_tiff=image.format == "TIFF")


def _kept_exif(exif: Image.Exif, from_tiff: bool) -> tuple[int, bytes | None]:
    """The orientation, and the rest as bytes."""
    exif.bigtiff = False  # of what is made of it
    turn = exif.get(ORIENTATION_TAG, 1)
    for tag in list(exif):
        structural = from_tiff and tag not in DESCRIPTIVE_TAGS
        if structural or tag in (ORIENTATION_TAG, RECIPE_TAG):
            del exif[tag]
    try:
        _keep_letters(exif)
        return turn, exif.tobytes() if len(exif) else None
    except Exception:  # as above
        return turn, None


def _keep_letters(exif: Image.Exif) -> None:
    """Make texts that aren't ASCII bytes, as which Pillow leaves them alone."""
    tables = [exif.get_ifd(tag) for tag in (EXIF_IFD, GPS_IFD) if tag in exif]
    for table in (exif, *tables):
        for tag, value in list(table.items()):
            if isinstance(value, str) and not value.isascii():
                table[tag] = value.encode("latin-1", "replace")


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
    format = FORMATS[path.suffix.lower()]
    if alpha and format == "JPEG":
        raise UserError(f"{path}: JPEG cannot hold transparency: use .png, .webp or .tiff")
    limit = LONGEST_SIDE.get(format)
    if size and limit and max(size) > limit:
        raise UserError(f"{path}: {format} holds at most {limit} pixels a side: use .png or .tiff")
    check_file(path, overwrite=overwrite)
    return path


def check_file(path: Path, *, overwrite: bool) -> None:
    """UserError if a file of that name can't or must not be written."""
    with _explained_writing(path):
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
    recipe: str | None = None,
) -> list[str]:
    """Write `picture` whole or not at all, in the format of the extension; `recipe` is ASCII text.

    PNG, TIFF and WebP are lossless; JPEG is of quality 95 without chroma subsampling. Returns what
    the format could not keep, in words. Of EXIF, 16-bit TIFF keeps only the texts of IFD0 (maker,
    date, artist, ...), not exposure and GPS. UserError says what is in the way.
    """
    data, notes = file_of(Path(path), picture, overwrite=overwrite, recipe=recipe)
    write_file(Path(path), data, overwrite=overwrite)
    return notes


def file_of(
    path: Path, picture: Picture, *, overwrite: bool = False, recipe: str | None = None
) -> tuple[bytes, list[str]]:
    """What `write_picture` would write, and what it would return. UserError as there."""
    check_output(path, alpha=picture.is_transparent, overwrite=overwrite, size=picture.size)
    return encoded(picture, FORMATS[path.suffix.lower()], path.name, recipe)


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write `data` whole or not at all. UserError says what is in the way."""
    with _explained_writing(path):
        try:
            write_atomically(path, data, overwrite=overwrite)
        except FileExistsError:
            raise _exists(path) from None


def encoded(
    picture: Picture, format: str, name: str, recipe: str | None
) -> tuple[bytes, list[str]]:
    """The bytes of a file and what it could not keep, in words."""
    with muted_and_limited():
        return _encoded(picture, format, name, recipe)


def _encoded(
    picture: Picture, format: str, name: str, recipe: str | None
) -> tuple[bytes, list[str]]:
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
    exif = _exif_with(picture.exif, recipe)
    if format == "JPEG" and len(exif.tobytes()) > JPEG_EXIF_BYTES:
        exif, note = _short_exif(picture.exif, recipe, name)
        notes.append(note)
    if picture.depth == 8:
        return _encoded_by_pillow(picture, format, exif), notes
    if format == "PNG":
        if max(picture.size) > DEEP_PNG_SIDE:
            limit = f"at most {DEEP_PNG_SIDE} pixels a side"
            raise UserError(f"{name}: PNG of 16 bits holds {limit}: use .tiff")
        return _encoded_deep_png(picture, exif), notes
    return _encoded_deep_tiff(picture, exif), notes


def _exif_with(exif: bytes | None, recipe: str | None) -> Image.Exif:
    from PIL import Image

    tags = Image.Exif()
    if exif is not None:
        tags.load(exif)
        _keep_letters(tags)
    if recipe is not None:
        recipe.encode("ascii")  # else Pillow would put question marks
        tags[SOFTWARE_TAG] = "sinddm-toolkit"
        tags[RECIPE_TAG] = recipe
    return tags


def _short_exif(exif: bytes | None, recipe: str | None, name: str) -> tuple[Image.Exif, str]:
    """As much as fits into a JPEG file, and what was left out."""
    tags = _exif_with(exif, recipe)
    if EXIF_IFD in tags:
        tags.get_ifd(EXIF_IFD).pop(MAKER_NOTE_TAG, None)
    if len(tags.tobytes()) <= JPEG_EXIF_BYTES:
        return tags, f"{name}: the camera's maker note did not fit beside the recipe: left out"
    tags = _exif_with(None, recipe)
    if len(tags.tobytes()) <= JPEG_EXIF_BYTES:
        return tags, f"{name}: the camera's EXIF did not fit beside the recipe: left out"
    raise UserError(f"{name}: the recipe is too long for JPEG: use .png, .webp or .tiff")


def _encoded_by_pillow(picture: Picture, format: str, exif: Image.Exif) -> bytes:
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
    Image.fromarray(_squeezed(picture.pixels)).save(buffer, format, **options)
    return buffer.getvalue()


def _squeezed(pixels: Pixels) -> Pixels:
    """Without the axis that encoders do not expect of a grey picture."""
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _encoded_deep_png(picture: Picture, exif: Image.Exif) -> bytes:
    import imagecodecs

    # Level 4 takes a third of the time of the usual 6, for files 5 % larger.
    data = bytes(imagecodecs.png_encode(_squeezed(picture.pixels), level=4))
    chunks = b""
    if picture.icc:
        chunks += _png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(picture.icc))
    if len(exif):
        chunks += _png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    after_header = 8 + 25  # the signature and IHDR
    return data[:after_header] + chunks + data[after_header:]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _encoded_deep_tiff(picture: Picture, exif: Image.Exif) -> bytes:
    import tifffile

    texts = {tag: value for tag, value in exif.items() if _is_text(value)}
    software = texts.pop(SOFTWARE_TAG, False)
    tags: list[Any] = [(tag, "s", 0, text, True) for tag, text in texts.items()]
    if picture.icc:  # by hand: older versions of tifffile have no argument for it
        tags.append((ICC_TAG, 7, len(picture.icc), picture.icc, True))
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        _squeezed(picture.pixels),
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
    """Text, also as `_keep_letters` leaves it; other bytes hold zeros."""
    return isinstance(value, str) or (isinstance(value, bytes) and 0 not in value)


def read_recipe(path: str | os.PathLike[str]) -> str | None:
    """The recipe that `write_picture` put into a file, None if it has none; no pixel is decoded.

    UserError if there is no picture.
    """
    from PIL import Image

    path = Path(path)
    with _opened(path) as file:
        if file.read(4) in TIFF_STARTS:  # Pillow opens no 16-bit grey with alpha
            tags = _tiff_tags(file)
        else:
            tags = Image.Exif()
            with _open_image(file) as image:
                # `getexif` would decode a whole PNG in search of EXIF behind the pixels.
                tags.load(image.info.get("exif", b""))
    recipe = tags.get(RECIPE_TAG)
    if isinstance(recipe, bytes):
        recipe = recipe.decode("ascii", "replace")
    return str(recipe).rstrip("\0") if recipe else None
