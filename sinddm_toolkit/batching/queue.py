"""What a batch has to do, by the models that its rows need, and what comes next."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from sinddm_toolkit.batching.job import Item, Job
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.phases import Cells, Phase, missing_updates, united
from sinddm_toolkit.engine.quality import QUALITIES

ROWS_ON_A_GPU = 8
"""Rows that differ in their seed alone, sampled at once."""


def rows_together(device: str) -> int:
    """How many rows are sampled at once: on a CPU that is no quicker than one by one."""
    return 1 if device == "cpu" else ROWS_ON_A_GPU


@dataclass
class Group:
    """The rows that need one model, and what it has to learn for them."""

    model: str
    jobs: list[Job]
    cells: Cells = field(default_factory=dict)
    """What all of its rows together need, also those that are done."""
    updates: int = 0
    """Those of its training that the store does not hold yet."""

    @property
    def learnt(self) -> str:
        """The name of the picture that is learnt."""
        return self.jobs[0].learnt


def grouped(jobs: Sequence[Job], store: ModelStore) -> list[Group]:
    """Sort rows by the model they need, in the order of their first one.

    Rows that are done count too in what a model has to know: however often a batch is cut off, it
    trains the same.
    """
    groups: dict[str, Group] = {}
    for job in jobs:
        group = groups.setdefault(job.model, Group(job.model, []))
        group.jobs.append(job)
        group.cells = united(group.cells, job.cells)
    for group in groups.values():
        group.updates = _missing_updates(group, store)
    return list(groups.values())


def _missing_updates(group: Group, store: ModelStore) -> int:
    quality = QUALITIES.get(group.jobs[0].quality)
    if quality is None:  # an imported model
        return 0
    history = []
    if store.path(group.model).exists():
        found = store.describe(group.model)["history"]
        history = [Phase.from_json(phase) for phase in found]
    return sum(missing_updates(group.cells, history, quality).values())


@dataclass
class Work:
    """One piece of work: a model to train, or rows to sample together."""

    group: Group
    items: list[Item]
    """The rows; for a training, one of those that need the model."""
    trains: bool
    attempts: int = 0


class Queue:
    """Hands out work so that each process stays with one model as long as it can."""

    def __init__(self, groups: Sequence[Group], done: Container[int], together: int) -> None:
        """Leave out the rows numbered `done`; sample up to `together` that differ in their seed."""
        self.models = len(groups)
        """Those of the whole batch, whether or not anything is left to do with them."""
        self._waiting = {group.model: _in_passes(group, done, together) for group in groups}
        self._groups = [group for group in groups if self._waiting[group.model]]
        self._begun: set[str] = set()
        self._trained: set[str] = set()

    def take(self, last_model: str | None) -> Work | None:
        """The next piece of work; None if there is none, or none before a training ends."""
        ready = [g for g in self._groups if g.model in self._trained and self._waiting[g.model]]
        for group in ready:
            if group.model == last_model:
                return self._rows(group)
        for group in self._groups:
            if group.model not in self._begun:
                self._begun.add(group.model)
                return Work(group, [group.jobs[0].item], trains=True)
        if ready:
            return self._rows(max(ready, key=lambda group: len(self._waiting[group.model])))
        return None

    def _rows(self, group: Group) -> Work:
        return Work(group, self._waiting[group.model].pop(0), trains=False)

    def has_learnt(self, group: Group) -> None:
        """Note that the model is trained: its rows can be carried out."""
        self._trained.add(group.model)

    def give_up(self, group: Group) -> list[Item]:
        """Take out the rows whose model can't be trained."""
        rows = [item for items in self._waiting[group.model] for item in items]
        self._waiting[group.model].clear()
        return rows


def _in_passes(group: Group, done: Container[int], together: int) -> list[list[Item]]:
    """The rows of a group that are not `done`, those in one list to be sampled together."""
    passes: list[list[Item]] = []
    for item in (job.item for job in group.jobs if job.item.number not in done):
        last = passes[-1] if passes else []
        if last and last[0].same_but_seed == item.same_but_seed and len(last) < together:
            last.append(item)
        else:
            passes.append([item])
    return passes
