"""Holes filled with patches of what is known."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sinddm_toolkit.plugins.regions.filling import FILLED_PIXELS, Filling, fill, sizes
from sinddm_toolkit.plugins.regions.patches import SIDE, Known, Match, grown_inwards
from sinddm_toolkit.plugins.regions.seams import joined

from sinddm_toolkit.engine.pyramid import tensor_from_rgb
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import texture


def periodic(h, w, period=8):
    """(1, 3, h, w): a pattern that is repeated across."""
    rng = np.random.default_rng(0)
    tile = rng.random((h, period, 3), np.float32) * 1.6 - 0.8
    return tensor_from_rgb(np.tile(tile, (1, -(-w // period), 1))[:, :w])


def smooth(h, w):
    """(1, 3, h, w): a clear sky."""
    y, x = np.mgrid[:h, :w] / np.float32(max(h, w))
    return tensor_from_rgb(np.stack([x - y, 0.3 * y, 0.5 + 0.3 * x], axis=2).astype(np.float32))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def hole_at(size, rows, columns):
    hole = np.zeros(size, bool)
    hole[rows, columns] = True
    return hole


def filled(image, hole, seed=0) -> Filling:
    return fill(image, hole, generator(seed))


@pytest.mark.parametrize(
    ("rows", "columns"), [(slice(16, 34), slice(25, 47)), (slice(None), slice(60, None))]
)
def test_what_is_repeated_goes_on_exactly(rows, columns):
    image, hole = periodic(48, 96), hole_at((48, 96), rows, columns)
    made = filled(image.masked_fill(torch.from_numpy(hole), 1.0), hole)
    assert (made.image - image).abs().max() < 1e-4
    assert made.misfit < 0.01  # not 0: near a border the contrast around a pixel is another


def test_what_is_known_stays_and_what_was_in_the_hole_is_never_looked_at():
    image = tensor_from_rgb(texture(50, 70).astype(np.float32) / 127.5 - 1)
    hole = hole_at((50, 70), slice(10, 30), slice(20, 45))
    known = torch.from_numpy(~hole).expand_as(image)
    one = filled(image, hole).image
    assert torch.equal(one[known], image[known])
    assert torch.equal(filled(image.where(known, torch.tensor(9.0)), hole).image, one)


def test_another_seed_is_another_filling_and_the_same_the_same():
    image = torch.rand(1, 3, 50, 70, generator=generator()) * 1.6 - 0.8
    hole = hole_at((50, 70), slice(None), slice(40, None))
    one, same, other = (filled(image, hole, seed).image for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_only_known_patches_are_copied():
    image = tensor_from_rgb(texture(40, 60).astype(np.float32) / 127.5 - 1)
    hole = hole_at((40, 60), slice(12, 28), slice(20, 40))
    match = grown_inwards(Known(image, hole), generator())
    for _ in range(3):
        match = match.improved(generator())
        for place in match.chosen.tolist():
            y, x = divmod(place, 60 - SIDE + 1)
            assert not hole[y : y + SIDE, x : x + SIDE].any()


def test_a_search_by_chance_finds_about_what_a_search_of_all_does(monkeypatch):
    image = tensor_from_rgb(texture(60, 80).astype(np.float32) / 127.5 - 1)
    hole = hole_at((60, 80), slice(20, 40), slice(30, 50))
    exact = filled(image, hole)
    monkeypatch.setattr("sinddm_toolkit.plugins.regions.patches.EXACT_PAIRS", 0)
    assert filled(image, hole).misfit < 1.5 * exact.misfit + 0.02


def test_a_clear_sky_stays_one():
    image, hole = smooth(60, 90), hole_at((60, 90), slice(15, 40), slice(30, 60))
    assert (filled(image, hole).image - image).abs().max() < 0.03


def test_a_step_in_tone_between_pieces_is_spread():
    """Both pieces come from a place that is darker than where they are put."""
    image = periodic(48, 96) * 0.2
    image[..., :40] -= 0.15
    hole = hole_at((48, 96), slice(None), slice(56, None))
    known = Known(image, hole)
    match = grown_inwards(known, generator())
    y, x = match.known.targets // known.columns, match.known.targets % known.columns
    darker = y * known.columns + x % 8 + 8 * ((x // 8) % 2) + 8
    match = type(match)(known, darker, match.colours, torch.zeros(len(y)), match.usage)
    made = joined(match)
    step = made[..., 56:64].mean() - made[..., 48:56].mean()
    assert abs(step) < 0.05
    assert made[..., 88:].mean() < made[..., 56:64].mean() - 0.05


def test_where_no_patch_fits_there_is_no_grey_haze():
    """Half fit exactly: beside those, what the others say is less than numbers can hold."""
    image = periodic(48, 96) * 0.2 + 0.6
    known = Known(image, hole_at((48, 96), slice(None), slice(56, None)))
    chosen = known.nearest[known.targets]
    errors = torch.where(known.targets % known.columns < 72, 0.0, 40.0)
    usage = torch.zeros(known.rows * known.columns)
    made = joined(Match(known, chosen, known.colours, errors, usage))
    assert made.min() > 0.3


def test_a_pixel_is_of_what_most_patches_say_and_not_of_the_mean():
    image = torch.full((1, 3, 40, 90), -0.8)
    image[..., 45:] = 0.8
    known = Known(image, hole_at((40, 90), slice(15, 25), slice(15, 25)))
    light = known.targets % 4 == 0
    chosen = torch.where(light, 60, 0)
    usage = torch.zeros(known.rows * known.columns)
    match = Match(known, chosen, known.colours, torch.ones(len(chosen)), usage)
    ones = torch.ones(40 * 90, 1)
    sums = match.votes(torch.cat([image[0].flatten(1).T, ones], dim=1), 2.0)
    voted = (sums[:, :3] / sums[:, 3:])[known.hole.flatten()]
    assert voted.max() < -0.6  # a mean is over -0.4


def test_a_seam_counts_beside_all_that_fits_within():
    """What is one copy throughout has no misfit but at its border."""
    colours = tensor_from_rgb(np.random.default_rng(0).random((60, 80, 3), np.float32))
    hole = np.zeros((60, 80), bool)
    hole[:, 50:] = True
    known = Known(colours, hole)
    cut = known.targets % known.columns < 50  # they see what is known
    errors = torch.where(cut, known.variance, 0.0)
    nothing = torch.zeros(known.rows * known.columns)
    match = Match(known, known.places[:1].expand(len(known.targets)), colours, errors, nothing)
    assert match.seam == pytest.approx(1)
    assert float(errors.mean()) < 0.25 * known.variance
    assert dataclasses.replace(match, errors=0 * errors).seam == 0


def test_a_texture_is_not_filled_with_what_is_as_smooth_as_its_mean():
    """Gravel above, and a wall of its mean below: small, both are grey."""
    image = torch.zeros(1, 3, 90, 120)
    image[..., :55, :] = torch.rand(1, 1, 55, 120, generator=generator()) * 1.6 - 0.8
    hole = hole_at((90, 120), slice(12, 44), slice(40, 80))
    made = filled(image.masked_fill(torch.from_numpy(hole), 0.0), hole).image[..., 18:38, 46:74]
    assert made.std() > 0.7 * image[..., :55, :].std()


def test_a_large_picture_gets_its_detail_from_where_the_pieces_came(monkeypatch):
    """Which is what the size that it is filled at shows nothing of."""
    monkeypatch.setattr("sinddm_toolkit.plugins.regions.filling.FILLED_PIXELS", 48 * 96)
    fine = 0.2 * periodic(96, 192, 16)
    coarse = torch.nn.functional.interpolate(0.7 * periodic(48, 96), size=(96, 192))
    image, hole = fine + coarse, hole_at((96, 192), slice(32, 64), slice(60, 110))
    made = filled(image, hole)
    assert (made.image - image).abs().max() < 0.02
    assert torch.equal(made.image[0, :, ~hole], image[0, :, ~hole])


def test_tones_of_a_large_picture_meet_where_the_filling_begins(monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.plugins.regions.filling.FILLED_PIXELS", 50 * 60)
    rng = np.random.default_rng(0)
    waves = ndimage.gaussian_filter(rng.standard_normal((400, 480)), 12)
    waves = (0.3 * waves / waves.std()).astype(np.float32)
    image = tensor_from_rgb(np.repeat(waves[..., None], 3, axis=2))
    made = filled(image, hole_at((400, 480), slice(None), slice(320, None))).image
    changes = made.diff(dim=3).abs().mean(dim=(0, 1, 2))
    assert changes[319] < 2.5 * changes[:319].mean()


@pytest.mark.slow
def test_a_large_picture_is_filled_at_a_smaller_size():
    side = 400
    assert side * side > FILLED_PIXELS
    image = smooth(side, side)
    hole = hole_at((side, side), slice(100, 180), slice(200, 260))
    made = filled(image, hole).image
    assert (made - image).abs().max() < 0.03
    assert torch.equal(made[0, :, ~hole], image[0, :, ~hole])


def test_a_small_hole_begins_at_a_finer_size_than_a_large_one():
    small = hole_at((200, 300), slice(100, 108), slice(100, 108))
    large = hole_at((200, 300), slice(None), slice(200, None))
    assert [len(sizes(hole, (200, 300))) for hole in (small, large)] == [1, 8]
    assert sizes(large, (200, 300))[-1] == (200, 300)
    assert min(sizes(large, (200, 300))[0]) < 30


def scene(h, w):
    """(1, 3, h, w): a cloudy sky, brown peaks that reach into it, a green plain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:h, :w]
    peaks = y > h * (0.2 + 0.1 * np.abs((x / 20) % 2 - 1))
    colours = np.where(peaks[..., None], (-0.2, -0.5, -0.7), (0.0, 0.4, 0.9))
    colours = np.where((y > 0.45 * h)[..., None], (-0.4, 0.3, -0.6), colours)
    return tensor_from_rgb((colours + rng.uniform(-0.1, 0.1, (h, w, 1))).astype(np.float32))


def test_a_sky_goes_on_upwards_without_another_horizon():
    image, new = scene(64, 80), 52
    canvas = torch.cat([torch.zeros(1, 3, new, 80), image], dim=2)
    made = filled(canvas, hole_at((64 + new, 80), slice(0, new), slice(None))).image[0, :, :new]
    edge = image[0, :, :8]
    assert (made.mean(dim=(1, 2)) - edge.mean(dim=(1, 2))).abs().max() < 0.05
    assert made.std(dim=(1, 2)).max() < 1.5 * edge.std(dim=(1, 2)).max()


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (16, 16)])
def test_where_next_to_nothing_is_known_it_is_of_one_colour(shape):
    hole = np.ones(shape, bool)
    hole[:, :2] = False
    made = filled(torch.full((1, 3, *shape), 0.25), hole)
    assert (made.image - 0.25).abs().max() < 1e-5 and made.misfit == 0


def test_nothing_to_fill():
    image = smooth(30, 40)
    assert torch.equal(filled(image, np.zeros((30, 40), bool)).image, image)


INPAINT = ("run", "inpaint", "--image", "i.png", "--seed", "1")
RED = (250, 10, 10)


@pytest.fixture
def spotted(home, tiny):
    """i.png in the working folder: 60×80, striped, a red square at rows 20-35, columns 30-50."""
    pixels = texture(60, 80)
    pixels[20:35, 30:50] = RED
    Image.fromarray(pixels).save("i.png")
    return pixels


def models(home):
    return sorted(path.name for path in home.rglob("*.safetensors"))


def test_a_second_mask_and_another_task_use_the_same_model(command, spotted, home):
    assert command(*INPAINT, "--mask", "30,20,20,15", "--out", "one.png")[0] == 0
    known = models(home)
    assert len(known) == 1
    assert command(*INPAINT, "--mask", "28,18,24,19", "--out", "two.png")[0] == 0
    words = ("run", "outpaint", "--image", "i.png", "--right", 20, "--out", "three.png")
    assert command(*words)[0] == 0
    assert models(home) == known


def test_without_a_step_nothing_is_learnt_and_the_pieces_stay(command, spotted, home):
    words = (*INPAINT, "--mask", "30,20,20,15", "--start-step", 0)
    code, _, err = command(*words, "--out", "o.png")
    assert code == 0, err
    assert models(home) == []
    assert "seed 1, nothing had to be learnt, sampling" in err
    assert "none: nothing had to be learnt" in command("show", "o.png")[1]
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    made, again = (read_picture(name).pixels for name in ("o.png", "again.png"))
    assert np.array_equal(made, again)
    # Every colour is one of the picture's: nothing red is left, nothing is blurred to grey.
    assert (made[20:35, 30:50, 0].astype(int) - made[20:35, 30:50, 1]).max() < 150


@pytest.mark.slow
def test_samples_differ_and_are_the_same_in_any_pass(command, spotted, monkeypatch):
    words = (*INPAINT, "--mask", "12,10,50,40", "--start-step", 0, "--samples", 2)
    assert command(*words, "--out", "a.png")[0] == 0
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)
    assert command(*words, "--out", "b.png")[0] == 0
    one, other = (read_picture(f"a-{k}.png").pixels for k in (1, 2))
    assert not np.array_equal(one, other)
    for k, made in enumerate((one, other), start=1):
        assert np.array_equal(read_picture(f"b-{k}.png").pixels, made)


@pytest.mark.slow
def test_the_record_says_how_the_pieces_fit(sinddm_run, sinddm_picture):
    made = sinddm_run("inpaint", image=sinddm_picture, mask="20,15,18,14", samples=2)
    misfits = [record["metadata"]["inpaint"]["misfit"] for record in made.records]
    assert len(misfits) == 2 and all(0 < one < 1 for one in misfits)


def test_roi_says_that_it_needs_a_layout(command, spotted):
    words = ("run", "outpaint", "--image", "i.png", "--right", 40, "--out", "o.png")
    region = ("+", "roi", "--source", "0,0,20,20", "--target", "85,20,20,20")
    code, _, err = command(*words, *region)
    assert code == 2 and "--structure free" in err
    code, _, err = command(*words, "--structure", "free", *region)
    assert code == 0, err
