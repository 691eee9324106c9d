import errno
import io
import os
import stat
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures import deep_png, reading, writing
from sinddm_toolkit.pictures.exif import DESCRIPTIVE_TAGS
from sinddm_toolkit.pictures.picture import Picture, picture_from_rgb
from sinddm_toolkit.pictures.profiles import in_profile_of
from sinddm_toolkit.pictures.reading import picture_from, read_picture, read_recipe
from sinddm_toolkit.pictures.writing import check_output, write_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RECIPE = '{"a": 1}'
DEPTHS = [np.uint8, np.uint16]
EXIF, GPS = 0x8769, 0x8825


def noise(channels, dtype=np.uint8, size=(20, 30)):
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(channels)
    return rng.integers(0, top, (*size, channels), dtype, endpoint=True)


def swapped_profile():
    """sRGB with red and green exchanged: unlike sRGB, and easy to check."""
    data = bytearray(SRGB)
    entries = [132 + 12 * k for k in range(struct.unpack_from(">I", data, 128)[0])]
    at = {bytes(data[k : k + 4]): k for k in entries}
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


def camera_exif(maker_note=b"\1\2\3\4\5"):
    """What a camera writes: texts, exposure, place, a thumbnail's worth of everything."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x013B] = "José".encode("latin-1")
    exif[0x010E], exif[0x0132], exif[0x8298] = "A picture", "2020:01:02 03:04:05", "me"
    exif[0x0112] = 1
    exif[EXIF] = {0x829A: 0.5, 0x927C: maker_note, 0x9003: "2020:01:02 03:04:05"}
    exif[GPS] = {1: "N", 2: (48.0, 30.0, 15.0)}
    return exif.tobytes()


def exif_of(path):
    with Image.open(path) as image:
        exif = image.getexif()
        return exif, dict(exif.get_ifd(EXIF)), dict(exif.get_ifd(GPS))


def refusal(call, *arguments, **keywords):
    with pytest.raises(UserError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- files, there and back ---


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_lossless_round_trip(dtype, channels, extension, tmp_path):
    icc = SRGB if channels > 2 else None
    path = tmp_path / f"a{extension}"
    assert write_picture(path, Picture(noise(channels, dtype), icc=icc), recipe=RECIPE) == []
    back = read_picture(path)
    assert back.pixels.dtype == dtype
    assert np.array_equal(back.pixels, noise(channels, dtype))
    assert (back.icc, back.name, back.path) == (icc, path.name, path.resolve())
    assert back.depth == 8 * np.dtype(dtype).itemsize
    assert read_recipe(path) == RECIPE


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_webp_is_lossless_also_under_transparency(channels, tmp_path):
    pixels = noise(channels)
    if channels in (2, 4):
        pixels[:5, :, -1] = 0
    write_picture(tmp_path / "a.webp", Picture(pixels, icc=SRGB), recipe=RECIPE)
    back = read_picture(tmp_path / "a.webp")
    grey = channels <= 2  # which WebP has not
    expected = np.concatenate([pixels[..., :1]] * 2 + [pixels], axis=2) if grey else pixels
    assert np.array_equal(back.pixels, expected) and back.icc == SRGB
    assert read_recipe(tmp_path / "a.webp") == RECIPE


@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_16_bits_are_rounded_where_a_format_holds_8_and_this_is_said(extension, tmp_path):
    path = tmp_path / f"a{extension}"
    levels = np.array([0, 128, 129, 32767, 32768, 65406, 65407, 65535], np.uint16)
    pixels = np.repeat(levels, 8)[None, :, None] * np.ones((8, 1, 3), np.uint16)
    (note,) = write_picture(path, Picture(pixels))
    assert path.name in note and "8 bits" in note
    middle = read_picture(path).pixels[4, 4::8, 0].astype(int)
    tolerance = 1 if extension == ".jpg" else 0
    assert np.abs(middle - [0, 0, 1, 127, 128, 254, 255, 255]).max() <= tolerance


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_close_and_keeps_grey_grey(channels, tmp_path):
    smooth = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None]
    pixels = smooth * np.ones((64, 1, channels), np.uint8)
    write_picture(tmp_path / "a.jpg", Picture(pixels), recipe=RECIPE)
    back = read_picture(tmp_path / "a.jpg").pixels
    assert back.shape == pixels.shape and np.abs(back.astype(int) - pixels).max() <= 3


def test_jpeg_takes_opaque_alpha_and_refuses_transparency(tmp_path):
    pixels = noise(4)
    pixels[..., 3] = 255
    write_picture(tmp_path / "a.jpg", Picture(pixels))
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (20, 30, 3)
    message = refusal(write_picture, tmp_path / "b.jpg", Picture(noise(2)))
    assert "b.jpg: JPEG cannot hold transparency" in message


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png", "a.tiff", "deep.png", "deep.tiff"])
def test_exif_stays_beside_the_recipe(name, tmp_path):
    path = tmp_path / name
    pixels = noise(3, np.uint16 if name.startswith("deep") else np.uint8)
    write_picture(path, Picture(pixels, icc=SRGB, exif=camera_exif()), recipe=RECIPE)
    for _ in range(2):  # the second time as read back
        main, exposure, place = exif_of(path)
        assert main[0x010F] == "Maker" and main[0x0131] == "sinddm-toolkit"
        assert main[0x013B] == "José"
        assert [main[tag] for tag in (0x010E, 0x0132, 0x8298)] == [
            "A picture",
            "2020:01:02 03:04:05",
            "me",
        ]
        if name != "deep.tiff":
            assert exposure[0x829A] == 0.5 and exposure[0x9003] == "2020:01:02 03:04:05"
            assert exposure[0x927C] == b"\1\2\3\4\5"
            assert place[1] == "N" and place[2] == (48, 30, 15)
        back = read_picture(path)
        assert back.icc == SRGB and np.array_equal(back.pixels, pixels) != (name == "a.jpg")
        write_picture(path, back, recipe=RECIPE, overwrite=True)
        assert read_recipe(path) == RECIPE


def test_a_recipe_does_not_outlive_its_picture(tmp_path):
    write_picture(tmp_path / "a.png", Picture(noise(3)), recipe=RECIPE)
    write_picture(tmp_path / "b.png", read_picture(tmp_path / "a.png"))
    assert read_recipe(tmp_path / "b.png") is None


def test_the_layout_of_a_tiff_does_not_reach_other_files(tmp_path):
    source = Picture(noise(4, np.uint16), exif=camera_exif())
    write_picture(tmp_path / "a.tiff", source)
    exif = Image.Exif()
    exif.load(read_picture(tmp_path / "a.tiff").exif)
    assert {0x010F, 0x013B} <= set(exif) <= DESCRIPTIVE_TAGS


def test_exif_too_large_for_jpeg_is_left_out_with_a_note(tmp_path):
    path = tmp_path / "a.jpg"
    exif = camera_exif(bytes(65_000))
    (note,) = write_picture(path, Picture(noise(3), exif=exif), recipe="x" * 2000)
    assert "a.jpg" in note and "left out" in note
    assert read_recipe(path) == "x" * 2000
    assert 0x927C not in exif_of(path)[1]
    message = refusal(write_picture, tmp_path / "b.jpg", Picture(noise(3)), recipe="x" * 70_000)
    assert "b.jpg" in message and "too long" in message
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]


def test_a_thumbnail_in_exif_is_dropped(tmp_path):
    first = struct.pack("<H HHII I", 1, 0x0100, 3, 1, 7, 8 + 2 + 12 + 4)
    second = struct.pack("<H HHII I", 1, 0x0100, 3, 1, 9, 0)
    data = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + b"thumbnail"
    Image.fromarray(noise(3)).save(tmp_path / "a.jpg", exif=data)
    exif = Image.Exif()
    exif.load(read_picture(tmp_path / "a.jpg").exif)
    assert exif[0x0100] == 7 and exif.get_ifd(1) == {}


def test_broken_exif_is_no_reason_to_refuse_a_picture(tmp_path):
    Image.fromarray(noise(3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")
    assert read_picture(tmp_path / "a.jpg").exif is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff", "deep.png", "deep.tiff", "memory"])
def test_orientation_is_applied_and_dropped(kind, orientation, tmp_path):
    path = tmp_path / f"a.{kind.split('.')[-1]}"
    pixels = noise(3, np.uint16 if kind.startswith("deep") else np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "deep.tiff":
        tags = [(0x0112, "H", 1, orientation, True)]
        tifffile.imwrite(path, pixels, photometric="rgb", extratags=tags, metadata=None)
    elif kind == "deep.png":
        path.write_bytes(deep_png.encode_deep_png(Picture(pixels), exif))
    elif kind == "memory":
        path = Image.fromarray(pixels)
        path.getexif()[0x0112] = orientation
    else:
        options = {"lossless": True} if kind == "webp" else {}
        Image.fromarray(pixels).save(path, exif=exif, **options)
    pixels = pixels if kind != "jpg" else np.asarray(Image.open(path))
    marks = np.arange(600, dtype=np.int32).reshape(20, 30)
    image = Image.fromarray(marks)
    image.getexif()[0x0112] = orientation
    expected = pixels.reshape(600, 3)[np.asarray(ImageOps.exif_transpose(image))]
    picture = picture_from(path)
    assert np.array_equal(picture.pixels, expected)
    write_picture(tmp_path / "b.png", picture)
    with Image.open(tmp_path / "b.png") as written:
        assert written.getexif().get(0x0112, 1) == 1


# --- what can be read ---


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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits(channels, tmp_path):
    pixels = noise(channels, np.uint16)
    data = deep_png.encode_deep_png(Picture(pixels), Image.Exif())
    key = deep_png._png_chunk(b"tRNS", pixels[0, 0].astype(">u2").tobytes())
    (tmp_path / "a.png").write_bytes(data[:33] + key + data[33:])
    back = read_picture(tmp_path / "a.png")
    assert np.array_equal(back.pixels[..., :-1], pixels)
    assert back.pixels[0, 0, -1] == 0 and (back.pixels[1:, :, -1] == 65535).all()


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_16_bit_tiffs_of_all_makes(planes, compression, byteorder, tmp_path):
    pixels = noise(4, np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels if planes == "contig" else np.moveaxis(pixels, -1, 0),
        photometric="rgb",
        planarconfig=planes,
        extrasamples=["unassalpha"],
        compression=compression,
        predictor=compression is not None,
        byteorder=byteorder,
    )
    back = read_picture(tmp_path / "a.tif").pixels
    assert back.dtype == np.uint16 and np.array_equal(back, pixels)


def test_extra_channels_of_16_bit_tiffs(tmp_path):
    def back(pixels, photometric, extra):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels, photometric=photometric, extrasamples=extra)
        return read_picture(path).pixels

    half = np.full((9, 9, 4), 32768, np.uint16)
    assert back(half, "rgb", ["unspecified"]).shape == (9, 9, 3)
    half[..., :3] = 16384
    assert np.abs(back(half, "rgb", ["assocalpha"]).astype(int) - 32768).max() <= 1
    assert (back(half[..., 0], "miniswhite", None) == 65535 - 16384).all()


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


# --- what is refused ---


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
    path.write_bytes(deep_png.PNG_START + b"".join(deep_png._png_chunk(*chunk) for chunk in chunks))


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
        assert name in refusal(read_recipe, tmp_path / name)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "HSV", "I", "F"])
def test_modes_of_pil_images_are_refused_alike(mode):
    assert refusal(picture_from, Image.new(mode, (4, 4)), "mine").startswith("mine ")


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    def forbidden(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(reading.Path, "open", forbidden)  # the superuser may read everything
    assert "a.png: Permission denied" in refusal(read_picture, tmp_path / "a.png")


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tiff"])
def test_truncated_files_are_refused(extension, dtype, tmp_path):
    path = tmp_path / f"cut.{extension}"
    write_picture(path, Picture(noise(3, dtype, size=(80, 90))))
    whole = path.read_bytes()
    for rest in (30, len(whole) // 2, len(whole) - 2000):
        path.write_bytes(whole[:rest])
        assert "cut short" in refusal(read_picture, path)
    image = Image.open(io.BytesIO(whole[:-2000])) if extension in ("png", "jpg") else None
    assert image is None or "cut short" in refusal(picture_from, image)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_a_16_bit_tiff_without_its_last_strips_is_refused(compression, tmp_path):
    path = tmp_path / "cut.tiff"
    tifffile.imwrite(path, noise(3, np.uint16), rowsperstrip=5, compression=compression)
    with tifffile.TiffFile(path) as file:
        end = file.pages[0].dataoffsets[2]
    path.write_bytes(path.read_bytes()[:end])
    assert "cut.tiff" in refusal(read_picture, path)


def test_large_pictures_are_welcome_and_the_limit_of_pillow_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("a.png", "a.tiff", "a.webp"):
        write_picture(tmp_path / name, Picture(noise(3)))
        assert read_picture(tmp_path / name).size == (20, 30)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_nothing_but_the_refusal_is_shown(tmp_path):
    for extension, dtype in [("tiff", np.uint8), ("tiff", np.uint16), ("png", np.uint16)]:
        path = tmp_path / f"{np.dtype(dtype).name}.{extension}"
        write_picture(path, Picture(noise(3, dtype, size=(80, 90))))
        path.write_bytes(path.read_bytes()[:-3000])
    # Big enough for Pillow's warning, and tags cut short.
    Image.new("1", (10_000, 9_500)).save(tmp_path / "big.png")
    code = (
        "import sys, pathlib\n"
        "from sinddm_toolkit.pictures.reading import read_picture\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    try: read_picture(path)\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and done.stdout.split() == ["UserError"] * 3


# --- colours ---


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_float_round_trip_is_exact(channels, dtype):
    every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(256, -1, 1)
    picture = Picture(np.repeat(every, channels, axis=2), exif=b"x", icc=b"y")
    rgb = picture.rgb()
    assert rgb.shape == (*picture.size, 3) and rgb.min() == -1 and rgb.max() == 1
    back = picture.with_rgb(rgb)
    assert np.array_equal(back.pixels, picture.pixels)
    assert (back.exif, back.icc) == (b"x", b"y")


def test_regions_values_out_of_range_and_grey():
    picture = Picture(noise(3))
    box = (2, 3, 12, 13)
    assert np.array_equal(picture.rgb(box), picture.rgb()[2:12, 3:13])
    changed = picture.with_rgb(np.full((10, 10, 3), 9, np.float32), box)
    assert (changed.pixels[2:12, 3:13] == 255).all()
    changed.pixels[2:12, 3:13] = picture.pixels[2:12, 3:13]
    assert np.array_equal(changed.pixels, picture.pixels)
    colours = np.broadcast_to(np.array([-1, 0, 0.4], np.float32), (20, 30, 3))
    assert (Picture(noise(1)).with_rgb(colours).pixels == 102).all()
    for wrong in (np.zeros((10, 10), np.float32), np.zeros((1, 1, 3), np.float32)):
        with pytest.raises(ValueError, match="the colours are"):
            picture.with_rgb(wrong, box)


def test_alpha_is_none_unless_something_is_transparent():
    pixels = noise(4, np.uint16)
    alpha = Picture(pixels).alpha()
    assert alpha.dtype == np.float32 and np.allclose(alpha * 65535, pixels[..., 3], atol=0.01)
    pixels[..., 3] = 65535
    assert Picture(pixels).alpha() is None and Picture(noise(3)).alpha() is None
    assert Picture(pixels).has_alpha and not Picture(pixels).is_transparent


@pytest.mark.parametrize("dtype", DEPTHS)
def test_blend_keeps_bits_where_the_weight_is_zero(dtype):
    picture = Picture(noise(4, dtype))
    weight = np.zeros((10, 10), np.float32)
    weight[:, 5:] = 1
    weight[:, 7] = 0.25
    changed = picture.blend(np.zeros((10, 10, 3), np.float32), weight, (2, 3, 12, 13))
    assert np.array_equal(changed.pixels[:, :8], picture.pixels[:, :8])
    middle = picture.maximum // 2 + 1
    assert (changed.pixels[2:12, 8:10, :3] == middle).all()
    mixed = 0.25 * (middle - 0.5) + 0.75 * picture.pixels[2:12, 10, :3].astype(float)
    assert np.abs(changed.pixels[2:12, 10, :3] - mixed).max() <= 0.51
    assert np.array_equal(changed.pixels[..., 3], picture.pixels[..., 3])
    with pytest.raises(ValueError, match="weight"):
        picture.blend(np.zeros((20, 30, 3), np.float32), weight)


def test_the_hash_knows_shape_depth_and_pixels():
    flat = np.zeros((4, 6, 3), np.uint8)
    kinds = [flat, flat.reshape(6, 4, 3), flat.reshape(4, 18, 1), flat.astype(np.uint16), flat + 1]
    assert len({Picture(pixels).content_hash() for pixels in kinds}) == len(kinds)
    view = noise(3)[:, ::-1]
    assert Picture(view).content_hash() == Picture(view.copy(), "other").content_hash()


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_resizing_keeps_kind_and_flat_colours(channels, dtype):
    picture = Picture(np.full((40, 60, channels), 77, dtype), "n", None, b"icc", b"exif")
    for size in [(13, 17), (80, 90)]:
        other = picture.resized(size)
        assert other.size == size and other.pixels.dtype == dtype
        assert other.pixels.shape[2] == channels and (other.pixels == 77).all()
        assert (other.name, other.icc, other.exif) == ("n", b"icc", b"exif")
    assert picture.resized((40, 60)) is picture


@pytest.mark.parametrize("scale", [1, 257])
def test_resizing_does_not_pull_hidden_colours_into_view(scale):
    pixels = np.zeros((64, 64, 4), np.uint16)
    pixels[:, :31] = (200, 100, 50, 255)
    pixels = (pixels * scale).astype(np.uint8 if scale == 1 else np.uint16)
    small = Picture(pixels).resized((16, 16)).pixels / scale
    seen = small[..., 3] > 20
    assert np.abs(small[seen][:, :3] - (200, 100, 50)).max() <= 3
    hidden = np.full((9, 9, 4), (200, 100, 50, 0), np.uint8)
    assert (Picture(hidden).resized((5, 5)).pixels == (200, 100, 50, 0)).all()


def test_made_pictures_are_like_their_model():
    like = Picture(noise(2, np.uint16), icc=b"grey")
    made = picture_from_rgb(np.zeros((5, 6, 3), np.float32), like)
    assert made.pixels.shape == (5, 6, 1) and made.pixels.dtype == np.uint16 and made.icc == b"grey"


# --- writing ---


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_nothing(failure, call, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(os, call, fail)
    with pytest.raises((UserError, KeyboardInterrupt)) as caught:
        write_picture(path, Picture(noise(3)), overwrite=True)
    if caught.type is UserError:
        assert str(caught.value) == f"cannot write {path}: No space left"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def no_links(*arguments, **keywords):
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(links, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    encoded = writing.encoded

    def slow(*arguments):
        path.write_bytes(b"someone else's")
        return encoded(*arguments)

    monkeypatch.setattr(writing, "encoded", slow)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    message = refusal(write_picture, path, Picture(noise(3)))
    assert message == f"{path} exists: give --overwrite or another --out"
    assert path.read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_folders_that_know_no_links(fails, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    if fails:
        monkeypatch.setattr(os, "replace", no_links)
        assert "not permitted" in refusal(write_picture, tmp_path / "a.png", Picture(noise(3)))
        assert list(tmp_path.iterdir()) == []
    else:
        write_picture(tmp_path / "a.png", Picture(noise(3)))
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
        assert np.array_equal(read_picture(tmp_path / "a.png").pixels, noise(3))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "there" / "real.png")
    write_picture(tmp_path / "link.png", Picture(noise(3)), overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(read_picture(tmp_path / "there" / "real.png").pixels, noise(3))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_written_files_have_the_usual_permissions(mask, tmp_path):
    old = os.umask(mask)
    try:
        write_picture(tmp_path / "a.png", Picture(noise(3)))
        write_picture(tmp_path / "a.png", Picture(noise(3)), overwrite=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o666 & ~mask


def test_outputs_are_checked_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "there.png").touch()
    (tmp_path / "dir.png").mkdir()
    for name, words in [
        ("a.bmp", "a.bmp: the extension must be one of .png, .jpg"),
        ("a", "extension"),
        ("no/a.png", "no folder"),
        ("there.png/a.png", "no folder"),
        ("dir.png", "is a folder"),
        ("there.png", "there.png exists: give --overwrite or another --out"),
        ("x" * 300 + ".png", "cannot write"),
    ]:
        assert words in refusal(check_output, tmp_path / name, alpha=False, overwrite=False)
        assert words in refusal(write_picture, tmp_path / name, Picture(noise(3)))
    transparent = refusal(check_output, tmp_path / "a.JPG", alpha=True, overwrite=False)
    assert "transparency" in transparent
    assert check_output(tmp_path / "there.png", alpha=True, overwrite=True).name == "there.png"
    monkeypatch.setattr(reading.Path, "touch", no_links)  # the superuser may write everywhere
    message = refusal(check_output, tmp_path / "a.png", alpha=False, overwrite=False)
    assert message == f"cannot write {tmp_path / 'a.png'}: Operation not permitted"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.png", "there.png"]


@pytest.mark.parametrize(("name", "limit"), [("a.jpg", 65_500), ("a.webp", 16_383)])
def test_sides_that_a_format_cannot_hold(name, limit, tmp_path):
    write_picture(tmp_path / name, Picture(np.zeros((1, limit, 3), np.uint8)))
    assert read_picture(tmp_path / name).size == (1, limit)
    long = Picture(np.zeros((limit + 1, 1, 3), np.uint8))
    assert f"at most {limit} pixels" in refusal(write_picture, tmp_path / f"b{name}", long)
    message = refusal(
        check_output, tmp_path / f"b{name}", alpha=False, overwrite=False, size=long.size
    )
    assert f"b{name}" in message


# --- profiles ---


@pytest.mark.parametrize("scale", [1, 257])
def test_colours_are_converted_between_profiles_that_differ(scale):
    pixels = (noise(4).astype(np.uint16) * scale).astype(np.uint8 if scale == 1 else np.uint16)
    picture = Picture(pixels, "n", icc=SRGB)
    target = Picture(noise(3), icc=swapped_profile())
    there = in_profile_of(picture, target)
    assert there.icc == target.icc and there.name == "n" and there.pixels.dtype == pixels.dtype
    expected = pixels[..., [1, 0, 2, 3]].astype(int)
    assert np.abs(there.pixels - expected).max() <= 2 * scale
    assert np.array_equal(there.pixels[..., 3], pixels[..., 3])
    back = in_profile_of(there, Picture(noise(3)))
    assert back.icc is None and np.abs(back.pixels.astype(int) - pixels).max() <= 3 * scale


def test_colours_stay_where_profiles_agree_or_cannot_be_used():
    plain, tagged = Picture(noise(3)), Picture(noise(3), icc=SRGB)
    grey, broken = Picture(noise(1), icc=b"g"), Picture(noise(3), icc=b"nonsense")
    lab = Picture(noise(3), icc=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
    for one, other in [
        (tagged, plain),  # no profile means sRGB
        (plain, tagged),
        (tagged, Picture(noise(3), icc=SRGB)),
        (broken, plain),
        (plain, broken),
        (lab, tagged),
        (grey, tagged),
        (tagged, grey),
    ]:
        assert in_profile_of(one, other) is one


def test_a_photograph_is_read_quickly(tmp_path):
    big = np.asarray(Image.fromarray(noise(3, size=(100, 100))).resize((4000, 3000)))
    Image.fromarray(big).save(tmp_path / "a.jpg", quality=90)
    start = time.perf_counter()
    picture = read_picture(tmp_path / "a.jpg")
    picture.rgb((0, 0, 100, 100))
    picture.content_hash()
    assert picture.size == (3000, 4000) and time.perf_counter() - start < 2
