"""Make a picture again from the record that it carries."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sinddm_toolkit.edits.edit import EditResult, learnt_and_sampled
from sinddm_toolkit.edits.estimate import told
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import ModelCache
from sinddm_toolkit.edits.outputs import planned_outputs
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.record import (
    Record,
    RecordedTask,
    damaged,
    load_record,
    options_of,
)
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.kind import RecordedFile
from sinddm_toolkit.options.option import Option, each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.files import content_of
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from
from sinddm_toolkit.settings import config
from sinddm_toolkit.settings.layers import PYTHON, Layer, Origin, Setting, Settings
from sinddm_toolkit.settings.request import make_tasks

LARGEST_FILE = 2**40
"""Bytes. Larger, or empty, are the files of an operating system that are none, and may never end:
/proc/kcore, /proc/kmsg."""

Inputs = Mapping[str, Path | Sequence[Path]]
"""Files that are elsewhere now, by the options that had them."""


class Finder(Protocol):
    """What stands for a file that an option had, if it `is_alone` the only one. UserError if it is
    not there."""

    def __call__(self, name: str, file: RecordedFile, /, *, is_alone: bool) -> Any: ...


def replay(
    path: Path,
    out: Path | None,
    *,
    inputs: Inputs | None = None,
    overwrite: bool = False,
    events: Events | None = None,
    cache: ModelCache | None = None,
) -> EditResult:
    """Make the picture in `path` again, into `out`; if that is None, into no file.

    The pictures it was made from are looked for where they were in relation to it, then under
    their names beside it and in the working folder; `inputs` names others by option, one or
    several. UserError if one is missing or has changed, or if the record is damaged.
    """
    events = events or Events()
    record = load_record(path)
    if record.hooks:
        raise UserError(_of_a_script(record, path))
    tasks, options = make_tasks(replayed(record, path, out, inputs or {}, overwrite=overwrite))
    _check_size(record, tasks[0].learnt(), path)
    for line in record.differences():
        events.message(line)
    store = default_store()
    ready = prepare(tasks, options, store, events, record.model)
    outputs = planned_outputs(ready, write=out is not None)
    events.expected(partial(told, ready, store))
    return learnt_and_sampled(ready, outputs, store, events, cache=cache)


def _of_a_script(record: Record, path: Path) -> str:
    """What is said of a picture that the code of a script has changed."""
    names = ", ".join(record.hooks)
    return (
        f"{path} was made with code of a script that no record holds, {names:.200}: run that "
        "script again"
    )


def replayed(
    record: Record, path: Path, out: Path | None, inputs: Inputs, *, overwrite: bool
) -> Layer:
    """The settings of the run that made the picture in `path`, but that it goes into `out`."""
    _check_names(record, path, inputs)

    def find(name: str, file: RecordedFile, *, is_alone: bool) -> Picture | Path:
        chosen = inputs.get(name, ())
        chosen = [chosen] if isinstance(chosen, Path) else chosen
        place, picture = _place_of(name, file, path, chosen, is_alone=is_alone)
        return picture or place

    layer = _layer(record, path, find)
    for name, value in (("out", out and str(out)), ("overwrite", overwrite)):
        layer.run[name] = Setting(value, PYTHON, name)
    return layer


def _check_names(record: Record, path: Path, inputs: Inputs) -> None:
    """UserError if `inputs` names an option that had no file."""
    known: dict[str, None] = {}

    def note(name: str, file: RecordedFile, *, is_alone: bool) -> str:
        known[name] = None
        return file.place or name

    _layer(record, path, note)
    for name in inputs:
        if name not in known:
            files = f"files for {', '.join(known)}" if known else "no file"
            raise UserError(f"there is no input {name:.60}: {path} was made from {files}")


def _check_size(record: Record, picture: Picture, path: Path) -> None:
    """UserError if the model in the record works at a larger size than its `picture` has."""
    (height, width), (h, w) = record.model.config.size, picture.size
    if height > h or width > w:
        wrong = f"config.size is {width}×{height}, and {picture.name} has only {w}×{h} pixels"
        raise damaged(path, ValueError(wrong))


def examined(record: Record, path: Path) -> tuple[Layer | None, list[str]]:
    """What the run that made the picture in `path` was asked, but for defaults, and what stands in
    the way of making it again, a line each.

    Files are named by where they are now, or else by where they were. None if a task is not here,
    or has other options.
    """
    wrong: list[str] = []

    def find(name: str, file: RecordedFile, *, is_alone: bool) -> str:
        try:
            place, here = _place_of(name, file, path, (), is_alone=is_alone)[0], Path.cwd()
            return str(place.relative_to(here) if place.is_relative_to(here) else place)
        except UserError as error:
            wrong.append(str(error))
            return file.place or name.upper()

    if record.hooks:
        wrong.append(_of_a_script(record, path))
    model = record.model
    if model.config.is_imported and not default_store().with_weights(
        model.weights_hash, model.config.picture
    ):
        wrong.append(f"the imported model {model.config.key} is not here: import it again")
    try:
        return _but_for_defaults(_layer(record, path, find)), wrong
    except ToolkitError as error:
        return None, [*wrong, str(error)]


def look_of_record(record: Record, path: Path) -> tuple[Layer, list[str]]:
    """What the record of the picture in `path` sets, but for defaults; files by their paths.

    Also the options left out of it, as their files are not there as they were. UserError if the
    record is damaged.
    """

    def find(name: str, file: RecordedFile, *, is_alone: bool) -> str:
        return str(_place_of(name, file, path, (), is_alone=is_alone)[0].resolve())

    lost: list[str] = []
    return _but_for_defaults(_layer(record, path, find, lost)), lost


def _but_for_defaults(layer: Layer) -> Layer:
    tasks = {
        name: _changed(settings, registry.current().task(name).schema())
        for name, settings in layer.tasks.items()
    }
    return Layer(tasks, _changed(layer.run, RunOptions.schema(), config.settings()))


def _changed(
    settings: Settings, schema: Mapping[str, Option], own: Collection[str] = ()
) -> Settings:
    """Those that are not the defaults, or for which a person has `own` ones."""
    return {
        name: setting
        for name, setting in settings.items()
        if name in own
        or schema[name].plain(setting.value) != schema[name].plain(schema[name].default)
    }


def _layer(record: Record, path: Path, find: Finder, lost: list[str] | None = None) -> Layer:
    """All that the record of the picture in `path` sets, its files as `find` gives them.

    Options whose files it does not find are left out and their names added to `lost`, if there is
    such a list. UserError.
    """
    origin = Origin(f"record of {path.name}", lambda keys: f"the record in {path}")
    tasks: dict[str, Settings] = {}
    for task in record.tasks:
        schema = _class_of(task, path).schema()
        try:
            options = options_of(task, schema)
        except ValueError as error:
            raise damaged(path, error) from None
        tasks[task.name] = {
            name: Setting(item.formerly, origin, name)
            for name, item in schema.items()
            if item.formerly is not None
        }
        for name, value in options.items():
            try:
                restored = _restored(name, value, find)
            except UserError:
                if lost is None:
                    raise
                lost.append(name.replace("_", "-"))
            else:
                tasks[task.name][name] = Setting.read(schema[name], restored, origin, name)
    schema = RunOptions.schema()
    run = {
        name: Setting.read(schema[name], value, origin, name)
        for name, value in record.options.items()
    }
    return Layer(tasks, run)


def _class_of(task: RecordedTask, path: Path) -> type[Task]:
    """UserError, saying whose it is, if the task is not installed."""
    try:
        return registry.current().task(task.name)
    except UserError:
        if task.maker is None:
            raise
        raise UserError(
            f"{path} was made by the task {task.name} of {task.maker}, which is not here: install "
            "it if you trust it, or name its folder by --plugins-dir"
        ) from None


def _restored(name: str, value: Any, find: Finder) -> Any:
    """An option's value from the record, with its files found."""
    is_alone = not isinstance(value, list)

    def restored(one: Any) -> Any:
        return find(name, one, is_alone=is_alone) if isinstance(one, RecordedFile) else one

    return each(value, restored)


def _place_of(
    name: str, file: RecordedFile, path: Path, chosen: Sequence[Path], *, is_alone: bool
) -> tuple[Path, Picture | None]:
    """The file that option `name` had, recognised by its content, and what picture it holds.

    If the option had one alone, and it is `chosen`, it is that or none; of several, some may be.
    """
    places = [] if chosen and is_alone else _places(file.place, path)
    for one in (*filter(_is_ordinary, chosen), *places):
        picture = picture_from(one) if file.is_picture else None
        if file.sha256 == (picture.content_hash() if picture else _content_of(one)):
            return one, picture
    if found := [*filter(_is_ordinary, chosen if is_alone else ()), *places]:
        raise UserError(f"{found[0]} has changed since {path.name} was made from it")
    place = repr(file.place) if file.place else "a picture that came from no file"
    raise UserError(f"{path.name} was made from {place:.200}: give it by --input {name}=FILE")


def _content_of(path: Path) -> str:
    try:
        return content_of(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _places(place: str | None, path: Path) -> list[Path]:
    """The files that a record in `path` may mean by `place`, best first."""
    if not place:
        return []
    name = Path(place).name
    places = [path.resolve().parent / place, path.parent / name, Path(name)]
    return [one for one in places if _is_ordinary(one)]


def _is_ordinary(path: Path) -> bool:
    # Not `Path.is_file`, which fails on names that are too long.
    return os.path.isfile(path) and 0 < path.stat().st_size <= LARGEST_FILE  # noqa: PTH113
