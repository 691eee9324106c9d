"""Pictures that many rows name, decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sinddm_toolkit.host import registry
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
            for option in _of_one_picture(name, settings):
                setting = settings[option]
                if picture := self._found.get(_key(setting.value)):
                    tasks[name][option] = replace(setting, value=picture)
        return Layer(tasks, layer.run)

    def _keep(self, layer: Layer, tasks: Sequence[Task]) -> None:
        """Keep what `tasks` have read of the paths in `layer`."""
        for task, (name, settings) in zip(tasks, layer.tasks.items(), strict=True):
            for option in _of_one_picture(name, settings):
                key = _key(settings[option].value)
                self._found.pop(key, None)  # what was used last is kept longest
                self._found[key] = task.picture(option)
        while sum(picture.pixels.nbytes for picture in self._found.values()) > MOST_BYTES:
            del self._found[next(iter(self._found))]


def _of_one_picture(task: str, settings: Settings) -> list[str]:
    """The options that name a file with one picture."""
    schema = registry.current().task(task).schema()
    return [
        name
        for name, setting in settings.items()
        if schema[name].type is Picture and isinstance(setting.value, str)
    ]


def _key(path: str) -> Key:
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):  # reading it will tell
        return Path(path), 0, 0
    return Path(path).absolute(), facts.st_mtime_ns, facts.st_size
