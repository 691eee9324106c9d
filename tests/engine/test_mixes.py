"""Noise that is mixed of several seeds'."""

import math

import pytest
import torch

from sinddm_toolkit.engine.caller import calling
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.schedule import make_schedule

SIZE = (5, 7)


@pytest.fixture(scope="module")
def subject():
    x = torch.rand(1, 3, 70, 90, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def begun(subject, *seeds):
    return Run(Plan(*subject), *subject, seeds, torch.device("cpu"), None)


def drawn(run, attempt=None):
    """Two draws of the sampler and one of a plugin."""
    run.attempt = attempt
    with calling("somebody"):
        return [run.sampler_noise(SIZE), run.sampler_noise(SIZE), run.noise(SIZE)]


@pytest.mark.parametrize("attempt", [None, 2])
def test_the_noise_is_the_sum_of_what_each_seed_would_have_drawn(subject, attempt):
    run = begun(subject, 9, 4)
    run.mixes = [[(3, 0.6), (5, 0.8)], [(4, 1.0)]]
    each = [drawn(begun(subject, seed), attempt) for seed in (3, 5, 4)]
    for mixed, a, b, own in zip(drawn(run, attempt), *each, strict=True):
        assert torch.allclose(mixed[:1], 0.6 * a + 0.8 * b)
        assert torch.equal(mixed[1:], own)


def test_generators_are_those_of_the_first_seed(subject):
    run = begun(subject, 9)
    run.mixes = [[(3, 0.0), (5, 1.0)]]
    with calling("somebody"):
        mine = torch.randn(4, generator=run.generators[0])
        theirs = torch.randn(4, generator=begun(subject, 3).generators[0])
    assert torch.equal(mine, theirs)


def test_what_is_no_noise_any_more_is_refused(subject):
    run = begun(subject, 1, 2)
    with pytest.raises(ValueError, match="must sum to 1"):
        run.mixes = [[(1, 0.5), (2, 0.5)], [(2, 1.0)]]
    with pytest.raises(ValueError, match="must be 2, one a sample, not 1"):
        run.mixes = [[(1, 1.0)]]
    assert run.mixes == (((1, 1.0),), ((2, 1.0),))


@pytest.mark.parametrize("how", ["sampler", "plugin", "closed"])
def test_it_is_settled_once_anything_is_drawn(subject, how):
    run = begun(subject, 1)
    if how == "sampler":
        run.sampler_noise(SIZE)
    elif how == "plugin":
        _ = run.generators
    else:
        run.close()
    with pytest.raises(AttributeError, match="mixes can only be changed in before_sampling"):
        run.mixes = [[(3, math.sqrt(0.5)), (5, math.sqrt(0.5))]]
