"""Tiles: opposite borders fit together."""

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.closed_form.denoiser import ClosedFormDenoiser
from sinddm_toolkit.plugins.closed_form.layout import LayoutDenoiser
from sinddm_toolkit.plugins.patches.guidance import PatchGuidance
from sinddm_toolkit.plugins.regions.borders import along_borders, fill_round
from torch.nn import functional as F

from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.schedule import make_schedule
from tests.conftest import texture
from tests.plugins.test_layout_denoiser import laid_out

CPU = torch.device("cpu")
ROUND = (True, True)


# What layouts, guidance and the closed form make of a ring


@pytest.fixture(scope="module")
def subject():
    pyramid = build_pyramid(tensor_from_rgb(texture(60, 80).astype(np.float32) / 127.5 - 1))
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def noise(*size, seed=0):
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("make", [ClosedFormDenoiser, LayoutDenoiser])
@pytest.mark.parametrize("t", [97, 40])
def test_a_rolled_ring_is_denoised_alike(make, t, subject):
    """By a half, which is a number of the gaps between patches."""
    options = {"boldness": 1.0} if make is LayoutDenoiser else {}
    x = noise(40, 80)

    def far(wraps):
        """Between the rolled canvas's clean picture and the canvas's, rolled."""
        denoise = make(*subject, CPU, wraps=wraps, **options)
        first, rolled = (subject[1].clean(y, denoise(y, t, 0), t) for y in (x, x.roll(40, -1)))
        return float((rolled - first.roll(40, -1)).abs().max())

    assert far(ROUND) < 1e-3 < 0.05 < far((False, False))


def test_a_layout_on_a_ring_stays_in_order(subject):
    """Of a picture with an above and a below, the upper edge follows the lower one."""
    x = tensor_from_rgb(
        np.tile(np.linspace(-0.9, 0.9, 48, dtype=np.float32)[:, None, None], (64, 3))
    )
    pyramid = build_pyramid(x)
    schedule = make_schedule(pyramid.details, pyramid.factor)
    made = laid_out(pyramid, schedule, (44, 60), 0, boldness=0.0, wraps=ROUND)
    rows = made.mean(dim=(0, 1, 3))
    assert rows[12] < rows[17] - 0.05 < rows[22] - 0.1 < rows[27] - 0.15
    assert abs(float(rows[0] - rows[-1])) < 0.2 * float(rows.max() - rows.min())


def test_a_rolled_ring_is_guided_alike(subject):
    guide, x = PatchGuidance(subject[0], CPU), noise(40, 50)

    def moved(x, wraps):
        return guide.moved(x, 0, [torch.Generator().manual_seed(3)], wraps=wraps)

    by = (7, 23)
    ring = moved(x, ROUND).roll(by, (-2, -1))
    assert torch.allclose(moved(x.roll(by, (-2, -1)), ROUND), ring, atol=1e-4)
    flat = moved(x, (False, False)).roll(by, (-2, -1))
    assert not torch.allclose(moved(x.roll(by, (-2, -1)), (False, False)), flat, atol=1e-2)


def test_the_patches_of_a_ring_are_those_that_begin_in_it(subject):
    guide, x = PatchGuidance(subject[0], CPU), noise(40, 50)
    longer = F.pad(x, (0, 6, 0, 6), mode="circular")
    assert torch.allclose(guide.distance(x, 0, ROUND), guide.distance(longer, 0), atol=1e-6)


# The picture's own borders


def test_a_band_along_the_borders():
    assert along_borders((8, 10), (2, 0)).sum() == 40
    band = along_borders((8, 10), (2, 3))
    assert band.sum() == 80 - 4 * 4 and not band[2:6, 3:7].any()


@pytest.mark.parametrize("widths", [(0, 8), (8, 0), (8, 8)])
def test_a_pattern_that_closes_is_found_again(widths):
    """What the band showed is never looked at: the pattern goes on through it, and closes."""
    tile = np.random.default_rng(0).random((12, 12, 3), np.float32) * 1.6 - 0.8
    pattern = tensor_from_rgb(np.tile(tile, (5, 5, 1)))
    band = torch.from_numpy(along_borders((60, 60), widths))
    hidden = torch.where(band, torch.ones(()), pattern)
    made = fill_round(hidden, widths, torch.Generator().manual_seed(0))
    assert torch.equal(made.image[..., ~band], pattern[..., ~band])
    assert float((made.image - pattern).abs().mean()) < 0.01


# The task


def slope(h=60, w=80):
    """Dark at the left and top, light at the right and bottom: nothing fits together."""
    y, x = np.mgrid[:h, :w]
    grain = np.random.default_rng(0).normal(0, 4, (h, w, 3))
    return (40 + 90 * x / w + 70 * y / h)[..., None] + grain


@pytest.fixture
def sloping(home):
    pixels = slope().clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save("bg.png")
    return pixels


def gaps(pixels):
    """Steps in tone, averaged over some pixels, from bottom to top and from right to left."""
    tone = pixels.astype(float).mean(axis=2)
    down = np.abs(tone[-3:].mean(axis=0) - tone[:3].mean(axis=0)).mean()
    return down, np.abs(tone[:, -3:].mean(axis=1) - tone[:, :3].mean(axis=1)).mean()


def pixels_of(name):
    return np.asarray(Image.open(name))


def made(command, task, *words):
    code, _, err = command("run", task, "--image", "bg.png", "--seed", 1, "-q", *words)
    assert code == 0, err


QUICK = ("--denoiser", "closed-form", "--sampling-steps", 2, "--layouts", 1)


def test_random_tiles_close(command, sloping):
    made(command, "seamless", *QUICK, "--out", "both.png")
    made(command, "seamless", *QUICK, "--axes", "x", "--out", "x.png")
    made(command, "sample", *QUICK, "--out", "flat.png")
    both, across, flat = (gaps(pixels_of(name)) for name in ("both.png", "x.png", "flat.png"))
    assert flat[0] > 30 and across[0] > 30
    assert max(both) < 14 and across[1] < 14


def test_the_networks_tiles_close(command, sloping, tiny):
    """A tiny training: with two axes or one, on a canvas whose sides are odd too."""
    made(command, "seamless", "--size", "81x61", "--sampling-steps", 2, "--out", "a.png")
    made(
        command, "seamless", "--axes", "y", "--layouts", 0, "--sampling-steps", 2, "--out", "b.png"
    )
    assert pixels_of("a.png").shape == (61, 81, 3)
    assert pixels_of("b.png").shape == (60, 80, 3)
    assert max(gaps(pixels_of("a.png"))) < 20


def test_a_tile_of_the_picture_itself(command, sloping, tiny):
    made(command, "seamless", "--keep", "--band", "10%", "--out", "a.png", "--check-sheet", "s.png")
    tile = pixels_of("a.png")
    inner = ~along_borders((60, 80), (6 + 5, 8 + 5))
    assert np.array_equal(tile[inner], sloping[inner])
    assert min(gaps(sloping)) > 55 and max(gaps(tile)) < 25
    assert np.array_equal(pixels_of("s.png"), np.tile(tile, (2, 2, 1)))


def test_one_axis_leaves_the_other_borders(command, sloping):
    words = ("--keep", "--axes", "x", "--band", 12, "--start-step", 0)
    made(command, "seamless", *words, "--out", "a.png", "--check-sheet", "s.png")
    tile = pixels_of("a.png")
    assert np.array_equal(tile[:, 17:-17], sloping[:, 17:-17])
    down, across = gaps(tile)
    assert across < 20 and down > 40
    assert np.array_equal(pixels_of("s.png"), np.tile(tile, (1, 2, 1)))


def test_together_they_make_a_wallpaper(command, sloping):
    words = ("--symmetry", "four-way", *QUICK, "+", "seamless", "--check-sheet", "s.png")
    made(command, "symmetric", *words, "--out", "a.png")
    tile = pixels_of("a.png")
    assert np.array_equal(tile, tile[::-1]) and np.array_equal(tile, tile[:, ::-1])
    assert np.array_equal(pixels_of("s.png"), np.tile(tile, (2, 2, 1)))


def test_two_that_make_layouts_visit_and_start_as_one(sinddm_run):
    one = sinddm_run("symmetric", sampling_steps=2, layouts=2)
    two = sinddm_run("symmetric", also={"seamless": {"layouts": 2}}, sampling_steps=2, layouts=2)
    assert one.network_evaluations == two.network_evaluations


@pytest.mark.parametrize(
    "words",
    [
        ("--denoiser", "closed-form", "--sampling-steps", 1, "--layouts", 1),
        pytest.param(
            ("--keep", "--axes", "x", "--band", 5, "--start-step", 0), marks=pytest.mark.slow
        ),
    ],
)
def test_it_is_made_again(words, command, sloping):
    made(command, "seamless", *words, "--samples", 2, "--out", "a.png")
    made(command, "seamless", *words, "--seed", 2, "--out", "alone.png")
    code, _, err = command("replay", "a-2.png", "--out", "again.png")
    assert code == 0, err
    assert np.array_equal(pixels_of("a-2.png"), pixels_of("again.png"))
    assert np.array_equal(pixels_of("a-2.png"), pixels_of("alone.png"))
    assert not np.array_equal(pixels_of("a-1.png"), pixels_of("a-2.png"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "20x20"), "at least 33"),
        (("--keep", "--size", "2x1"), "the picture's own"),
        (("--keep", "--axes", "x", "--band", "45%"), "36 pixels of 80"),
        (("--keep", "--band", 2), "2 pixels of 60"),
        (("--band", "10%"), "--keep only"),
        (("--start-step", 3), "--keep only"),
        (("--keep", "--pick", 3), "random tiles"),
        (("--axes", "z"), "both"),
        (("--size", "15000x15000", "--check-sheet", "s.png"), "megapixels"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, command, sloping):
    code, _, err = command("run", "seamless", "--image", "bg.png", *words, "--out", "a.png")
    assert code == 2 and said in err and err.strip().count("\n") <= 3
