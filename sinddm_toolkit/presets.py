"""Edits described in TOML files: one task or several, and the options of the run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sinddm_toolkit import registry
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.images import Picture
from sinddm_toolkit.options import InputFile, Option, OutputFile, unknown_option
from sinddm_toolkit.regions import Region
from sinddm_toolkit.request import TaskRequest
from sinddm_toolkit.run_options import RunOptions

TASKS = "task"
"""The key of the list of tasks."""


def load_preset(path: Path) -> list[TaskRequest]:
    """The tasks that a file describes, the first one's values with the options of the run.

    Paths in it are relative to its folder. UserError, naming file and key, for whatever is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    tasks = data.pop(TASKS, None)
    if not isinstance(tasks, list) or not tasks or not all(isinstance(t, dict) for t in tasks):
        raise UserError(f"{path}: give at least one [[{TASKS}]] with its name and options")
    common = _values(data, RunOptions.schema(), path, "")
    requests = []
    for entry in tasks:
        name = entry.pop("name", None)
        if not isinstance(name, str):
            raise UserError(f"{path}: a [[{TASKS}]] has no name")
        schema = registry.current().task(name).schema()
        requests.append((name, _values(entry, schema, path, f"{name}.")))
    name, first = requests[0]
    return [(name, {**common, **first}), *requests[1:]]


def _values(
    table: dict[str, Any], schema: Mapping[str, Option], path: Path, prefix: str
) -> dict[str, Any]:
    values = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in schema:
            raise UserError(f"{path}: {unknown_option(prefix + key, schema)}")
        item = schema[name]
        where = f"{path}: {prefix}{key}"
        try:
            values[name] = item.checked(_located(value, item, path.parent), where)
        except UserError as error:
            raise error if where in str(error) else UserError(f"{where}: {error}") from None
    return values


def _located(value: Any, item: Option, folder: Path) -> Any:
    """`value` with the paths in it taken relative to `folder`."""
    if isinstance(value, list):
        return [_located(one, item, folder) for one in value]
    is_path = item.type in (Picture, InputFile, OutputFile) or (
        item.type is Region and "," not in str(value)
    )
    return str(folder / value) if is_path and isinstance(value, str) else value
