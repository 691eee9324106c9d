import dataclasses
import itertools
import json
import signal
import subprocess
import sys
from copy import deepcopy

import pytest
import torch

from sinddm_toolkit.engine import crops, training
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.crops import Batches
from sinddm_toolkit.engine.networks import make_network
from sinddm_toolkit.engine.phases import Phase, plan_phase
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.engine.training import train
from sinddm_toolkit.interrupts import SIGNALS, Interrupted
from tests.conftest import texture
from tests.engine.cells import everything

QUALITY = dataclasses.replace(QUALITIES["draft"], width=16, steps_per_scale=40)


@pytest.fixture(scope="module")
def subject():
    rgb = texture(90, 120).astype("float32") / 127.5 - 1
    pyramid = build_pyramid(tensor_from_rgb(rgb))
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def fresh_network(quality=QUALITY):
    torch.manual_seed(0)
    return make_network(quality.network, quality.width)


def whole_plan(schedule, quality=QUALITY, history=()):
    return plan_phase(everything(schedule), list(history), quality, schedule, 0)


def noise_error(network, pyramid, schedule):
    """Mean L1 of the predicted noise over whole pictures at a few steps of every scale."""
    errors = []
    with torch.no_grad():
        for s in range(pyramid.count):
            for t in (5, 20, 40):
                if t < schedule.starts[s]:
                    noise = torch.randn(
                        pyramid.scales[s].shape, generator=torch.Generator().manual_seed(t)
                    )
                    alpha, gamma = schedule.alpha_bar(t), schedule.gamma(s, t)
                    clean = gamma * pyramid.blurred[s] + (1 - gamma) * pyramid.scales[s]
                    x = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
                    predicted = network(x, torch.tensor([t]), torch.tensor([s]))
                    errors.append(float((predicted - noise).abs().mean()))
    return sum(errors) / len(errors)


def run(subject, phase, quality=QUALITY, **options):
    network = fresh_network(quality)
    train(network, *subject, quality, phase, choose_compute("cpu"), **options)
    return network


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.slow
def test_training_learns_the_noise(subject):
    quality = dataclasses.replace(QUALITY, steps_per_scale=120)
    phase = whole_plan(subject[1], quality)
    untrained = noise_error(fresh_network(), *subject)
    trained = noise_error(run(subject, phase, quality), *subject)
    assert untrained > 0.6
    assert trained < 0.42


@pytest.mark.slow
def test_adam_learns_too_as_the_paper_trains(subject):
    quality = dataclasses.replace(
        QUALITIES["paper"], width=16, batch=2, steps_per_scale=110, ema_from=10
    )
    phase = whole_plan(subject[1], quality)
    assert set(phase.t_ends.values()) == {100}
    assert noise_error(run(subject, phase, quality), *subject) < 0.6


def test_gradients_of_large_batches_are_those_of_their_parts(subject, monkeypatch):
    quality = dataclasses.replace(QUALITY, batch=5, crop=32)
    compute = choose_compute("cpu")
    found = []
    for limit in (10**9, 9000):
        monkeypatch.setattr(crops, "CHUNK_PIXELS", limit)
        network = fresh_network().double()
        batch = Batches(*subject, quality, compute.device, 0).draw(subject[0].count - 1, 20)
        names = ("sharp", "blurred", "alpha", "gamma", "noise")
        batch = dataclasses.replace(batch, **{n: getattr(batch, n).double() for n in names})
        assert len(list(batch.chunks())) == (1 if limit > 9000 else 3)
        loss = training.add_gradients(network, batch, 1, compute)
        found.append(torch.cat([loss[None], *(p.grad.flatten() for p in network.parameters())]))
    assert torch.allclose(*found, atol=1e-10)


@pytest.mark.slow
def test_same_seed_same_weights(subject):
    first, second = (run(subject, whole_plan(subject[1])) for _ in range(2))
    assert torch.equal(weights(first), weights(second))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_stopped_training_can_be_made_again(number, subject):
    stopped = whole_plan(subject[1])

    pressed = []

    def interrupt(report):
        if not pressed:
            pressed.append(report.step)
            signal.raise_signal(number)

    network = fresh_network()
    compute = choose_compute("cpu")
    before = signal.getsignal(number)
    assert train(network, *subject, QUALITY, stopped, compute, report=interrupt) == number
    assert signal.getsignal(number) is before
    assert 0 < stopped.made < stopped.planned
    again = dataclasses.replace(Phase.from_json(json.loads(json.dumps(stopped.to_json()))), made=0)
    assert torch.equal(weights(run(subject, again, stop_after=stopped.made)), weights(network))


@pytest.mark.slow
@pytest.mark.parametrize("paper", [False, True], ids=["muon", "adam"])
def test_a_training_goes_on_exactly_from_any_state(paper, subject):
    quality = QUALITY
    if paper:
        quality = dataclasses.replace(
            QUALITIES["paper"], width=16, batch=2, steps_per_scale=20, ema_from=5, ema_every=3
        )
    kept = []

    def keep(state):
        kept.append((deepcopy(state), dataclasses.replace(phase)))

    seconds = itertools.count()
    phase = whole_plan(subject[1], quality)
    whole = run(subject, phase, quality, keep=keep, clock=lambda: float(next(seconds)))
    assert phase.made == phase.planned
    made = [phase.made for _, phase in kept]
    assert len(made) > 3
    for state, begun in [kept[0], kept[len(kept) // 2], kept[-1]]:
        state = deepcopy(state)
        again = run(subject, begun, quality, begun=state, keep=keep, clock=lambda: 0.0)
        assert torch.equal(weights(again), weights(whole))
        assert begun.made == phase.made
    assert len(kept) == len(made)  # where no time passes, nothing is kept


def test_a_training_is_kept_every_ten_seconds(subject):
    """And when a signal ends it. Each update takes three seconds here, keeping it a hundred."""
    made, now = [], [0.0]
    phase = whole_plan(subject[1])

    class Slow(Batches):
        def draw(self, scale, t_end):
            now[0] += 3
            return super().draw(scale, t_end)

    def keep(state):
        made.append(phase.made)
        now[0] += 100
        if len(made) == 3:
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "Batches", Slow)
        run(subject, phase, keep=keep, clock=lambda: now[0])
    assert made == [4, 8, 12, 12]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_stops_a_training_at_once(number, subject):
    def interrupt(report):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(number)

    phase = whole_plan(subject[1])
    with pytest.raises(Interrupted) as interrupted:
        train(fresh_network(), *subject, QUALITY, phase, choose_compute("cpu"), report=interrupt)
    assert interrupted.value.number == number and phase.made == training.REPORT_EVERY


def test_time_limit_ends_early_and_is_recorded(subject):
    quality = dataclasses.replace(QUALITY, steps_per_scale=100_000)
    phase = whole_plan(subject[1], quality)
    run(subject, phase, quality, time_limit=1.0)
    assert phase.made <= phase.end < phase.planned
    assert phase.decay_from < phase.end


def test_no_command_waits_for_a_compiler():
    """torch._dynamo takes a second and a half to import, and torch.optim imports it."""
    code = (
        "import sys, torch\n"
        "from sinddm_toolkit.engine.networks import make_network\n"
        "from sinddm_toolkit.engine.optimizers import Adam, Muon\n"
        "import sinddm_toolkit.edits.edit\n"
        "network = make_network('half', 8)\n"
        "x = torch.zeros(1, 3, 20, 20)\n"
        "network(x, torch.tensor([1]), torch.tensor([1])).sum().backward()\n"
        "Adam(network.parameters(), 0.1).step(1.0)\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
