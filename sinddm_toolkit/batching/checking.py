"""The rows of a batch checked one after the other, as far as that goes without training."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.destinations import Destinations, resolved
from sinddm_toolkit.batching.fingerprints import Fingerprints
from sinddm_toolkit.batching.job import Item, Job
from sinddm_toolkit.batching.rows import Row, absolute, shown
from sinddm_toolkit.batching.state import State
from sinddm_toolkit.edits.estimate import pixel_steps
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.outputs import default_name, is_folder, picture_paths
from sinddm_toolkit.edits.preparing import Prepared, prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.phases import Cells
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import OutputFile
from sinddm_toolkit.settings.layers import Layer, LocatedError, Settings
from sinddm_toolkit.settings.picture_cache import PictureCache
from sinddm_toolkit.settings.request import run_options

MOST_ALIKE = 1000
"""So many kinds of rows are known at a time: enough for a grid that runs over seeds last."""

NOT_IN_BATCHES = ("retrain",)


class RefusedRows(UserError):
    """Rows that can't be carried out; nothing has been."""

    def __init__(self, refusals: Sequence[UserError], count: int) -> None:
        """Tell the `refusals` of so many rows."""
        self.refusals = refusals
        self.count = count
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """A head, and a line for each of the first twenty rows."""
        told = [f"  {refusal}" for refusal in self.refusals[:20]]
        more = len(self.refusals) - len(told)
        if more:
            told.append(f"  and {more} more")
        head = f"{len(self.refusals)} of {self.count} rows are refused, nothing was run:"
        return [head, *told]


@dataclass(frozen=True)
class _Alike:
    """What rows have in common that differ only in their seeds and in where they are written."""

    ready: Prepared
    """Without pictures."""
    default_name: str
    model: str
    quality: str
    cells: Cells
    pixel_steps: int
    """Of one sample."""
    learnt: str


class Checker:
    """Makes jobs of rows. What is the same in many of them is checked with the first."""

    def __init__(
        self, state: State, store: ModelStore, pictures: PictureCache, events: Events
    ) -> None:
        """Decode pictures into `pictures`; results go where `state` is."""
        self.destinations = Destinations(state)
        self._state = state
        self._store = store
        self._pictures = pictures
        self._events = events
        self._fingerprints = Fingerprints()
        self._alike: dict[str, _Alike] = {}

    def job(self, row: Row) -> Job:
        """Check a row. UserError, with its place, if it can't be carried out."""
        try:
            return self._job(row)
        except LocatedError:
            raise
        except UserError as error:
            where = row.origin.place(row.origin.keys) if row.origin.place else row.origin.what
            raise UserError(f"{where}: {error}") from None

    def _job(self, row: Row) -> Job:
        for name in NOT_IN_BATCHES:
            if name in row.layer.run:
                raise UserError(f"{name}: a batch trains each model once; use `models remove`")
        options = run_options(row.layer)
        fingerprint, same_but_seed = self._fingerprints.of(row.layer)
        alike = self._settled(row.layer, f"{same_but_seed} {options.device} {_names(row.layer)}")
        options.check()
        may_replace = options.overwrite
        self._complete(options, row, fingerprint, alike.default_name)
        ready = replace(alike.ready, options=options)
        outputs = picture_paths(options, Path(str(options.out)))
        item = Item(
            row.number,
            self._key(outputs[0]),
            {name: _values(own, _schema(name)) for name, own in row.layer.tasks.items()},
            {
                **_values(row.layer.run, RunOptions.schema()),
                "seed": options.seed,
                "out": str(options.out),
                "overwrite": options.overwrite,
            },
            tuple(str(path) for path in outputs),
            fingerprint,
            same_but_seed if _asks_for_one_file(ready.tasks, options) else fingerprint,
            may_replace,
        )
        self.destinations.take(ready, item)
        return Job(
            row,
            item,
            alike.model,
            alike.quality,
            alike.cells,
            options.samples,
            options.samples * alike.pixel_steps,
            alike.learnt,
        )

    def _complete(self, options: RunOptions, row: Row, fingerprint: str, name: str) -> None:
        """Settle what a row need not say: its seed, and its file, called `name` by default."""
        if options.seed is None:
            options.seed = int(fingerprint[:8], 16)
        asked = options.out
        if asked is None or is_folder(asked):
            folder = None if asked is None else resolved(asked)
            out = self.destinations.by_default(Path(name), row.varied, folder)
        else:
            out = resolved(asked)
        options.out = OutputFile(resolved(out))
        options.overwrite = True  # the state knows what must not be replaced

    def _key(self, output: Path) -> str:
        where = self._state.relative(output)
        return hashlib.sha256(os.fsencode(where)).hexdigest()[:24]

    def _settled(self, layer: Layer, key: str) -> _Alike:
        """What is common to the rows of this `key`, settled with the first of them."""
        if key in self._alike:
            return self._alike[key]
        tasks, options = self._pictures.make_tasks(layer)
        ready = prepare(tasks, options, self._store, self._events)
        found = _Alike(
            _without_pictures(ready),
            default_name(tasks[0]),
            ready.subject.config.key,
            ready.subject.config.quality,
            ready.cells(),
            pixel_steps(ready.plan),
            ready.subject.name,
        )
        if len(self._alike) == MOST_ALIKE:
            del self._alike[next(iter(self._alike))]
        self._alike[key] = found
        return found


def _without_pictures(ready: Prepared) -> Prepared:
    """What the check of a row's files needs; the pictures of many rows would fill the memory."""
    plan = copy(ready.plan)
    vars(plan)["start_image"] = None
    nothing: Any = None
    return replace(
        ready,
        tasks=[_with_names_only(task) for task in ready.tasks],
        subject=nothing,
        plan=plan,
        hooks=nothing,
        denoiser=None,
    )


def _with_names_only(task: Task) -> Task:
    """The task with nothing but the names of the files that it is to write."""
    names = [item.name for item in task.schema().values() if item.type is OutputFile]
    bare = copy(task)
    bare.__dict__ = {name: getattr(task, name) for name in names}
    return bare


def _schema(task: str) -> Mapping[str, Option]:
    return registry.current().task(task).schema()


def _names(layer: Layer) -> list[dict[str, Any]]:
    """The settings of the tasks with files by their names: equal files may have several."""
    return [shown(own, _schema(name)) for name, own in layer.tasks.items()]


def _values(settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
    return {name: absolute(setting.value, schema[name]) for name, setting in settings.items()}


def _asks_for_one_file(tasks: Sequence[Task], options: RunOptions) -> bool:
    asked = [
        getattr(task, item.name)
        for task in tasks
        for item in task.schema().values()
        if item.type is OutputFile
    ]
    return options.samples == 1 and not any(asked)
