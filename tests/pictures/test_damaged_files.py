"""Files with bytes changed, put in and taken out."""

import random

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture, read_record
from sinddm_toolkit.pictures.writing import encoded
from tests.pictures.examples import deep_tiff, noise, saved


def seeds():
    """Small files of many kinds, by their names."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8769] = "Maker", 6, {0x829A: 0.5}
    exif = exif.tobytes()
    rgb = Image.fromarray(noise(3, size=(12, 16)))
    formats = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
    formats |= {"PPM": "ppm", "JPEG2000": "jp2", "TGA": "tga", "TIFF": "tif"}
    found = {f"a.{suffix}": saved(rgb, format) for format, suffix in formats.items()}
    for format in ("PNG", "JPEG", "WEBP"):
        found[f"exif.{formats[format]}"] = saved(rgb, format, exif=exif, icc_profile=b"p" * 99)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        found[f"{compression}.tif"] = saved(rgb, "TIFF", compression=compression)
    for compression in (None, "lzw"):
        for big in (False, True):
            name = f"deep{compression}{big}.tif"
            found[name] = deep_tiff(compression=compression, bigtiff=big)
    deep = Picture(noise(3, np.uint16, (12, 16)), icc=b"p" * 99)
    found["deep.png"] = encoded(deep, "PNG", "deep.png", '{"a": 1}')[0]
    return found


def mutated(data, rng):
    """`data` with bytes changed, put in and taken out, most of them near its beginning."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(rng.choice([min(len(data), 200), len(data)]))
        what = rng.random()
        if what < 0.6:
            data[at] = rng.choice([0, 1, 127, 255, rng.randrange(256)])
        elif what < 0.75:
            del data[at : at + rng.randrange(1, 9)]
        elif what < 0.9:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            del data[max(1, at) :]
        data = data or bytearray(1)
    return bytes(data)


SEEDS = seeds()


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files_are_read_or_refused_in_one_line_and_nothing_else_is_said(
    name, tmp_path, capfd, caplog
):
    rng = random.Random(name)
    path = tmp_path / name
    for _ in range(60):
        path.write_bytes(mutated(SEEDS[name], rng))
        try:
            picture = read_picture(path)
        except UserError as error:
            assert "\n" not in str(error) and name in str(error)
        else:
            opaque = Picture(picture.pixels[..., :3], picture.name, None, picture.icc, picture.exif)
            encoded(opaque, "PNG", name, None)
        try:
            read_record(path)
        except UserError as error:
            assert "\n" not in str(error) and name in str(error)
    assert capfd.readouterr() == ("", "") and not caplog.records
