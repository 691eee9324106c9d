"""Canvases that go on at their other side: to roll them is to roll what is made of them."""

import pytest
import torch
from torch.nn import functional as F

from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import HALO, make_network
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, surrounded, upsample
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.host.run_hooks import RunHooks

CPU = torch.device("cpu")
ROUND = (True, True)
NETWORKS = pytest.mark.parametrize("network", ["paper", "half"])


def predictor(network, tile=256, wraps=ROUND):
    torch.manual_seed(0)
    return NetworkPredictor(make_network(network, 8).double(), choose_compute("cpu"), tile, wraps)


def noise(*size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, *size, generator=generator, dtype=torch.double)


@NETWORKS
@pytest.mark.parametrize("size", [(40, 52), (41, 30), (37, 51), (20, 12), (40, 9)])
@pytest.mark.parametrize("tile", [256, 17])
def test_to_roll_a_canvas_is_to_roll_what_is_predicted(network, size, tile):
    predict, x = predictor(network, tile), noise(*size)
    by = [6 if n % 2 == 0 else 7 for n in size]  # cells close into a ring where a side is even
    rolled = predict(x.roll(by, (-2, -1)), 5, 1)
    assert torch.allclose(rolled, predict(x, 5, 1).roll(by, (-2, -1)), atol=1e-12)


@NETWORKS
def test_tiles_equal_the_whole_of_a_ring(network):
    x = noise(70, 90)
    assert torch.allclose(predictor(network, 30)(x, 5, 1), predictor(network)(x, 5, 1), atol=1e-12)


@NETWORKS
@pytest.mark.parametrize("tile", [256, 30])
def test_the_middle_of_three_copies_is_what_wraps(network, tile):
    """The oracle: a flat canvas with copies around it, as far as the network sees."""
    x = noise(40, 50)
    flat = predictor(network, wraps=(False, False))
    around = F.pad(x, (50, 50, 40, 40), mode="circular")
    expected = flat(around, 5, 1)[..., 40:80, 50:100]
    assert torch.allclose(predictor(network, tile)(x, 5, 1), expected, atol=1e-12)


@NETWORKS
def test_one_axis_wraps_and_the_other_ends(network):
    x = noise(40, 50)
    flat = predictor(network, wraps=(False, False))
    expected = flat(F.pad(x, (50, 50, 0, 0), mode="circular"), 5, 1)[..., 50:100]
    across = predictor(network, 30, wraps=(False, True))(x, 5, 1)
    assert torch.allclose(across, expected, atol=1e-12)
    assert not torch.allclose(across, flat(x, 5, 1), atol=1e-6)


def test_what_is_needless_is_left_out_on_a_ring_too():
    x, needless = noise(60, 60), torch.zeros(60, 60, dtype=torch.bool)
    needless[:, 20:] = True
    predict = predictor("half", 16)
    made, whole = predict(x, 5, 1, needless), predict(x, 5, 1)
    assert torch.allclose(made[..., :20], whole[..., :20], atol=1e-12)
    assert (made[..., 40:] == 0).all() and not (whole[..., 40:] == 0).any()


@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(29, 41), (20, 50), (13, 17)])
def test_a_ring_is_made_larger_as_the_middle_of_three_copies(mode, size):
    x = noise(20, 30)
    tripled = upsample(x.tile(1, 1, 3, 3), (3 * size[0], 3 * size[1]), mode)
    expected = tripled[..., size[0] : 2 * size[0], size[1] : 2 * size[1]]
    assert torch.allclose(upsample(x, size, mode, ROUND), expected, atol=1e-12)
    tripled = upsample(x.tile(1, 1, 1, 3), (size[0], 3 * size[1]), mode)
    across = upsample(x, size, mode, (False, True))
    assert torch.allclose(across, tripled[..., size[1] : 2 * size[1]], atol=1e-12)


def test_what_surrounds_a_ring_is_the_ring():
    x = noise(5, 40)
    assert torch.equal(surrounded(x, HALO, (False, True)), F.pad(x, (16, 16, 0, 0), "circular"))
    many = surrounded(x, HALO, ROUND)
    assert torch.equal(many[..., HALO : HALO + 5, HALO:-HALO], x)
    assert torch.equal(many[..., 5:, :], many[..., :-5, :])


class Rolled(Run):
    """Draws noise that is rolled by a half of each side."""

    def _drawn(self, generators, size):
        by = (size[0] // 2, size[1] // 2)
        return super()._drawn(generators, size).roll(by, (-2, -1)).double()


class Still(Run):
    def _drawn(self, generators, size):
        return super()._drawn(generators, size).double()


@NETWORKS
@pytest.mark.parametrize("tile", [pytest.param(256, marks=pytest.mark.slow), 32])
def test_rolled_noise_makes_the_rolled_picture(network, tile):
    """All of Algorithm 2: random steps, the scales' enlargement, blur, tiles."""
    x = torch.rand(1, 3, 84, 100, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    pyramid = build_pyramid(x)
    schedule = make_schedule(pyramid.details, pyramid.factor)
    plan = Plan(pyramid, schedule, visits=3)
    plan.wraps = ROUND
    # By half a side a stage can be rolled if that is a number of cells.
    for stage, size in zip(plan.stages, [(60, 72), (84, 100)], strict=True):
        stage.size = size
    plan.close()
    predict = predictor(network, tile)
    made, rolled = (
        sample(cls(plan, pyramid, schedule, [7], CPU, predict), RunHooks([]))
        for cls in (Still, Rolled)
    )
    assert torch.allclose(made.roll((42, 50), (-2, -1)), rolled, atol=1e-6)
    assert not torch.allclose(made, rolled, atol=0.1)


def test_a_picture_is_not_repainted_in_parts_on_a_ring(pasted, command, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "ring.py").write_text(
        "from sinddm_toolkit.api import Task, hookimpl\n\nAPI_VERSION = 2\n\n\n"
        "class Ring(Task):\n    name = 'ring'\n    summary = 'ring'\n    learns_from = None\n\n"
        "    @hookimpl\n    def plan_edit(self, plan, pyramid):\n"
        "        plan.wraps = (False, True)\n\n\n"
        "@hookimpl\ndef register_tasks():\n    return [Ring]\n"
    )
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--with", "ring")
    code, _, err = command(*words, "--plugins-dir", folder)
    assert code == 2 and "borders that fit together" in err and err.count("\n") == 1
