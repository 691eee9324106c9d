"""Pictures that many edits name, decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.settings.layers import Layer, Settings
from sinddm_toolkit.settings.request import make_tasks

MOST_BYTES = 500_000_000
"""Of the pixels that are kept."""

Key = tuple[Path, int, int]
"""The absolute path of a file, its time and its size."""


class PictureCache:
    """The pictures that were read last, by their files as these are now."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._found: dict[Key, Picture] = {}

    def make_tasks(self, layer: Layer) -> tuple[list[Task], RunOptions]:
        """Do what `request.make_tasks` does, and decode no picture that is kept."""
        tasks, options = make_tasks(self._put_into(layer))
        self._keep(layer, tasks)
        return tasks, options

    def _put_into(self, layer: Layer) -> Layer:
        """`layer` with the pictures that are kept in place of their paths."""
        tasks: dict[str, Settings] = {}
        for name, settings in layer.tasks.items():
            tasks[name] = dict(settings)
            for option in _of_pictures(name, settings):
                value = each(settings[option].value, self._put_for)
                tasks[name][option] = replace(settings[option], value=value)
        return Layer(tasks, layer.run)

    def _put_for(self, value: Any) -> Any:
        """The picture that is kept of a path; else `value`."""
        return self._found.get(_key(value), value) if isinstance(value, str) else value

    def _keep(self, layer: Layer, tasks: Sequence[Task]) -> None:
        """Keep what `tasks` have read of the paths in `layer`."""
        for task, (name, settings) in zip(tasks, layer.tasks.items(), strict=True):
            for option in _of_pictures(name, settings):
                given, read = _flat(settings[option].value), _flat(getattr(task, option))
                for path, picture in zip(given, read, strict=True):
                    if isinstance(path, str):
                        self._found.pop(_key(path), None)  # what was used last is kept longest
                        self._found[_key(path)] = picture
        while sum(picture.pixels.nbytes for picture in self._found.values()) > MOST_BYTES:
            del self._found[next(iter(self._found))]


def _of_pictures(task: str, settings: Settings) -> list[str]:
    """The options that name files with pictures, one or several."""
    schema = registry.current().task(task).schema()
    return [name for name in settings if schema[name].type is Picture]


def _flat(value: Any) -> list[Any]:
    """The values of an option in a list, one or several, or lists of them; of None, none."""
    if isinstance(value, list):
        return [one for part in value for one in _flat(part)]
    return [] if value is None else [value]


def _key(path: str) -> Key:
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):  # reading it will tell
        return Path(path), 0, 0
    return Path(path).absolute(), facts.st_mtime_ns, facts.st_size
