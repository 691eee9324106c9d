"""Fit a denoiser to one picture (paper Algorithm 1).

`train` is the algorithm, for one phase. The scales and timesteps that it draws from are decided
before: an edit visits some of the (scale, timestep) cells (`Plan.cells`), and `plan_phase` makes a
phase of those that are not known yet. Crops and noise are drawn in `crops`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from sinddm_toolkit.engine.compute import Compute, undisturbed
from sinddm_toolkit.engine.crops import Batch, Batches
from sinddm_toolkit.engine.networks import Denoiser, without_halo
from sinddm_toolkit.engine.optimizers import Adam, Muon
from sinddm_toolkit.engine.phases import Phase
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.quality import Quality
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.interrupts import Stopped, interrupt_flag

MUON_LR = 0.02
MUON_DECAY = 0.1
OTHERS_LR = 2e-3
ADAM_LR = 1e-3
"""The last is the paper's; the others are the best of those tried. Without the decay long trainings
diverge: orthogonalised updates do not get smaller by themselves."""

WARMUP_STEPS = 20

KEEP_EVERY = 10.0
"""Seconds of work that may be lost."""

REPORT_EVERY = 20
"""Updates between reports: reading the loss makes a GPU wait."""


@dataclass(frozen=True)
class TrainingReport:
    """How far a training is."""

    step: int
    """The updates that are made."""
    steps: int
    """Those that there will be."""
    error: float
    """The recent mean L1 error of the predicted noise."""


@undisturbed()
def train(
    network: Denoiser,
    pyramid: Pyramid,
    schedule: Schedule,
    quality: Quality,
    phase: Phase,
    compute: Compute,
    *,
    begun: TrainingState | None = None,
    stop_after: int | None = None,
    time_limit: float | None = None,
    report: Callable[[TrainingReport], None] | None = None,
    keep: Callable[[TrainingState], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int | None:
    """Train `network` (on `compute.device`) through `phase`, leaving the averaged weights in it.

    `phase.made` counts the updates as they are made. With `time_limit` (seconds) the learning rate
    starts its fall early enough to reach zero about then; `phase.decay_from` and `phase.end` record
    it. `stop_after` ends after that many updates: a recorded phase is made again by it.
    If a signal ended the training, its number: an update is then finished first, nothing is lost.

    `keep` is given the state every `KEEP_EVERY` seconds of the `clock`, and when a signal ends the
    training, or what `report` raises to end it. With that as `begun`, and `phase` as it was, the
    updates that are missing are those that would have followed.
    """
    compute.prepare()
    batches = Batches(pyramid, schedule, quality, compute.device, phase.seed)
    updater = Updater(network, quality, phase)
    error = torch.zeros((), device=compute.device)
    if begun is not None:
        begun.restore(network, updater, batches)
        error += begun.error
    started = kept = clock()
    with interrupt_flag() as interrupted:
        for k, s in islice(enumerate(phase.scale_order()), phase.made, None):  # lines 1 and 2
            if time_limit is not None:
                _fit_into(time_limit, clock() - started, phase, quality)
            if interrupted() or k == stop_after or k >= phase.end:
                break  # line 12
            batch = batches.draw(s, phase.t_ends[s])  # lines 3 and 4: t and ε
            network.zero_grad(set_to_none=True)
            loss = add_gradients(network, batch, s, compute)  # lines 5 to 9, and 11
            updater.update(k)  # line 10
            phase.made = k + 1
            error = torch.lerp(error, loss, max(0.02, 1 / phase.made))
            if report is not None and phase.made % REPORT_EVERY == 0:
                try:
                    report(TrainingReport(phase.made, phase.end, float(error)))
                except Stopped:
                    if keep is not None:
                        keep(TrainingState.of(network, updater, batches, error))
                    raise
            if keep is not None and clock() - kept >= KEEP_EVERY:
                keep(TrainingState.of(network, updater, batches, error))
                kept = clock()
        if keep is not None and interrupted() and phase.made:
            keep(TrainingState.of(network, updater, batches, error))
        updater.take_average()
        if report is not None:
            report(TrainingReport(phase.made, phase.end, float(error)))
        return interrupted()


def add_gradients(network: Denoiser, batch: Batch, s: int, compute: Compute) -> Tensor:
    """Add the gradients of the error on `batch` to the network's → the error, detached."""
    total = torch.zeros((), device=batch.t.device)
    for part in batch.chunks():
        error = noise_error(network, part, s, compute) * (len(part.t) / len(batch.t))
        error.backward()
        total += error.detach()
    return total


def noise_error(network: Denoiser, batch: Batch, s: int, compute: Compute) -> Tensor:
    """The mean of |ε - ε_θ(x_t^s, t, s)| where there is something to be learnt."""
    mixed = torch.lerp(batch.sharp, batch.blurred, batch.gamma)  # lines 5 to 9: γ_t^0 is 0
    x = batch.alpha.sqrt() * mixed + (1 - batch.alpha).sqrt() * batch.noise
    x = x.contiguous(memory_format=torch.channels_last)
    with compute.autocast():
        predicted = network(x, batch.t, torch.full_like(batch.t, s), batch.frame)
    noise = without_halo(batch.noise) if batch.frame.halo else batch.noise
    error = (predicted.float() - noise).abs()  # line 11
    if batch.known is None:
        return error.mean()
    return (error * batch.known).sum() / (batch.known.expand_as(error).sum() + 1)


def _fit_into(limit: float, elapsed: float, phase: Phase, quality: Quality) -> None:
    """End `phase` where the time limit asks for it."""
    full_rate_share = 1 - quality.decay_share
    if elapsed >= limit:
        phase.end = phase.made
    elif phase.made < phase.decay_from and elapsed >= limit * full_rate_share:
        phase.decay_from = phase.made
        phase.end = min(phase.end, max(phase.made + 1, round(phase.made / full_rate_share)))


class Updater:
    """The optimisers of a network and the moving average of its weights."""

    def __init__(self, network: Denoiser, quality: Quality, phase: Phase) -> None:
        self.network = network
        self.quality = quality
        self.phase = phase
        self.parameters = list(network.parameters())
        self._weights: list[Tensor] = [p.detach() for p in self.parameters]
        self.average = [p.detach().clone() for p in self.parameters]
        if quality.optimizer == "adam":
            self.muon = None
            self.adam = Adam(self.parameters, ADAM_LR)
        else:
            kernels = [p for p in self.parameters if p.dim() == 4]
            others = [p for p in self.parameters if p.dim() != 4]
            self.muon = Muon(kernels, MUON_LR, decay=MUON_DECAY)
            self.adam = Adam(others, OTHERS_LR)

    def rate(self, k: int) -> float:
        """The learning rate of update k, as a share of the optimizers' own."""
        if self.quality.milestones is not None:
            passed = sum(k >= share * self.phase.planned for share in self.quality.milestones)
            return float(0.5**passed)
        falling = (self.phase.end - k) / max(1, self.phase.end - self.phase.decay_from)
        return self.phase.rate * max(0.0, min(1.0, (k + 1) / WARMUP_STEPS, falling))

    def update(self, k: int) -> None:
        """Apply the gradients that are there, as update k."""
        rate = self.rate(k)
        if self.muon is not None:
            self.muon.step(rate)
        self.adam.step(rate)
        self._average(k)

    def _average(self, k: int) -> None:
        if k % self.quality.ema_every:
            return
        # Short trainings must not be dragged down by their first weights.
        decay = (
            min(self.quality.ema_decay, (k + 1) / (k + 10)) if k >= self.quality.ema_from else 0.0
        )
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self._weights, 1 - decay)

    def remembered(self) -> list[Tensor]:
        """The tensors that change from one update to the next, not copies of them."""
        momenta = [] if self.muon is None else self.muon.momenta
        return [*self.average, *momenta, *self.adam.moments]

    def take_average(self) -> None:
        """Replace the network's weights by their moving average."""
        with torch.no_grad():
            for parameter, average in zip(self.parameters, self.average, strict=True):
                parameter.copy_(average)


GENERATORS = ("places", "noise")
"""Those of `Batches`, by the names of their states in a `TrainingState`."""


@dataclass(frozen=True)
class TrainingState:
    """Where a training is: all that its next updates depend on beside picture and phase."""

    tensors: dict[str, Tensor]
    """Weights, their average, moments and the states of the generators, by names."""
    steps: int
    """Steps of Adam."""
    error: float
    """The recent mean L1 of the noise, for reports."""

    @classmethod
    def of(
        cls, network: Denoiser, updater: Updater, batches: Batches, error: Tensor
    ) -> TrainingState:
        """The state as it is now, not a copy: the next update changes it."""
        generators = {"places": batches.places.get_state(), "noise": batches.noise.get_state()}
        return cls({**_live(network, updater), **generators}, updater.adam.steps, float(error))

    def restore(self, network: Denoiser, updater: Updater, batches: Batches | None = None) -> None:
        """Bring all of these to this state, which must fit."""
        with torch.no_grad():
            for name, tensor in _live(network, updater).items():
                tensor.copy_(self.tensors[name])
        updater.adam.steps = self.steps
        if batches is not None:
            batches.places.set_state(self.tensors["places"])
            batches.noise.set_state(self.tensors["noise"])

    def fits(self, network: Denoiser, quality: Quality, phase: Phase) -> bool:
        """Whether this is a state of such a training."""
        live = _live(network, Updater(network, quality, phase))
        states = [self.tensors.get(name, torch.empty(0)) for name in GENERATORS]
        return (
            live.keys() | set(GENERATORS) == self.tensors.keys()
            and all(tensor.shape == self.tensors[name].shape for name, tensor in live.items())
            and all(tensor.dtype == torch.uint8 for tensor in states)
        )


def _live(network: Denoiser, updater: Updater) -> dict[str, Tensor]:
    """What `TrainingState.tensors` are taken from and put back to, the generators left out."""
    return {
        **{f"network.{name}": tensor for name, tensor in network.state_dict().items()},
        **{f"updater.{index}": tensor for index, tensor in enumerate(updater.remembered())},
    }


def end_training(network: Denoiser, quality: Quality, phase: Phase, state: TrainingState) -> None:
    """Leave in `network` the averaged weights of a training that is to end at `state`."""
    updater = Updater(network, quality, phase)
    state.restore(network, updater)
    updater.take_average()
