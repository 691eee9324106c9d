"""The dial `--strength`: in its middle the task as it is meant to be, less below, more above."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from sinddm_toolkit.plugins.regions.paint import place_of

from sinddm_toolkit.api import at_strength
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import texture

DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)


def prepared(task, **options):
    """An edit, which nothing is trained for."""
    tasks, common = make_tasks(one_run([Part(task, options)], PYTHON))
    return prepare(tasks, common, default_store(), Events())


def planned(task, **options):
    return prepared(task, **options).plan


def test_a_finer_option_is_usual_in_the_middle_and_straight_between():
    values = [at_strength(strength, 7, 19, least=1) for strength in DIAL]
    assert values == [1, 4, 7, 13, 19]
    assert [at_strength(strength, 0.3, 0.1) for strength in (0, 0.5, 1)] == [0, 0.3, 0.1]


@pytest.fixture
def drawn(home):
    """i.png of four scales, and p.png to be painted on."""
    Image.fromarray(texture(130, 160)).save("i.png")
    Image.fromarray(texture(130, 160, seed=1)).save("p.png")


def freed(plan):
    """How large what is redrawn is, as a share of the picture: noise over pixels."""
    first = plan.stages[0]
    return plan.schedule.start_sigma(first.start) / first.size[0]


def paint(**options):
    return planned("paint", image="i.png", painting="p.png", **options)


def test_more_of_a_painting_is_redrawn_the_higher_it_is(drawn):
    plans = [paint(strength=strength) for strength in DIAL]
    sizes = [freed(plan) for plan in plans]
    assert all(below * 1.2 < above for below, above in pairwise(sizes)), str(sizes)
    starts = plans[0].schedule.starts
    assert plans[0].stages[0].s == len(starts) - 1 and plans[0].stages[0].start <= 3
    assert (plans[2].stages[0].s, plans[2].stages[0].start) == (1, starts[1])
    assert plans[4].stages[0].s == 0 and plans[4].stages[0].start < starts[0]
    usual = paint(start_scale=1)
    assert [vars(one) for one in usual.stages] == [vars(one) for one in paint().stages]


def test_the_place_of_a_painting_is_a_scale_with_its_usual_noise_at_whole_numbers():
    assert [place_of(strength, 6) for strength in (0, 0.5, 1)] == [9, 1, -1]
    assert [place_of(strength, 1) for strength in (0, 0.5, 1)] == [4, 0, 0]


def test_finer_options_of_paint_go_before_it(drawn):
    plan = paint(strength=1, start_scale=-1)
    assert (plan.stages[0].s, plan.stages[0].start) == (3, plan.schedule.starts[3])
    plan = paint(strength=1, start_step=9)
    assert (plan.stages[0].s, plan.stages[0].start) == (0, 9)


def test_sizes_past_the_finest_scale_are_not_redrawn_more_than_it_is(drawn):
    Image.fromarray(texture(390, 480)).save("p.png")
    usual, little = paint(max_pixels=20_800), paint(max_pixels=20_800, strength=0.1)
    finest = len(usual.schedule.starts) - 1
    past = [stage.start for stage in usual.stages if stage.s == finest][1:]
    starts = [stage.start for stage in little.stages]
    assert len(starts) == len(past) + 1 and starts[0] < usual.schedule.starts[finest] / 2
    assert all(less < more / 2 for less, more in zip(starts[1:], past, strict=True))


LINE = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--seed", 1, "--overwrite")


def changed(command, *words):
    code, _, err = command(*LINE, "--out", "o.png", *words)
    assert code == 0, err
    return read_picture("o.png").pixels


def test_an_object_is_changed_more_the_higher_it_is(command, pasted, tiny):
    made = [changed(command, "--strength", strength) for strength in DIAL]
    far = [np.abs(one.astype(int) - pasted)[20:35, 30:50].mean() for one in made]
    assert all(below * 1.2 < above for below, above in pairwise(far)), far
    assert far[0] < 4
    assert np.array_equal(made[2], changed(command))
    assert np.array_equal(made[2], changed(command, "--strength", 0.5, "--tone", 0.5))


def test_finer_options_of_harmonize_go_before_it(command, pasted, tiny):
    asked = ("--start-step", 9, "--tone", 0.4)
    made = [changed(command, "--strength", strength, *asked) for strength in (0, 1)]
    assert np.array_equal(*made)


def test_there_is_twice_as_much_room_for_detail_at_1(home):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)

    def room(**options):
        return prepared("super-resolve", image=noise, **options).tasks[0]._room.mean().item()

    usual = room()
    assert usual > 0 and room(strength=0) == 0
    assert room(strength=1) == pytest.approx(2 * usual)
    assert room(strength=1, detail=3) == pytest.approx(3 * usual)


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"strength": 0}, 0),
        ({}, 6),
        ({"strength": 0.5}, 6),
        ({"strength": 1}, 15),
        ({"strength": 1, "start_step": 3}, 3),
    ],
)
def test_pieces_are_redrawn_more_the_higher_it_is(drawn, options, start):
    for task, more in (("outpaint", {"right": 40}), ("inpaint", {"mask": (50, 40, 30, 30)})):
        (stage,) = planned(task, image="i.png", **more, **options).stages
        assert stage.steps == (0 if stage.visits == 0 else min(start, 6))
        assert (stage.visits == 0) if start == 0 else (stage.start == start)
