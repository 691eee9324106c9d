import struct

import numpy as np
import pytest
from PIL import ImageCms

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.profiles import in_profile_of
from tests.pictures.examples import SRGB, noise


def swapped_profile():
    """sRGB with red and green exchanged: unlike sRGB, and easy to check."""
    data = bytearray(SRGB)
    entries = [132 + 12 * k for k in range(struct.unpack_from(">I", data, 128)[0])]
    at = {bytes(data[k : k + 4]): k for k in entries}
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


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
