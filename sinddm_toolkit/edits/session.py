"""Edits as a script asks for them, one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from sinddm_toolkit.edits.edit import EditResult, edit
from sinddm_toolkit.edits.models import ModelCache
from sinddm_toolkit.edits.progress import ProgressLike, watched
from sinddm_toolkit.edits.python_words import python_words
from sinddm_toolkit.edits.replay import replay as replay_picture
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.script_hooks import script_hooks
from sinddm_toolkit.options.option import each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import unknown_option
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.settings.layers import PYTHON, Layer, Setting
from sinddm_toolkit.settings.picture_cache import PictureCache
from sinddm_toolkit.settings.request import Part, one_run

TaskLike = str | type[Task] | Task
"""A task by its name, by its class, or with its options."""

Also = Mapping[str | type[Task], Mapping[str, Any]] | Iterable[TaskLike]
"""Tasks that join another one: with their options, or a list of those that need none."""

PRESET = "preset"

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Session:
    """Keeps what edits one after the other have in common: the model used last, where it computes,
    and the pictures that were read from files, as long as those stay as they are::

        with Session(device="cuda", quality="standard") as session:
            session.run(task, **options)

    Its options are those of every run in it, unless a call or its preset says otherwise. It may be
    used from several threads, whose edits then wait for each other.
    """

    @python_words()
    def __init__(self, *, progress: ProgressLike = None, **options: Any) -> None:
        """`options` are those that every run has, such as `device` and `quality`. UserError."""
        schema = RunOptions.schema()
        for name in options:
            if name not in schema:
                raise unknown_option(name, [*schema, "progress"])
        self._defaults = Layer(
            {},
            {
                name: Setting.read(schema[name], value, PYTHON, schema[name].flag)
                for name, value in _settled(options).items()
                if value is not None
            },
        )
        self._progress = progress
        self._cache = ModelCache()
        self._pictures = PictureCache()
        self._lock = threading.RLock()

    @python_words()
    def run(
        self,
        task: TaskLike | None = None,
        *,
        preset: str | Sequence[str] = (),
        also: Also | None = None,
        hooks: Sequence[object] = (),
        progress: ProgressLike = None,
        **options: Any,
    ) -> EditResult:
        """Carry out `task` as the function `run` does, with what the session keeps."""
        given = [_Given.of(task, {**options, PRESET: preset})]
        given += [_Given.of(one, values) for one, values in _further(also)]
        objects = {one.made.name: one.made for one in given if one.made is not None}
        layer = one_run([one.part for one in given], PYTHON, self._defaults)
        script = script_hooks(hooks)
        with self._lock, watched(self._progress if progress is None else progress) as events:
            made, common = self._pictures.make_tasks(layer)
            tasks = [objects.get(one.name, one) for one in made]
            return edit(
                tasks,
                common,
                write=common.out is not None,
                events=events,
                cache=self._cache,
                script=script,
            )

    @python_words()
    def replay(
        self,
        path: str | os.PathLike[str],
        out: str | os.PathLike[str] | None = None,
        *,
        inputs: Mapping[str, Paths] | None = None,
        overwrite: bool = False,
        progress: ProgressLike = None,
    ) -> EditResult:
        """Make the picture in `path` again by the record that it carries: see `sinddm-tk replay`.

        It is written only if `out` is given. `inputs` says where pictures are now that are neither
        where they were nor beside it, by the options that had them: `{"bg": "elsewhere.png"}`.
        UserError if there is no record, if it is damaged, if a picture is missing or has changed,
        or if `inputs` names an option that had none.
        """
        moved = {name: _paths(places) for name, places in (inputs or {}).items()}
        with self._lock, watched(self._progress if progress is None else progress) as events:
            return replay_picture(
                Path(path),
                None if out is None else Path(out),
                inputs=moved,
                overwrite=overwrite,
                events=events,
                cache=self._cache,
            )

    def close(self) -> None:
        """Let go of what is kept. A run after it keeps anew."""
        with self._lock:
            self._cache.forget()
            self._pictures = PictureCache()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def run(
    task: TaskLike | None = None,
    *,
    preset: str | Sequence[str] = (),
    also: Also | None = None,
    hooks: Sequence[object] = (),
    progress: ProgressLike = None,
    **options: Any,
) -> EditResult:
    """Carry out `task`; the options are those of the command line, with `_` for `-`.

    `task` is a name, a class derived from `Task`, or an object of one, which then has its own
    options. `preset` is a preset's name or path, or several, the later before the earlier ones;
    if it names the task, `task` can be left out. `also` names further tasks that act in the
    same run, with their options and a `preset`; the picture that is learnt is the first task's.

    `hooks` are functions named as the hooks of an edit are, or objects with such methods: they
    are called after those of the tasks. `progress` is None for bars where a person looks (a
    terminal, a notebook), True for lines elsewhere too, False for nothing, or a function that
    is told a `Progress`; what it raises ends the edit, and what was learnt is kept.

    Pictures may be paths, PIL images or arrays ((h, w) or (h, w, c); uint8, uint16, or float in
    [0, 1]). `model` may be one of `models()`, or whatever else has a `key`. The picture is
    written only if `out` is given, a further file also if its name does not begin with `{out}`;
    `EditResult.extras` holds what goes into further files in any case. Raises
    `errors.UserError` where the command line would exit with 2 and `errors.PluginError` if a
    plugin or a hook fails.
    """
    session = Session(progress=progress)
    return session.run(task, preset=preset, also=also, hooks=hooks, **options)


class _Given:
    """A task as a script gives it."""

    def __init__(self, part: Part, made: Task | None = None) -> None:
        self.part = part
        self.made = made
        """The object itself, if it is one."""

    @classmethod
    def of(cls, task: TaskLike | None, options: Mapping[str, Any]) -> _Given:
        """With `preset` among the `options`. UserError for what is no task, and for options that an
        object has already."""
        values = _settled(options)
        preset = values.pop(PRESET, ())
        presets = [preset] if isinstance(preset, str) else preset
        if task is None or isinstance(task, str):
            return cls(Part(task, values, presets))
        if not isinstance(task, Task):
            registry.current().adopt(task)
            return cls(Part(task.name, values, presets))
        registry.current().adopt(type(task))
        schema = task.schema()
        if presets or (own := [name for name in values if name in schema]):
            what = "a preset" if presets else own[0]
            raise UserError(f"{task.name}: an object has its options: give {what} with its class")
        set_there = {
            name: getattr(task, name)
            for name, item in schema.items()
            if getattr(task, name) is not None and getattr(task, name) != item.default
        }
        return cls(Part(task.name, {**set_there, **values}), task)


def _further(also: Also | None) -> list[tuple[TaskLike, Mapping[str, Any]]]:
    """Each task that joins, with its options."""
    if also is None:
        return []
    if isinstance(also, Mapping):
        return list(also.items())
    if isinstance(also, (str, type, Task)):
        return [(also, {})]
    return [(one, {}) for one in also]


def _settled(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with the key of a model in place of the model, and paths as texts, as in files."""
    found = {name: each(value, _as_text) for name, value in options.items()}
    if hasattr(found.get("model"), "key"):
        found["model"] = found["model"].key
    return found


def _as_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _paths(places: Paths) -> Path | list[Path]:
    if isinstance(places, (str, os.PathLike)):
        return Path(places)
    return [Path(place) for place in places]
