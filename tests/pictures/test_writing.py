"""Files that are written: what each format holds, what it cannot, and what is refused first."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture, read_record
from sinddm_toolkit.pictures.writing import check_output, quick_png, write_picture
from tests.pictures.examples import DEPTHS, RECORD, SRGB, no_links, noise, refusal


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_lossless_round_trip(dtype, channels, extension, tmp_path):
    icc = SRGB if channels > 2 else None
    path = tmp_path / f"a{extension}"
    assert write_picture(path, Picture(noise(channels, dtype), icc=icc), record=RECORD) == []
    back = read_picture(path)
    assert back.pixels.dtype == dtype
    assert np.array_equal(back.pixels, noise(channels, dtype))
    assert (back.icc, back.name, back.path) == (icc, path.name, path.resolve())
    assert back.depth == 8 * np.dtype(dtype).itemsize
    assert read_record(path) == RECORD


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_webp_is_lossless_also_under_transparency(channels, tmp_path):
    pixels = noise(channels)
    if channels in (2, 4):
        pixels[:5, :, -1] = 0
    write_picture(tmp_path / "a.webp", Picture(pixels, icc=SRGB), record=RECORD)
    back = read_picture(tmp_path / "a.webp")
    grey = channels <= 2  # which WebP has not
    expected = np.concatenate([pixels[..., :1]] * 2 + [pixels], axis=2) if grey else pixels
    assert np.array_equal(back.pixels, expected) and back.icc == SRGB
    assert read_record(tmp_path / "a.webp") == RECORD


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
    write_picture(tmp_path / "a.jpg", Picture(pixels), record=RECORD)
    back = read_picture(tmp_path / "a.jpg").pixels
    assert back.shape == pixels.shape and np.abs(back.astype(int) - pixels).max() <= 3


def test_jpeg_takes_opaque_alpha_and_refuses_transparency(tmp_path):
    pixels = noise(4)
    pixels[..., 3] = 255
    write_picture(tmp_path / "a.jpg", Picture(pixels))
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (20, 30, 3)
    message = refusal(write_picture, tmp_path / "b.jpg", Picture(noise(2)))
    assert "b.jpg: JPEG cannot hold transparency" in message


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("megabytes", [0.5, 1, 2, 20])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_what_is_written_can_be_read_whatever_the_size_of_its_profile(
    name, megabytes, dtype, tmp_path
):
    icc = np.random.default_rng(0).bytes(int(megabytes * 2**20))
    notes = write_picture(tmp_path / name, Picture(noise(3, dtype), icc=icc), record='{"a": 1}')
    back = read_picture(tmp_path / name)
    assert read_record(tmp_path / name) == '{"a": 1}'
    about = [note for note in notes if "profile" in note]
    assert back.icc in (icc, None) and len(about) == (back.icc is None)
    limit = {"a.png": 0.5, "a.jpg": 2}.get(name, 20)
    assert (back.icc is None) == (megabytes > limit)
    if about:
        kind = {"a.png": "PNG", "a.jpg": "JPEG"}[name]
        size = f"{megabytes:.1f} MB"
        assert about == [f"{name}: a colour profile of {size} is too large for {kind}: left out"]
    with Image.open(tmp_path / name) as image:  # by other programs too
        assert image.size == (30, 20)


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
    monkeypatch.setattr(Path, "touch", no_links)  # the superuser may write everywhere
    message = refusal(check_output, tmp_path / "a.png", alpha=False, overwrite=False)
    assert message == f"cannot write {tmp_path / 'a.png'}: Operation not permitted"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.png", "there.png"]


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_pixels_that_are_a_view_are_written_as_they_are_seen(extension, dtype, tmp_path):
    turned = np.rot90(noise(3, dtype))[:, ::2]
    write_picture(tmp_path / f"a{extension}", Picture(turned))
    assert np.array_equal(read_picture(tmp_path / f"a{extension}").pixels, turned)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_quick_png_holds_all_that_came_with_the_picture(dtype, channels, tmp_path):
    icc = SRGB if channels > 2 else None
    exif = Image.Exif()
    exif[0x010F] = "maker"
    picture = Picture(noise(channels, dtype), icc=icc, exif=exif.tobytes())
    (tmp_path / "q.png").write_bytes(quick_png(picture))
    back = read_picture(tmp_path / "q.png")
    assert back.pixels.dtype == dtype and np.array_equal(back.pixels, picture.pixels)
    assert back.icc == icc and b"maker" in (back.exif or b"")
