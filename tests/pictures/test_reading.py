"""Pictures of all kinds and makers, and what is refused."""

import errno
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import EpsImagePlugin, Image, ImageFile

from sinddm_toolkit.pictures import reading
from sinddm_toolkit.pictures.deep_png import PNG_START
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import (
    READABLE,
    picture_from,
    read_picture,
    read_record,
    told_size,
)
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.testing import drawn_picture
from tests.pictures.examples import (
    DEPTHS,
    RECORD,
    SRGB,
    deep_tiff,
    noise,
    png_chunk,
    refusal,
    saved,
)

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n%%EOF\n"


def test_formats_that_are_read_and_some_that_are_not(tmp_path):
    flat = Image.fromarray(np.full((20, 30, 3), 90, np.uint8))
    Image.init()
    formats = ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "TGA"]
    formats += ["AVIF"] if "AVIF" in Image.SAVE else []
    assert set(formats) <= set(READABLE)
    for format in formats:
        flat.save(tmp_path / format, format)
        assert np.abs(read_picture(tmp_path / format).pixels.astype(int) - 90).max() <= 3, format
        assert read_record(tmp_path / format) is None
    for format in ("EPS", "PDF", "ICNS", "DDS", "PCX", "SGI"):
        flat.resize((32, 32)).save(tmp_path / f"{format}.png", format)
        assert "not a picture in a format" in refusal(read_picture, tmp_path / f"{format}.png")


@pytest.mark.parametrize("read", [read_picture, read_record, picture_from])
def test_postscript_under_another_name_is_refused_and_not_run(read, tmp_path, monkeypatch):
    mark, gs = tmp_path / "was-run", tmp_path / "gs"
    gs.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    gs.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    (tmp_path / "photo.png").write_bytes(POSTSCRIPT)
    assert "is not a picture in a format that can be read" in refusal(read, tmp_path / "photo.png")
    assert not mark.exists()


def test_a_format_that_pillow_was_built_without_is_a_format_that_cannot_be_read(
    tmp_path, monkeypatch
):
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    (tmp_path / "a.png").write_text("hello")
    assert "not a picture in a format" in refusal(read_picture, tmp_path / "a.png")


def test_palettes_bits_and_transparent_colours(tmp_path):
    colours = Image.fromarray(noise(3)).quantize(8)
    grey = Image.fromarray(noise(1)[..., 0])
    made = {
        "palette.png": (colours, {}, 3),
        "hole.png": (colours, {"transparency": 3}, 4),
        "alphas.png": (colours, {"transparency": bytes(range(8))}, 4),
        "still.gif": (colours, {}, 3),
        "bits.png": (grey.convert("1"), {}, 1),
        "grey.png": (grey, {}, 1),
        "greyhole.png": (grey, {"transparency": 7}, 2),
        "rgbhole.png": (Image.fromarray(noise(3)), {"transparency": (1, 2, 3)}, 4),
        "a.bmp": (Image.fromarray(noise(3)), {}, 3),
    }
    for name, (image, options, channels) in made.items():
        image.save(tmp_path / name, **options)
        assert read_picture(tmp_path / name).pixels.shape == (20, 30, channels), name
    assert picture_from(Image.new("YCbCr", (4, 4))).pixels.shape == (4, 4, 3)
    assert read_picture(tmp_path / "bits.png").pixels.max() == 255
    expected = np.where(np.asarray(colours) == 3, 0, 255)
    assert np.array_equal(read_picture(tmp_path / "hole.png").pixels[..., 3], expected)


def test_16_bit_netpbm(tmp_path):
    deep = noise(1, np.uint16)
    (tmp_path / "a.pgm").write_bytes(b"P5 30 20 65535\n" + deep.astype(">u2").tobytes())
    assert np.array_equal(read_picture(tmp_path / "a.pgm").pixels, deep)


def test_the_previews_in_a_camera_jpeg_do_not_make_it_a_moving_picture(tmp_path):
    first, second = (Image.fromarray(noise(3, size=size)) for size in [(20, 30), (8, 9)])
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    assert Image.open(tmp_path / "a.jpg").n_frames == 2
    assert read_picture(tmp_path / "a.jpg").size == (20, 30)


def test_sources_of_many_kinds(tmp_path):
    rgb = noise(3)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", icc_profile=SRGB)
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    files = (tmp_path / "a.png", str(tmp_path / "a.png"), Image.open(buffer))
    for source in (rgb, Image.fromarray(rgb), rgb / 255.0, Picture(rgb), *files):
        picture = picture_from(source, "this one")
        assert np.array_equal(picture.pixels, rgb) and picture.name == "this one"
        assert picture.icc == (SRGB if any(source is file for file in files) else None)
    assert picture_from(rgb[..., 0]).pixels.shape == (20, 30, 1)
    assert picture_from(noise(2, np.uint16).astype(">u2")).pixels.dtype == np.uint16
    mine = rgb.copy()
    picture = picture_from(mine)
    mine[:] = 0
    assert np.array_equal(picture.pixels, rgb)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2, 9), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.full((2, 2), 7.0),
        np.full((2, 2), np.nan),
        np.zeros((2, 2), np.int64),
        np.zeros((2, 2), np.uint32),
        np.zeros((2, 2), bool),
    ],
)
def test_other_arrays_are_refused(array):
    assert refusal(picture_from, array, "mine").startswith("mine: ")


def test_other_objects_are_no_pictures():
    with pytest.raises(ValueError, match="int is no picture"):
        picture_from(7)


def save_raw(path):
    tifffile.imwrite(path, noise(3), photometric="rgb", subfiletype=1)


def save_pages(path):
    tifffile.imwrite(path, np.stack([noise(3, np.uint16)] * 3), photometric="rgb")


def save_moving(path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def save_huge(path):
    """The header of a picture of 30000 × 20000."""
    header = struct.pack(">IIBBBBB", 30_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    path.write_bytes(PNG_START + b"".join(png_chunk(*chunk) for chunk in chunks))


REFUSED = {
    "gone.png": (lambda path: None, "no such file"),
    "text.png": (lambda path: path.write_text("hello"), "not a picture"),
    "empty.png": (lambda path: path.touch(), "not a picture"),
    "folder.png": (lambda path: path.mkdir(), "is a folder"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (20, 20)).save(path), "is CMYK: convert it to RGB"),
    "cmyk.tiff": (lambda path: Image.new("CMYK", (20, 20)).save(path), "is CMYK: convert it to RG"),
    "lab.tiff": (lambda path: Image.new("LAB", (20, 20)).save(path), "is Lab"),
    "float.tiff": (lambda path: Image.new("F", (20, 20)).save(path), "floating-point"),
    "half.tiff": (lambda path: tifffile.imwrite(path, np.zeros((9, 9), "f2")), "floating-point"),
    "long.tiff": (lambda path: tifffile.imwrite(path, np.zeros((9, 9), "u4")), "32-bit"),
    "raw.nef": (save_raw, "camera raw file"),
    "pages.tiff": (save_pages, "3 pages"),
    "moving.gif": (save_moving, "2 frames"),
    "moving.webp": (save_moving, "2 frames"),
    "moving.png": (save_moving, "2 frames"),
    "huge.png": (save_huge, "more than 500 megapixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_one_line_that_names_the_file(name, tmp_path):
    save, words = REFUSED[name]
    save(tmp_path / name)
    message = refusal(read_picture, tmp_path / name)
    assert name in message and words in message
    if "not a picture" in words or "folder" in words or "no such" in words:
        assert name in refusal(read_record, tmp_path / name)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "HSV", "I", "F"])
def test_modes_of_pil_images_are_refused_alike(mode):
    assert refusal(picture_from, Image.new(mode, (4, 4)), "mine").startswith("mine ")


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    def forbidden(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # the superuser may read everything
    assert "a.png: Permission denied" in refusal(read_picture, tmp_path / "a.png")


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tiff"])
def test_truncated_files_are_refused(extension, dtype, tmp_path):
    path = tmp_path / f"cut.{extension}"
    write_picture(path, Picture(noise(3, dtype, size=(80, 90))))
    whole = path.read_bytes()
    for rest in (20, 30, len(whole) // 2, len(whole) - 2000):
        path.write_bytes(whole[:rest])
        assert "cut short" in refusal(read_picture, path)
    image = Image.open(io.BytesIO(whole[:-2000])) if extension in ("png", "jpg") else None
    assert image is None or "cut short" in refusal(picture_from, image)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("'<=' not supported between instances of 'tuple' and 'int'"),
        AttributeError("'int' object has no attribute 'name'"),
        struct.error("unpack requires a buffer of 8 bytes"),
        ValueError("invalid literal for int() with base 10"),
        OSError(22, "Invalid argument"),
    ],
)
def test_what_python_says_of_a_damaged_file_is_not_repeated(error, tmp_path, monkeypatch):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(reading, "_from_file", fail)
    (tmp_path / "a.png").touch()
    message = refusal(read_picture, tmp_path / "a.png")
    assert message == f"cannot read {tmp_path / 'a.png'}: it is damaged or cut short"


def test_the_words_of_decoders_and_of_the_system_are_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(Image.fromarray(noise(3)), "PNG")[:-900])
    assert "cut short (image file is truncated" in refusal(read_picture, tmp_path / "a.png")
    (tmp_path / "a.tif").write_bytes(deep_tiff(compression="lzw")[:-900])
    assert "cut short (corrupted strip" in refusal(read_picture, tmp_path / "a.tif")
    (tmp_path / "l.png").symlink_to("l.png")
    assert "Too many levels of symbolic links" in refusal(read_picture, tmp_path / "l.png")


def with_profile(size):
    data = saved(Image.fromarray(noise(3)), "PNG")
    chunk = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(size)))
    return data[:33] + chunk + data[33:]


def test_a_large_profile_of_a_png_from_elsewhere_is_read_and_a_bomb_is_not(tmp_path):
    (tmp_path / "a.png").write_bytes(with_profile(3 * 2**20))
    assert len(read_picture(tmp_path / "a.png").icc) == 3 * 2**20
    (tmp_path / "a.png").write_bytes(with_profile(40 * 2**20))
    message = refusal(read_picture, tmp_path / "a.png")
    assert message.endswith("a.png: it holds a colour profile or a text of more than 32 MB")


@pytest.fixture
def told(monkeypatch):
    """What is opened and what is decoded, in turn."""
    found = []

    def tell(owner, name, word):
        call = getattr(owner, name)

        def told(*arguments, **keywords):
            found.append(word)
            return call(*arguments, **keywords)

        monkeypatch.setattr(owner, name, told)

    tell(Path, "open", "opened")
    tell(ImageFile.ImageFile, "load_prepare", "decoded")
    tell(reading, "decode_deep_png", "decoded")
    tell(tifffile.TiffPage, "asarray", "decoded")
    return found


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tiff"])
def test_a_file_is_opened_and_decoded_once_and_for_its_record_not_decoded(
    extension, dtype, tmp_path, told
):
    path = tmp_path / f"a.{extension}"
    write_picture(path, Picture(noise(3, dtype), icc=SRGB), record=RECORD)
    told.clear()
    read_picture(path)
    assert told == ["opened", "decoded"]
    told.clear()
    assert read_record(path) == RECORD
    assert told == ["opened"]


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_the_pictures_of_phones_are_read(tmp_path, format):
    import pillow_heif

    pillow_heif.register_heif_opener()
    drawn = drawn_picture((60, 80)).pixels
    path = tmp_path / "a.file"
    Image.fromarray(drawn).save(path, format, quality=95)
    assert told_size(path) == (60, 80)
    assert abs(read_picture(path).pixels.astype(int) - drawn).mean() < 8  # chroma is halved


def test_several_bursts_of_a_phone_are_one_picture(tmp_path):
    import pillow_heif

    first, second = (drawn_picture((60, 80), seed).pixels for seed in (0, 1))
    file = pillow_heif.HeifFile()
    for pixels in (first, second):
        file.add_frombytes("RGB", (80, 60), pixels.tobytes())
    file.save(tmp_path / "a.heic", quality=95)
    assert abs(read_picture(tmp_path / "a.heic").pixels.astype(int) - first).mean() < 8
