"""What the worker does with an edit: check it, carry it out, tell how it goes.

This is the one module of the studio that imports torch: only the worker's process imports it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sinddm_toolkit.edits.edit import EditResult, learnt_and_sampled
from sinddm_toolkit.edits.models import ModelCache
from sinddm_toolkit.edits.outputs import planned_outputs
from sinddm_toolkit.edits.preparing import Prepared, prepare
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option, each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.values import RESULT, OutputFile
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.settings.layers import Layer, Settings
from sinddm_toolkit.settings.request import make_tasks
from sinddm_toolkit.studio.progress import Tell, ToldEvents
from sinddm_toolkit.studio.requests import Order, layer_of
from sinddm_toolkit.studio.uploads import Pictures


class Bench:
    """Carries out one edit after the other, and keeps what the next one may use again."""

    def __init__(self) -> None:
        self._cache = ModelCache()
        self._ready: dict[str, tuple[Prepared, ToldEvents]] = {}

    def check(self, order: Order) -> None:
        """UserError if `order` can't be carried out as it is asked for; nothing is written.

        What this has read and planned is used when the edit is carried out, if no other was checked
        in between.
        """
        self._ready = {order.id: _prepared(order)}

    def carry_out(self, order: Order, tell: Tell) -> dict[str, Any]:
        """Make and write the pictures of `order` → what is told of them; `tell` how it goes."""
        checked = self._ready
        ready, events = checked.pop(order.id) if order.id in checked else _prepared(order)
        events.tell_to(tell)
        ready.compute.prepare()  # some of it is of the thread, and another one may have checked
        _emptied(order.files)
        outputs = planned_outputs(ready)
        result = learnt_and_sampled(
            ready, outputs, default_store(), events, cache=self._cache, keep=False
        )
        return _facts(result, len(outputs.pictures))


def _prepared(order: Order) -> tuple[Prepared, ToldEvents]:
    """An edit that is settled, and what it will tell by."""
    _emptied(order.files)
    events = ToldEvents()
    tasks, options = make_tasks(_layer(order))
    ready = prepare(tasks, options, default_store(), events)
    planned_outputs(ready)
    return ready, events


def _emptied(folder: Path) -> None:
    """Make `folder`, without what an edit that was cut off may have left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


def _layer(order: Order) -> Layer:
    """The settings of an edit with its pictures read, as if they lay beside the result.

    There is no file of that name: but a record says where pictures are from where the result is,
    and whoever takes the result home has them beside it.
    """
    kept = Pictures(order.pictures)
    read: dict[str, Picture] = {}

    def stands(given: str) -> Picture:
        if given not in read:
            name = order.names[given]
            read[given] = replace(kept.read(given), name=name, path=order.files / name)
        return read[given]

    layer = layer_of(order.edit, stands)
    for name, settings in layer.tasks.items():
        _place(settings, registry.current().task(name).schema(), order.files)
    _place(layer.run, RunOptions.schema(), order.files)
    return layer


def _place(settings: Settings, schema: Mapping[str, Option], folder: Path) -> None:
    """Let files to write go into `folder`."""

    def placed(value: str) -> OutputFile:
        return OutputFile(value if value.startswith(RESULT) else str(folder / value))

    for name, setting in settings.items():
        if schema[name].type is OutputFile:
            settings[name] = replace(setting, value=each(setting.value, placed))


def _facts(result: EditResult, count: int) -> dict[str, Any]:
    names = [path.name for path in result.outputs]
    seeds = [record["seed"] for record in result.records]
    return {
        "results": [
            {"name": name, "seed": seed} for name, seed in zip(names[:count], seeds, strict=True)
        ],
        "extras": names[count:],
        "sheet": None if result.sheet is None else result.sheet.name,
        "notes": result.notes,
        "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
        "model": result.model_key,
        "training_steps": result.training_steps,
        "device": result.device,
    }
