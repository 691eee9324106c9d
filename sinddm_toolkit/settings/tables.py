"""Tables of settings, as preset files and batch rows hold them, read into layers.

A table names its `task` and gives options, those of the run among them::

    task = "…"
    some-option = 3
    quality = "standard"

or lists several tasks that act together, as `[[task]]` tables with a `name` each. Options of a task
other than the first can also be given by its name, `other-task.some-option = 3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import ToolkitError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import unknown_option
from sinddm_toolkit.settings.layers import TASK, Layer, Origin, Setting, Settings


def read_table(
    table: Mapping[str, Any],
    origin: Origin,
    folder: Path,
    *,
    below: Layer | None = None,
    is_text: bool = False,
) -> Layer:
    """What `table` says, over `below`, which may already name the tasks.

    Paths are relative to `folder`. With `is_text` all values are texts, as on a command line. What
    is None counts as not given. UserError, with the place in the file, for what is not allowed.
    """
    below = below or Layer()
    layer = Layer()
    reader = _Reader(origin, folder, is_text)
    if table.get(TASK) is not None:
        layer = reader.tasks(table[TASK])
    if below.lead and layer.lead and layer.lead != below.lead:
        raise origin.at(TASK).refusal(f"{TASK}: what this rests on is for {below.lead}")
    for key, value in table.items():
        if key != TASK and value is not None:
            reader.add(key, value, layer, [*below.tasks, *layer.tasks])
    return layer.over(below)


class _Reader:
    """Sorts the keys of a table into a layer."""

    def __init__(self, origin: Origin, folder: Path, is_text: bool) -> None:
        self._origin = origin
        self._folder = folder
        self._is_text = is_text

    def tasks(self, given: Any) -> Layer:
        """The tasks that the key `task` names, with the options that stand with them."""
        if isinstance(given, str):
            self._schema(given, TASK)
            return Layer({given: {}})
        if not isinstance(given, list) or not given:
            raise self._origin.at(TASK).refusal(
                f"{TASK}: give the name of a task, or tables with a name each"
            )
        layer = Layer()
        for index, entry in enumerate(given):
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                raise self._origin.at(TASK, index).refusal(f"a {TASK} has no name")
            if name in layer.tasks:
                raise self._origin.at(TASK, index, "name").refusal(f"{name} is named twice")
            schema = self._schema(name, TASK, index, "name")
            options = {key: value for key, value in entry.items() if key != "name"}
            origin = self._origin.at(TASK, index)
            layer.tasks[name] = self._settings(options, schema, origin, f"{name}.")
        return layer

    def _schema(self, name: str, *keys: str | int) -> Mapping[str, Option]:
        try:
            return registry.current().task(name).schema()
        except ToolkitError as error:
            raise self._origin.at(*keys).refusal(str(error)) from None

    def add(self, key: str, value: Any, layer: Layer, tasks: list[str]) -> None:
        """One key of the table but `task`, into `layer`; `tasks` are those of the edit."""
        origin = self._origin
        head, dot, rest = key.partition(".")
        if isinstance(value, dict) and not dot:
            options, origin = value, origin.at(key)
        elif dot:
            options, head = {rest: value}, head
        else:
            return self._add_flat(key, value, layer, tasks)
        if head not in tasks:
            known = f"the tasks are {', '.join(tasks)}" if tasks else f"name it by {TASK}"
            raise self._origin.at(key).refusal(f"{head} is no task of this edit: {known}")
        schema = registry.current().task(head).schema()
        found = self._settings(options, schema, origin, f"{head}.", at=key if dot else None)
        layer.tasks.setdefault(head, {}).update(found)
        return None

    def _add_flat(self, key: str, value: Any, layer: Layer, tasks: list[str]) -> None:
        run = RunOptions.schema()
        lead = tasks[0] if tasks else None
        own = registry.current().task(lead).schema() if lead else {}
        found = self._settings({key: value}, {**run, **own}, self._origin, "")
        target = layer.run
        if lead and key.replace("-", "_") in own:
            target = layer.tasks.setdefault(lead, {})
        target.update(found)

    def _settings(
        self,
        options: Mapping[str, Any],
        schema: Mapping[str, Option],
        origin: Origin,
        prefix: str,
        at: str | None = None,
    ) -> Settings:
        found = {}
        for key, value in options.items():
            where = origin.at(at or key)
            name = key.replace("-", "_")
            if name not in schema:
                raise where.refusal(str(unknown_option(prefix + key, schema)))
            found[name] = Setting.read(
                schema[name], value, where, prefix + key, self._folder, is_text=self._is_text
            )
        return found
