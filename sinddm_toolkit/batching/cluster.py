"""Hands the work of a batch to Dask: a cluster whose workers share the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.batching.execute import Outcome, WorkGroup
from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.batching.work import Workplace, carry_out, failed, learn
from sinddm_toolkit.errors import ToolkitError, UserError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10


def on_cluster(groups: Sequence[WorkGroup], place: Workplace, address: str) -> Iterator[Outcome]:
    """As the engine schedules it: it also repeats what a lost worker had in hand.

    A row that such a worker had finished is known from its state, and not done again. UserError if
    no scheduler answers at `address`.
    """
    from distributed import as_completed

    with _client(address) as client:
        rows: dict[Any, list[Item]] = {}
        for group in groups:
            trained = client.submit(
                learn, place, group.trainer, group.cells, pure=False, priority=1
            )
            for items in group.waiting:
                row = client.submit(_after, trained, place, items, pure=False)
                rows[row] = items
            group.waiting = []
        for future in as_completed(list(rows)):
            error = future.exception()
            items = rows[future]
            if error is None:
                yield from map(Outcome, items, future.result())
            else:
                yield from (Outcome(item, failed(place, item, _told(error))) for item in items)
            future.release()


def _after(trained: float, place: Workplace, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Rows whose model has been `trained`."""
    return carry_out(place, items)


def _told(error: BaseException) -> BaseException:
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
