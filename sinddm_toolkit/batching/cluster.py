"""The work of a batch handed to Dask: a cluster whose workers share the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.batching.job import Item, RowResult
from sinddm_toolkit.batching.queue import Queue
from sinddm_toolkit.batching.work import Workplace, carry_out, failed, learn
from sinddm_toolkit.errors import ToolkitError, UserError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10


def on_cluster(queue: Queue, place: Workplace, address: str) -> Iterator[RowResult]:
    """Leave the order to Dask, which also repeats what a lost worker had in hand.

    A row that such a worker had finished is known from its state, and not done again. UserError if
    no scheduler answers at `address`.
    """
    from distributed import as_completed

    with _client(address) as client:
        rows = _submitted(client, queue, place)
        for future in as_completed(list(rows)):
            error = future.exception()
            if error is None:
                yield from future.result()
            else:
                yield from (failed(place, item, _told(error)) for item in rows[future])
            future.release()


def _submitted(client: Client, queue: Queue, place: Workplace) -> dict[Any, list[Item]]:
    """Hand over all there is to do → the rows of each future; trainings go first."""
    rows: dict[Any, list[Item]] = {}
    trained: dict[str, Any] = {}
    model = None
    while (work := queue.take(model)) is not None:
        model = work.group.model
        if work.trains:
            args = (place, work.items[0], work.group.cells)
            trained[model] = client.submit(learn, *args, pure=False, priority=1)
            queue.has_learnt(work.group)  # or rather, Dask sees to it that the rows wait
        else:
            row = client.submit(_after, trained[model], place, work.items, pure=False)
            rows[row] = work.items
    return rows


def _after(trained: float, place: Workplace, items: Sequence[Item]) -> list[RowResult]:
    """Carry out rows once their model has been `trained`."""
    return carry_out(place, items)


def _told(error: BaseException) -> BaseException:
    """The error as a person understands it."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return ToolkitError("the workers that had it in hand died (is there enough memory?)")
    return error


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--executor needs Dask: pip install 'sinddm-toolkit[dask]'") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise UserError(f"--executor {address}: no Dask scheduler answers: {error}") from None
    with client:
        yield client
