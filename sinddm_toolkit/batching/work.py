"""What a process does for a batch: train a model, carry out rows. Both can be asked for again."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.batching.state import State
from sinddm_toolkit.edits.edit import EditResult, sampled
from sinddm_toolkit.edits.events import Events, LoggingEvents
from sinddm_toolkit.edits.learning import learn as learn_model
from sinddm_toolkit.edits.learning import obtain_model
from sinddm_toolkit.edits.models import ModelCache
from sinddm_toolkit.edits.outputs import planned_outputs, variant_outputs
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.training import Cells
from sinddm_toolkit.errors import ToolkitError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.settings.request import make_tasks

THUMBNAIL = 256
"""Pixels of the longer side."""

_local = threading.local()


@dataclass(frozen=True)
class Workplace:
    """What a process needs to know of the batch."""

    results: Path
    store: ModelStore
    plugins: registry.Discovery

    def enter(self, threads: int | None) -> None:
        """Make this process one for the batch; `threads` is what it may use of the cores."""
        if registry.current().discovery != self.plugins:
            registry.use(registry.discover(self.plugins.folders, self.plugins.blocked))
        if threads is not None:
            import torch

            torch.set_num_threads(threads)

    @property
    def state(self) -> State:
        return State(self.results)


def _cache() -> ModelCache:
    """Of this thread: edits that go on at the same time must not share a model."""
    if not hasattr(_local, "cache"):
        _local.cache = ModelCache()
    cache: ModelCache = _local.cache
    return cache


def learn(
    place: Workplace,
    item: Item,
    cells: Cells,
    threads: int | None = None,
    events: Events | None = None,
) -> float:
    """Train the model that `item` needs, as far as `cells` are not known → seconds.

    A training that is cut off goes on exactly: results must not depend on where that was.
    """
    place.enter(threads)
    started = time.monotonic()
    events = events or LoggingEvents()
    tasks, options = make_tasks(item.layer())
    ready = prepare(tasks, options, place.store, events)
    obtain_model(ready, cells, place.store, events, cache=_cache(), keep_part=False)
    return time.monotonic() - started


def carry_out(
    place: Workplace,
    items: Sequence[Item],
    threads: int | None = None,
    events: Events | None = None,
) -> list[dict[str, Any]]:
    """Carry out rows that can be sampled together; the facts of each, as a report tells them.

    A row that is done already is left alone.
    """
    place.enter(threads)
    found = {item.number: place.state.done(item) for item in items}
    missing = [item for item in items if found[item.number] is None]
    if missing:
        try:
            found.update(_edited(place, missing, events))
        except Exception as error:
            if len(missing) == 1:
                found[missing[0].number] = failed(place, missing[0], error)
            else:  # each by itself: one of them may be all that is wrong
                for item in missing:
                    found[item.number] = carry_out(place, [item], threads, events)[0]
    return [dict(found[item.number] or {}) for item in items]


def _edited(
    place: Workplace, items: Sequence[Item], events: Events | None
) -> dict[int, dict[str, Any]]:
    started = time.monotonic()
    tasks, options = make_tasks(items[0].layer())
    events = events or LoggingEvents()
    ready = prepare(tasks, options, place.store, events)
    variants = []
    if len(items) > 1:
        variants = [(int(item.run["seed"]), Path(item.outputs[0])) for item in items]
    outputs = variant_outputs(ready, variants) if variants else planned_outputs(ready)
    model = learn_model(ready, place.store, events, _cache())
    files: dict[Path, bytes] = {}  # a row's are written together, when their hashes are noted
    result = sampled(ready, outputs, model, events, write=files.update)
    # All files are the one row's, or one is each row's.
    parts = [{path: files[path] for path in map(Path, item.outputs)} for item in items]
    hashes = [
        place.state.write_files(item, part if variants else files)
        for item, part in zip(items, parts, strict=True)
    ]
    before = _thumbnail(tasks[0].main_picture())
    seconds = (time.monotonic() - started) / len(items)
    facts = {}
    for index, item in enumerate(items):
        paths = [result.outputs[index]] if variants else result.outputs
        picture = result.pictures[index]
        facts[item.number] = {
            **_facts(result, seconds, len(items)),
            "seed": item.run["seed"],
            "outputs": [str(path) for path in paths],
            "before": before,
            "after": _thumbnail(picture),
        }
        place.state.finish(item, hashes[index], facts[item.number])
    return facts


def _facts(result: EditResult, seconds: float, count: int) -> dict[str, Any]:
    return {
        "status": "done",
        "model": result.model_key,
        "denoiser": result.denoiser,
        "seconds": round(seconds, 3),
        "sampling_seconds": round(result.seconds["sampling"] / count, 3),
        "device": result.device,
        "notes": result.notes,
    }


def failed(place: Workplace, item: Item, error: BaseException) -> dict[str, Any]:
    """Note that `error` has ended a row; its facts, as a report tells them."""
    facts = {
        "status": "failed",
        "error": in_words(error),
        "seed": item.run["seed"],
        "outputs": [],
    }
    place.state.fail(item, facts)
    return facts


def in_words(error: BaseException) -> str:
    """An error on one line, with its type unless it is one of ours."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ToolkitError) else f"{type(error).__name__}: {text}"


def _thumbnail(picture: Picture) -> str:
    """A small JPEG in base64."""
    from PIL import Image

    height, width = picture.size
    scale = THUMBNAIL / max(height, width)
    small = picture
    if scale < 1:
        small = picture.resized((max(1, round(height * scale)), max(1, round(width * scale))))
    rgb = ((small.rgb() + 1) * 127.5).round().clip(0, 255).astype("uint8")
    alpha = small.alpha()
    if alpha is not None:  # on white, as a page shows it
        rgb = (rgb * alpha[..., None] + 255 * (1 - alpha[..., None])).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
