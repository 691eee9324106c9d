"""A stage of which no timestep is visited."""

import pytest
import torch

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, upsample
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.host.run_hooks import RunHooks


@pytest.fixture
def subject():
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def never(x, t, s, needless=None):
    raise AssertionError("nothing is to be predicted")


def sampled(pyramid, schedule, plan):
    plan.close()
    return sample(Run(plan, pyramid, schedule, [0], torch.device("cpu"), never), RunHooks([]))


def test_ends_with_what_it_begins_with_and_asks_for_no_training(subject):
    pyramid, schedule = subject
    plan = Plan(pyramid, schedule)
    below, finest = plan.stages[-2:]
    below.visits = finest.visits = 0
    plan.inject(pyramid.scales[-2], at=below, start=5)
    assert plan.cells() == {}
    wanted = upsample(pyramid.scales[-2], pyramid.sizes[-1])
    assert torch.equal(sampled(pyramid, schedule, plan), wanted)


def test_is_passed_by_whatever_its_route(subject):
    plan = Plan(*subject)
    plan.stages[0].visits, plan.stages[0].route = 0, lambda visited: [*visited, visited[0]]
    assert plan.stages[0].moves(7) == [] and plan.stages[0].steps == 0
    assert set(plan.cells()) == {*range(1, subject[0].count)}


def test_cannot_be_the_first_one_where_no_picture_is_injected(subject):
    plan = Plan(*subject)
    plan.stages[0].visits = 0
    with pytest.raises(ValueError, match="no picture was injected"):
        sampled(*subject, plan)
