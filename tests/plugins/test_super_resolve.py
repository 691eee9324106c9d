import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import texture

LINE = ("run", "super-resolve", "--image", "i.png", "--seed", "1")


def test_shrunk_again_it_is_the_picture_and_it_has_more_detail(command, home, small):
    pixels = texture(60, 80)
    Image.fromarray(pixels).save("i.png")
    code, _, err = command(*LINE, "--factor", 2.5, "--out", "o.png")
    assert code == 0, err
    large = read_picture("o.png")
    assert large.size == (150, 200)
    shrunk = large.resized((60, 80)).pixels.astype(int)
    assert np.abs(shrunk - pixels).mean() < 4
    plain = np.asarray(Image.fromarray(pixels).resize((200, 150), Image.Resampling.BICUBIC))
    assert roughness(large) > 1.1 * roughness(Picture(plain))


def roughness(picture):
    rgb = picture.rgb()
    return np.abs(np.diff(rgb, 2, axis=0)).mean() + np.abs(np.diff(rgb, 2, axis=1)).mean()


@pytest.mark.slow
def test_a_picture_above_the_working_size_starts_from_all_its_pixels(command, home, small):
    pixels = texture(120, 160)
    Image.fromarray(pixels).save("i.png")
    assert command(*LINE, "--max-pixels", 5000, "--factor", 1.5, "--out", "o.png")[0] == 0
    shrunk = read_picture("o.png").resized((120, 160)).pixels.astype(int)
    assert np.abs(shrunk - pixels).mean() < 4


def test_factors_out_of_range_are_refused(command, home):
    Image.fromarray(texture(60, 80)).save("i.png")
    code, _, err = command(*LINE, "--factor", 0.5)
    assert code == 2 and "from 1 to 16" in err
