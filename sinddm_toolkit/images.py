"""Pictures in and out: every pixel, profile and bit that the file had."""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    PictureSource = "Picture | str | os.PathLike[str] | Image.Image | npt.NDArray[Any]"

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
LONGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}
MAX_PIXELS = 500_000_000
JPEG_QUALITY = 95
JPEG_SEGMENT = 65_000

ORIENTATION_TAG = 0x0112
SOFTWARE_TAG = 0x0131
ICC_TAG = 34675
RECIPE_TAG = 0x9213
"""EXIF ImageHistory, "a record of what has been done to the image"; it lives in IFD0, which all
four formats have."""

REFUSED_MODES = {
    "CMYK": "is CMYK",
    "YCbCr": "is YCbCr",
    "LAB": "is Lab",
    "HSV": "is HSV",
    "I": "has 32 bits a channel",
    "F": "has floating-point pixels",
}


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
    """EXIF as in the file, without its orientation."""

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def maximum(self) -> int:
        """The largest value of a channel: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def has_alpha(self) -> bool:
        return self.pixels.shape[2] in (2, 4)

    @property
    def is_grey(self) -> bool:
        return self.pixels.shape[2] <= 2

    def rgb(self, box: Box | None = None) -> Rgb:
        """(h, w, 3) float32 in [-1, 1], of `box` or of everything."""
        colour = self._colour(box).astype(np.float32)
        colour *= 2 / self.maximum
        colour -= 1
        return np.repeat(colour, 3, axis=2) if self.is_grey else colour

    def alpha(self, box: Box | None = None) -> Rgb | None:
        """(h, w) float32 in [0, 1]; None if there is no alpha or everything is opaque."""
        if not self.has_alpha or bool((self.pixels[..., -1] == self.maximum).all()):
            return None
        return self._cut(box)[..., -1].astype(np.float32) / np.float32(self.maximum)

    def _cut(self, box: Box | None) -> Pixels:
        y0, x0, y1, x1 = box or (0, 0, *self.size)
        return self.pixels[y0:y1, x0:x1]

    def _colour(self, box: Box | None) -> Pixels:
        return self._cut(box)[..., : 1 if self.is_grey else 3]

    def with_rgb(self, rgb: Rgb, box: Box | None = None) -> Picture:
        """The colours replaced by `rgb` in [-1, 1], clipped and rounded; alpha stays."""
        shape = rgb.shape[:2]
        return self.blend(rgb, np.ones(shape, np.float32), box)

    def blend(self, rgb: Rgb, weight: Rgb, box: Box | None = None) -> Picture:
        """weight · rgb + (1 - weight) · old. Where `weight` (h, w) is 0 the old bits are kept."""
        box = box or (0, 0, *self.size)
        old = self._colour(box)
        new = rgb.mean(axis=2, keepdims=True) if self.is_grey else rgb
        mixed = (new + 1) * (self.maximum / 2)
        mixed = weight[..., None] * mixed + (1 - weight[..., None]) * old
        mixed = np.rint(np.clip(mixed, 0, self.maximum)).astype(self.pixels.dtype)
        pixels = self.pixels.copy()
        y0, x0, y1, x1 = box
        pixels[y0:y1, x0:x1, : old.shape[2]] = np.where(weight[..., None] == 0, old, mixed)
        return replace(self, pixels=pixels)

    def resized(self, size: tuple[int, int]) -> Picture:
        """Antialiased Lanczos to (h, w)."""
        if size == self.size:
            return self
        from PIL import Image

        def resize(channel: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            image = Image.fromarray(np.ascontiguousarray(channel, dtype=np.float32))
            return np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))

        channels = [self.pixels[..., k] for k in range(self.pixels.shape[2])]
        if self.pixels.dtype == np.uint8 and not self.has_alpha:
            image = Image.fromarray(np.squeeze(self.pixels))  # much quicker than by channels
            small = np.asarray(image.resize((size[1], size[0]), Image.Resampling.LANCZOS))
            return replace(self, pixels=small.reshape(*size, -1))
        if self.has_alpha:
            # Colours under transparency must not bleed into what can be seen.
            weight = np.maximum(channels[-1].astype(np.float32) / self.maximum, 1e-3)
            total = resize(weight)
            colours = [resize(c * weight) / np.maximum(total, 1e-4) for c in channels[:-1]]
            stacked = np.stack([*colours, resize(channels[-1])], axis=2)
        else:
            stacked = np.stack([resize(c) for c in channels], axis=2)
        rounded = np.rint(np.clip(stacked, 0, self.maximum)).astype(self.pixels.dtype)
        return replace(self, pixels=rounded)

    def content_hash(self) -> str:
        """sha256 of shape, depth and pixels."""
        digest = hashlib.sha256(f"{self.pixels.shape}{self.pixels.dtype}".encode())
        digest.update(np.ascontiguousarray(self.pixels).tobytes())
        return digest.hexdigest()


def picture_from_rgb(rgb: Rgb, like: Picture) -> Picture:
    """`rgb` (h, w, 3) in [-1, 1], any size, with the depth, greyness and profile of `like`."""
    channels = 1 if like.is_grey else 3
    blank = np.zeros((*rgb.shape[:2], channels), like.pixels.dtype)
    return Picture(blank, icc=like.icc).with_rgb(rgb)


def picture_from(source: Any, name: str | None = None) -> Picture:
    """A path, a PIL image, an array or a Picture as a Picture.

    Arrays are (h, w) or (h, w, 1 … 4), uint8 or uint16, or float in [0, 1], which become 8-bit.
    ValueError for other types, UserError for pictures that can't be used.
    """
    from PIL import Image

    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, os.PathLike)):
        return read_picture(Path(source))
    if isinstance(source, Image.Image):
        return _from_pil(source, name or "picture")
    if isinstance(source, np.ndarray):
        return _from_array(source, name or "picture")
    raise ValueError(f"{type(source).__name__} is no picture")


def _from_array(array: npt.NDArray[Any], name: str) -> Picture:
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or 0 in pixels.shape:
        raise UserError(f"{name}: an array of shape {array.shape} is no picture: give (h, w, c)")
    if np.issubdtype(pixels.dtype, np.floating):
        if not bool((pixels >= 0).all() and (pixels <= 1).all()):
            raise UserError(f"{name}: a float array must lie in [0, 1]")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{name}: an array must be uint8, uint16 or float, not {array.dtype}")
    return Picture(np.ascontiguousarray(pixels), name)


def read_picture(path: Path) -> Picture:
    """The picture in `path`, upright. UserError says what is wrong with it, in one line."""
    path = Path(path)
    with _opened(path) as image:
        return replace(_from_pil(image, path.name, path), path=path.resolve())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file as a PIL image; whatever is wrong with it, then or later, becomes a UserError."""
    from PIL import Image, UnidentifiedImageError

    if path.is_dir():
        raise UserError(f"{path} is a folder: give a picture")
    try:
        # Large pictures are welcome here; `_from_pil` has its own limit.
        with warnings.catch_warnings(), _no_bomb_limit():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                yield image
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture in a format that can be read") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "the picture is damaged or cut short"
        raise UserError(f"cannot read {path}: {reason}") from error


@contextmanager
def _no_bomb_limit() -> Iterator[None]:
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _from_pil(image: Image.Image, name: str, path: Path | None = None) -> Picture:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(f"{name} has more than {MAX_PIXELS // 10**6} megapixels")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UserError(f"{name} has {frames} frames: give a still picture")
    mode = image.mode.split(";")[0] if image.mode.startswith("I;16") else image.mode
    if image.mode in REFUSED_MODES:
        raise UserError(f"{name} {REFUSED_MODES[mode]}: convert it to RGB or grey first")
    pixels = _deep_pixels(image, path)
    if pixels is None:
        pixels = _shallow_pixels(image)
    exif = image.getexif()
    turn = exif.get(ORIENTATION_TAG, 1)
    icc = image.info.get("icc_profile")
    return Picture(_upright(pixels, turn), name, None, icc or None, _kept_exif(exif))


def _shallow_pixels(image: Image.Image) -> Pixels:
    """(h, w, c) of what Pillow holds in full."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    transparent = "transparency" in image.info
    if image.mode in ("1", "L"):
        image = image.convert("LA" if transparent else "L")
    elif image.mode in ("P", "PA", "RGBa", "La"):
        opaque = not transparent and image.mode == "P"
        image = image.convert("RGB" if opaque else "RGBA")
    elif image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA" if transparent else "RGB")
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _deep_pixels(image: Image.Image, path: Path | None) -> npt.NDArray[Any] | None:
    """16-bit pixels, which Pillow would cut to 8 bits; None if the file has no more than 8."""
    if path is None or not _is_deep(image, path):
        return None
    try:
        pixels = _decoded_png(path) if image.format == "PNG" else _decoded_tiff(path)
    except Exception as error:  # the decoders have no common base class for damaged files
        raise OSError(f"{type(error).__name__} in {path}") from error
    if pixels.dtype != np.uint16:
        raise UserError(f"{path} has {pixels.dtype} pixels: give 8 or 16 bits a channel")
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _is_deep(image: Image.Image, path: Path) -> bool:
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24] == 16
    bits = getattr(image, "tag_v2", {}).get(258, 8) if image.format == "TIFF" else 8
    return 16 in (bits if isinstance(bits, tuple) else (bits,))


def _decoded_png(path: Path) -> npt.NDArray[Any]:
    import imagecodecs

    return imagecodecs.png_decode(path.read_bytes())


def _decoded_tiff(path: Path) -> npt.NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        pixels = page.asarray()
        planes_first = page.axes.startswith("S")
    return np.moveaxis(pixels, 0, -1) if planes_first else pixels


def _upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """The pixels turned and mirrored as the EXIF orientation 1 … 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _kept_exif(exif: Image.Exif) -> bytes | None:
    for tag in (ORIENTATION_TAG, RECIPE_TAG, ICC_TAG):
        exif.pop(tag, None)
    # The structure of a TIFF file (tags 254 to 322 and their like) is no fact about the picture.
    for tag in [t for t in exif if t in _TIFF_STRUCTURE]:
        del exif[tag]
    return exif.tobytes() if len(exif) else None


_TIFF_STRUCTURE = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284),
    *(317, 320, 322, 323, 324, 325, 338, 339, 347, 700, 33723, 34377, 37724),
}


def check_output(path: str | os.PathLike[str], *, alpha: bool, overwrite: bool) -> Path:
    """Everything about an output file that can be refused before any work is done."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise UserError(f"{path}: the extension must be one of {allowed}")
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists: give --overwrite or another name by --out")
    if alpha and FORMATS[path.suffix.lower()] == "JPEG":
        raise UserError(f"{path}: JPEG holds no transparency: use .png, .webp or .tiff")
    probe = _temporary(path)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def write_picture(
    path: str | os.PathLike[str],
    picture: Picture,
    *,
    overwrite: bool = False,
    recipe: str | None = None,
) -> list[str]:
    """Write `picture` whole or not at all, in the format of the extension; `recipe` is ASCII text.

    PNG, TIFF and WebP are lossless; JPEG is of quality 95 without chroma subsampling. Returns what
    the format could not keep, in words. EXIF sub-tables (exposure, GPS) are lost in 16-bit TIFF.
    """
    path = check_output(path, alpha=picture.alpha() is not None, overwrite=overwrite)
    data, notes = encoded(picture, FORMATS[path.suffix.lower()], path.name, recipe)
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # unlike a rename, fails if the file has appeared meanwhile
            temporary.unlink()
    except FileExistsError:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{path} exists: give --overwrite or another name by --out") from None
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    return notes


def encoded(
    picture: Picture, format: str, name: str, recipe: str | None
) -> tuple[bytes, list[str]]:
    """The bytes of a file and what it could not keep. UserError if the format can't hold it."""
    limit = LONGEST_SIDE.get(format)
    if limit and max(picture.size) > limit:
        raise UserError(f"{name}: {format} holds at most {limit} pixels a side: use .png or .tiff")
    notes = []
    if picture.maximum > 255 and format in LONGEST_SIDE:
        notes.append(f"{name}: {format} holds 8 bits a channel, the 16-bit picture was rounded")
        rounded = np.rint(picture.pixels / 257).astype(np.uint8)
        picture = replace(picture, pixels=rounded)
    if format == "JPEG" and picture.has_alpha:  # opaque, or it would have been refused
        picture = replace(picture, pixels=picture.pixels[..., :-1])
    exif = _exif_with(picture.exif, recipe)
    if format == "JPEG" and len(exif) > JPEG_SEGMENT:
        notes.append(f"{name}: the camera's EXIF data did not fit and was left out")
        exif = _exif_with(None, recipe)
    if picture.maximum == 255:
        return _encoded_by_pillow(picture, format, exif), notes
    if format == "PNG":
        return _encoded_deep_png(picture, exif), notes
    return _encoded_deep_tiff(picture, recipe), notes


def _exif_with(exif: bytes | None, recipe: str | None) -> bytes:
    from PIL import Image

    tags = Image.Exif()
    if exif is not None:
        tags.load(exif)
    if recipe is not None:
        tags[SOFTWARE_TAG] = "sinddm-toolkit"
        tags[RECIPE_TAG] = recipe
    return tags.tobytes() if len(tags) else b""


def _encoded_by_pillow(picture: Picture, format: str, exif: bytes) -> bytes:
    from PIL import Image

    pixels = picture.pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    by_format: dict[str, dict[str, Any]] = {
        "PNG": {},
        "JPEG": {"quality": JPEG_QUALITY, "subsampling": 0},
        "WEBP": {"lossless": True, "exact": True},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    options = by_format[format]
    if exif:
        options["exif"] = exif
    if picture.icc:
        options["icc_profile"] = picture.icc
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _encoded_deep_png(picture: Picture, exif: bytes) -> bytes:
    import imagecodecs

    pixels = picture.pixels
    data = bytes(imagecodecs.png_encode(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    chunks = b""
    if picture.icc:
        chunks += _png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(picture.icc))
    if exif:
        chunks += _png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    after_header = 8 + 25  # the signature and IHDR
    return data[:after_header] + chunks + data[after_header:]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _encoded_deep_tiff(picture: Picture, recipe: str | None) -> bytes:
    import tifffile

    buffer = BytesIO()
    pixels = picture.pixels
    if pixels.shape[2] == 2:  # deep grey with alpha is more than most readers know
        pixels = pixels[..., [0, 0, 0, 1]]
    tifffile.imwrite(
        buffer,
        pixels[..., 0] if pixels.shape[2] == 1 else pixels,
        photometric="minisblack" if pixels.shape[2] == 1 else "rgb",
        planarconfig="contig" if pixels.shape[2] > 1 else None,
        extrasamples=["unassalpha"] if picture.has_alpha else None,
        compression="adobe_deflate",
        iccprofile=picture.icc,
        software="sinddm-toolkit",
        metadata=None,
        extratags=[(RECIPE_TAG, "s", 0, recipe, True)] if recipe else (),
    )
    return buffer.getvalue()


def read_recipe(path: Path) -> str | None:
    """The recipe that `write_picture` put into a file, None if it has none."""
    with _opened(Path(path)) as image:
        recipe = image.getexif().get(RECIPE_TAG)
    if isinstance(recipe, bytes):
        recipe = recipe.decode("ascii", "replace")
    return str(recipe).rstrip("\0") if recipe else None


def in_profile_of(picture: Picture, reference: Picture) -> Picture:
    """`picture` with its colours converted to the profile of `reference`; no profile means sRGB.

    A 16-bit picture goes through 8 bits where a conversion is needed. Grey pictures and profiles
    that can't be used are left as they are.
    """
    from PIL import Image, ImageCms

    if picture.icc == reference.icc or picture.is_grey or reference.is_grey:
        return picture
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        source, target = (
            ImageCms.ImageCmsProfile(BytesIO(icc)) if icc else srgb
            for icc in (picture.icc, reference.icc)
        )
        shift = 257 if picture.maximum > 255 else 1
        colours = np.rint(picture.pixels[..., :3] / shift).astype(np.uint8)
        image = ImageCms.profileToProfile(Image.fromarray(colours), source, target)
    except (ImageCms.PyCMSError, OSError):
        return picture
    if image is None:
        return picture
    pixels = picture.pixels.copy()
    pixels[..., :3] = np.asarray(image).astype(picture.pixels.dtype) * shift
    return replace(picture, pixels=pixels, icc=reference.icc)
