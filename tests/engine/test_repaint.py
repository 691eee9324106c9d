"""Large pictures are redrawn size by size: a network's errors must not add up over the sizes."""

import numpy as np
import pytest
import torch

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.repaint import Blend
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.testing import drawn_picture, oracle

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def picture():
    return drawn_picture((170, 210))


def repainted(picture, error, start=20):
    """The picture, by an oracle that is off by `error(x)`; worked on as a whole at scale 0 only."""
    pyramid = build_pyramid(tensor_from_rgb(picture.rgb()))
    schedule = make_schedule(pyramid.details, pyramid.factor)
    plan = Plan(pyramid, schedule)
    plan.repaint(picture, at=plan.stage(0), start=start)
    knows = oracle(plan, pyramid, schedule)

    def predict(x, t, s, needless=None):
        return knows(x, t, s) + error(x, s)

    run = Run(plan, pyramid, schedule, [1], CPU, predict)
    return plan, sample(run, RunHooks([]))


def test_finer_sizes_shift_no_colours(picture):
    """A little too much of one colour at each size would be much too much in the end."""

    def too_red(x, s):
        return torch.tensor([-1.0, 0.0, 0.0]).view(1, 3, 1, 1) if s > 0 else 0.0

    plan, result = repainted(picture, too_red)
    assert len(plan.stages) == 5
    change = result - tensor_from_rgb(picture.rgb())
    assert change.mean(dim=(0, 2, 3)).abs().max() < 0.005


def test_what_is_out_of_range_is_not_handed_on(picture):
    """Contrast that a size overshoots is no contrast that finer ones may overshoot again."""

    def harder(x, s):
        return -3 * x

    inputs = []

    def watched(x, s):
        inputs.append(float(x.abs().max()))
        return harder(x, s)

    plan, result = repainted(picture, watched)
    assert result.abs().max() <= 1
    noise = plan.schedule.start_sigma(plan.stages[1].start)
    assert max(inputs[-plan.stages[-1].steps :]) < 1 + 6 * noise


def test_no_more_is_redrawn_than_the_noise_hides(picture):
    grid = torch.from_numpy(np.indices((170, 210)).sum(axis=0) % 2 * 2.0 - 1).float()

    def woven(x, s):
        return -5 * grid[: x.shape[-2], : x.shape[-1]] if s == 4 else 0.0

    plan, result = repainted(picture, woven)
    _, plain = repainted(picture, lambda x, s: 0.0)
    noise = plan.schedule.start_sigma(plan.stages[-1].start)
    assert noise < (result - plain).abs().max() <= 4 * noise


def test_samples_of_another_size_are_resized_to_the_picture():
    ramp = torch.linspace(-0.5, 0.5, 8).expand(1, 3, 6, 8)
    picture = Picture(np.full((12, 16, 3), 200, np.uint8))
    weight = np.ones((12, 16), np.float32)
    weight[:, :5] = 0
    (made,) = Blend(picture, weight).pictures(ramp)
    assert made.size == (12, 16)
    assert (made.pixels[:, :5] == 200).all()
    inner = made.pixels[:, 5:14, 0].astype(int)
    assert (np.diff(inner, axis=1) > 0).all()
    (smaller,) = Blend(Picture(np.zeros((3, 4, 3), np.uint8)), np.ones((3, 4))).pictures(ramp)
    expected = (ramp[0, 0].reshape(3, 2, 4, 2).mean(dim=(1, 3)) + 1) * 127.5
    assert np.abs(smaller.pixels[..., 0] - expected.numpy())[:, 1:-1].max() <= 4
