"""What there is to choose from, as lists that a prompt shows line by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import SupportsIndex, TypeVar, overload

from sinddm_toolkit.edits.store import StoredModel, default_store
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.settings import presets as preset_files
from sinddm_toolkit.settings.presets import ListedPreset

T = TypeVar("T")


class Listing(tuple[T, ...]):
    """Values one after the other, each shown on a line of its own."""

    @overload
    def __getitem__(self, key: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Listing[T]: ...
    def __getitem__(self, key: SupportsIndex | slice) -> T | Listing[T]:
        if isinstance(key, slice):
            return Listing(super().__getitem__(key))
        return super().__getitem__(key)

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "()"


@dataclass(frozen=True)
class TaskInfo:
    """What lists tell of a task."""

    name: str
    """What `run` takes."""
    summary: str
    """What it does, in a few words."""
    plugin: str
    """The plugin that brings it."""
    learns_from: str | None
    """The option whose picture is learnt; None: it only joins other tasks."""
    options: tuple[Option, ...] = field(repr=False)
    """Each with its `name`, `help`, `default` and what is `allowed`, in words."""

    def __str__(self) -> str:
        return f"{self.name}  {self.summary}"


def tasks() -> Listing[TaskInfo]:
    """The tasks that `run` takes, by their names."""
    known = registry.current()
    return Listing(
        TaskInfo(
            name,
            task.summary,
            owner.name if (owner := known.owner(name)) else "",
            task.learns_from,
            tuple(task.schema().values()),
        )
        for name, task in sorted(known.tasks.items())
    )


def presets() -> Listing[ListedPreset]:
    """The presets that can be asked for by name: one's own, those of plugins, the bundled ones."""
    return Listing(preset_files.listed())


def models() -> Listing[StoredModel]:
    """The models that are kept, the latest first: `run(model=…)` takes one, or its `key`."""
    return Listing(default_store().models())
