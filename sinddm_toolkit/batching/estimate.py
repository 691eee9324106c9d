"""An estimate of how long a batch will take, from a short trial on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from sinddm_toolkit.batching.queue import Group
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import new_model
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.phases import plan_phase
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.training import train
from sinddm_toolkit.settings.request import make_tasks

TRIAL_UPDATES = 12
TRIAL_SIZE = (192, 192)


def estimated(groups: Sequence[Group], done: set[int], store: ModelStore) -> tuple[float, float]:
    """Estimate what is not done → (seconds of training, seconds of sampling), on all cores.

    What a task computes beside the network, such as a comparison with texts, is not in it.
    """
    rates: dict[str, tuple[float, float]] = {}
    training = sampling = 0.0
    for group in groups:
        jobs = [job for job in group.jobs if job.item.number not in done]
        if not jobs:
            continue
        name = jobs[0].quality if jobs[0].quality in QUALITIES else "draft"
        if name not in rates:
            rates[name] = _trial(group, name, store)
        update, pixel_step = rates[name]
        training += update * group.updates
        sampling += pixel_step * sum(job.pixel_steps for job in jobs)
    return training, sampling


def _trial(group: Group, name: str, store: ModelStore) -> tuple[float, float]:
    """Try a network that knows nothing → (seconds of an update, of a pixel of a step)."""
    quality = QUALITIES[name]
    ready = prepare(*make_tasks(group.jobs[0].item.layer()), store, Events())
    subject, compute = ready.subject, ready.compute
    model = new_model(replace(subject.config, width=quality.width), subject.schedule)
    phase = plan_phase(group.cells, [], quality, subject.schedule, 0)
    model.network.to(compute.device)
    update = 0.0
    if phase is not None:
        # The scales take turns: a few updates of each would take too long, a few of all will do.
        started = time.monotonic()
        train(
            model.network,
            subject.pyramid,
            subject.schedule,
            quality,
            phase,
            compute,
            stop_after=TRIAL_UPDATES,
        )
        update = (time.monotonic() - started) / TRIAL_UPDATES
    predict = NetworkPredictor(model.network, compute)
    x = torch.zeros(1, 3, *TRIAL_SIZE, device=compute.device)
    predict(x, 1, 0)
    started = time.monotonic()
    predict(x, 1, 0)
    return update, (time.monotonic() - started) / (TRIAL_SIZE[0] * TRIAL_SIZE[1])
