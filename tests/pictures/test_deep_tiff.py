"""TIFF files of other makers, whole and damaged."""

import struct

import numpy as np
import pytest
import tifffile

from sinddm_toolkit.pictures.reading import read_picture
from tests.pictures.examples import DEPTHS, deep_tiff, noise, refusal


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


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_a_16_bit_tiff_without_its_last_strips_is_refused(compression, tmp_path):
    path = tmp_path / "cut.tiff"
    tifffile.imwrite(path, noise(3, np.uint16), rowsperstrip=5, compression=compression)
    with tifffile.TiffFile(path) as file:
        end = file.pages[0].dataoffsets[2]
    path.write_bytes(path.read_bytes()[:end])
    assert "cut.tiff" in refusal(read_picture, path)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("side", [256, 257])
def test_a_tiff_without_width_or_height_is_empty(side, dtype, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(3, dtype), photometric="rgb")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[side].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 4] = bytes(4)
    path.write_bytes(data)
    size = "0×20" if side == 256 else "30×0"
    assert refusal(read_picture, path) == f"a.tif is empty: it has {size} pixels"


def test_a_tiff_that_tells_of_more_strips_than_it_has_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(3, np.uint16), photometric="rgb", rowsperstrip=20)
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[257].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 4] = struct.pack("<I", 4_000_000)
    path.write_bytes(data)
    assert "damaged or cut short (strips are missing)" in refusal(read_picture, path)


def test_a_deep_tiff_whose_tags_only_one_library_reads_is_upright(tmp_path, monkeypatch):
    def fail(file):
        raise struct.error

    tags = [(0x0112, "H", 1, 3, True)]
    (tmp_path / "a.tif").write_bytes(deep_tiff(extratags=tags))
    monkeypatch.setattr("sinddm_toolkit.pictures.deep_tiff.tags_of_tiff", fail)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.exif is None
    assert np.array_equal(picture.pixels, noise(3, np.uint16)[::-1, ::-1])
