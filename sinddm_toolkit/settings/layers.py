"""Settings in layers, each value with the place that it comes from.

default < config < preset < batch row < command line: a layer is put `over` another, and what it
does not set shows through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import unknown_option

TASK = "task"
"""The key that names the task, or lists tasks as tables with a `name` each."""


class LocatedError(UserError):
    """Begins with the file and the line that it is about."""


@dataclass(frozen=True)
class Origin:
    """Where values were given."""

    what: str
    """In words: `command line`, `preset gentle`, `row 3`."""
    place: Callable[[tuple[str | int, ...]], str] | None = None
    """The file and line that hold the key with this path; None if that is no file."""
    keys: tuple[str | int, ...] = ()
    """The path of one key."""
    moved: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    """The whole paths of keys that stand elsewhere in the file."""

    def at(self, *keys: str | int) -> Origin:
        """The origin of a key in the table that this is the origin of."""
        head = self.moved.get(str(keys[0]), (*self.keys, keys[0]))
        return Origin(self.what, self.place, (*head, *keys[1:]))

    def refusal(self, text: str) -> UserError:
        """An error that says where it stands."""
        return LocatedError(f"{self.place(self.keys)}: {text}") if self.place else UserError(text)

    @contextmanager
    def named(self, key: str) -> Iterator[None]:
        """Make errors about the value, which is called `key` there, say where it stands."""
        try:
            yield
        except UserError as error:
            if self.place is None:
                raise
            text = str(error)
            raise self.refusal(text if text.startswith(key) else f"{key}: {text}") from None

    def __str__(self) -> str:
        return f"{self.what} ({self.place(self.keys)})" if self.place else self.what


CONFIG = "config"
"""What the origin of a person's own defaults is called."""
COMMAND_LINE = Origin("command line")
PYTHON = Origin("Python")


@dataclass(frozen=True)
class Setting:
    """What was given as the value of an option."""

    value: Any
    """Checked, but that a file is still its path; plain if that was checked before."""
    origin: Origin
    name: str
    """The option as its file spells it."""

    @classmethod
    def read(
        cls,
        item: Option,
        given: Any,
        origin: Origin,
        name: str,
        folder: Path | None = None,
        *,
        is_text: bool = False,
    ) -> Setting:
        """What is `given`, checked (see `Option.read`). UserError, saying where it was given."""
        with origin.named(name):
            value = item.read(given, name, folder, is_text=is_text)
        return cls(value, origin, name)

    def opened(self, item: Option) -> Any:
        """The value with the files read that it names. UserError, saying where it was given."""
        with self.origin.named(self.name):
            return item.opened(self.value, self.name if self.origin.place else item.flag)


Settings = dict[str, Setting]


@dataclass
class Layer:
    """What one place, or several on top of each other, say of an edit."""

    tasks: dict[str, Settings] = field(default_factory=dict)
    """The tasks in the order in which they act, with their options."""
    run: Settings = field(default_factory=dict)
    """The options of the run."""

    @property
    def lead(self) -> str | None:
        """The first task, whose picture is learnt."""
        return next(iter(self.tasks), None)

    def over(self, lower: Layer) -> Layer:
        """Both, this one's values before those of `lower`; its tasks come first."""
        tasks = {name: dict(settings) for name, settings in lower.tasks.items()}
        for name, settings in self.tasks.items():
            tasks[name] = {**tasks.get(name, {}), **settings}
        return Layer(tasks, {**lower.run, **self.run})

    def explained(self) -> list[tuple[str, str, str]]:
        """(option, value, origin) of every option of the edit, the defaults too."""
        found = []
        for name, settings in self.tasks.items():
            schema = registry.current().task(name).schema()
            found += _explained(schema.values(), settings, f"{name}.")
        return found + _explained(RunOptions.schema().values(), self.run, "")


def _explained(
    items: Iterable[Option], settings: Settings, prefix: str
) -> list[tuple[str, str, str]]:
    rows = []
    for item in items:
        label = prefix + item.name.replace("_", "-")
        if item.name in settings:
            setting = settings[item.name]
            rows.append((label, item.shown(setting.value), str(setting.origin)))
        elif item.required and item.unless not in settings:
            rows.append((label, "", "missing"))
        else:
            rows.append((label, item.shown(item.default), "default"))
    return rows


def layer_of(
    task: str, values: Mapping[str, Any], origin: Origin, *, is_text: bool = False
) -> Layer:
    """The values of one task, those of the run among them, under their Python names.

    With `is_text` they are as on a command line. UserError for what is not allowed.
    """
    own, run = registry.current().task(task).schema(), RunOptions.schema()
    layer = Layer({task: {}})
    for name, given in values.items():
        if name not in own and name not in run:
            raise unknown_option(name, {**own, **run})
        item, target = (own[name], layer.tasks[task]) if name in own else (run[name], layer.run)
        several = list(given) if item.many and isinstance(given, tuple) else given
        target[name] = Setting.read(item, several, origin, item.flag, is_text=is_text)
    return layer
