"""The picture: its colours as floats and back, alpha, blending, sizes, and what it is told by."""

import tracemalloc

import numpy as np
import pytest

from sinddm_toolkit.pictures.picture import Picture, picture_from_rgb
from tests.pictures.examples import DEPTHS, noise


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


def test_a_part_of_a_photograph_takes_the_memory_of_the_part():
    picture = Picture(np.zeros((3000, 4000, 3), np.uint8))
    tracemalloc.start()
    picture.rgb((100, 200, 200, 300))
    picture.content_hash()
    (_, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 100 * 100 * 3 * 4  # one float a channel, several times


def test_where_nothing_of_them_counts_colours_may_be_anything():
    picture = Picture(np.full((4, 4, 3), 9, np.uint8))
    rgb, weight = np.full((4, 4, 3), np.nan, np.float32), np.zeros((4, 4), np.float32)
    rgb[0], weight[0] = 1, 1
    assert (
        picture.blend(rgb, weight).pixels == np.repeat([255, 9, 9, 9], 12).reshape(4, 4, 3)
    ).all()
