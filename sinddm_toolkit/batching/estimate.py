"""An estimate of how long a batch will take, from a short trial on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from sinddm_toolkit.batching.queue import Group
from sinddm_toolkit.edits.estimate import rates
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.phases import plan_phase
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.settings.request import make_tasks


def estimated(groups: Sequence[Group], done: set[int], store: ModelStore) -> tuple[float, float]:
    """Estimate what is not done → (seconds of training, seconds of sampling), on all cores.

    What a task computes beside the network, such as a comparison with texts, is not in it.
    """
    found: dict[str, tuple[float, float]] = {}
    training = sampling = 0.0
    for group in groups:
        jobs = [job for job in group.jobs if job.item.number not in done]
        if not jobs:
            continue
        name = jobs[0].quality if jobs[0].quality in QUALITIES else "draft"
        if name not in found:
            found[name] = _trial(group, name, store)
        update, pixel_step = found[name]
        training += update * group.updates
        sampling += pixel_step * sum(job.pixel_steps for job in jobs)
    return training, sampling


def _trial(group: Group, name: str, store: ModelStore) -> tuple[float, float]:
    """(Seconds of an update, of a pixel of a step), whatever of the model is known already."""
    ready = prepare(*make_tasks(group.jobs[0].item.layer()), store, Events())
    phase = plan_phase(group.cells, [], QUALITIES[name], ready.subject.schedule, 0)
    return rates(ready.subject, ready.compute, QUALITIES[name], phase)
