"""What is harmonized: the object placed, its tone, its shadow, and how much is redrawn."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins import demo
from sinddm_toolkit.plugins.harmonize import harmonize
from sinddm_toolkit.plugins.harmonize.colours import BOUND, FREE, share_of_change, with_own_colours
from sinddm_toolkit.plugins.harmonize.fringe import defringed
from sinddm_toolkit.plugins.harmonize.grain import PAINTING_STEP, PHOTOGRAPH_STEP, start_step
from sinddm_toolkit.plugins.harmonize.placing import placed
from sinddm_toolkit.plugins.harmonize.shadow import cast_shadow, shadowed
from sinddm_toolkit.plugins.harmonize.tone import WAYS, by_range, toned
from sinddm_toolkit.plugins.harmonize.trust import trust
from skimage import data

from sinddm_toolkit.edits.record import load_record
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.compositing import softened
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.sizes import Point
from tests.conftest import texture

LINE = ("run", "harmonize", "--bg", "bg.png", "--seed", "1")


def grey(level, size=(60, 80)):
    return Picture(np.full((*size, 3), level, np.uint8))


# How much is redrawn


def painting():
    return read_picture(Path(demo.__file__).parent / "starry_night.png")


def test_an_object_in_a_painting_is_redrawn():
    assert start_step(painting()) == PAINTING_STEP


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket", "camera", "gravel"])
def test_an_object_in_a_photograph_keeps_its_detail(name):
    pixels = getattr(data, name)()
    assert start_step(Picture(np.atleast_3d(pixels))) == PHOTOGRAPH_STEP


def test_a_flat_picture_is_no_painting():
    assert start_step(grey(128)) == PHOTOGRAPH_STEP


def test_the_record_tells_the_step_and_a_replay_takes_it(command, pasted, tiny, monkeypatch):
    from sinddm_toolkit.plugins.harmonize import grain

    monkeypatch.setattr(grain, "start_step", lambda background: 9)
    words = (*LINE, "--composite", "c.png")
    assert command(*words, "--out", "o.png")[0] == 0
    assert load_record(Path("o.png")).tasks[0].options["start_step"] == 9
    monkeypatch.setattr(grain, "start_step", lambda background: 20)
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(read_picture("o.png").pixels, read_picture("again.png").pixels)
    assert command(*words, "--start-step", 9, "--out", "by-hand.png")[0] == 0
    assert np.array_equal(read_picture("o.png").pixels, read_picture("by-hand.png").pixels)


def test_where_little_is_redrawn_colours_stay_and_lightness_may_change():
    generator = torch.Generator().manual_seed(0)
    begun, x0 = torch.rand(2, 1, 3, 5, 6, generator=generator)
    result = with_own_colours(x0, begun, 0.25)
    assert torch.allclose(result.mean(dim=1), x0.mean(dim=1), atol=1e-6)
    change, wanted = result - begun, x0 - begun
    apart = change - change.mean(dim=1, keepdim=True)
    assert torch.allclose(apart, 0.25 * (wanted - wanted.mean(dim=1, keepdim=True)), atol=1e-6)
    assert torch.allclose(with_own_colours(x0, begun, 1.0), x0, atol=1e-6)
    assert share_of_change(1) == share_of_change(BOUND) < share_of_change(15) < 1
    assert share_of_change(FREE) == share_of_change(99) == 1


def test_colours_are_kept_in_a_run_unless_it_starts_coarser(command, pasted, tiny, monkeypatch):
    words = (*LINE, "--composite", "c.png", "--tone", 0, "--start-step", 7)
    coarse = (*words, "--start-scale", 0)
    changes = {}
    for kept in (True, False):
        if not kept:
            monkeypatch.setattr(harmonize, "share_of_change", lambda start: 1.0)
        for name, line in (("fine", words), ("coarse", coarse)):
            assert command(*line, "--out", "o.png", "--overwrite")[0] == 0
            change = read_picture("o.png").pixels[20:35, 30:50].astype(float) - (250, 10, 10)
            changes[name, kept] = np.abs(change - change.mean(axis=2, keepdims=True)).mean()
    assert changes["fine", True] < 0.6 * changes["fine", False]
    assert changes["coarse", True] == changes["coarse", False]


# Tone


def disk(size=(60, 80), radius=12):
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - size[0] / 2) ** 2 + (x - size[1] / 2) ** 2 < radius**2


@pytest.mark.parametrize("way", WAYS)
def test_tone_brings_the_object_nearer_and_leaves_the_rest_alone(way):
    background = Picture(texture(60, 80))
    inside = disk()
    pixels = background.pixels.copy()
    pixels[inside] = (20, 10, 60)
    pixels[inside & (np.indices(inside.shape).sum(axis=0) % 7 == 0)] = (40, 20, 90)
    picture = Picture(pixels)
    middle = np.median(background.pixels[~inside], axis=0)
    share, apart = inside.astype(np.float32), []
    for strength in (0.0, 0.5, 1.0):
        result = toned(picture, background, share, strength, WAYS[way]).pixels
        assert np.array_equal(result[~inside], pixels[~inside])
        apart.append(np.abs(np.median(result[inside], axis=0) - middle).sum())
    assert apart[0] > 1.15 * apart[1] > 1.15 * apart[2] > 0
    assert apart[0] == np.abs(np.median(pixels[inside], axis=0) - middle).sum()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_alike_keeps_its_tone(way):
    background, share = Picture(texture(120, 160)), disk((120, 160), 40).astype(np.float32)
    result = toned(background, background, share, 1.0, WAYS[way])
    change = np.abs(result.pixels.astype(int) - background.pixels)
    assert change.mean() < 4


@pytest.mark.parametrize(("way", "least"), [("range", 30), ("spread", 60)])
def test_blacker_than_the_picture_has_does_not_stay(way, least):
    background = grey(150)
    background.pixels[::2, ::3] = 90
    inside = disk()
    pixels = background.pixels.copy()
    pixels[inside] = 120
    pixels[30, 34:46] = 0
    result = toned(Picture(pixels), background, inside.astype(np.float32), 1.0, WAYS[way])
    assert result.pixels[30, 34:46].min() >= least


def test_white_in_the_dark_dims_and_takes_the_colour_of_the_light_yet_keeps_its_contrast():
    background = Picture(np.random.default_rng(0).integers(0, 60, (60, 80, 3), np.uint8))
    background.pixels[..., 1] += 40
    inside = disk()
    pixels = background.pixels.copy()
    pixels[inside] = 240
    pixels[25:35, 35:40] = 20
    result = toned(Picture(pixels), background, inside.astype(np.float32), 1.0, by_range).pixels
    white, black = result[30, 45].astype(int), result[30, 37].astype(int)
    assert 70 < white.mean() < 120 and white[1] > 1.05 * white[0]
    assert black.mean() < 40 and white.mean() - black.mean() > 50


# What is left alone


def test_edges_and_colours_that_a_background_lacks_are_not_redrawn(command, pasted, tiny):
    rgb = (pasted.astype(np.float32) / 127.5 - 1, read_picture("bg.png").rgb())
    seen = trust(*rgb)
    assert (seen >= 0).all() and (seen <= 1).all() and trust(rgb[1], rgb[1]).mean() > 0.9
    assert seen[20:35, 30:50].max() < 0.25  # a red square
    words = (*LINE, "--composite", "c.png", "--tone", 0, "--start-step", 7, "--overwrite")
    change = []
    for restraint in (1, 0):
        assert command(*words, "--restraint", restraint, "--out", "o.png")[0] == 0
        change.append(np.abs(read_picture("o.png").pixels.astype(int) - pasted))
    assert change[0][20:35, 30:50].mean() < 0.3 * change[1][20:35, 30:50].mean()
    assert change[0].any()


def test_what_is_smooth_gets_no_grain_where_the_background_has_smooth_parts():
    ground = np.random.default_rng(0).normal(0, 0.1, (60, 80, 1)).astype(np.float32).repeat(3, 2)
    smooth = ground.copy()
    smooth[20:40, 40:60] = 0
    assert trust(smooth, ground)[28:32, 48:52].min() > 0.7  # nothing is smooth there
    ground[:, :30] = 0
    assert trust(smooth, ground)[28:32, 48:52].max() < 0.2 < trust(ground, ground)[:, 45:].min()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_rim_loses_the_colours_of_its_old_background(depth):
    """It gets its own, at any depth; a shadow or glass, which mean theirs, keep them."""
    most = np.iinfo(depth).max
    alpha = softened(disk((40, 40), 9), 0, 1)
    own = np.array([0.8, 0.2, 0.1])
    rgb = alpha[..., None] * own + (1 - alpha[..., None])  # cut out of white
    layer = np.round(most * np.dstack([rgb, alpha])).astype(depth)
    cut = defringed(Picture(layer))
    assert np.array_equal(cut.pixels[..., 3], layer[..., 3])
    unseen = (layer[..., 3] == 0) | (layer[..., 3] >= 0.98 * most)
    assert np.array_equal(cut.pixels[unseen], layer[unseen])
    seen = cut.pixels[..., :3][layer[..., 3] > 0] / most
    assert np.abs(seen - own).max() < 0.03 < np.abs(rgb[alpha > 0] - own).max()
    shadow = layer.copy()
    shadow[shadow[..., 3] < 0.98 * most] = (0, 0, 0, most // 3)
    assert np.array_equal(defringed(Picture(shadow)).pixels[5:-5, 5:-5], shadow[5:-5, 5:-5])
    glass = layer.copy()
    glass[..., 3] //= 2
    assert defringed(Picture(glass)).pixels is glass


# Shadow


def test_a_shadow_darkens_the_ground_below_and_nothing_else():
    picture, covered = grey(200, (100, 100)), np.zeros((100, 100), bool)
    covered[30:60, 40:60] = True
    result = shadowed(picture, covered, covered.astype(np.float32), 1.0).pixels.astype(int)[..., 0]
    assert (result <= 200).all() and (result[covered] == 200).all()
    below = result[60:, 50]
    assert below[0] < 80 and below[2] < 160 and below[-1] == 200
    assert (np.diff(below) >= 0).all() and ((below > 80) & (below < 195)).sum() >= 4  # soft
    assert (result[:45] == 200).all() and (result[:, :25] == 200).all()


def test_half_a_shadow_is_half_as_dark_and_larger_pictures_have_the_same():
    covered = np.zeros((50, 50), bool)
    covered[10:30, 15:35] = True
    opaque = covered.astype(np.float32)
    full, half = (shadowed(grey(255, (50, 50)), covered, opaque, s).pixels for s in (1.0, 0.5))
    dark = 255 - full.astype(int)
    assert dark.max() > 150
    assert np.abs(dark - 2 * (255 - half.astype(int))).max() <= 2
    large = shadowed(grey(255, (200, 200)), covered, opaque, 1.0)
    assert np.abs(large.resized((50, 50)).pixels.astype(int) - full).mean() < 3


def test_a_shadow_may_fall_out_of_the_picture():
    covered = np.zeros((40, 40), bool)
    covered[20:40, 0:15] = True
    assert cast_shadow(covered).shape == (40, 40)


def test_a_transparent_composite_casts_a_shadow_once_it_is_flattened(command, pasted, tiny):
    layer = np.dstack([pasted, np.zeros((60, 80), np.uint8)])
    layer[20:35, 30:50, 3] = 255
    Image.fromarray(layer).save("c.png")
    words = (*LINE, "--composite", "c.png", "--shadow", 1, "--start-step", 1, "--out", "o.png")
    code, _, err = command(*words)
    assert code == 2 and "give --flatten" in err
    assert command(*words, "--flatten")[0] == 0
    below, ground = (read_picture(name).pixels[36, 35:45] for name in ("o.png", "bg.png"))
    assert below.mean() < 0.75 * ground.mean()


def test_a_shadow_on_dark_ground_takes_more_of_the_light_and_a_larger_one_goes_further():
    covered = np.zeros((100, 100), bool)
    covered[30:60, 40:60] = True
    kept = []
    for level, reach in ((200, 1.0), (30, 1.0), (200, 2.0)):
        result = shadowed(grey(level, (100, 100)), covered, covered.astype(np.float32), 0.5, reach)
        assert (result.pixels[covered] == level).all()
        kept.append(result.pixels[60:, 50, 0] / level)
    usual, dark, large = kept
    assert dark[0] < 0.5 * usual[0] and dark[-1] == 1
    assert (large <= usual).all() and (large < 0.98).sum() > 1.5 * (usual < 0.98).sum()


# Placing


def cut(size=(10, 20)):
    """Opaque red in a transparent margin of five pixels, its left half darker."""
    pixels = np.zeros((size[0] + 10, size[1] + 10, 4), np.uint8)
    pixels[5:-5, 5:-5] = (200, 0, 0, 255)
    pixels[5:-5, 5 : 5 + size[1] // 2] = (100, 0, 0, 255)
    return Picture(pixels, "cut.png")


def test_the_middle_of_what_is_seen_comes_to_the_point():
    onto = grey(50)
    pasted, cover = placed(cut(), onto, Point.parse("40,50%"), 1.0, 0)
    expected = onto.pixels.copy()
    expected[25:35, 30:40], expected[25:35, 40:50] = (100, 0, 0), (200, 0, 0)
    assert np.array_equal(pasted.pixels, expected)
    assert np.array_equal(cover > 0, (expected != onto.pixels).any(axis=2))


def test_it_is_scaled_then_turned_clockwise():
    pasted, cover = placed(cut(), grey(50), Point.parse("40,30"), 2.0, 90)
    rows, columns = np.nonzero(cover > 0.5)
    assert abs(np.ptp(rows) - 40) <= 2 and abs(np.ptp(columns) - 20) <= 2
    assert pasted.pixels[15, 40, 0] < pasted.pixels[45, 40, 0]  # left is up now
    assert (pasted.pixels[cover > 0.99][:, 1] < 20).all()  # nothing of the transparent bleeds in


def test_it_may_stick_out_but_not_be_away():
    _, cover = placed(cut(), grey(50), Point.parse("0,0"), 1.0, 0)
    assert cover[:5, :10].all() and cover.sum() == 50
    with pytest.raises(UserError, match=r"nothing of cut\.png would be inside"):
        placed(cut(), grey(50), Point.parse("200,10"), 1.0, 0)
    with pytest.raises(UserError, match="has no transparency"):
        placed(grey(9), grey(50), Point.parse("9,9"), 1.0, 0)


def test_an_object_placed_is_harmonized_like_a_composite(command, pasted, tiny):
    Image.fromarray(cut().pixels).save("cut.png")
    words = ("--object", "cut.png", "--at", "50%,30", "--scale", 1.5, "--rotate", 20)
    code, _, err = command(*LINE, *words, "--out", "o.png", "--save-mask", "m.png")
    assert code == 0, err
    composite, cover = placed(cut(), read_picture("bg.png"), Point.parse("50%,30"), 1.5, 20)
    assert np.array_equal(read_picture("m.png").pixels[..., 0] > 0, cover > 0.5)
    result = read_picture("o.png").pixels
    untouched = softened(cover > 0.5, 3, 3) == 0
    assert untouched.mean() > 0.6
    assert np.array_equal(result[untouched], composite.pixels[untouched])
    assert not np.array_equal(result[25:35, 35:45], composite.pixels[25:35, 35:45])
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(read_picture("again.png").pixels, result)
    assert command(*LINE, *words)[0] == 0
    assert read_picture("bg-harmonize.png").size == (60, 80)


def test_what_does_not_go_together_is_refused(command, pasted):
    Image.fromarray(cut().pixels).save("cut.png")
    said = {
        ("--composite", "c.png", "--at", "1,1"): "--at goes with --object only",
        ("--composite", "c.png", "--object", "cut.png"): "give --composite or --object, not both",
        ("--object", "cut.png", "--at", "9"): "--at: 9 is not allowed, give a point",
        (): "missing --composite",
    }
    for words, refusal in said.items():
        code, _, err = command(*LINE, *words)
        assert code == 2 and refusal in err, json.dumps(words)


# The mask that would be found


def proposed(**given):
    return registry.current().task("harmonize")(**given).proposed("mask")


def test_the_mask_proposed_is_the_one_that_is_used(command, pasted, tiny):
    words = (*LINE, "--composite", "c.png", "--start-step", 1, "--out", "o.png")
    assert command(*words, "--save-mask", "m.png")[0] == 0
    found = proposed(bg="bg.png", composite="c.png")
    assert np.array_equal(found.pixels, read_picture("m.png").pixels)


def test_a_large_composites_mask_is_of_its_own_size_and_crisp():
    background = np.full((1200, 1600, 3), 128, np.uint8)
    composite = background.copy()
    composite[300:600, 400:1000] = (250, 10, 10)
    pixels = proposed(bg=background, composite=composite).pixels[..., 0]
    square = np.zeros((1200, 1600), bool)
    square[300:600, 400:1000] = True
    assert np.array_equal(np.unique(pixels), [0, 255])
    assert ((pixels > 0) != square).mean() < 0.005


def test_transparency_is_proposed_and_what_nowhere_differs_is_not():
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[10:30, 20:50] = (200, 0, 0, 255)
    found = proposed(bg=texture(60, 80), composite=layer)
    assert np.array_equal(found.pixels[..., 0], layer[..., 3])
    assert proposed(bg=texture(60, 80), composite=texture(60, 80)) is None
    task = registry.current().task("harmonize")(bg=texture(60, 80), object=cut())
    assert task.proposed("mask").rgb().max() == 1
    assert task.proposed("save_mask") is None
