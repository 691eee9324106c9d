"""An estimate of how long a batch will take, from a short trial on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from sinddm_toolkit.batching.job import Job
from sinddm_toolkit.batching.queue import Group
from sinddm_toolkit.edits.estimate import own_seconds, rates
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.phases import plan_phase
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.settings.request import make_tasks


def estimated(groups: Sequence[Group], done: set[int], store: ModelStore) -> tuple[float, float]:
    """Estimate what is not done → (seconds of training, seconds of sampling), on all cores."""
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
        sampling += _own_seconds(jobs, store)
    return training, sampling


def _own_seconds(jobs: Sequence[Job], store: ModelStore) -> float:
    """What tasks compute beside the network, found once for rows that differ in their seed."""
    alike: dict[str, float] = {}
    total = 0.0
    for job in jobs:
        kinds = map(registry.current().task, job.item.tasks)
        if all(kind.own_seconds is Task.own_seconds for kind in kinds):
            continue  # and its pictures need not be read
        key = job.item.same_but_seed
        if key not in alike:
            alike[key] = own_seconds(prepare(*make_tasks(job.item.layer()), store, Events()))
        total += alike[key] * job.samples
    return total


def _trial(group: Group, name: str, store: ModelStore) -> tuple[float, float]:
    """(Seconds of an update, of a pixel of a step), whatever of the model is known already."""
    ready = prepare(*make_tasks(group.jobs[0].item.layer()), store, Events())
    phase = plan_phase(group.cells, [], QUALITIES[name], ready.subject.schedule, 0)
    return rates(ready.subject, ready.compute, QUALITIES[name], phase)
