from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins import demo
from sinddm_toolkit.plugins.super_resolve.detail import gated, room_for_detail
from sinddm_toolkit.plugins.super_resolve.halo import Range
from skimage import data

from sinddm_toolkit.engine.pyramid import upsample
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import texture

LINE = ("run", "super-resolve", "--image", "i.png", "--seed", "1")


@pytest.mark.slow
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


def test_there_is_room_for_detail_in_texture_and_none_in_shapes():
    y, x = np.mgrid[:80, :90].astype(np.float32)
    smooth = np.sin(x / 20) * np.cos(y / 25) * 0.7
    edges = np.where((x - 45) ** 2 + (y - 40) ** 2 < 400, 0.8, -0.6).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 0.2, (80, 90)).astype(np.float32)
    rooms = [
        float(room_for_detail(np.repeat(light[..., None], 3, axis=2)).mean())
        for light in (smooth, edges, grain, grain / 2)
    ]
    assert rooms[0] == rooms[1] == 0
    assert 0.1 < rooms[2] < 0.25 and abs(rooms[3] / rooms[2] - 0.5) < 0.05


def test_paint_has_room_for_detail_and_an_eye_has_hardly_any():
    painting = Path(demo.__file__).parent / "starry_night.png"
    paint = room_for_detail(read_picture(painting).resized((160, 200)).rgb())
    cat = room_for_detail(Picture(data.chelsea()).resized((100, 150)).rgb())
    assert paint.median() > 0.05 and cat.median() < 0.01
    assert cat[..., 24:48, 42:70].mean() < 0.02  # an eye, full of edges


def test_no_more_is_added_than_there_is_room_for():
    generator = torch.Generator().manual_seed(0)
    plain = torch.zeros(1, 3, 60, 60)
    added = torch.randn(2, 3, 60, 60, generator=generator) * 0.2
    room = torch.zeros(1, 1, 20, 20)
    room[..., 10:] = 0.05
    result = gated(plain + added, plain, room)
    assert result[..., :27].abs().max() < 0.02
    assert abs(float(result[..., 36:].std()) - 0.05) < 0.01
    assert torch.allclose(gated(plain + added, plain, room + 1), plain + added)


def test_beside_an_edge_there_is_no_halo_but_texture_may_have_peaks():
    edge = torch.full((1, 3, 20, 20), -0.5)
    edge[..., 10:] = 0.5
    room = torch.zeros(1, 1, 20, 20)
    sharp = upsample(edge, (60, 60))
    assert sharp.max() > 0.52
    tones = Range(edge, room, (60, 60)).within(sharp)
    assert tones.min() == -0.5 and tones.max() == 0.5
    assert torch.equal(Range(edge, room + 0.1, (60, 60)).within(sharp), sharp)


def test_smooth_parts_are_enlarged_as_they_are(command, home, tiny):
    y, x = np.mgrid[:60, :80]
    pixels = np.stack([120 + 80 * np.sin(x / 15), 90 + y, 200 - x], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save("i.png")
    assert command(*LINE, "--factor", 2, "--out", "o.png")[0] == 0
    plain = np.asarray(Image.fromarray(pixels).resize((160, 120), Image.Resampling.LANCZOS))
    assert np.abs(read_picture("o.png").pixels.astype(int) - plain).mean() < 1


def test_the_size_of_the_result_can_be_said(command, home, tiny):
    Image.fromarray(texture(60, 80)).save("i.png")
    assert command(*LINE, "--size", "121x90", "--out", "o.png")[0] == 0
    assert read_picture("o.png").size == (90, 121)
    said = {
        ("--size", "120x60"): "120x90 would fit",
        ("--size", "40x30"): "give one to sixteen times the 80×60 pixels",
        ("--size", "2x2", "--factor", 2): "give --factor or --size, not both",
    }
    for words, refusal in said.items():
        code, _, err = command(*LINE, *words)
        assert code == 2 and refusal in err, err


def test_factors_out_of_range_are_refused(command, home):
    Image.fromarray(texture(60, 80)).save("i.png")
    code, _, err = command(*LINE, "--factor", 0.5)
    assert code == 2 and "from 1 to 16" in err
