from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.schedule import (
    cosine_alphas_cumprod,
    make_schedule,
    sigmas_of,
    start_sigmas,
    start_step,
)
from tests.conftest import texture

ROOT = Path(__file__).parents[2]
KNOWN_STARTS = [(100, 100), (52, 57), (41, 46), (31, 35), (21, 26)]


def test_noise_levels_are_the_published_ones():
    sigmas = sigmas_of(cosine_alphas_cumprod())
    known = {0: 0.025, 3: 0.074, 5: 0.106, 10: 0.186, 15: 0.268, 20: 0.353, 30: 0.54, 50: 1.04}
    for t, sigma in known.items():
        assert sigmas[t] == pytest.approx(sigma, abs=0.005)


def opened(name):
    return np.asarray(Image.open(ROOT / name).convert("RGB"))


@pytest.mark.parametrize(
    "pixels",
    [
        opened("docs/images/seascape.png"),
        opened("docs/images/starry_night.png"),
        opened("plugins/demo/starry_night.png"),
        texture(186, 250),
        texture(248, 165, seed=1) // 4,
    ],
    ids=["seascape", "painting", "demo", "stripes", "dark stripes"],
)
def test_start_steps_are_in_the_range_that_is_known_to_work(pixels):
    pyramid = build_pyramid(tensor_from_rgb(pixels.astype(np.float32) / 127.5 - 1))
    starts = make_schedule(pyramid.details, pyramid.factor).starts
    assert len(starts) == 5
    for start, (low, high) in zip(starts, KNOWN_STARTS, strict=True):
        assert low <= start <= high


def test_noise_halves_what_is_redrawn_and_covers_the_detail():
    sigmas = start_sigmas([0.05] * 12, 2**0.5)
    assert sigmas[2] / sigmas[0] == pytest.approx(0.5)
    assert sigmas[-1] == pytest.approx(0.1)  # twice the missing detail


def test_gamma_grows_to_one_and_is_zero_at_scale_zero():
    schedule = make_schedule([0.1, 0.1], 1.411)
    assert set(schedule.gammas[0]) == {0.0}
    for s in (1, 2):
        row = schedule.gammas[s]
        assert list(row) == sorted(row)
        assert row[schedule.starts[s] - 1] <= 1 == row[-1]
        assert schedule.sampling_gamma(s, 99) == 0.55
        assert schedule.sampling_gamma(s, -1) == 0


def test_start_step_of_rows():
    assert start_step(np.array([0.1, 0.5, 1.0, 1.0])) == 2
    assert start_step(np.array([1.0, 1.0])) == 1
    for bad in ([0.1, 0.55, 0.55], [0.0, 0.5, 1.0], [0.5, 0.2, 1.0], [0.5, 2.0, 2.0]):
        assert start_step(np.array(bad)) == 0
