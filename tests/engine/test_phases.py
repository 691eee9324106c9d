import dataclasses

from sinddm_toolkit.engine.phases import (
    Need,
    Phase,
    is_as_planned,
    plan_phase,
    trained_cells,
    united,
)
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.schedule import make_schedule

QUALITY = dataclasses.replace(
    QUALITIES["draft"], width=16, steps_per_scale=40, guided_steps_per_scale=15
)


def test_only_what_is_missing_is_trained():
    schedule = make_schedule([0.1, 0.1], 1.411)
    finest = len(schedule.starts) - 1
    small = plan_phase({finest: Need(5)}, [], QUALITY, schedule, 0)
    assert small.updates == {finest: 40}
    small.made = small.planned
    assert plan_phase({finest: Need(3)}, [small], QUALITY, schedule, 0) is None
    more = plan_phase({0: Need(100)}, [small], QUALITY, schedule, 0)
    assert more.updates == {0: 40, finest: 10}  # a quarter rehearses what was known
    assert more.t_ends == {0: 100, finest: 5}
    assert more.seed != small.seed


def test_updates_are_interleaved_evenly():
    phase = Phase({0: 1, 1: 1}, {0: 30, 1: 10}, 0, 0, 40, made=20)
    order = list(phase.scale_order())
    assert (order.count(0), order.count(1)) == (30, 10)
    assert phase.made_per_scale() == {0: 15, 1: 5}


def test_cells_of_several_reach_as_far_as_any_of_them():
    assert united() == {}
    parts = ({0: Need(5), 2: Need(9)}, {2: Need(3), 1: Need(4)}, {0: Need(6)})
    assert united(*parts) == {0: Need(6), 1: Need(4), 2: Need(9)}


def test_what_is_asked_to_be_known_well_once_is():
    well, less = Need(5), Need(9, well=False)
    assert united({0: less}, {0: well}) == {0: Need(9)}
    assert united({0: less}, {0: less}) == {0: less}


def test_a_scale_that_is_guided_is_trained_in_fewer_updates():
    schedule = make_schedule([0.1, 0.1], 1.411)
    few = plan_phase({1: Need(100, well=False)}, [], QUALITY, schedule, 0)
    assert few.updates == {1: QUALITY.guided_steps_per_scale}
    few.made = few.planned
    assert plan_phase({1: Need(100, well=False)}, [few], QUALITY, schedule, 0) is None
    rest = plan_phase({1: Need(100)}, [few], QUALITY, schedule, 0)
    assert rest.updates == {1: QUALITY.steps_per_scale - QUALITY.guided_steps_per_scale}
    rest.made = rest.planned
    assert is_as_planned([few, rest], QUALITY, schedule, 0)
    rest.updates = {1: 7}
    assert not is_as_planned([few, rest], QUALITY, schedule, 0)


def test_what_a_phase_only_planned_is_not_trained():
    cut_short = Phase({0: 7, 1: 9}, {0: 30, 1: 10}, 0, 0, 40, made=1)
    whole = Phase({0: 5}, {0: 10}, 0, 0, 10, made=10)
    assert trained_cells([cut_short]) == trained_cells([cut_short, whole]) == {0: 7}
    assert trained_cells([]) == {}
