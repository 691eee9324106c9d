"""The rows of a batch: the tables of its source, each made into the settings of one edit or more.

A table holds settings (see `settings.tables`) and may also hold `preset`, `glob` and `grid`::

    [defaults]
    task = "…"

    [[row]]
    glob.some-picture = "folder/*.png"      # one row for each file
    grid.some-option = [5, 15, 25]          # one row for each value: every combination
    out = "{some-picture}-{some-option}.png"
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.sources import Source, Table
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.kinds import KINDS
from sinddm_toolkit.options.option import Option, each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import unknown_option
from sinddm_toolkit.options.values import OutputFile
from sinddm_toolkit.settings import config
from sinddm_toolkit.settings.layers import COMMAND_LINE, TASK, Layer, Origin, Setting, Settings
from sinddm_toolkit.settings.presets import stacked
from sinddm_toolkit.settings.tables import read_table

PRESET, GLOB, GRID = "preset", "glob", "grid"

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")
LEFT_FOR_LATER = "out"
"""`{out}` is known when the result's own path is."""


@dataclass
class Row:
    """One edit of a batch."""

    number: int
    """From 1, in the order of the file."""
    origin: Origin
    layer: Layer
    varied: dict[str, str] = field(default_factory=dict)
    """The options that a grid or a folder gave this row, as the texts that label it."""
    table: int = 0
    """The index of the table that it was made from."""


@dataclass(frozen=True)
class Overrides:
    """The settings that the command line, or Python, gives to all rows."""

    presets: Sequence[str] = ()
    """Below the rows' own presets."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Options of the run, over the rows."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Keys of rows with their values as texts, over the rows; paths from the working folder."""


def run_settings(values: Mapping[str, Any], others: Sequence[str] = ()) -> dict[str, Any]:
    """Check options of the run that Python gives. UserError for others and for bad values; names of
    `others` could have been meant by them."""
    schema = RunOptions.schema()
    for name in values:
        if name not in schema:
            raise unknown_option(name, [*schema, *others])
    return {name: schema[name].checked(value, name) for name, value in values.items()}


def rows_of(source: Source, overrides: Overrides) -> Iterator[Row | UserError]:
    """Yield every row of a batch, or what is wrong with one, in the order of the file."""
    numbers = itertools.count(1)
    for index, table in enumerate(source.tables):
        try:
            axes = _axes(table, source)
            for chosen in itertools.product(*(axis.values for axis in axes)):
                number = next(numbers)
                picked = {axis.name: value for axis, value in zip(axes, chosen, strict=True)}
                moved = {axis.name: axis.origin.keys for axis in axes}
                origin = replace(table.origin, what=f"row {number}", moved=moved)
                values = {**table.values, **picked}
                layer = _layer(values, replace(table, origin=origin), source, overrides)
                _fill_in(layer, number)
                varied = {key: _label(value) for key, value in picked.items()}
                yield Row(number, origin, layer, varied, index)
        except UserError as error:
            yield error


def count_rows(source: Source) -> int:
    """Count the rows that `rows_of` gives if nothing is wrong with them."""
    count = 0
    for table in source.tables:
        try:
            count += math.prod(len(axis.values) for axis in _axes(table, source))
        except UserError:  # told in place of the rows
            count += 1
    return count


@dataclass(frozen=True)
class _Axis:
    """An option with the values that a folder or a grid gives it, one a row."""

    name: str
    values: Sequence[Any]
    origin: Origin


def _axes(table: Table, source: Source) -> list[_Axis]:
    """The options that vary in the rows of a table, by itself or by the defaults."""
    axes: dict[str, _Axis] = {}
    for part in (source.defaults, table) if source.defaults else (table,):
        for key, read in ((GLOB, _files), (GRID, _values)):
            given = part.values.get(key, {})
            if not isinstance(given, Mapping):
                raise part.origin.at(key).refusal(f"{key}: name options, as in {key}.seed = …")
            for name, value in given.items():
                origin = part.origin.at(key, name)
                axes[name] = _Axis(name, read(value, name, origin, source), origin)
    return list(axes.values())


def _files(pattern: Any, name: str, origin: Origin, source: Source) -> list[str]:
    """The absolute paths of the files that a pattern matches, sorted, but for the batch's own.

    With these among them every run of the batch would make a picture of each of the last one's.
    """
    if not isinstance(pattern, str):
        raise origin.refusal(f"{GLOB}.{name}: give a pattern such as folder/*.png")
    whole = Path(pattern)
    start = Path(whole.anchor) if whole.is_absolute() else source.folder
    rest = str(whole.relative_to(whole.anchor)) if whole.is_absolute() else pattern
    try:
        found = sorted(path for path in start.glob(rest) if path.is_file())
    except (ValueError, LookupError, NotImplementedError, RecursionError, OSError):
        raise origin.refusal(f"{GLOB}.{name}: {pattern!r} is no pattern for files") from None
    if not found:
        raise origin.refusal(f"{GLOB}.{name}: no file matches {pattern}")
    others = [path for path in found if Path(os.path.realpath(path)) not in source.own]
    if not others:
        raise origin.refusal(f"{GLOB}.{name}: only what this batch has written matches {pattern}")
    return [str(path.absolute()) for path in others]


def _values(values: Any, name: str, origin: Origin, source: Source) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise origin.refusal(f"{GRID}.{name}: give a list of values")
    return values


def _label(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_label, value))
    if isinstance(value, str) and ("/" in value or os.sep in value):
        return Path(value).stem
    kind = KINDS.get(type(value))  # in rows from Python there is more than a file can hold
    return str(kind().plain(value) if kind else value)


def _layer(values: Mapping[str, Any], table: Table, source: Source, overrides: Overrides) -> Layer:
    """Stack the settings of a row: config < presets < defaults of the file < row < command line."""
    origin, folder = table.origin, source.folder
    base = dict(source.defaults.values) if source.defaults else {}
    names = values.get(PRESET, base.get(PRESET, []))
    lowest = stacked(overrides.presets)
    try:
        layer = stacked(_presets(names, folder), lowest)
    except UserError as error:
        raise origin.at(PRESET).refusal(f"{PRESET}: {error}") from None
    if TASK in values:
        base.pop(TASK, None)
        named = {TASK: values[TASK]}
        layer = read_table(named, origin, folder, below=layer, is_text=table.is_text)
    if source.defaults:
        layer = read_table(_options(base), source.defaults.origin, folder, below=layer)
    layer = read_table(_options(values), origin, folder, below=layer, is_text=table.is_text)
    layer = read_table(overrides.texts, COMMAND_LINE, Path(), below=layer, is_text=True)
    run = {key: Setting(value, COMMAND_LINE, key) for key, value in overrides.run.items()}
    layer = Layer({}, run).over(layer)
    if layer.lead is None:
        raise origin.refusal(f"no task: name one by {TASK}, or a preset that has one")
    return config.beneath(layer)


def _options(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in (PRESET, GLOB, GRID)}


def _presets(names: Any, folder: Path) -> list[str]:
    found = [names] if isinstance(names, str) else names
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UserError("give the name of a preset, or a list of names")
    return [str(folder / name) if name.endswith(".toml") else name for name in found]


def _fill_in(layer: Layer, number: int) -> None:
    """Replace `{option}` in the names of files by the value of that option, a file by its stem."""
    places = [
        (settings, key, registry.current().task(name).schema()[key])
        for name, settings in layer.tasks.items()
        for key in settings
    ]
    places += [(layer.run, key, RunOptions.schema()[key]) for key in layer.run]
    known = {"row": str(number), TASK: str(layer.lead)}

    def turn(place: tuple[Settings, str, Option]) -> tuple[bool, bool]:
        settings, key, item = place  # what is written is named after what is read
        return item.type is OutputFile, bool(PLACEHOLDER.search(str(settings[key].value)))

    for settings, key, item in sorted(places, key=turn):
        value = _filled(settings[key], item, known)
        settings[key] = replace(settings[key], value=value)
        known.setdefault(key.replace("_", "-"), _in_name(value, item))


def _filled(setting: Setting, item: Option, known: Mapping[str, str]) -> Any:
    def fill(match: re.Match[str]) -> str:
        name = match[1].replace("_", "-")
        if name == LEFT_FOR_LATER:
            return match[0]
        if name not in known:
            raise setting.origin.refusal(
                f"{setting.name}: {{{match[1]}}} is not known here; known are {', '.join(known)}"
            )
        return known[name]

    def of(value: Any) -> Any:
        return PLACEHOLDER.sub(fill, value) if item.kind.is_file(value) else value

    return each(setting.value, of)


def _in_name(value: Any, item: Option) -> str:
    """A value as part of a file's name."""
    if isinstance(value, list):
        return "-".join(_in_name(one, item) for one in value)
    return str(value) if value is None else item.kind.in_name(value)


def shown(settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
    """Settings as a report tells them: files by their whole paths."""
    return {
        name.replace("_", "-"): _absolute(setting.value, schema[name], schema[name].kind.shown)
        for name, setting in settings.items()
    }


def absolute(value: Any, item: Option) -> Any:
    """Plain, with absolute paths, but for pictures that come from no file."""
    return _absolute(value, item, lambda picture: picture)


def _absolute(value: Any, item: Option, fileless: Callable[[Any], Any]) -> Any:
    """The same, for pictures that come from no file what `fileless` makes of them."""

    def one(value: Any) -> Any:
        try:
            return item.kind.absolute(value)
        except UserError:
            return fileless(value)

    return each(value, one)
