"""A stage that is tried several times."""

import pytest
import torch

from sinddm_toolkit.engine.phases import Need
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks

SEEDS = (3, 4)


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def small(x, t, s, needless=None):
    """A prediction that leaves something of the noise: what comes out depends on it."""
    return 0.9 * x


def sampled(subject, attempts, score, observers=()):
    plan = Plan(*subject, visits=3)
    plan.stages[0].attempts, plan.stages[0].score = attempts, score
    plan.close()
    run = Run(plan, *subject, SEEDS, torch.device("cpu"), small)
    return sample(run, RunHooks([], observers))


def brightness(scale, x):
    return x.mean(dim=(1, 2, 3))


def test_each_sample_goes_on_with_its_best(subject):
    seen = {}

    def watched(scale, x):
        seen[scale.attempt] = brightness(scale, x)
        return seen[scale.attempt]

    best = sampled(subject, range(5), watched)
    winners = torch.stack([seen[k] for k in range(5)]).argmin(dim=0)
    assert len(set(winners.tolist())) == 2, "seeds for which it matters"
    alone = [sampled(subject, (int(k),), brightness)[n] for n, k in enumerate(winners)]
    assert torch.equal(best, torch.stack(alone))


def test_an_attempt_comes_out_the_same_however_many_there_are(subject):
    alone = sampled(subject, (3,), brightness)
    among = sampled(subject, range(4), lambda scale, x: brightness(scale, x) * 0 - scale.attempt)
    assert torch.equal(alone, among)


def test_what_plugins_draw_is_the_attempts_own(subject):
    class Draws:
        def __init__(self):
            self.drawn = {}

        @hookimpl
        def before_scale(self, run, scale):
            self.drawn[scale.index, scale.attempt] = run.noise((2, 2))

    few, many = Draws(), Draws()
    sampled(subject, (2,), brightness, [few])
    sampled(subject, range(3), brightness, [many])
    assert torch.equal(few.drawn[0, 2], many.drawn[0, 2])
    assert not torch.equal(many.drawn[0, 1], many.drawn[0, 2])
    assert torch.equal(few.drawn[1, None], many.drawn[1, None])


def test_the_progress_counts_all_of_them(subject):
    stage = Plan(*subject, visits=3).stages[0]
    once = stage.steps
    stage.attempts = range(4)
    assert stage.steps == 4 * once == 4 * stage.steps_of_one


def test_nothing_is_trained_where_the_network_is_not_asked(subject):
    plan = Plan(*subject)
    before = plan.cells()
    plan.stages[0].learnt = False
    plan.stages[1].guided = True
    after = plan.cells()
    assert 0 not in after
    assert after[1] == Need(before[1].t_end, well=False)
    assert {s: after[s] for s in after if s > 1} == {s: before[s] for s in before if s > 1}
