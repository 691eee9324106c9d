"""Carries out a batch: trainings first, then the rows that wait for them, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.batching.jobs import Group
from sinddm_toolkit.batching.work import Workplace, carry_out, failed, learn
from sinddm_toolkit.batching.worker import ProcessDied, Worker
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.engine.training import Cells
from sinddm_toolkit.errors import ToolkitError

ATTEMPTS = 2
"""How often a row is tried whose process died."""


@dataclass
class Work:
    """One piece of work: a model to train, or rows to sample together."""

    group: WorkGroup
    items: list[Item]
    trains: bool
    attempts: int = 0


@dataclass
class WorkGroup:
    """What is left to do with one model."""

    model: str
    cells: Cells
    trainer: Item
    waiting: list[list[Item]]
    """Rows, each list to be sampled together."""
    is_trained: bool = False
    is_training: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of one row, or of a training (then without an item)."""

    item: Item | None
    facts: dict[str, Any] = field(default_factory=dict)


def work_groups(groups: Sequence[Group], done: set[int], together: int) -> list[WorkGroup]:
    """What is left of the groups when the rows numbered `done` are."""
    found = []
    for group in groups:
        waiting: list[list[Item]] = []
        for job in group.jobs:
            if job.item.number in done:
                continue
            last = waiting[-1] if waiting else []
            if last and last[0].kin == job.item.kin and len(last) < together:
                last.append(job.item)
            else:
                waiting.append([job.item])
        if waiting:
            training = group.training
            found.append(WorkGroup(training.model, training.cells, training.item, waiting))
    return found


class Queue:
    """Hands out work so that each process stays with one model as long as it can."""

    def __init__(self, groups: Sequence[WorkGroup]) -> None:
        self._groups = list(groups)

    def take(self, last_model: str | None) -> Work | None:
        """The next piece of work; None if there is none, or none yet."""
        trained = [group for group in self._groups if group.is_trained and group.waiting]
        for group in trained:
            if group.model == last_model:
                return Work(group, group.waiting.pop(0), trains=False)
        for group in self._groups:
            if not group.is_trained and not group.is_training:
                group.is_training = True
                return Work(group, [group.trainer], trains=True)
        if trained:
            group = max(trained, key=lambda group: len(group.waiting))
            return Work(group, group.waiting.pop(0), trains=False)
        return None

    def has_learnt(self, group: WorkGroup) -> None:
        group.is_trained = True

    def give_up(self, group: WorkGroup) -> list[Item]:
        """The rows that can't be carried out because their model can't be trained."""
        group.is_trained = True
        rows = [item for items in group.waiting for item in items]
        group.waiting.clear()
        return rows


def in_this_process(
    groups: Sequence[WorkGroup], place: Workplace, events: Events
) -> Iterator[Outcome]:
    """One after the other, here."""
    queue = Queue(groups)
    model = None
    while (work := queue.take(model)) is not None:
        model = work.group.model
        if not work.trains:
            facts = carry_out(place, work.items, None, events)
            yield from map(Outcome, work.items, facts)
            continue
        try:
            learn(place, work.items[0], work.group.cells, None, events)
            queue.has_learnt(work.group)
        except Exception as error:
            yield from _without_model(queue.give_up(work.group), error, place)


def in_processes(
    groups: Sequence[WorkGroup], place: Workplace, jobs: int, cores: int, models: int
) -> Iterator[Outcome]:
    """In `jobs` processes, which share the `cores`: none waits for another one's threads.

    The batch has so many `models`, done or not: by that, and not by how many are left, a training
    gets its threads, for its last bits depend on them.
    If one of them dies, what it had in hand is known, and tried again in another.
    """
    queue = Queue(groups)
    slots = [_Slot(place) for _ in range(jobs)]
    learn_threads = max(1, cores // min(jobs, models))
    row_threads = max(1, cores // jobs)
    running: dict[Future[Any], tuple[_Slot, Work]] = {}

    def start(slot: _Slot, work: Work) -> None:
        work.attempts += 1
        threads = learn_threads if work.trains else row_threads
        running[slot.submit(work, threads)] = (slot, work)

    try:
        while True:
            busy = {slot for slot, _ in running.values()}
            for slot in slots:
                if slot not in busy and (work := queue.take(slot.model)) is not None:
                    start(slot, work)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, work = running.pop(future)
                error = future.exception()
                if isinstance(error, ProcessDied):
                    slot.stop()
                    if work.attempts < ATTEMPTS:
                        start(slot, work)
                        continue
                    error = ToolkitError("its process died twice (is there enough memory?)")
                if not work.trains:
                    yield from _outcomes(work, error, future, place)
                elif error is None:
                    queue.has_learnt(work.group)
                else:
                    yield from _without_model(queue.give_up(work.group), error, place)
    finally:
        for slot in slots:
            slot.stop()


def _outcomes(
    work: Work, error: BaseException | None, future: Future[Any], place: Workplace
) -> Iterator[Outcome]:
    if error is None:
        yield from map(Outcome, work.items, future.result())
    else:
        yield from _without_model(work.items, error, place)


def _without_model(
    items: Sequence[Item], error: BaseException, place: Workplace
) -> Iterator[Outcome]:
    """The rows that an error has kept from being carried out."""
    for item in items:
        yield Outcome(item, failed(place, item, error))


class _Slot:
    """One process, started when there is work for it."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._worker: Worker | None = None
        self.model: str | None = None

    def submit(self, work: Work, threads: int) -> Future[Any]:
        self._worker = self._worker or Worker()
        self.model = work.group.model
        if work.trains:
            args = (self._place, work.items[0], work.group.cells, threads)
            return self._worker.submit(learn, *args)
        return self._worker.submit(carry_out, self._place, work.items, threads)

    def stop(self) -> None:
        """End the process at once: what it has in hand is lost."""
        if self._worker is not None:
            self._worker.stop()
        self._worker = self.model = None
