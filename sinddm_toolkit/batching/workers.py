"""The work of a batch carried out on this machine: in this process, or in several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from sinddm_toolkit.batching.job import Item, RowResult
from sinddm_toolkit.batching.process import Process, ProcessDied
from sinddm_toolkit.batching.queue import Queue, Work
from sinddm_toolkit.batching.work import Workplace, carry_out, failed, learn
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.errors import ToolkitError
from sinddm_toolkit.settings.picture_cache import PictureCache

ATTEMPTS = 2
"""How often a row is tried whose process died."""


def in_this_process(
    queue: Queue, place: Workplace, events: Events, pictures: PictureCache
) -> Iterator[RowResult]:
    """Do one piece of work after the other, here; what is among `pictures` is not decoded again."""
    model = None
    while (work := queue.take(model)) is not None:
        model = work.group.model
        if not work.trains:
            yield from carry_out(place, work.items, None, events, pictures)
            continue
        try:
            learn(place, work.items[0], work.group.cells, None, events, pictures)
            queue.has_learnt(work.group)
        except Exception as error:
            yield from _failed(queue.give_up(work.group), error, place)


def in_processes(queue: Queue, place: Workplace, jobs: int, cores: int) -> Iterator[RowResult]:
    """Do the work in `jobs` processes, which share the `cores`: none waits for another's threads.

    A training gets its threads by how many models the whole batch has, and not by how many are
    left, for its last bits depend on them. If a process dies, what it had in hand is tried again in
    another.
    """
    slots = [_Slot(place) for _ in range(jobs)]
    learn_threads = max(1, cores // min(jobs, queue.models))
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
                if error is not None:
                    lost = queue.give_up(work.group) if work.trains else work.items
                    yield from _failed(lost, error, place)
                elif work.trains:
                    queue.has_learnt(work.group)
                else:
                    yield from future.result()
    finally:
        for slot in slots:
            slot.stop()


def _failed(items: Sequence[Item], error: BaseException, place: Workplace) -> Iterator[RowResult]:
    """The results of rows that an error has kept from being carried out."""
    for item in items:
        yield failed(place, item, error)


class _Slot:
    """A place for one process, which is started when there is work for it."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._process: Process | None = None
        self.model: str | None = None
        """The model that the process used last."""

    def submit(self, work: Work, threads: int) -> Future[Any]:
        self._process = self._process or Process()
        self.model = work.group.model
        if work.trains:
            args = (self._place, work.items[0], work.group.cells, threads)
            return self._process.submit(learn, *args)
        return self._process.submit(carry_out, self._place, work.items, threads)

    def stop(self) -> None:
        """End the process at once: what it has in hand is lost."""
        if self._process is not None:
            self._process.stop()
        self._process = self.model = None
