import errno
import io
import os
import stat

import numpy as np
import pytest
from PIL import Image, ImageCms

from sinddm_toolkit import images
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.images import (
    Picture,
    check_output,
    in_profile_of,
    picture_from,
    read_picture,
    read_recipe,
    write_picture,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(channels, dtype=np.uint8, size=(20, 30)):
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(channels)
    return rng.integers(0, top, (*size, channels), dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_lossless_round_trip(dtype, channels, extension, tmp_path):
    icc = SRGB if channels > 2 else None
    path = tmp_path / f"a{extension}"
    write_picture(path, Picture(noise(channels, dtype), icc=icc), recipe='{"a": 1}')
    back = read_picture(path)
    assert back.pixels.dtype == dtype
    if (extension, channels, dtype) == (".tiff", 2, np.uint16):  # written as RGB with alpha
        back = Picture(back.pixels[..., 2:], icc=back.icc)
    assert np.array_equal(back.pixels, noise(channels, dtype))
    assert back.icc == icc
    assert read_recipe(path) == '{"a": 1}'


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_is_lossless_also_under_transparency(channels, tmp_path):
    pixels = noise(channels)
    if channels == 4:
        pixels[:5, :, 3] = 0
    write_picture(tmp_path / "a.webp", Picture(pixels, icc=SRGB), recipe="{}")
    assert np.array_equal(read_picture(tmp_path / "a.webp").pixels, pixels)
    assert read_recipe(tmp_path / "a.webp") == "{}"


def test_jpeg_keeps_profile_exif_and_recipe_and_says_what_it_rounds(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829A] = 0.5
    picture = Picture(noise(3, np.uint16) // 64 + 30_000, icc=SRGB, exif=exif.tobytes())
    notes = write_picture(tmp_path / "a.jpg", picture, recipe='{"b": 2}')
    assert len(notes) == 1 and "8 bits" in notes[0]
    back = read_picture(tmp_path / "a.jpg")
    assert back.icc == SRGB
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif()[0x010F] == "Maker"
        assert image.getexif().get_ifd(0x8769)[0x829A] == 0.5
    assert read_recipe(tmp_path / "a.jpg") == '{"b": 2}'


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_dropped(orientation, tmp_path):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(noise(3))
    image.save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert np.array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(stored)))
    write_picture(tmp_path / "b.png", picture)
    with Image.open(tmp_path / "b.png") as written:
        assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_float_round_trip_is_exact(dtype):
    every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(256, -1, 1)
    picture = Picture(np.repeat(every, 3, axis=2))
    assert np.array_equal(picture.with_rgb(picture.rgb()).pixels, picture.pixels)


def test_blend_keeps_bits_where_the_weight_is_zero():
    picture = Picture(noise(4, np.uint16))
    weight = np.zeros((10, 10), np.float32)
    weight[:, 5:] = 1
    changed = picture.blend(np.zeros((10, 10, 3), np.float32), weight, (2, 3, 12, 13))
    assert np.array_equal(changed.pixels[:, :8], picture.pixels[:, :8])
    assert (changed.pixels[2:12, 8:13, :3] == 32768).all()
    assert np.array_equal(changed.pixels[..., 3], picture.pixels[..., 3])


def test_palette_grey_and_transparency(tmp_path):
    Image.fromarray(noise(3)).quantize(8).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png").pixels.shape == (20, 30, 3)
    Image.fromarray(noise(1)[..., 0]).save(tmp_path / "g.png")
    grey = read_picture(tmp_path / "g.png")
    assert grey.is_grey and grey.rgb().shape == (20, 30, 3)
    Image.fromarray(noise(1)[..., 0]).convert("1").save(tmp_path / "one.png")
    assert read_picture(tmp_path / "one.png").is_grey


def _file(tmp_path, name, save):
    path = tmp_path / name
    save(path)
    return path


REFUSED = {
    "gone.png": (lambda path: None, "no such file"),
    "text.png": (lambda path: path.write_text("hello"), "not a picture"),
    "empty.png": (lambda path: path.touch(), "not a picture"),
    "folder.png": (lambda path: path.mkdir(), "is a folder"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (20, 20)).save(path), "is CMYK"),
    "float.tiff": (lambda path: Image.new("F", (20, 20)).save(path), "floating-point"),
    "moving.gif": (
        lambda path: Image.new("RGB", (20, 20)).save(
            path, save_all=True, append_images=[Image.new("RGB", (20, 20), "red")]
        ),
        "2 frames",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_one_line_that_names_the_file(name, tmp_path):
    save, words = REFUSED[name]
    path = _file(tmp_path, name, save)
    with pytest.raises(UserError, match=words) as caught:
        read_picture(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "tiff"])
def test_truncated_files_are_refused(extension, tmp_path):
    path = tmp_path / f"cut.{extension}"
    write_picture(path, Picture(noise(3, size=(80, 90))))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="cut"):
        read_picture(path)


def test_truncated_deep_png_is_refused(tmp_path):
    path = tmp_path / "cut.png"
    write_picture(path, Picture(noise(3, np.uint16, size=(80, 90))))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="cut"):
        read_picture(path)


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failed_write_leaves_nothing(failure, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((UserError, KeyboardInterrupt)):
        write_picture(path, Picture(noise(3)), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    encoded = images.encoded

    def slow(*arguments):
        path.write_bytes(b"someone else's")
        return encoded(*arguments)

    monkeypatch.setattr(images, "encoded", slow)
    with pytest.raises(UserError, match="exists"):
        write_picture(path, Picture(noise(3)))
    assert path.read_bytes() == b"someone else's"
    assert len(list(tmp_path.iterdir())) == 1


def test_written_files_have_the_usual_permissions(tmp_path):
    write_picture(tmp_path / "a.png", Picture(noise(3)))
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_outputs_are_checked_before_any_work(tmp_path):
    (tmp_path / "there.png").touch()
    for name, words in [
        ("a.bmp", "extension"),
        ("no/a.png", "no folder"),
        ("there.png", "--overwrite"),
        ("", "folder|extension"),
    ]:
        with pytest.raises(UserError, match=words):
            check_output(tmp_path / name, alpha=False, overwrite=False)
    with pytest.raises(UserError, match="transparency"):
        check_output(tmp_path / "a.jpg", alpha=True, overwrite=False)


def test_resizing_does_not_pull_hidden_colours_into_view():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (200, 100, 50, 255)
    small = Picture(pixels).resized((16, 16)).pixels
    seen = small[..., 3] > 20
    assert np.abs(small[seen][:, :3].astype(int) - (200, 100, 50)).max() <= 3


def test_sources_of_many_kinds():
    rgb = noise(3)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    for source in (rgb, Image.fromarray(rgb), Image.open(buffer), rgb / 255.0, Picture(rgb)):
        assert np.array_equal(picture_from(source).pixels, rgb)
    assert picture_from(rgb[..., 0]).pixels.shape == (20, 30, 1)
    for bad in (np.zeros((2, 2, 9), np.uint8), np.full((2, 2), 7.0), np.zeros((2, 2), np.int64)):
        with pytest.raises(UserError):
            picture_from(bad)


def test_profiles_are_converted_only_where_they_differ():
    plain, tagged = Picture(noise(3)), Picture(noise(3), icc=SRGB)
    same = in_profile_of(tagged, plain)
    assert np.abs(same.pixels.astype(int) - tagged.pixels).max() <= 2  # no profile means sRGB
    assert in_profile_of(plain, plain) is plain
    assert in_profile_of(Picture(noise(3), icc=b"nonsense"), plain).icc == b"nonsense"
