import math
from functools import partial

import pytest
import torch
from sinddm_toolkit.plugins.regions.pinning import again_and_again

from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import make_network
from sinddm_toolkit.engine.phases import Need
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, upsample
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import cosine_alphas_cumprod, make_schedule
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.testing import oracle

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def make_run(subject, predict=None, seeds=(0,), plan=None):
    """A run of `predict`, or of the oracle."""
    pyramid, schedule = subject
    plan = plan or Plan(pyramid, schedule)
    predict = predict or oracle(plan, pyramid, schedule)
    return Run(plan, pyramid, schedule, seeds, CPU, predict)


def test_oracle_leads_to_the_picture(subject):
    run = make_run(subject)
    result = sample(run, RunHooks([]))
    assert torch.allclose(result, subject[0].scales[-1], atol=2e-4)
    assert run.evaluations == sum(stage.start for stage in run.plan.stages)


def wavy(x, t, scale):
    """A predictor that depends on everything and is nothing like the truth."""
    return torch.sin(3 * x + 0.1 * t + scale)


def literal_algorithm_2(subject, seed):
    """The paper's Algorithm 2 line by line in plain loops, with γ clamped as in sampling."""
    pyramid, schedule = subject
    alphas = cosine_alphas_cumprod()
    generator = torch.Generator().manual_seed(seed)

    def z(size):
        return torch.randn(3, *size, generator=generator)[None]

    def bar(t):
        return 1.0 if t < 0 else float(alphas[t])

    x0 = None
    for s, size in enumerate(pyramid.sizes):
        start = schedule.starts[s]
        tilde = None if s == 0 else upsample(x0, size)
        x = z(size)
        if s > 0:
            x = math.sqrt(bar(start - 1)) * tilde + math.sqrt(1 - bar(start - 1)) * x
        for t in range(start - 1, -1, -1):
            gamma = [0 if s == 0 or k < 0 else min(schedule.gammas[s][k], 0.55) for k in (t, t - 1)]
            mix = (x - math.sqrt(1 - bar(t)) * wavy(x, t, s)) / math.sqrt(bar(t))
            if s == 0:
                mix = mix.clamp(-1, 1)
                x0 = mix
                beta = 1 - bar(t) / bar(t - 1)
                sigma = math.sqrt(beta * (1 - bar(t - 1)) / (1 - bar(t)))
            else:
                x0 = (mix - gamma[0] * tilde) / (1 - gamma[0])
                sigma = 0.0
            before = x0 if s == 0 else gamma[1] * tilde + (1 - gamma[1]) * x0
            direction = (x - math.sqrt(bar(t)) * mix) / math.sqrt(1 - bar(t))
            x = math.sqrt(bar(t - 1)) * before
            x = x + math.sqrt(max(0, 1 - bar(t - 1) - sigma**2)) * direction
            if sigma:
                x = x + sigma * z(size)
    return x


def test_sampler_is_algorithm_2(subject):
    result = sample(make_run(subject, wavy, [7]), RunHooks([]))
    expected = literal_algorithm_2(subject, 7)
    assert torch.allclose(result, expected, atol=1e-3)
    assert expected.std() > 0.1


def network_predictor(tile=256, dtype=torch.float32, network="half"):
    torch.manual_seed(0)
    return NetworkPredictor(make_network(network, 8).to(dtype), choose_compute("cpu"), tile)


def test_sample_k_alone_is_sample_k_of_the_batch(subject):
    together = sample(make_run(subject, network_predictor(), [3, 4, 5]), RunHooks([]))
    for k, seed in enumerate([3, 4, 5]):
        alone = sample(make_run(subject, network_predictor(), [seed]), RunHooks([]))
        assert torch.equal(alone[0], together[k])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("network", ["paper", "half"])
@pytest.mark.parametrize("size", [(100, 61), (97, 130), (20, 200)])
def test_tiles_equal_the_whole(size, network):
    x = torch.randn(1, 3, *size, dtype=torch.double)
    whole = network_predictor(1000, torch.double, network)(x, 5, 1)
    tiled = network_predictor(33, torch.double, network)(x, 5, 1)
    assert torch.allclose(whole, tiled, atol=1e-12)


def test_canvas_of_any_size(subject):
    plan = Plan(*subject)
    plan.set_canvas((55, 200))
    result = sample(make_run(subject, wavy, plan=plan), RunHooks([]))
    assert result.shape == (1, 3, 55, 200)


def test_injection_starts_there_without_blur(subject):
    pyramid, _ = subject
    plan = Plan(*subject)
    finest = pyramid.count - 1
    plan.inject(pyramid.scales[finest], at=plan.stages[-1], start=5)
    assert plan.cells() == {finest: Need(subject[1].starts[finest])}
    assert [(stage.start, stage.blur) for stage in plan.stages] == [(5, False)]
    seen = []

    def watch(x, t, scale):
        seen.append((scale, t))
        return wavy(x, t, scale)

    result = sample(make_run(subject, watch, plan=plan), RunHooks([]))
    assert seen == [(finest, t) for t in (4, 3, 2, 1, 0)]
    # Without blur mixing, DDIM is x_{t-1} = √ᾱ_{t-1} x̂0 + √(1-ᾱ_{t-1}) ε.
    bar = subject[1].alpha_bar
    noise = torch.randn(3, *pyramid.sizes[finest], generator=torch.Generator().manual_seed(0))
    x = math.sqrt(bar(4)) * pyramid.scales[finest] + math.sqrt(1 - bar(4)) * noise
    for t in (4, 3, 2, 1, 0):
        epsilon = wavy(x, t, finest)
        x0 = (x - math.sqrt(1 - bar(t)) * epsilon) / math.sqrt(bar(t))
        x = math.sqrt(bar(t - 1)) * x0 + math.sqrt(1 - bar(t - 1)) * epsilon
    assert torch.allclose(result, x, atol=1e-5)


def test_repeated_steps_are_made_with_noise_added_again(subject):
    plan = Plan(*subject)
    plan.stages = plan.stages[:1]
    plan.stages[0].start, plan.stages[0].route = 3, partial(again_and_again, times=2)
    seen = []

    def still(x, t, scale):
        seen.append(t)
        return torch.zeros_like(x)

    run = make_run(subject, plan=plan)
    x = run.sampler_noise(plan.stages[0].size)
    result = sample(make_run(subject, still, plan=plan), RunHooks([]))
    assert seen == [2, 2, 1, 1, 0] and plan.stages[0].steps == 5
    bar = subject[1].alpha_bar
    for t, again in ((2, True), (2, False), (1, True), (1, False), (0, False)):
        x0 = (x / math.sqrt(bar(t))).clamp(-1, 1)
        if t == 0:
            x = x0
            break
        beta = 1 - bar(t) / bar(t - 1)
        mean = math.sqrt(bar(t - 1)) * beta / (1 - bar(t)) * x0
        mean = mean + math.sqrt(1 - beta) * (1 - bar(t - 1)) / (1 - bar(t)) * x
        sigma = math.sqrt(beta * (1 - bar(t - 1)) / (1 - bar(t)))
        x = mean + sigma * run.sampler_noise(plan.stages[0].size)
        if again:
            x = math.sqrt(1 - beta) * x + math.sqrt(beta) * run.sampler_noise(plan.stages[0].size)
    assert torch.allclose(result, x, atol=1e-5)


def test_random_steps_keep_to_the_distribution_of_the_blur_mixture(subject):
    """Made and made again, x_t stays √ᾱ·((1-γ)·x0 + γ·x̃) + √(1-ᾱ)·ε with ε standard normal."""
    pyramid, schedule = subject
    plan = Plan(*subject)
    stage = plan.stages[1]
    stage.ddpm, stage.gamma_max = True, 0.99
    stage.route = partial(again_and_again, times=3)
    plan.inject(pyramid.scales[0], at=plan.stages[0], start=1)
    seen = []

    class Watch:
        name = "watch"

        @hookimpl
        def after_step(self, run, step):
            seen.append((step.scale.index, step.t, step.x_t.clone()))

    run = make_run(subject, seeds=range(16), plan=plan)
    result = sample(run, RunHooks([Watch()]))
    assert torch.allclose(result, pyramid.scales[-1], atol=1e-3)
    visited = [(t, x) for index, t, x in seen if index == 1]
    assert [t for t, _ in visited[:4]] == [stage.start - 1] * 3 + [stage.start - 2]
    sharp, blurred = pyramid.scales[1], pyramid.blurred[1]
    for t, x in visited[1:]:
        gamma, alpha = min(schedule.gamma(1, t), 0.99), schedule.alpha_bar(t)
        mixed = torch.lerp(sharp, blurred, gamma)
        noise = (x - math.sqrt(alpha) * mixed) / math.sqrt(1 - alpha)
        assert abs(float(noise.mean())) < 0.02 and abs(float(noise.std()) - 1) < 0.02, t
        # None of what it was blurred by is left over.
        detail = sharp - blurred
        assert abs(float((noise * detail).mean() / detail.square().mean())) < 0.1, t


def test_a_changed_x0_changes_the_noise_with_it(subject):
    """Pinned to a picture, the steps lead there whatever the network says, and stay finite."""
    target = subject[0].scales

    class Pin:
        name = "pin"

        @hookimpl
        def modify_x0(self, run, step):
            step.x0 = target[step.s].clone()

    def growing(x, t, scale):
        return 1.3 * x

    result = sample(make_run(subject, growing), RunHooks([Pin()]))
    assert torch.allclose(result, target[-1], atol=1e-4)


@pytest.mark.slow
def test_what_is_fixed_is_not_predicted_and_changes_nothing_else(subject):
    """Tiles left out give the same picture as predicting them and pinning x0 afterwards."""
    pyramid = subject[0]
    where = torch.ones(1, 1, *pyramid.sizes[-1], dtype=torch.bool)
    where[..., 60:] = False

    def masked(size):
        return torch.nn.functional.interpolate(where.float(), size) > 0.5

    class Fix:
        name = "fix"

        @hookimpl
        def before_scale(self, run, scale):
            scale.fix(pyramid.scales[scale.s], masked(scale.stage.size))

    class Pin:
        name = "pin"

        @hookimpl
        def modify_x0(self, run, step):
            image = pyramid.scales[step.s]
            step.x0 = torch.where(masked(image.shape[-2:]), image, step.x0)

    predict = network_predictor(20)
    forward, made = predict._forward, []
    predict._forward = lambda *given: made.append(1) or forward(*given)
    fixed = sample(make_run(subject, predict), RunHooks([Fix()]))
    fewer = len(made)
    pinned = sample(make_run(subject, predict), RunHooks([Pin()]))
    assert torch.allclose(fixed, pinned, atol=1e-4)
    assert fewer < 0.7 * (len(made) - fewer)


def test_sampling_goes_past_the_training_size_by_repeating_a_scale(subject):
    plan = Plan(*subject)
    plan.enlarge((140, 180), start=10)
    assert [stage.size for stage in plan.stages[-2:]] == [(99, 127), (140, 180)]
    assert {stage.s for stage in plan.stages[-3:]} == {subject[0].count - 1}
    assert sample(make_run(subject, wavy, plan=plan), RunHooks([])).shape[-2:] == (140, 180)
