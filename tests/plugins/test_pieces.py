"""Pictures that are put together anew from pieces of one: retarget and analogy."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sinddm_toolkit.plugins.pieces import arranging, carving, labels, patches
from sinddm_toolkit.plugins.pieces.analogy import ranked_as
from sinddm_toolkit.plugins.pieces.keeping import placed
from sinddm_toolkit.plugins.pieces.layouts import Layouts, sizes

from sinddm_toolkit.engine.pyramid import downsample, tensor_from_rgb
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import texture

RED, BLUE, GREEN = (230, 20, 20), (20, 20, 230), (20, 180, 20)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_image(h, w):
    return torch.rand(1, 3, h, w, generator=generator(3)) * 1.6 - 0.8


def with_square(h=60, w=80, side=16):
    """(h, w, 3) uint8: grey-blue grain, a red square in the middle of it."""
    rng = np.random.default_rng(0)
    pixels = rng.normal((120, 130, 160), 12, (h, w, 3))
    top, left = (h - side) // 2, (w - side) // 2
    pixels[top : top + side, left : left + side] = RED
    return np.clip(pixels, 0, 255).astype(np.uint8)


def red_parts(pixels):
    """(height, width) of each red part, largest first."""
    pixels = pixels.astype(int)
    is_red = pixels[..., 0] - pixels[..., 1:].max(axis=2) > 60
    found = ndimage.find_objects(ndimage.label(is_red)[0])
    shapes = [(y.stop - y.start, x.stop - x.start) for y, x in found]
    return sorted((one for one in shapes if min(one) > 2), reverse=True)


# Patches


def test_a_canvas_like_the_picture_is_made_of_each_patch_in_its_place():
    image = random_image(20, 26)
    source = patches.Source(image)
    made = patches.matched(source, image, None, patches.places((20, 26)), generator())
    assert torch.equal(made.chosen, torch.arange(14 * 20))
    assert (made.colours() - image).abs().max() < 1e-5
    y, x = made.origins()
    assert torch.equal(y, torch.arange(20)[:, None].expand(20, 26))
    assert torch.equal(x, torch.arange(26).expand(20, 26))


def test_what_nothing_is_like_is_used_too():
    """The plainly nearest patches of a canvas without the spot would be others."""
    image = 0.05 * random_image(24, 24)
    plain = image.clone()
    image[..., 14:18, 14:18] = 0.9
    plain[..., 14:18, 14:18] = 0.2
    source, where = patches.Source(image), patches.places((24, 24))
    made = patches.matched(source, plain, None, where, generator())
    wanted = source.placed(source.features(plain), where)
    own = patches.squared_distances(wanted, source.own).argmin(dim=1)
    without = patches.Arrangement(source, (24, 24), own, made.errors)
    assert without.colours().max() < made.colours().max()
    assert made.colours().max() > 0.85


def test_a_search_by_chance_finds_about_what_a_search_of_all_does(monkeypatch):
    image = tensor_from_rgb(texture(50, 60).astype(np.float32) / 127.5 - 1)
    wanted = arranging.resized(image, (50, 72))
    source, where = patches.Source(image, place=(3.0, 2.0)), patches.places((50, 72))
    begun = torch.randint(len(source.own), (44 * 66,), generator=generator())
    own = source.placed(source.features(wanted), where)
    exact = patches.nearest(source.own, own)[1].mean()
    monkeypatch.setattr(patches, "EXACT_PAIRS", 0)
    for _ in range(2):
        made = patches.matched(source, wanted, None, where, generator(), begun)
        begun = made.chosen
    assert exact <= made.errors.mean() < 1.5 * exact


def test_choices_are_the_same_at_a_larger_size():
    image = random_image(40, 52)
    small = patches.Source(downsample(image, (20, 26)))
    made = patches.Arrangement(small, (20, 26), torch.arange(14 * 20), torch.zeros(14 * 20))
    carried = made.carried_to(patches.Source(image), (40, 52))
    assert torch.equal(carried, torch.arange(34 * 46))


def test_the_finest_detail_comes_from_where_the_pieces_came(monkeypatch):
    image = random_image(60, 78)
    small = patches.Source(arranging.resized(image, (20, 26)))
    # All is moved five patches to the left.
    chosen = (torch.arange(14)[:, None] * 20 + torch.arange(5, 20)).flatten()
    made = patches.Arrangement(small, (20, 21), chosen, torch.zeros(len(chosen)))
    monkeypatch.setattr(arranging, "STRIP_ROWS", 16)
    result = arranging.with_detail(made, image, (60, 63))
    inner = (..., slice(6, -6), slice(6, -6))
    assert (result - image[..., 15:])[inner].abs().max() < 0.02


@pytest.mark.parametrize(
    ("source", "canvas"),
    [
        ((60, 80), (60, 120)),
        ((900, 1200), (900, 500)),
        ((16, 40), (33, 40)),
        ((60, 2000), (60, 700)),
    ],
)
def test_sizes_grow_to_the_last_by_no_more_than_a_half(source, canvas):
    found = arranging.levels(source, canvas)
    last = found[-1]
    assert max(np.prod(last.source), np.prod(last.canvas)) <= 1.05 * arranging.MOST_PIXELS
    if max(np.prod(source), np.prod(canvas)) <= arranging.MOST_PIXELS:
        assert (last.source, last.canvas) == (source, canvas)
    assert np.prod(found[0].source) < 7_000 or len(found) == 1
    for one, next_one in pairwise(found):
        assert 1 <= next_one.source[1] / one.source[1] < 1.5
    way = sizes(found[0])
    assert way[-1] == found[0].canvas and len(way) >= 1


# Seams


def test_seams_are_the_cheapest_ways_down_and_never_meet():
    energy = np.full((5, 8), 5.0, np.float32)
    cheap = np.array([2, 3, 3, 4, 3])
    energy[np.arange(5), cheap] = 0
    first, second = carving.seams(energy, 2)
    assert np.array_equal(first, cheap)
    assert not (first == second).any()


def test_what_is_dear_is_neither_cut_nor_doubled():
    rng = np.random.default_rng(0)
    planes = rng.random((8, 12, 20), np.float32)
    planes[-1] = 0
    energy = np.ones((12, 20), np.float32)
    energy[3:9, 8:14] = 100
    for width in (14, 31):
        made = carving.carved(planes, energy, width)
        assert made.shape == (8, 12, width)
        part = planes[:3, 3:9, 8:14]
        places = [x for x in range(width - 5) if np.array_equal(made[:3, 3:9, x : x + 6], part)]
        assert len(places) == 1
    assert made[-1].sum() == 12 * 2 * 11


def test_what_is_there_once_is_unique():
    image = torch.zeros(1, 3, 30, 40)
    image[..., ::4] = 0.4
    image[..., 12:16, 20:24] = torch.tensor([0.9, -0.9, -0.9])[None, :, None, None]
    found = carving.uniqueness(patches.Source(image))
    assert found.shape == (1, 1, 30, 40) and abs(float(found.mean()) - 1) < 1e-5
    peak = int(found.argmax())
    assert 11 <= peak // 40 <= 16 and 19 <= peak % 40 <= 24


# retarget


@pytest.mark.parametrize("size", ["1.5x1", "60%x100%", "1x1.4", "120x50"])
def test_a_thing_keeps_its_size_and_is_there_once(sinddm_run, size):
    picture = Picture(with_square(), "square.png")
    made = sinddm_run("retarget", image=picture, size=size, start_step=0, seed=1, layouts=3).picture
    (height, width), *others = red_parts(made.pixels)
    assert not others
    assert 14 <= height <= 18 and 14 <= width <= 18


def test_the_smallest_picture_becomes_four_times_as_large(sinddm_run):
    picture = Picture(texture(16, 40), "small.png")
    made = sinddm_run("retarget", image=picture, size="4x4", start_step=0, layouts=1, seed=1)
    assert made.picture.size == (64, 160)


@pytest.mark.parametrize("step", [0, None])
def test_what_is_to_be_kept_is_there_bit_for_bit(sinddm_run, step):
    """Though it is like the rest, and half of the picture has to go."""
    picture = Picture(texture(60, 90), "stripes.png")
    asked = {"size": "50x60", "keep": "40,15,30,24", "start_step": step, "layouts": 1, "seed": 1}
    made = sinddm_run("retarget", image=picture, samples=2, **asked)
    kept = picture.pixels[15:39, 40:70]
    for one in made.pictures:
        found = np.lib.stride_tricks.sliding_window_view(one.pixels, kept.shape)[..., 0, :, :, :]
        assert (found == kept).all(axis=(2, 3, 4)).sum() == 1


def test_patches_are_never_moved_last(sinddm_run, monkeypatch):
    """Which is done on a lattice, and leaves a mesh in a smooth sky."""
    moved = []

    def noted(_, x0, s, generators, strength):
        moved.append(s)
        return x0

    monkeypatch.setattr("sinddm_toolkit.plugins.patches.guidance.PatchGuidance.moved", noted)
    picture = Picture(texture(40, 60), "stripes.png")
    sinddm_run("retarget", image=picture, size="50x40", start_step=3, layouts=1, seed=1)
    assert len(moved) == 2  # of three steps


def test_parts_that_are_kept_move_by_themselves():
    inside = np.zeros((40, 80), bool)
    inside[10:20, 5:15] = inside[12:30, 60:70] = True
    image = random_image(40, 80)
    # Of a picture of half the size, columns 12 to 27 were taken out.
    left = [*range(12), *range(28, 40)]
    where = patches.places((20, 40))[..., left]
    kept = torch.from_numpy(inside[::2, ::2])[None, None][..., left]
    held = placed(image, inside, where, kept, (40, 48))
    assert torch.equal(held.image[..., 10:20, 5:15], image[..., 10:20, 5:15])
    assert torch.equal(held.image[..., 12:30, 28:38], image[..., 12:30, 60:70])
    assert int(held.mask.sum()) == inside.sum()
    small = held.on(torch.full((1, 3, 20, 24), 0.5))
    assert (small[..., 18:, :] == 0.5).all() and not (small[..., 6:9, 3:7] == 0.5).any()


def test_layouts_are_chosen_by_what_they_lose_and_double():
    image = tensor_from_rgb(with_square().astype(np.float32) / 127.5 - 1)
    made = Layouts(image, None, arranging.levels((60, 80), (60, 120))[0])
    one, best = made.best(1, generator()), made.best(3, generator())
    assert best.misfit <= one.misfit
    stretched = arranging.resized(made._source.colours, one.made.size)
    where = patches.places(one.made.size)
    plain = patches.matched(made._source, stretched, None, where, generator())
    assert best.misfit < made._misfit(plain)


@pytest.fixture
def square(home, tiny):
    """i.png in the working folder."""
    Image.fromarray(with_square()).save("i.png")


RETARGET = ("run", "retarget", "--image", "i.png", "--seed", 1)


def test_without_a_step_nothing_is_learnt_and_it_can_be_made_again(command, square, home):
    words = (*RETARGET, "--size", "1.5x1", "--start-step", 0, "--layouts", 2)
    code, _, err = command(*words, "--out", "o.png")
    assert code == 0, err
    assert not [*home.rglob("*.safetensors")]
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    made, again = (read_picture(name).pixels for name in ("o.png", "again.png"))
    assert made.shape == (60, 120, 3)
    assert np.array_equal(made, again)


def test_redrawing_changes_strokes_and_not_what_is_where(command, square):
    words = (*RETARGET, "--size", "1.5x1", "--layouts", 2)
    assert command(*words, "--start-step", 0, "--out", "a.png")[0] == 0
    assert command(*words, "--out", "b.png")[0] == 0
    pieces, redrawn = (read_picture(name).pixels.astype(int) for name in ("a.png", "b.png"))
    assert 0 < np.abs(pieces - redrawn).mean() < 30
    assert len(red_parts(redrawn.astype(np.uint8))) == 1


def test_samples_differ_and_are_the_same_in_any_pass(sinddm_run, monkeypatch):
    picture = Picture(with_square(), "square.png")
    asked = {"image": picture, "size": "1.3x1", "start_step": 0, "layouts": 1, "seed": 1}
    asked["samples"] = 2
    one, other = (made.pixels for made in sinddm_run("retarget", **asked).pictures)
    assert not np.array_equal(one, other)
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)
    again = sinddm_run("retarget", **asked)
    for made, picture in zip((one, other), again.pictures, strict=True):
        assert np.array_equal(made, picture.pixels)
    assert all(one["metadata"]["retarget"]["misfit"] > 0 for one in again.records)


def test_a_large_picture_keeps_its_detail(sinddm_run, monkeypatch):
    monkeypatch.setattr(arranging, "MOST_PIXELS", 60 * 80)
    pixels = np.repeat(np.repeat(with_square(), 3, axis=0), 3, axis=1)
    # Lines that the size at which it is put together doesn't show.
    pixels[::2, :, 1] //= 2
    picture = Picture(pixels, "large.png")
    made = sinddm_run("retarget", image=picture, size="1.3x1", start_step=0, layouts=1).picture
    assert made.size == (180, 312)
    lines = [
        one.astype(float)[1::2, :, 1] - one.astype(float)[::2, :, 1]
        for one in (pixels, made.pixels)
    ]
    assert abs(lines[1].mean() / lines[0].mean() - 1) < 0.15


def test_grey_and_deep_pictures_stay_what_they_are(sinddm_run):
    grey = Picture((with_square()[..., :1].astype(np.uint16) * 257), "grey.png")
    made = sinddm_run("retarget", image=grey, size="1.3x1", start_step=0, layouts=1).picture
    assert made.pixels.shape == (60, 104, 1) and made.depth == 16


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--size", "5x1"), "a quarter to 4 times"),
        (("--size", "100%x20%"), "a quarter to 4 times"),
        (("--size", "30x60"), "at least 33"),
        (("--size", "40x60", "--keep", "10,10,50,20"), "50 pixels wide"),
        (("--size", "80x40", "--keep", "10,10,20,45"), "45 pixels high"),
        (("--size", "1.5x1", "--keep", "90,10,20,20"), "--keep"),
        (("--size", "1.5x1", "--layouts", "0"), "--layouts"),
        ((), "--size"),
    ],
)
def test_what_can_t_be_retargeted_is_refused(command, square, words, told):
    code, _, err = command(*RETARGET, *words, "--out", "o.png")
    assert code == 2 and told in err


# analogy


def two_textures(h=60, w=80):
    """(h, w, 3): reddish grain on the left, bluish stripes on the right; its map."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 14, (h, w, 3))
    pixels[:, : w // 2] += (200, 60, 50)
    pixels[:, w // 2 :] += (40, 70, 180)
    pixels[::4, w // 2 :] += 50
    marked = np.zeros((h, w, 3), np.uint8)
    marked[:, : w // 2], marked[:, w // 2 :] = RED, BLUE
    return np.clip(pixels, 0, 255).astype(np.uint8), marked


@pytest.fixture
def mapped(home, tiny):
    """i.png, its map labels.png, and another one, map.png, with a blue disc: where that is."""
    pixels, marked = two_textures()
    y, x = np.mgrid[:70, :90]
    disc = (y - 35) ** 2 + (x - 40) ** 2 < 22**2
    wanted = np.where(disc[..., None], np.uint8(BLUE), np.uint8(RED))
    for name, picture in (("i", pixels), ("labels", marked), ("map", wanted)):
        Image.fromarray(picture).save(f"{name}.png")
    return disc


ANALOGY = ("run", "analogy", "--style", "i.png", "--seed", 1)
BY_MAP = (*ANALOGY, "--layouts", 2, "--labels", "labels.png", "--to", "map.png")


def test_pieces_go_where_the_map_says(command, mapped):
    code, _, err = command(*BY_MAP, "--start-step", 0, "--out", "o.png")
    assert code == 0, err
    made = read_picture("o.png").pixels.astype(int)
    assert made.shape == (70, 90, 3)
    is_blue = made[..., 2] > made[..., 0]
    assert (is_blue == mapped).mean() > 0.97
    # They are the style's: its stripes are there, as strong as they were, and nowhere else.
    steps = np.abs(np.diff(made.mean(axis=2), axis=0))
    inside, outside = (
        steps[ndimage.binary_erosion(one, iterations=3)[1:]] for one in (mapped, ~mapped)
    )
    style = np.abs(np.diff(read_picture("i.png").pixels.astype(int).mean(axis=2), axis=0))
    assert abs(inside.mean() / style[:, 44:].mean() - 1) < 0.3
    assert abs(outside.mean() / style[:, :36].mean() - 1) < 0.4
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(read_picture("again.png").pixels, made)


def test_light_and_dark_of_a_content_say_what_goes_where(command, mapped):
    """The left half of the style is the lighter one."""
    y, x = np.mgrid[:50, :100]
    light = x + y > 75
    Image.fromarray(np.where(light, 240, 90).astype(np.uint8)).save("content.png")
    words = (*ANALOGY, "--content", "content.png", "--start-step", 0, "--follow", 0.8)
    words += ("--layouts", 2)
    code, _, err = command(*words, "--out", "o.png")
    assert code == 0, err
    made = read_picture("o.png").pixels.astype(int)
    assert abs(made.shape[1] / made.shape[0] - 2) < 0.05
    assert abs(made.shape[0] * made.shape[1] / (60 * 80) - 1) < 0.05
    shown = np.asarray(Image.fromarray(light).resize((made.shape[1], made.shape[0])))
    assert ((made[..., 0] > made[..., 2]) == shown).mean() > 0.9


def test_the_result_is_called_after_the_new_layout(command, mapped):
    code, _, err = command(*BY_MAP, "--start-step", 0)
    assert code == 0, err
    assert read_picture("map-analogy.png").size == (70, 90)


def test_without_following_only_the_style_counts():
    values = np.array([[5.0, 1.0], [3.0, 9.0]], np.float32)[..., None]
    like = np.array([[10.0, 20.0, 30.0, 40.0]], np.float32)[..., None]
    assert ranked_as(values, like)[..., 0].tolist() == [[30, 10], [20, 40]]


def test_a_map_has_its_flat_colours_and_soft_edges_are_of_the_nearest():
    _, marked = two_textures()
    soft = Picture(marked, "m").resized((30, 41))
    colours = labels.palette(soft)
    assert {tuple(map(int, one)) for one in colours} == {RED, BLUE}
    numbers = labels.numbered(soft, colours, "m")
    assert numbers.shape == (30, 41) and len(np.unique(numbers[:, 0])) == 1
    assert labels.channels(numbers, 2).sum(axis=2).min() == 1


def test_a_photograph_is_no_map():
    for pixels in (texture(60, 80), np.full((40, 40, 3), 90, np.uint8)):
        with pytest.raises(UserError, match="label map"):
            labels.palette(Picture(pixels, "p.png"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--content"),
        (("--labels", "labels.png"), "--to"),
        (("--content", "i.png", "--labels", "labels.png", "--to", "map.png"), "--content"),
        (("--labels", "map.png", "--to", "map.png"), "must have its size"),
        (("--labels", "i.png", "--to", "map.png"), "label map"),
        (("--labels", "labels.png", "--to", "green.png"), "20,180,20 at 4,3"),
        (("--content", "i.png", "--follow", "2"), "--follow"),
    ],
)
def test_what_says_nothing_of_where_is_refused(command, mapped, words, told):
    green = np.full((70, 90, 3), RED, np.uint8)
    green[2:40, 3:50] = GREEN
    Image.fromarray(green).save("green.png")
    code, _, err = command(*ANALOGY, *words, "--out", "o.png")
    assert code == 2 and told in err
