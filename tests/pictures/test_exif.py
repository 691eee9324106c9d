"""EXIF, there and back: what is kept, what is not, which way is up, and the record."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from sinddm_toolkit.pictures.deep_png import encode_deep_png
from sinddm_toolkit.pictures.exif import DESCRIPTIVE_TAGS, RECORD_TAG
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from, read_picture, read_record
from sinddm_toolkit.pictures.writing import write_picture
from tests.pictures.examples import RECORD, SRGB, noise, refusal

EXIF, GPS = 0x8769, 0x8825


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


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png", "a.tiff", "deep.png", "deep.tiff"])
def test_exif_stays_beside_the_record(name, tmp_path):
    path = tmp_path / name
    pixels = noise(3, np.uint16 if name.startswith("deep") else np.uint8)
    write_picture(path, Picture(pixels, icc=SRGB, exif=camera_exif()), record=RECORD)
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
        write_picture(path, back, record=RECORD, overwrite=True)
        assert read_record(path) == RECORD


def test_a_record_does_not_outlive_its_picture(tmp_path):
    write_picture(tmp_path / "a.png", Picture(noise(3)), record=RECORD)
    write_picture(tmp_path / "b.png", read_picture(tmp_path / "a.png"))
    assert read_record(tmp_path / "b.png") is None


def test_the_layout_of_a_tiff_does_not_reach_other_files(tmp_path):
    source = Picture(noise(4, np.uint16), exif=camera_exif())
    write_picture(tmp_path / "a.tiff", source)
    exif = Image.Exif()
    exif.load(read_picture(tmp_path / "a.tiff").exif)
    assert {0x010F, 0x013B} <= set(exif) <= DESCRIPTIVE_TAGS


def test_exif_too_large_for_jpeg_is_left_out_with_a_note(tmp_path):
    path = tmp_path / "a.jpg"
    exif = camera_exif(bytes(65_000))
    (note,) = write_picture(path, Picture(noise(3), exif=exif), record="x" * 2000)
    assert "a.jpg" in note and "left out" in note
    assert read_record(path) == "x" * 2000
    assert 0x927C not in exif_of(path)[1]
    message = refusal(write_picture, tmp_path / "b.jpg", Picture(noise(3)), record="x" * 70_000)
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
        path.write_bytes(encode_deep_png(Picture(pixels), exif))
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


@pytest.mark.parametrize(
    ("dtype", "byteorder"), [(np.uint8, "<"), (np.uint16, "<"), (np.uint16, ">")]
)
def test_big_tiffs_are_read_upright_with_their_texts(dtype, byteorder, tmp_path):
    path = tmp_path / "a.tif"
    tags = [(0x0112, "H", 1, 6, True), (0x010F, "s", 0, "Maker", True)]
    tags.append((RECORD_TAG, "s", 0, '{"a": 1}', True))
    options = {"photometric": "rgb", "byteorder": byteorder, "extratags": tags}
    tifffile.imwrite(path, noise(3, dtype), bigtiff=True, **options)
    picture = read_picture(path)
    assert np.array_equal(picture.pixels, np.rot90(noise(3, dtype), -1))
    assert read_record(path) == '{"a": 1}'
    for name in ("b.png", "b.jpg", "b.tiff"):
        write_picture(tmp_path / name, picture)
        with Image.open(tmp_path / name) as written:
            assert written.getexif()[0x010F] == "Maker"
        assert read_picture(tmp_path / name).size == (30, 20)
