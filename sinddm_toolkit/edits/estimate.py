"""An estimate of how long work will take, from a short trial on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from sinddm_toolkit.edits.events import in_words
from sinddm_toolkit.edits.models import new_model, quality_of
from sinddm_toolkit.edits.preparing import Prepared
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.edits.subject import Subject
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.phases import Phase, plan_phase
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.quality import Quality
from sinddm_toolkit.engine.stage import Stage
from sinddm_toolkit.engine.training import train
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.interrupts import Interrupted

TRIAL_UPDATES = 12
TRIAL_SIZE = (192, 192)

LONG = 20.0
"""Seconds from which on a person wants to know before it begins."""

FEW_UPDATES, FEW_PIXEL_STEPS = 100, 3_000_000
"""What takes less than that anywhere, and needs no trial."""


GUIDED, UNLEARNT = 3, 15
"""Times that a pixel of a step takes where x̂0 is corrected by what else is known of the picture,
and where something else stands in the network's place, beside one of the network alone: measured
with the bundled guidance by patches, and layouts of them."""


@dataclass(frozen=True)
class Estimate:
    """Seconds that an edit will take."""

    training: float
    sampling: float

    @property
    def is_long(self) -> bool:
        """Whether it is worth telling."""
        return self.training + self.sampling >= LONG

    def __str__(self) -> str:
        whole = in_words(self.training + self.sampling)
        if not self.sampling:
            return f"this will take about {whole}"
        parts = f"training {in_words(self.training)}, sampling {in_words(self.sampling)}"
        return f"this will take about {whole} ({parts})"


def told(ready: Prepared, store: ModelStore) -> str | None:
    """How long an edit will take, in words; None if it is not long."""
    found = estimated(ready, store)
    return str(found) if found is not None and found.is_long else None


def training_told(ready: Prepared, store: ModelStore) -> str | None:
    """How long the training alone will take, in words; None if it is not long."""
    found = estimated(ready, store, samples=0)
    return str(found) if found is not None and found.is_long else None


def estimated(ready: Prepared, store: ModelStore, samples: int | None = None) -> Estimate | None:
    """Estimate an edit; None if it takes seconds anywhere, or if it has no network of its own.

    `samples` are those that are asked for if None.
    """
    if ready.denoiser is not None or ready.subject.config.is_imported:
        return None
    quality = quality_of(ready.subject.config)
    phase = _missing(ready, quality, store)
    updates = phase.planned if phase else 0
    if samples is None:
        samples = len(ready.options.seeds())
    steps = samples * pixel_steps(ready.plan)
    own = samples * own_seconds(ready) if samples else 0.0
    if updates <= FEW_UPDATES and steps <= FEW_PIXEL_STEPS:
        return Estimate(0.0, own) if own >= LONG else None
    update, pixel_step = rates(ready.subject, ready.compute, quality, phase)
    limit = ready.options.train_time
    training = update * updates if limit is None else min(limit, update * updates)
    return Estimate(training, pixel_step * steps + own)


def _missing(ready: Prepared, quality: Quality, store: ModelStore) -> Phase | None:
    """The training that an edit needs; of that which a record tells, its last phase stands for all,
    with as many updates."""
    config, schedule = ready.subject.config, ready.subject.schedule
    is_there = store.has(config.key) and not ready.options.retrain
    if ready.recorded is not None:
        history = ready.recorded.history
        if is_there or not history:
            return None
        made = {0: sum(phase.made for phase in history)}
        return replace(history[-1], updates=made, t_ends={0: schedule.timesteps}, made=0)
    known = store.describe(config.key)["history"] if is_there else []
    history = [Phase.from_json(phase) for phase in known]
    return plan_phase(ready.cells(), history, quality, schedule, config.seed)


def pixel_steps(plan: Plan) -> int:
    """As many pixels as go through the network in the time that the steps of a sample take."""
    return sum(_times(stage) * stage.steps * stage.size[0] * stage.size[1] for stage in plan.stages)


def own_seconds(ready: Prepared) -> float:
    """What the tasks compute for a sample beside the steps of the plan."""
    total = 0.0
    for task in ready.tasks:
        with blaming(task.name, "in own_seconds"):
            total += task.own_seconds(ready.plan, ready.compute.device)
    return total


def _times(stage: Stage) -> int:
    """How often the network's own time a step of `stage` takes."""
    if not stage.learnt:
        return UNLEARNT
    return GUIDED if stage.guided else 1


def rates(
    subject: Subject, compute: Compute, quality: Quality, phase: Phase | None
) -> tuple[float, float]:
    """Try a network that knows nothing → (seconds of an update of `phase`, of a pixel of a step).

    The first is 0 if there is no phase. Interrupted if a signal ends it.
    """
    model = new_model(replace(subject.config, width=quality.width), subject.schedule)
    model.network.to(compute.device)
    update = 0.0
    if phase is not None:
        # The scales take turns: a few updates of each would take too long, a few of all will do.
        started = time.monotonic()
        interrupted = train(
            model.network,
            subject.pyramid,
            subject.schedule,
            quality,
            phase,
            compute,
            stop_after=TRIAL_UPDATES,
        )
        if interrupted:
            raise Interrupted(interrupted)
        update = (time.monotonic() - started) / min(TRIAL_UPDATES, phase.planned)
    predict = NetworkPredictor(model.network, compute)
    x = torch.zeros(1, 3, *TRIAL_SIZE, device=compute.device)
    predict(x, 1, 0)
    started = time.monotonic()
    predict(x, 1, 0)
    return update, (time.monotonic() - started) / (TRIAL_SIZE[0] * TRIAL_SIZE[1])
