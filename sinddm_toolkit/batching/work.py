"""What a process does for a batch: train a model, carry out rows.

What has been finished is known, and not done again if it is asked for twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.job import Item, RowResult
from sinddm_toolkit.batching.state import State
from sinddm_toolkit.edits.edit import EditResult, learnt_and_sampled
from sinddm_toolkit.edits.events import Events, LoggingEvents, Several
from sinddm_toolkit.edits.learning import obtain_model
from sinddm_toolkit.edits.models import ModelCache
from sinddm_toolkit.edits.outputs import planned_outputs, variant_outputs
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.phases import Cells
from sinddm_toolkit.errors import ToolkitError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.thumbnails import thumbnail
from sinddm_toolkit.settings.picture_cache import PictureCache

_local = threading.local()


@dataclass(frozen=True)
class Workplace:
    """What a process has to know of the batch."""

    results: Path
    store: ModelStore
    plugins: registry.Discovery

    def enter(self, threads: int | None) -> None:
        """Make this process load the batch's plugins and use so many `threads` of torch's."""
        if registry.current().discovery != self.plugins:
            registry.use(registry.discover(self.plugins.folders, self.plugins.blocked))
        if threads is not None:
            import torch

            torch.set_num_threads(threads)

    @property
    def state(self) -> State:
        return State(self.results)


def _cache() -> ModelCache:
    """This thread's cache: edits that go on at the same time must not share a model."""
    if not hasattr(_local, "cache"):
        _local.cache = ModelCache()
    cache: ModelCache = _local.cache
    return cache


class _ToldBefore(Several):
    """Passes on no message: what there is to say of a row was said when it was checked."""

    def message(self, text: str) -> None:
        pass


def learn(
    place: Workplace,
    item: Item,
    cells: Cells,
    threads: int | None = None,
    events: Events | None = None,
    pictures: PictureCache | None = None,
) -> None:
    """Train the model that `item` needs, as far as it does not know `cells`.

    Pictures among `pictures` are not decoded again.
    A training that was cut off goes on exactly: results must not depend on where that was.
    """
    place.enter(threads)
    events = events or LoggingEvents()
    tasks, options = (pictures or PictureCache()).make_tasks(item.layer())
    ready = prepare(tasks, options, place.store, _ToldBefore(events))
    obtain_model(ready, cells, place.store, events, cache=_cache(), keep_part=False)


def carry_out(
    place: Workplace,
    items: Sequence[Item],
    threads: int | None = None,
    events: Events | None = None,
    pictures: PictureCache | None = None,
) -> list[RowResult]:
    """Carry out rows that can be sampled together, but for those that are done already.

    Pictures among `pictures` are not decoded again.
    """
    place.enter(threads)
    done = {item.number: place.state.done(item) for item in items}
    found = {number: RowResult.of(number, facts) for number, facts in done.items() if facts}
    missing = [item for item in items if item.number not in found]
    if missing:
        try:
            found.update(_edited(place, missing, events, pictures))
        except Exception as error:
            if len(missing) == 1:
                found[missing[0].number] = failed(place, missing[0], error)
            else:  # each by itself: one of them may be all that is wrong
                for item in missing:
                    found[item.number] = carry_out(place, [item], threads, events, pictures)[0]
    return [found[item.number] for item in items]


def _edited(
    place: Workplace,
    items: Sequence[Item],
    events: Events | None,
    pictures: PictureCache | None,
) -> dict[int, RowResult]:
    """Sample rows together, write their files and note that they are done → results by number."""
    started = time.monotonic()
    tasks, options = (pictures or PictureCache()).make_tasks(items[0].layer())
    events = events or LoggingEvents()
    ready = prepare(tasks, options, place.store, _ToldBefore(events))
    variants = []
    if len(items) > 1:
        variants = [(int(item.run["seed"]), Path(item.outputs[0])) for item in items]
    outputs = variant_outputs(ready, variants) if variants else planned_outputs(ready)
    files: dict[Path, bytes] = {}  # a row's are written together, when their hashes are noted
    result = learnt_and_sampled(
        ready, outputs, place.store, events, cache=_cache(), write=files.update
    )
    # All files are the one row's, or one is each row's.
    parts = [{path: files[path] for path in map(Path, item.outputs)} for item in items]
    hashes = [
        place.state.write_files(item, part if variants else files)
        for item, part in zip(items, parts, strict=True)
    ]
    before = thumbnail(tasks[0].main_picture())
    seconds = (time.monotonic() - started) / len(items)
    found = {}
    for index, item in enumerate(items):
        paths = [result.outputs[index]] if variants else result.outputs
        records = [result.records[index]] if variants else result.records
        facts = {
            **_facts(result, seconds, len(items)),
            **_told(records),
            "seed": item.run["seed"],
            "outputs": [str(path) for path in paths],
            **({"sheet": str(result.sheet)} if result.sheet else {}),
            "before": before,
            "after": thumbnail(result.pictures[index]),
        }
        place.state.finish(item, hashes[index], facts)
        found[item.number] = RowResult.of(item.number, facts)
    return found


def _facts(result: EditResult, seconds: float, count: int) -> dict[str, Any]:
    """What is the same of `count` rows that were sampled together, each in `seconds`."""
    return {
        "status": "done",
        "model": result.model_key,
        "denoiser": result.denoiser,
        "seconds": round(seconds, 3),
        "sampling_seconds": round(result.seconds["sampling"] / count, 3),
        "device": result.device,
        "notes": result.notes,
    }


def _told(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What plugins tell of the pictures of a row: a mapping each, if there is anything."""
    metadata = [record.get("metadata", {}) for record in records]
    return {"metadata": metadata} if any(metadata) else {}


def failed(place: Workplace, item: Item, error: BaseException) -> RowResult:
    """Note that `error` has ended a row → its result."""
    facts: dict[str, Any] = {
        "status": "failed",
        "error": in_words(error),
        "seed": item.run["seed"],
        "outputs": [],
    }
    place.state.fail(item, facts)
    return RowResult.of(item.number, facts)


def in_words(error: BaseException) -> str:
    """Tell an error on one line, with its type unless it is one of ours."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ToolkitError) else f"{type(error).__name__}: {text}"
