"""What the hooks of a run are called with, how often, and what they may do there."""

import numpy as np
import pytest
import torch

from sinddm_toolkit.api import Task, hookimpl
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import make_network
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid
from sinddm_toolkit.engine.run import Run, plugin_generator
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.errors import PluginError
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.testing import oracle

CPU = torch.device("cpu")


class Joins(Task):
    """What the tasks of these tests are made by."""

    summary, learns_from = "joins", None


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    assert pyramid.count == 2
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def wavy(x, t, s, needless=None):
    """A predictor that depends on everything and is nothing like the truth."""
    return torch.sin(3 * x + 0.1 * t + s)


def sampled(subject, *tasks, predict=wavy, seeds=(0,)):
    """What a run of these tasks makes, (n, 3, h, w)."""
    plan = Plan(*subject)
    run = Run(plan, *subject, seeds, CPU, predict)
    return sample(run, RunHooks(tasks))


# Random numbers


class Draws(Joins):
    """Draws random numbers wherever it is called."""

    name = "draws"

    @hookimpl
    def before_sampling(self, run):
        self.drawn = [run.noise((4, 5))]

    @hookimpl
    def before_scale(self, run, scale):
        self.drawn.append(run.noise(scale.stage.size))

    @hookimpl
    def modify_x0(self, run, step):
        self.drawn.append(run.noise((4, 5)))

    @hookimpl
    def after_step(self, run, step):
        self.drawn.append(run.noise((4, 5)))
        for generator in run.generators:
            self.drawn.append(torch.rand(7, generator=generator))


class DrawsToo(Draws):
    name = "draws-too"


def test_an_observer_that_draws_random_numbers_changes_no_pixel(subject):
    alone = sampled(subject, seeds=(3, 4))
    draws = Draws()
    assert torch.equal(sampled(subject, draws, seeds=(3, 4)), alone)
    assert len(draws.drawn) > 100
    assert not torch.equal(alone[0], alone[1])


def test_from_the_first_to_the_last_hook_it_changes_no_bit_of_a_written_picture(sinddm_run):
    alone = sinddm_run("sample", seed=2)
    watched = sinddm_run("sample", seed=2, also={Draws: {}, DrawsToo: {}})
    assert np.array_equal(alone.picture.pixels, watched.picture.pixels)


def test_each_plugin_has_random_numbers_of_its_own(subject):
    one, two, again = Draws(), DrawsToo(), Draws()
    sampled(subject, one, two)
    assert len(one.drawn) == len(two.drawn)
    assert not any(torch.equal(a, b) for a, b in zip(one.drawn, two.drawn, strict=True))
    sampled(subject, again)
    assert all(torch.equal(a, b) for a, b in zip(one.drawn, again.drawn, strict=True))


def test_they_follow_from_the_seed_of_the_sample_alone(subject):
    both, second, third = Draws(), Draws(), Draws()
    sampled(subject, both, seeds=(3, 4))
    sampled(subject, second, seeds=(4,))
    sampled(subject, third, seeds=(5,))
    assert torch.equal(both.drawn[0][1], second.drawn[0][0])
    assert not torch.equal(both.drawn[0][0], both.drawn[0][1])
    assert not torch.equal(second.drawn[0], third.drawn[0])


def test_they_are_not_those_of_the_sampler(subject):
    class First(Joins):
        name = "first"

        @hookimpl
        def before_scale(self, run, scale):
            if scale.index == 0:
                self.own = run.noise(scale.stage.size)

        @hookimpl
        def modify_x0(self, run, step):
            if step.t == 99:
                self.sampler = step.x_t

    first = First()
    sampled(subject, first)
    assert first.own.shape == first.sampler.shape and not torch.equal(first.own, first.sampler)


# The predictor


class Counts(Joins):
    """Wraps what predicts the noise."""

    name = "counts"

    @hookimpl
    def before_sampling(self, run):
        self.asked = []

    @hookimpl
    def before_scale(self, run, scale):
        inner = scale.predict

        def counted(x, t, s, *more):
            self.asked.append((s, t))
            return inner(x, t, s, *more)

        scale.predict = counted


class CountsToo(Counts):
    name = "counts-too"


def test_the_predictor_may_be_wrapped_and_wrapped_again(subject):
    one, two = Counts(), CountsToo()
    assert torch.equal(sampled(subject, one, two), sampled(subject))
    starts = subject[1].starts
    visited = [(s, t) for s, start in enumerate(starts) for t in range(start - 1, -1, -1)]
    assert one.asked == two.asked == visited


def test_what_a_wrapper_gives_is_what_is_used(subject):
    class Twice(Joins):
        name = "twice"

        @hookimpl
        def before_scale(self, run, scale):
            inner = scale.predict
            scale.predict = lambda x, t, s, *more: 2 * inner(x, t, s, *more)

    def doubled(x, t, s, needless=None):
        return 2 * wavy(x, t, s)

    assert torch.equal(sampled(subject, Twice()), sampled(subject, predict=doubled))


def test_another_denoiser_may_take_one_scale(subject):
    """The finest is left to one that knows the picture: what comes before doesn't matter then."""
    finest = subject[0].count - 1

    class Replaces(Joins):
        name = "replaces"

        @hookimpl
        def before_scale(self, run, scale):
            if scale.s == finest:
                known = oracle(run.plan, run.pyramid, run.schedule)

                def unblurred(x, t, s, needless=None):
                    """As `known`, for the blurred picture that there is."""
                    gamma = scale.gamma(t)
                    more = gamma * (scale.input - run.pyramid.blurred[s])
                    bar = run.schedule.alpha_bar(t)
                    return known(x, t, s) - bar**0.5 * more / (1 - bar) ** 0.5

                scale.predict = unblurred

    counts = Counts()
    result = sampled(subject, counts, Replaces())
    assert torch.allclose(result, subject[0].scales[-1], atol=1e-3)
    assert {s for s, _ in counts.asked} == set(range(finest))
    assert not torch.allclose(sampled(subject), subject[0].scales[-1], atol=0.1)


def test_the_predictor_is_the_business_of_before_scale_alone(subject):
    class Late(Joins):
        name = "late"

        @hookimpl
        def modify_x0(self, run, step):
            step.scale.predict = wavy

    with pytest.raises(PluginError, match=r"late failed in modify_x0 .*scale\.predict is for "):
        sampled(subject, Late())


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (None, r"in before_scale at scale 0: TypeError: scale\.predict must be callable"),
        (lambda x, t, s: 1 / 0, "in its predictor at scale 0, step 99: ZeroDivisionError"),
        (lambda x, t, s: 3, "step 99: TypeError: the noise predicted must be a tensor, not int"),
        (lambda x, t, s: x[..., 1:], "the noise predicted must be torch.float32 of shape"),
        (lambda x, t, s: x / 0, "the noise predicted has values that are not finite"),
        (lambda x: x, "in its predictor at scale 0, step 99: TypeError"),
    ],
)
def test_a_predictor_that_fails_is_the_plugin_s_fault(predict, said, subject):
    class Bad(Joins):
        name = "bad"

        @hookimpl
        def before_scale(self, run, scale):
            scale.predict = predict

    with pytest.raises(PluginError, match="plugin bad failed .*" + said):
        sampled(subject, Counts(), Bad(), CountsToo())


def test_a_predictor_draws_the_random_numbers_of_who_made_it(subject):
    class Noisy(Joins):
        name = "noisy"

        @hookimpl
        def before_sampling(self, run):
            self.drawn = []

        @hookimpl
        def before_scale(self, run, scale):
            inner = scale.predict

            def noisy(x, t, s, *more):
                self.drawn.append(run.noise((4, 5)))
                return inner(x, t, s, *more)

            scale.predict = noisy

    class NoisyToo(Noisy):
        name = "noisy-too"

    one, two = Noisy(), NoisyToo()
    assert torch.equal(sampled(subject, one, two), sampled(subject))
    for task in (one, two):
        own = plugin_generator(0, task.name)
        for drawn in task.drawn:
            assert torch.equal(drawn, torch.randn(3, 4, 5, generator=own)[None])


def test_a_scale_tells_the_clean_picture_as_the_sampler_takes_it(subject):
    class Takes(Joins):
        name = "takes"

        @hookimpl
        def plan_edit(self, plan, pyramid):
            plan.stages[1].gamma_max = 0.3

        @hookimpl
        def before_sampling(self, run):
            self.gammas = set()

        @hookimpl
        def before_scale(self, run, scale):
            inner = scale.predict

            def predict(x, t, s, *more):
                epsilon = inner(x, t, s, *more)
                self.clean = scale.clean(x, epsilon, t)
                with torch.enable_grad():
                    x = x.clone().requires_grad_()
                    wanted = scale.clean(x, inner(x, t, s), t)
                    (gradient,) = torch.autograd.grad(wanted.sum(), x)
                assert torch.equal(wanted, self.clean) and gradient.abs().mean() > 0
                return epsilon

            scale.predict = predict

        @hookimpl
        def modify_x0(self, run, step):
            clean = self.clean.clamp(-1, 1) if step.scale.stage.ddpm else self.clean
            assert torch.equal(step.x0, clean)
            self.gammas.add(step.scale.gamma(step.t))

    takes = Takes()
    plan, hooks = Plan(*subject), RunHooks([takes])
    hooks.plan_edit(plan, subject[0])
    sample(Run(plan, *subject, (0,), CPU, wavy), hooks)
    assert 0 in takes.gammas and max(takes.gammas) == 0.3


def test_there_is_no_blur_in_what_begins_with_noise(subject):
    plan = Plan(*subject)
    plan.stages = plan.stages[1:]
    assert plan.stages[0].blur
    result = sample(Run(plan, *subject, (0,), CPU, wavy), RunHooks([]))
    plan.stages[0].blur = False
    assert torch.equal(sample(Run(plan, *subject, (0,), CPU, wavy), RunHooks([])), result)


def network():
    torch.manual_seed(0)
    return NetworkPredictor(make_network("half", 8), choose_compute("cpu"))


def test_the_predictor_of_a_run_has_gradients_where_they_are_asked_for(subject):
    class Asks(Joins):
        name = "asks"

        @hookimpl
        def modify_x0(self, run, step):
            assert not run.predict(step.x_t.clone().requires_grad_(), step.t, step.s).requires_grad
            with torch.enable_grad():
                x = step.x_t.clone().requires_grad_()
                (self.gradient,) = torch.autograd.grad(run.predict(x, step.t, step.s).sum(), x)
            self.expected = 3 * torch.cos(3 * step.x_t + 0.1 * step.t + step.s)

    asks = Asks()
    assert torch.equal(sampled(subject, asks), sampled(subject))
    assert torch.allclose(asks.gradient, asks.expected, atol=1e-5)


def test_so_has_the_network(subject):
    plan = Plan(*subject)
    run = Run(plan, *subject, (0, 1), CPU, network())
    x = run.noise(plan.stages[1].size)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad((run.predict(x, 5, 1) * direction).sum(), x)
    assert torch.isfinite(gradient).all() and float(gradient.abs().mean()) > 1e-4


# The shift


def shifted(subject, at, amount):
    """Result and (t, x_t, x̂0) of the steps of scale 1, where step `at` is shifted."""

    class Shifts(Joins):
        name = "shifts"

        @hookimpl
        def modify_x0(self, run, step):
            if (step.s, step.t) == (1, at):
                assert step.shift is None
                step.shift = torch.full_like(step.x0, amount)
                assert not step.is_changed

    class Watches(Joins):
        name = "watches"

        @hookimpl
        def before_sampling(self, run):
            self.steps = []

        @hookimpl
        def after_step(self, run, step):
            if step.s == 1:
                self.steps.append((step.t, step.x_t, step.x0))

    watches = Watches()
    return sampled(subject, Shifts(), watches), watches.steps


def test_a_shift_is_added_to_the_next_x_and_leaves_x0_as_it_is(subject):
    _, plain = shifted(subject, 20, 0.0)
    _, moved = shifted(subject, 20, 0.25)
    assert [t for t, *_ in moved] == list(range(subject[1].starts[1] - 1, -1, -1))
    for (t, x, x0), (_, other, other_x0) in zip(plain, moved, strict=True):
        if t >= 20:
            assert torch.equal(x, other) and torch.equal(x0, other_x0)
        if t == 19:
            assert torch.allclose(other, x + 0.25, atol=1e-6)
            assert not torch.allclose(x0, other_x0, atol=1e-3)


def test_after_the_last_step_there_is_no_shift(subject):
    result, _ = shifted(subject, 0, 0.25)
    assert torch.equal(result, sampled(subject))


def test_a_later_hook_can_take_a_shift_back(subject):
    class Shifts(Joins):
        name = "shifts"

        @hookimpl
        def modify_x0(self, run, step):
            step.shift = torch.ones_like(step.x0)

    class TakesBack(Joins):
        name = "takes-back"

        @hookimpl
        def modify_x0(self, run, step):
            assert step.shift is not None
            step.shift = None

    assert torch.equal(sampled(subject, Shifts(), TakesBack()), sampled(subject))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda step: setattr(step, "shift", 0.5), r"step\.shift must be a tensor, not float"),
        (lambda step: setattr(step, "shift", step.x0[..., 1:]), r"step\.shift must be torch"),
        (lambda step: setattr(step, "shift", step.x0 / 0), r"step\.shift has values"),
    ],
)
def test_a_shift_that_cannot_be_added_is_refused_where_it_is_assigned(body, said, subject):
    class Shifts(Joins):
        name = "shifts"

        @hookimpl
        def modify_x0(self, run, step):
            body(step)

    with pytest.raises(PluginError, match=f"shifts failed in modify_x0 .*, step 99.*{said}"):
        sampled(subject, Shifts())


def test_a_shift_is_the_business_of_modify_x0_alone(subject):
    class Late(Joins):
        name = "late"

        @hookimpl
        def after_step(self, run, step):
            step.shift = step.x0

    with pytest.raises(PluginError, match="shift can only be changed in modify_x0"):
        sampled(subject, Late())
