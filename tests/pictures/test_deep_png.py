import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.pictures.deep_png import encode_deep_png
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.writing import write_picture
from tests.pictures.examples import noise, png_chunk, refusal


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits(channels, tmp_path):
    pixels = noise(channels, np.uint16)
    data = encode_deep_png(Picture(pixels), Image.Exif())
    key = png_chunk(b"tRNS", pixels[0, 0].astype(">u2").tobytes())
    (tmp_path / "a.png").write_bytes(data[:33] + key + data[33:])
    back = read_picture(tmp_path / "a.png")
    assert np.array_equal(back.pixels[..., :-1], pixels)
    assert back.pixels[0, 0, -1] == 0 and (back.pixels[1:, :, -1] == 65535).all()


def test_a_deep_picture_wider_than_png_is_refused(tmp_path):
    wide = Picture(np.zeros((1, 1_000_001, 1), np.uint16))
    message = refusal(write_picture, tmp_path / "a.png", wide)
    assert message == "a.png: PNG of 16 bits holds at most 1000000 pixels a side: use .tiff"
    write_picture(tmp_path / "a.tiff", wide)
    assert read_picture(tmp_path / "a.tiff").size == (1, 1_000_001)
