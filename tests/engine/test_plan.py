"""What an edit will do, settled before anything is trained."""

import numpy as np
import pytest

from sinddm_toolkit.engine.caller import calling
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.engine.stage import Stage
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.testing import drawn_picture


@pytest.fixture(scope="module")
def picture():
    return drawn_picture((140, 180))


@pytest.fixture(scope="module")
def pyramid(picture):
    return build_pyramid(tensor_from_rgb(picture.rgb()))


@pytest.fixture
def plan(pyramid):
    return Plan(pyramid, make_schedule(pyramid.details, pyramid.factor))


# Stages


def test_without_a_route_a_stage_goes_straight_down():
    stage = Stage(1, (8, 9), 4, blur=True, ddpm=False)
    assert stage.moves(4) == [(3, 2), (2, 1), (1, 0), (0, -1)]
    assert stage.moves(2) == [(1, 0), (0, -1)]
    assert stage.steps == 4
    stage.visits = 2
    assert stage.moves(4) == [(3, 0), (0, -1)] and stage.steps == 2


def test_a_route_is_told_what_is_visited_and_rises_without_the_network():
    told = []

    def back_once(visited):
        told.append(list(visited))
        return [*visited[:2], visited[0], *visited[1:]]

    stage = Stage(0, (8, 9), 9, blur=False, ddpm=False, visits=3, route=back_once)
    assert stage.moves(9) == [(8, 4), (4, 8), (8, 4), (4, 0), (0, -1)]
    assert told == [[8, 4, 0]]
    assert stage.steps == 4


def test_random_steps_are_more(plan):
    plan.stages[1].visits, plan.stages[1].ddpm = 2, True
    assert plan.stages[1].steps == 16


def test_the_whole_stage_is_the_finest_that_is_small_enough(plan, pyramid):
    pixels = [h * w for h, w in pyramid.sizes]
    assert len(pixels) >= 4
    assert plan.whole_stage(pixels[-1]).s == len(pixels) - 1
    assert plan.whole_stage(pixels[-1] - 1).s == len(pixels) - 2
    assert plan.whole_stage(pixels[0]).s == 0
    assert plan.whole_stage(pixels[0] - 1).s == 0
    assert plan.whole_stage(pixels[1], plan.stage(3)).s == 3
    assert plan.whole_stage(pixels[3], plan.stage(1)).s == 3


def test_a_stage_that_there_is_not_is_refused_by_the_flag_given(plan, pyramid):
    finest = pyramid.count - 1
    assert plan.stage(None) is plan.stage(finest) is plan.stages[-1]
    for s in (9, -pyramid.count - 1):
        said = (
            f"--start-scale {s}: this picture has the scales 0 (coarsest) to {finest} at its "
            f"working size; counted from the finest they are -1 to -{pyramid.count}"
        )
        with pytest.raises(UserError) as refused:
            plan.stage(s, option="--start-scale")
        assert str(refused.value) == said


def test_scales_count_from_the_finest_too(plan, pyramid):
    assert [plan.stage(-1 - k) for k in range(pyramid.count)] == [*reversed(plan.stages)]
    plan.enlarge((400, 500))  # the finest scale again and again: its own size is meant
    assert plan.stage(-1) is plan.stages[pyramid.count - 1]


# Injection


@pytest.mark.parametrize("start", [0, 101, -3])
def test_a_start_step_that_there_is_not_is_refused_by_the_flag_given(start, plan, pyramid):
    image = pyramid.scales[-1]
    with pytest.raises(UserError) as refused:
        plan.inject(image, at=plan.stages[-1], start=start, option="--start-step")
    assert str(refused.value) == f"--start-step {start}: give a whole number from 1 to 100"
    assert plan.start_image is None and len(plan.stages) == pyramid.count


def test_a_picture_of_another_size_is_not_injected(plan, pyramid):
    with pytest.raises(ValueError, match="into a stage of size"):
        plan.inject(pyramid.scales[0], at=plan.stages[-1], start=3)


def test_two_injections_are_refused_by_name(plan, pyramid):
    with calling("one"):
        plan.inject(pyramid.scales[-1], at=plan.stages[-1], start=5)
    with calling("two"), pytest.raises(UserError) as refused:
        plan.inject(pyramid.scales[-1], at=plan.stages[-1], start=5)
    assert str(refused.value) == (
        "one and two both give the picture to start from: only one task of a run can"
    )


# What is repainted


def repainted(plan, picture, at, first, crop=True):
    weight = np.zeros(at.size, np.float32)
    weight[:4, :4] = 1
    for stage in plan.stages:
        stage.visits = 1  # each step sees further around what counts
    plan.repaint(picture, weight=weight, at=at, first=first, start=1, crop=crop)
    return plan


def test_coarser_stages_than_the_one_worked_on_as_a_whole_keep_their_proportions(
    plan, picture, pyramid
):
    at = plan.whole_stage(13_000)
    assert 1 < at.s < pyramid.count - 1
    repainted(plan, picture, at, plan.stage(1))
    assert [stage.s for stage in plan.stages] == list(range(1, pyramid.count))
    for stage in plan.stages:
        if stage.s <= at.s:
            assert stage.size == pyramid.sizes[stage.s]
        else:  # only the part that counts
            assert stage.size == stage.level.window.shape != pyramid.sizes[stage.s]
    assert plan.start_image.shape[-2:] == pyramid.sizes[1]


def test_the_first_stage_looks_only_at_the_part_that_counts_if_it_is_the_whole_one(
    plan, picture, pyramid
):
    at = plan.whole_stage(13_000)
    repainted(plan, picture, at, None)
    assert plan.stages[0] is at
    assert at.size == at.level.window.shape != pyramid.sizes[at.s]
    assert plan.start_image.shape[-2:] == at.size


def test_finer_stages_of_what_is_repainted_start_ever_lower_and_without_blur(plan, picture):
    at = plan.whole_stage(2_000)
    plan.repaint(picture, at=at, start=50)
    starts = [stage.start for stage in plan.stages]
    assert starts[0] == 50 and len(starts) >= 3
    assert starts == sorted(set(starts), reverse=True)
    assert not any(stage.blur or stage.ddpm for stage in plan.stages)


# A plan that is closed


def test_a_closed_plan_cannot_be_changed(plan, pyramid):
    plan.close()
    stage = plan.stages[0]
    for change in (
        lambda: setattr(plan, "transparent", True),
        lambda: setattr(plan, "stages", []),
        lambda: setattr(stage, "start", 3),
        lambda: setattr(stage, "route", None),
        lambda: plan.set_canvas((50, 50)),
        lambda: plan.enlarge((300, 300)),
        lambda: plan.inject(pyramid.scales[-1], at=plan.stages[-1], start=3),
        lambda: plan.stages.append(stage),
    ):
        with pytest.raises(AttributeError):
            change()
    with pytest.raises(AttributeError, match="the plan's start is settled: it can only be changed"):
        stage.start = 3
    assert [one.size for one in plan.stages] == list(pyramid.sizes)
    assert plan.start_image is None and plan.stages[-1].start == plan.schedule.starts[-1]


# Sizes that no memory holds


@pytest.mark.parametrize("change", [Plan.set_canvas, Plan.enlarge])
def test_the_plan_holds_half_a_gigapixel_and_no_more(change, plan, pyramid):
    with pytest.raises(UserError, match="25001×20000 pixels: 500 megapixels at most"):
        change(plan, (20_000, 25_001))
    assert plan.canvas == pyramid.sizes[-1]
    change(plan, (20_000, 25_000))
    assert plan.canvas == (20_000, 25_000)
