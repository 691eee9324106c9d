"""What a batch has to do: its rows checked, with what each needs of which model."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.batching.pictures import PictureCache
from sinddm_toolkit.batching.report import report_files
from sinddm_toolkit.batching.rows import Row, absolute, shown
from sinddm_toolkit.batching.state import State, not_ours
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.outputs import check_extras, check_paths, default_name, default_paths
from sinddm_toolkit.edits.preparing import Prepared, prepare
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.quality import RECIPES
from sinddm_toolkit.engine.training import Cells, Phase, missing_updates
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import OutputFile
from sinddm_toolkit.pictures.files import content_of
from sinddm_toolkit.settings.layers import Layer, LocatedError, Settings
from sinddm_toolkit.settings.request import make_tasks, run_options

MOST_ALIKE = 1000
"""So many kinds of rows are known at a time: enough for a grid that runs over seeds last."""

NOT_IN_BATCHES = ("retrain",)
NOT_OF_THE_RESULT = ("out", "overwrite", "device")
"""Options of a run that change nothing of what a row gives."""


@dataclass
class Job:
    """A row that has been checked."""

    row: Row
    item: Item
    model: str
    """The key of the model that it needs."""
    recipe: str
    """How that is trained."""
    cells: Cells
    """What the model must know for it."""
    pixel_steps: int
    """Pixels that go through the network."""
    learnt: str
    """The name of the picture that is learnt."""
    before: Path | None
    """The picture to show beside the result."""
    extras: tuple[str, ...] = ()


@dataclass
class Training:
    """A model to be trained before its rows."""

    model: str
    item: Item
    """Any row that needs it."""
    cells: Cells
    """What all rows of the batch together need."""
    updates: int
    """As far as the store does not know them."""
    learnt: str


@dataclass
class Group:
    """Rows that share a model."""

    training: Training
    jobs: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class _Alike:
    """What rows have in common that differ only in their seeds and in where they are written."""

    ready: Prepared
    """Without pictures."""
    default_name: str
    model: str
    recipe: str
    cells: Cells
    pixel_steps: int
    """Of one sample."""
    learnt: str
    before: Path | None


class Checker:
    """Checks one row after the other, as far as that goes without training."""

    def __init__(self, results: Path, store: ModelStore, state: State, events: Events) -> None:
        self._results = results
        self._store = store
        self._state = state
        self._events = events
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._pictures = PictureCache()
        self._alike: dict[str, _Alike] = {}
        self._names: dict[str, int] = {}
        """How often each name was given by default."""
        self._taken = dict.fromkeys(report_files(results), "the report")
        self._folders: list[Path] = []
        """Those made for results, outermost first."""

    def job(self, row: Row) -> Job:
        """UserError, with the place of the row, if it can't be carried out."""
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
        fingerprint, kin = self._fingerprints(row.layer)
        schemas = {name: registry.current().task(name).schema() for name in row.layer.tasks}
        names = [shown(row.layer.tasks[name], schema) for name, schema in schemas.items()]
        alike = self._prepared(row.layer, f"{kin} {options.device} {names}")
        options.check()
        if options.seed is None:
            options.seed = int(fingerprint[:8], 16)
        out = options.out or self._default_out(row, alike.default_name)
        options.out = OutputFile(_resolved(out))
        ready = replace(alike.ready, options=options)
        outputs = default_paths(ready)
        where = self._state.relative(outputs[0])
        item = Item(
            row.number,
            hashlib.sha256(os.fsencode(where)).hexdigest()[:24],
            {name: _values(row.layer.tasks[name], schema) for name, schema in schemas.items()},
            {
                **_values(row.layer.run, RunOptions.schema()),
                "seed": options.seed,
                "out": str(options.out),
                "overwrite": True,  # the state knows what must not be replaced
            },
            tuple(str(path) for path in outputs),
            fingerprint,
            kin if _asks_for_one_file(ready.tasks, options) else fingerprint,
            options.overwrite,
        )
        extras = self._check_writing(ready, outputs, item)
        return Job(
            row,
            item,
            alike.model,
            alike.recipe,
            alike.cells,
            options.samples * alike.pixel_steps,
            alike.learnt,
            alike.before,
            tuple(str(path) for path in extras),
        )

    def _prepared(self, layer: Layer, kin: str) -> _Alike:
        """What is common to the rows of one `kin`, settled with the first of them."""
        if kin in self._alike:
            return self._alike[kin]
        tasks, options = make_tasks(self._pictures.put_into(layer))
        self._pictures.keep(layer, tasks)
        ready = prepare(tasks, options, self._store, self._events)
        lead = tasks[0]
        found = _Alike(
            _without_pictures(ready),
            default_name(lead),
            ready.subject.config.key,
            ready.subject.config.recipe,
            ready.cells(),
            sum(s.steps * s.size[0] * s.size[1] for s in ready.plan.stages),
            ready.subject.picture.name,
            lead.main_picture().path,
        )
        if len(self._alike) == MOST_ALIKE:
            del self._alike[next(iter(self._alike))]
        self._alike[kin] = found
        return found

    def _default_out(self, row: Row, default: str) -> Path:
        """In the folder of results, with what a grid has given in the name; a number if taken."""
        name = Path(default)
        varied = [text for key, text in row.varied.items() if text not in name.stem]
        stem = "-".join([name.stem, *(re.sub(r"[^\w.%+-]+", "_", text)[:40] for text in varied)])
        while True:
            count = self._names[stem] = self._names.get(stem, 0) + 1
            path = self._results / f"{stem}{f'-{count}' if count > 1 else ''}{name.suffix}"
            if _resolved(path) not in self._taken:
                return path

    def _check_writing(
        self, ready: Prepared, outputs: Sequence[Path], item: Item
    ) -> Sequence[Path]:
        """The further files that the row writes. UserError if something can't or must not be."""
        ready.options.overwrite = True
        for path in outputs:
            self._make_folder(path.parent)
        check_paths(ready, outputs)
        extras = list(check_extras(ready, outputs).values())
        will_write = not item.may_replace and self._state.done(item) is None
        for path in (*outputs, *extras):
            file = _resolved(path)
            if file in self._taken:
                raise UserError(f"{path} is written by {self._taken[file]} too")
            self._taken[file] = f"row {item.number}"
            if will_write and path.exists() and not self._state.owns(item, path):
                raise not_ours(path)
        return extras

    def _make_folder(self, folder: Path) -> None:
        try:
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
        except OSError as error:
            raise UserError(f"cannot make the folder {folder!s:.200}: {error.strerror}") from None
        for one in reversed(missing):
            _make(one)
            self._folders.append(one)

    def leave_no_trace(self) -> None:
        """Remove the folders that were made, if they are empty still."""
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def make_folders(self) -> None:
        """Make those again that the check has made and removed. UserError if that fails."""
        for folder in self._folders:
            _make(folder)

    def _fingerprints(self, layer: Layer) -> tuple[str, str]:
        """Of all settings with the content of their files, and the same without the seed."""
        run = {k: s for k, s in layer.run.items() if k not in NOT_OF_THE_RESULT}
        kin = {k: s for k, s in run.items() if k != "seed"}
        tasks = {
            name: self._contents(settings, registry.current().task(name).schema())
            for name, settings in layer.tasks.items()
        }
        parts = (self._contents(part, RunOptions.schema()) for part in (run, kin))
        texts = [json.dumps([tasks, part], sort_keys=True) for part in parts]
        first, second = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
        return first, second

    def _contents(self, settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
        return {
            name: schema[name].fingerprint(setting.value, self._content)
            for name, setting in settings.items()
        }

    def _content(self, path: str) -> str:
        """The SHA-256 of a file; if there is none, its path, as reading it will tell."""
        try:
            if not Path(path).is_file():
                return path
            facts = Path(path).stat()
            key = (path, facts.st_mtime_ns, facts.st_size)
            if key not in self._hashes:
                self._hashes[key] = content_of(Path(path))
            return self._hashes[key]
        except (OSError, ValueError):
            return path


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None


def _resolved(path: str | Path) -> Path:
    """The file itself, whatever links lead to it. UserError if that can't be."""
    try:
        return Path(os.path.realpath(path))  # unlike Path.resolve it takes links in a circle
    except ValueError:
        raise UserError(f"{str(path)!r} is no name for a file") from None


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


def grouped(jobs: Sequence[Job], store: ModelStore) -> list[Group]:
    """The rows by the model they need, in the order of their first one.

    What a model has to know is told by all rows, also those that are done: however often a batch is
    cut off, it trains the same.
    """
    groups: dict[str, Group] = {}
    for job in jobs:
        if job.model not in groups:
            training = Training(job.model, job.item, {}, 0, job.learnt)
            groups[job.model] = Group(training)
        group = groups[job.model]
        group.jobs.append(job)
        for scale, t_end in job.cells.items():
            group.training.cells[scale] = max(t_end, group.training.cells.get(scale, 0))
    for group in groups.values():
        group.training.updates = _missing(group, store)
    return list(groups.values())


def _missing(group: Group, store: ModelStore) -> int:
    """The updates that the model of a group still needs."""
    training, recipe = group.training, RECIPES.get(group.jobs[0].recipe)
    if recipe is None:  # an imported model
        return 0
    history = []
    if store.path(training.model).exists():
        found = store.describe(training.model)["history"]
        history = [Phase.from_json(phase) for phase in found]
    return sum(missing_updates(training.cells, history, recipe.steps_per_scale).values())
