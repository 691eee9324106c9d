import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sinddm_toolkit.plugins.regions import pinning
from sinddm_toolkit.plugins.regions.consistency import Consistency
from sinddm_toolkit.plugins.regions.pinning import LAYOUT_RESAMPLINGS, Pins, again_and_again, faded
from sinddm_toolkit.plugins.regions.roi import share

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.pictures.reading import read_picture
from tests.conftest import texture
from tests.stored import models

RED = (250, 10, 10)


pytestmark = pytest.mark.usefixtures("fewer_steps")


@pytest.fixture
def spotted(home, tiny):
    """i.png in the working folder: 60×80, striped, a red square at rows 20-35, columns 30-50."""
    pixels = texture(60, 80)
    pixels[20:35, 30:50] = RED
    Image.fromarray(pixels).save("i.png")
    return pixels


@pytest.fixture
def all_steps(fewer_steps, monkeypatch):
    """For what is seen only where the layout has come to agree with what is held."""
    monkeypatch.setattr(pinning, "LAYOUT_RESAMPLINGS", LAYOUT_RESAMPLINGS)


def redness(pixels):
    """How much redder than green and blue."""
    colours = pixels.astype(float)
    return (colours[..., 0] - colours[..., 1:].mean(axis=-1)).mean()


class FakeStep:
    def __init__(self, x0):
        self.x0 = x0


def test_pull_is_equation_2():
    x0 = torch.rand(2, 3, 20, 30)
    target = np.random.default_rng(0).random((20, 30, 3), np.float32) * 2 - 1
    mask = np.zeros((20, 30), np.float32)
    mask[5:9, 4:20] = 1
    step = FakeStep(x0)
    Pins(target, mask).pull(step, 0.8)
    wanted = torch.from_numpy(target).permute(2, 0, 1)
    m = torch.from_numpy(mask)
    expected = m * (0.2 * x0 + 0.8 * wanted) + (1 - m) * x0
    assert torch.allclose(step.x0, expected, atol=1e-6)


def test_pins_take_no_colour_from_outside_their_mask():
    target = np.full((64, 64, 3), -1, np.float32)
    mask = np.zeros((64, 64), np.float32)
    target[10:30, 10:40], mask[10:30, 10:40] = 0.5, 1
    small, weight = Pins(target, mask).at((16, 16))
    assert small[:, :, weight[0, 0] > 0.4].sub(0.5).abs().max() < 0.05


def test_levelling_takes_a_step_in_tone_away_and_leaves_the_grain():
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 0.05, (60, 80, 3)).astype(np.float32)
    rows = np.linspace(-0.3, 0.3, 60, dtype=np.float32)[:, None, None]
    inside = np.zeros((60, 80), np.float32)
    inside[:, :40] = 1
    made = grain + np.where(inside[..., None] > 0, 0.1, 0.1 + rows)
    pins = Pins(grain + np.float32(0.1), inside)
    (levelled,) = pins.levelled(tensor_from_rgb(made)).permute(0, 2, 3, 1).numpy()
    assert (levelled[:, :40] == made[:, :40]).all()
    away = levelled - grain - 0.1
    assert np.abs(away[4:-4, 40:44].mean(axis=(1, 2))).max() < 0.06  # 0.3 before
    detail = away - ndimage.gaussian_filter(away, (3, 3, 0))
    assert np.abs(detail[:, 46:]).max() < 0.05


def test_detail_is_what_the_smaller_size_lacks():
    rng = np.random.default_rng(0)
    smooth = np.broadcast_to(np.linspace(-1, 1, 80, dtype=np.float32)[:, None], (60, 80, 3))
    rough = rng.normal(0, 0.3, (60, 80, 3)).astype(np.float32).clip(-1, 1)
    inside = np.ones((60, 80), np.float32)
    inside[:, 60:] = 0
    details = [
        Pins(np.array(image), inside).detail((42, 57), (60, 80)) for image in (smooth, rough)
    ]
    assert details[0] < 0.02 and 0.1 < details[1] < 0.3


def test_levelling_of_nothing_or_everything_changes_nothing():
    image = np.ones((20, 30, 3), np.float32)
    for mask in (np.zeros((20, 30), np.float32), np.ones((20, 30), np.float32)):
        levelled = Pins(image, mask).levelled(tensor_from_rgb(0 * image))
        assert (levelled == 0).all()


def test_faded_is_one_inside_and_only_falls_towards_edges_within():
    inside = np.zeros((20, 40), bool)
    inside[:, :25] = True
    weight = faded(inside, 6)
    assert (weight[:, :18] == 1).all() and (weight[:, 25:] == 0).all()
    assert (np.diff(weight[0]) <= 0).all() and 0 < weight[0, 22] < 1


def test_consistency_moves_what_is_free_to_where_the_image_would_be_predicted():
    """The network finds that the right half looks like the left: the left is fixed."""
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    schedule = make_schedule(pyramid.details, pyramid.factor)
    h, w = pyramid.sizes[0]
    image = torch.full((1, 3, h, w), 0.5)
    where = torch.zeros(1, 1, h, w, dtype=torch.bool)
    where[..., : w // 2] = True

    def blending(x, t, scale, needless=None):
        assert needless.shape == (h, w) and not needless[:, w // 2 :].any()
        alpha = schedule.alpha_bar(t)
        x0 = 0.5 * (x + x.flip(-1))
        return (x - alpha**0.5 * x0) / (1 - alpha) ** 0.5

    def error_beside(zeta):
        class Fix:
            name = "fix"

            @hookimpl
            def before_scale(self, run, scale):
                scale.fix(image, where)
                self.consistency = Consistency(run, scale, image, where, zeta)

            @hookimpl
            def modify_x0(self, run, step):
                self.consistency.shift(step)
                assert (step.x0[..., : w // 2] == 0.5).all()

            @hookimpl
            def after_step(self, run, step):
                errors.append(predicted_error(step))

        def predicted_error(step):
            epsilon = blending(step.x_t, step.t, 0, where[0, 0])
            alpha = schedule.alpha_bar(step.t)
            x0 = (step.x_t - (1 - alpha) ** 0.5 * epsilon) / alpha**0.5
            return float((x0 - image)[..., : w // 2].square().mean())

        errors = []
        plan = Plan(pyramid, schedule)
        plan.stages = plan.stages[:1]
        sample(Run(plan, pyramid, schedule, (0,), torch.device("cpu"), blending), RunHooks([Fix()]))
        return sum(errors[50:])

    assert error_beside(20.0) < 0.6 * error_beside(0.0)


def test_each_step_but_the_last_is_made_so_many_times():
    assert again_and_again([5, 3, 0], 1) == [5, 3, 0]
    assert again_and_again([5, 3, 0], 2) == [5, 3, 5, 3, 0, 3, 0]
    assert again_and_again([1, 0], 3) == [1, 0, 1, 0, 1, 0]
    assert again_and_again([0], 5) == [0]


ROI = ("run", "roi", "--image", "i.png", "--seed", "1", "--source", "30,20,20,15")


def test_roi_puts_the_region_where_it_is_wanted(command, spotted, coloured):
    code, _, err = command(*ROI, "--target", "4,4,20,15", "--target", "50%,60%,20,15", "--out", "o")
    assert code == 2 and "extension" in err
    code, _, err = command(
        *ROI, "--target", "4,4,20,15", "--target", "50%,60%,20,15", "--out", "o.png"
    )
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert redness(result[7:16, 8:20]) > 120 and redness(result[39:48, 44:56]) > 120
    assert redness(result[20:30, 60:78]) < 40


def test_roi_lets_go_of_finer_scales_first():
    shares = {
        strength: [share(strength, s, finest=4) for s in range(4)]
        for strength in (1.0, 0.8, 0.5, 0.3, 0.1)
    }
    assert shares[1.0] == shares[0.8] == [1, 1, 1, 1]
    assert shares[0.5] == pytest.approx([1, 1, 1, 0.5])
    assert shares[0.3] == pytest.approx([1, 1, 0.5, 0])
    assert shares[0.1] == pytest.approx([1, 0.5, 0, 0])
    assert share(0.1, 0, finest=0) == 1


def test_roi_strength_0_is_a_plain_sample(command, spotted):
    freely = ("--likeness", 0)  # whose guidance each task draws for itself
    level = ("--drift", 0)  # what is kept can't come higher or lower
    words = (*ROI, "--target", "4,4,20,15", "--strength", 0, *freely, "--out", "o.png")
    assert command(*words)[0] == 0
    words = ("run", "sample", "--image", "i.png", "--seed", 1, *freely, *level, "--out", "s.png")
    assert command(*words)[0] == 0
    change = read_picture("o.png").pixels.astype(int) - read_picture("s.png").pixels
    assert np.abs(change).max() <= 1


@pytest.mark.slow
def test_roi_targets_belong_to_the_source_before_them(command, spotted, coloured, all_steps):
    Image.new("RGB", (40, 40), (10, 10, 250)).save("blue.png")
    code, _, err = command(
        *(*ROI, "--target", "4,4,20,15"),
        *("--source", "0,0,100%,100%", "--source-image", "blue.png", "--target", "50,40,20,15"),
        *("--size", "1.5x1", "--out", "o.png"),
    )
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == (60, 120, 3)
    assert redness(result[7:16, 8:20]) > 120
    blue = result[43:52, 54:66].astype(float)
    assert (blue[..., 2] - blue[..., 0]).mean() > 120


@pytest.mark.slow
def test_roi_source_may_be_a_mask(command, spotted, coloured):
    mask = np.zeros((60, 80), np.uint8)
    mask[20:35, 30:50] = 255
    Image.fromarray(mask).save("m.png")
    words = ("run", "roi", "--image", "i.png", "--seed", 1, "--source", "m.png")
    assert command(*words, "--target", "4,4,20,15", "--out", "o.png")[0] == 0
    assert redness(read_picture("o.png").pixels[7:16, 8:20]) > 120


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "200,4,20,15"], "outside the result, which is 80×60"),
        (["--target", "0,0,9,9", "--source", "70,0,20,20", "--target", "0,0,9,9"], "beyond i.png"),
        (["--target", "1,2,3"], "a box X,Y,W,H"),
        (["--target", "1,2,0,3"], "a box X,Y,W,H"),
        (["--source", "0,0,9,9", "--target", "0,0,9,9"], "give a --target behind it"),
        ([], "missing --target"),
    ],
)
def test_roi_says_what_is_wrong(words, said, command, spotted):
    code, _, err = command(*ROI, *words)
    assert code == 2 and said in err, err


OUTPAINT = ("run", "outpaint", "--image", "i.png", "--seed", "1")


def test_outpaint_keeps_the_picture_bit_for_bit(command, spotted):
    code, _, err = command(*OUTPAINT, "--right", "50%", "--top", 10, "--out", "o.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == (70, 120, 3)
    assert np.array_equal(result[10 + 8 :, : 80 - 8], spotted[8:, : 80 - 8])
    new = result[:, 84:]
    assert new.std() > 10 and redness(new) < 60


def test_what_outpaint_adds_to_a_picture_with_an_alpha_channel_is_opaque(command, spotted):
    Image.fromarray(spotted).convert("RGBA").save("a.png")
    line = ("run", "outpaint", "--image", "a.png", "--right", "20", "--seed", "1", "--out", "o.png")
    code, _, err = command(*line)
    assert code == 0, err
    assert (read_picture("o.png").pixels[..., 3] == 255).all()


@pytest.mark.slow
def test_outpaint_joins_without_a_step(command, spotted, small):
    assert command(*OUTPAINT, "--right", 40, "--out", "o.png")[0] == 0
    rows = read_picture("o.png").pixels.astype(float).mean(axis=2)
    steps = np.abs(np.diff(rows, axis=1)).mean(axis=0)
    assert steps[72:84].max() < 2.5 * np.median(steps[:70])


def test_outpaint_works_at_the_full_size_of_a_larger_picture(command, home, tiny):
    large = texture(120, 160)
    Image.fromarray(large).save("i.png")
    code, _, err = command(
        *OUTPAINT, "--max-pixels", 5000, "--size", "200x120", "--feather", 2, "--out", "o.png"
    )
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == (120, 200, 3)
    assert np.array_equal(result[:, 23:177], large[:, 3:157])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "how much to add"),
        (["--size", "40x40"], "smaller than i.png (80×60"),
        (["--size", "2x1", "--left", "10"], "exclude each other"),
        (["--left", "much"], "a length such as"),
    ],
)
def test_outpaint_says_what_is_wrong(words, said, command, spotted):
    code, _, err = command(*OUTPAINT, *words)
    assert code == 2 and said in err, err


INPAINT = ("run", "inpaint", "--image", "i.png", "--seed", "1")


def test_no_patch_of_what_is_masked_is_in_a_free_layout(command, spotted):
    """Though the model knows it: one training is for all masks."""
    words = (*INPAINT, "--structure", "free", "--likeness", 0, "--mask", "30,20,20,15")
    assert command(*words, "--layout-sheet", "s.png", "--out", "o.png")[0] == 0
    assert len(models()) == 1
    sheet = read_picture("s.png").pixels.astype(int)
    assert sheet.shape[0] > 40
    red = (sheet[..., 0] - sheet[..., 1:3].max(axis=2) > 120).mean()
    assert red < 0.002
    code, _, err = command(*words[:-1], "10,5,12,12", "--train-time", 0, "--out", "second.png")
    assert code == 0, err
    assert len(models()) == 1


@pytest.mark.parametrize("words", [("--pick", 2), ("--layout-sheet", "s.png")])
def test_layouts_are_those_of_a_free_structure(words, command, spotted):
    code, _, err = command(*INPAINT, "--mask", "30,20,20,15", *words)
    assert code == 2 and f"{words[0]} needs --structure free" in err
    assert models() == {}


@pytest.mark.parametrize("structure", ["continue", "free"])
def test_inpaint_removes_what_is_masked(structure, command, spotted):
    words = (*INPAINT, "--structure", structure, "--mask", "30,20,20,15")
    code, _, err = command(*words, "--out", "o.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert redness(spotted[20:35, 30:50]) > 200
    assert redness(result[20:35, 30:50]) < 50
    outside = np.ones((60, 80), bool)
    outside[12:43, 22:58] = False
    assert np.array_equal(result[outside], spotted[outside])


@pytest.mark.parametrize(
    "how", [("--structure", "free", "--layouts", 0), ("--start-step", 0)], ids=["free", "continue"]
)
def test_what_is_masked_has_no_influence_at_all(how, command, spotted):
    """Another content under the mask gives the same picture, bit for bit."""
    words = (*INPAINT, *how, "--mask", "30,20,20,15")
    assert command(*words, "--out", "one.png")[0] == 0
    other = spotted.copy()
    other[20:35, 30:50] = (0, 250, 30)
    Image.fromarray(other).save("i.png")
    assert command(*words, "--retrain", "--out", "two.png")[0] == 0
    assert np.array_equal(read_picture("one.png").pixels, read_picture("two.png").pixels)


@pytest.mark.parametrize(
    ("box", "said"),
    [("0,0,100%,100%", "covers all"), ("200,200,5,5", "covers nothing"), ("m.png", "must have")],
)
def test_inpaint_says_what_is_wrong(box, said, command, spotted):
    Image.new("L", (30, 30), 255).save("m.png")
    code, _, err = command(*INPAINT, "--mask", box)
    assert code == 2 and said in err, err


def masked(*box):
    """A mask of i.png, white on the box (left, top, right, bottom)."""
    mask = Image.new("L", (80, 60))
    mask.paste(255, box)
    return mask


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("inpaint", {"mask": masked(0, 0, 80, 45)}, "--mask mask is white on 75% of i.png"),
        ("inpaint", {"mask": masked(0, 0, 80, 30)}, None),
        ("inpaint", {"mask": "0,0,80,45"}, None),  # nobody takes a box for what is around it
        ("inpaint", {"mask": "70,0,20,10"}, "--mask 70,0,20,10 reaches beyond i.png"),
        ("paint", {"painting": "i.png", "mask": "0,50,10,20"}, "--mask 0,50,10,20 reaches"),
        ("paint", {"painting": "i.png", "mask": masked(0, 0, 80, 45)}, None),
        ("paint", {"painting": "i.png"}, None),
        ("retarget", {"size": "2x1", "keep": "70,0,20,10"}, "--keep 70,0,20,10 reaches"),
        ("retarget", {"size": "2x1"}, None),
        ("text-roi", {"text": "x", "region": "50%,0,51%,50%"}, "--region 50%,0,51%,50% reaches"),
    ],
)
def test_what_may_be_otherwise_than_meant_is_told(task, given, said, spotted):
    told = list(registry.current().task(task)(image="i.png", **given).notices())
    assert said in told[0] if said else told == []


def test_it_is_told_before_the_run_once(command, spotted):
    """Also of a row of a batch; what the mask covers goes all the same."""
    masked(10, 0, 80, 60).save("m.png")
    code, _, err = command(*INPAINT, "--mask", "m.png", "--start-step", 0, "--out", "o.png", "-q")
    assert code == 0 and err.startswith("note: --mask m.png is white on 87% of i.png, and what is")
    assert redness(read_picture("o.png").pixels[20:35, 30:50]) < 50
    row = {"task": "inpaint", "image": "i.png", "mask": "m.png", "seed": 1}
    Path("e.jsonl").write_text(json.dumps(row))
    code, _, err = command("batch", "e.jsonl", "-q")
    assert code == 0 and err.count("white on 87%") == 1


def punched(alpha, below=(0, 0, 0)):
    """h.png: i.png with a transparent hole at rows 20-35, columns 30-50."""
    pixels = np.array(Image.open("i.png").convert("RGBA"))
    pixels[20:35, 30:50] = (*below, alpha)
    Image.fromarray(pixels).save("h.png")
    return pixels


@pytest.mark.parametrize("structure", ["continue", "free"])
def test_a_transparent_hole_is_filled_without_a_mask(structure, command, spotted):
    pixels = punched(alpha=100)
    line = ("run", "inpaint", "--image", "h.png", "--seed", "1", "--structure", structure)
    code, _, err = command(*line, "--out", "o.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == pixels.shape and (result[..., 3] == 255).all()
    kept = np.ones((60, 80), bool)
    kept[14:41, 24:56] = False
    assert np.array_equal(result[kept], pixels[kept])
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert np.array_equal(read_picture("again.png").pixels, result)
    # What is below it has no influence at all.
    punched(alpha=0, below=(255, 0, 200))
    assert command(*line, "--retrain", "--out", "other.png")[0] == 0
    assert np.array_equal(read_picture("other.png").pixels, result)


def test_the_hole_is_proposed_as_the_mask(spotted):
    made = registry.current().task("inpaint")
    hole = made(image=punched(alpha=100)).proposed("mask")
    expected = np.zeros((60, 80), bool)
    expected[20:35, 30:50] = True
    assert np.array_equal(hole.pixels[..., 0] == 255, expected)
    assert made(image=punched(alpha=255)).proposed("mask") is None
    assert made(image=punched(alpha=100)).proposed("image") is None


def test_without_a_mask_something_must_be_transparent_but_not_everything(command, spotted):
    punched(alpha=255)
    code, _, err = command("run", "inpaint", "--image", "h.png")
    assert code == 2 and "missing --mask: white on what goes" in err and "h.png has none" in err
    Image.new("RGBA", (80, 60)).save("clear.png")
    code, _, err = command("run", "inpaint", "--image", "clear.png")
    assert code == 2 and "what is transparent covers all of clear.png" in err


@pytest.mark.parametrize(
    ("size", "aspect", "result"),
    [
        ((80, 60), "16:9", (107, 60)),
        pytest.param((80, 60), "1:1", (80, 80), marks=pytest.mark.slow),
        pytest.param((60, 80), "2.5:1", (200, 80), marks=pytest.mark.slow),
    ],
)
def test_a_shape_is_reached_by_adding_what_is_missing(size, aspect, result, sinddm_run):
    image = texture(size[1], size[0])
    made = sinddm_run("outpaint", image=image, aspect=aspect, strength=0, feather=0)
    assert made.picture.size == (result[1], result[0])
    top, left = (result[1] - size[1]) // 2, (result[0] - size[0]) // 2
    assert np.array_equal(made.picture.pixels[top : top + size[1], left : left + size[0]], image)


@pytest.mark.parametrize(
    ("shape", "anchor", "corner"),
    [
        ({"size": "120x100"}, None, (20, 20)),
        ({"size": "120x100"}, "right", (20, 40)),
        ({"aspect": "1:1"}, "bottom", (20, 0)),
        pytest.param({"size": "120x100"}, "centre", (20, 20), marks=pytest.mark.slow),
        pytest.param({"size": "120x100"}, "top-left", (0, 0), marks=pytest.mark.slow),
        pytest.param({"size": "120x100"}, "bottom", (40, 20), marks=pytest.mark.slow),
        pytest.param({"size": "120x100"}, "bottom-right", (40, 40), marks=pytest.mark.slow),
        pytest.param({"aspect": "16:9"}, "top-left", (0, 0), marks=pytest.mark.slow),
    ],
)
def test_the_picture_lies_where_its_anchor_says(shape, anchor, corner, sinddm_run):
    image = texture(60, 80)
    more = {} if anchor is None else {"anchor": anchor}
    made = sinddm_run("outpaint", image=image, strength=0, feather=0, **shape, **more)
    top, left = corner
    assert np.array_equal(made.picture.pixels[top : top + 60, left : left + 80], image)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--right", "9", "--anchor", "left"), "--anchor goes with --size or --aspect"),
        (("--size", "2x1", "--anchor", "middle"), "--anchor: middle is not allowed"),
        (("--aspect", "4:3"), "--aspect 4:3: i.png has that shape already"),
        (("--aspect", "16x9"), "--aspect 16x9 is not allowed, give one such as 16:9"),
        (("--aspect", "16:0"), "--aspect 16:0 is not allowed"),
        (("--aspect", "999999:1"), "the result"),
        (("--aspect", "16:9", "--size", "2x1"), "give --size or --aspect, not both"),
        (("--aspect", "16:9", "--left", "5"), "--aspect and --left, --right, --top, --bottom excl"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(words, said, command, spotted):
    code, _, err = command(*OUTPAINT, *words)
    assert code == 2 and said in err and len(err.splitlines()) == 1, err


def test_paint_follows_the_painting_and_keeps_what_is_not_masked(command, spotted):
    painting = np.full((60, 80, 3), 127, np.uint8)
    painting[5:25, 5:35] = RED
    Image.fromarray(painting).save("p.png")
    words = ("run", "paint", "--image", "i.png", "--painting", "p.png", "--seed", "1")
    code, _, err = command(*words, "--out", "o.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert redness(result[8:22, 8:32]) > redness(result[30:, 45:]) + 60
    assert command(*words, "--mask", "40,0,40,60", "--out", "m.png")[0] == 0
    masked = read_picture("m.png").pixels
    assert np.array_equal(masked[:, :25], painting[:, :25])
    assert not np.array_equal(masked[:, 50:], painting[:, 50:])
