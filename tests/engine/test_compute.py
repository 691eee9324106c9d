"""What a GPU needs of the code, tested by the same paths on the CPU."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.crops import Batches
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import make_network
from sinddm_toolkit.engine.phases import plan_phase
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.engine.training import Updater, add_gradients, train
from sinddm_toolkit.host.run_hooks import RunHooks
from tests.conftest import texture
from tests.engine.cells import everything

CPU = torch.device("cpu")
FULL, HALF = Compute(CPU, torch.float32), Compute(CPU, torch.bfloat16)
QUALITY = dataclasses.replace(QUALITIES["draft"], width=16, steps_per_scale=30)


class Watch(TorchDispatchMode):
    """Notes the operations that would make a GPU wait, and the memory layout of convolutions."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique")

    def __init__(self):
        super().__init__()
        self.waits = []
        self.layouts = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in self.WAITING:
            self.waits.append(name)
        # What has fewer channels is folded from or to pixels.
        if name in ("convolution", "convolution_backward") and args[0].shape[1] > 12:
            self.layouts.append(args[0].is_contiguous(memory_format=torch.channels_last))
        return function(*args, **(kwargs or {}))


@pytest.fixture
def subject():
    pyramid = build_pyramid(tensor_from_rgb(texture(120, 160) / 127.5 - 1).float())
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def fresh(name="half"):
    torch.manual_seed(0)
    return make_network(name, 16).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("compute", [FULL, HALF])
def test_an_update_never_waits_for_the_device(subject, compute):
    pyramid, schedule = subject
    phase = plan_phase(everything(schedule), [], QUALITY, schedule, 0)
    network = fresh()
    updater = Updater(network, QUALITY, phase)
    batches = Batches(pyramid, schedule, QUALITY, CPU, 0)
    for scale in (0, pyramid.count - 1):
        # Where the crops lie is drawn on the CPU, whatever the device.
        batch = batches.draw(scale, schedule.starts[scale])
        with Watch() as watch:
            add_gradients(network, batch, scale, compute)
            updater.update(0)
        assert watch.waits == []
        assert watch.layouts and all(watch.layouts)


@pytest.mark.parametrize("compute", [FULL, HALF])
def test_a_prediction_never_waits_for_the_device(compute):
    for tile in (256, 32):
        predict = NetworkPredictor(fresh(), compute, tile)
        with Watch() as watch, torch.no_grad():
            predict(torch.randn(1, 3, 70, 90), 3, 1)
        assert watch.waits == []
        assert all(watch.layouts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["half", None])
def test_bf16_learns_what_fp32_learns(subject, name):
    pyramid, schedule = subject
    quality = dataclasses.replace(QUALITY, network=name)
    noise = torch.randn(pyramid.scales[-1].shape, generator=torch.Generator().manual_seed(0))
    alpha = schedule.alpha_bar(10)
    x = alpha**0.5 * pyramid.scales[-1] + (1 - alpha) ** 0.5 * noise
    predicted = []
    for compute in (FULL, HALF):
        network = fresh(name)
        phase = plan_phase(everything(schedule), [], quality, schedule, 0)
        train(network, pyramid, schedule, quality, phase, compute)
        assert all(p.dtype is torch.float32 for p in network.parameters())
        with torch.no_grad():
            predicted.append(NetworkPredictor(network, compute)(x, 10, pyramid.count - 1))
    full, half = predicted
    assert half.dtype is torch.float32
    error = float((full - noise).abs().mean())
    assert error < 0.6
    assert float((half - noise).abs().mean()) < error + 0.03
    assert float((half - full).abs().mean()) < 0.08


def test_the_network_of_the_paper_is_not_rounded_to_bf16():
    assert HALF.for_network(None) == FULL
    assert HALF.for_network("half") == HALF


def test_the_cpu_can_always_be_chosen():
    assert choose_compute("cpu").device.type == "cpu"


def test_what_an_interrupted_edit_has_left_of_torch_changes_nothing(subject):
    pyramid, schedule = subject
    phase = plan_phase(everything(schedule), [], QUALITY, schedule, 0)

    class Smoothed(RunHooks):
        def modify_x0(self, run, step):
            step.x0 = F.conv2d(step.x0, torch.ones(3, 1, 3, 3) / 9, padding=1, groups=3)

    def made():
        network = fresh()
        train(network, pyramid, schedule, QUALITY, dataclasses.replace(phase), FULL, stop_after=3)
        plan = Plan(pyramid, schedule, visits=1)
        plan.close()
        run = Run(plan, pyramid, schedule, [0], CPU, NetworkPredictor(network, FULL))
        return sample(run, Smoothed([]))

    usual = made()
    torch.set_autocast_enabled("cpu", True)
    torch.set_grad_enabled(False)
    try:
        assert torch.equal(made(), usual)
        assert torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()
    finally:
        torch.set_autocast_enabled("cpu", False)
        torch.set_grad_enabled(True)
