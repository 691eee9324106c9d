"""The files that list the rows of a batch (TOML, JSON lines, CSV), each read as tables."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.json_values import parsed
from sinddm_toolkit.settings.layers import Origin
from sinddm_toolkit.settings.toml_files import TomlFile, read_text

ROW, DEFAULTS, FOLDER = "row", "defaults", "folder"


@dataclass(frozen=True)
class Table:
    """What a file says in one place: a row, or several by its folders and grids."""

    values: Mapping[str, Any]
    origin: Origin
    is_text: bool = False
    """Whether the values are texts, as on a command line."""


@dataclass
class Source:
    """All that a file, or Python, says of a batch."""

    name: str
    tables: list[Table]
    folder: Path
    """What relative paths are relative to."""
    defaults: Table | None = None
    results: Path | None = None
    """Where the file wants the state, the report and pictures without a name of their own."""
    own: frozenset[Path] = frozenset()
    """What the batch itself has written: no pattern for files matches that."""


def source_of(path: Path) -> Source:
    """Read a file of rows: TOML, JSON lines or CSV. UserError if it can't be understood."""
    readers = {".toml": _from_toml, ".jsonl": _from_json_lines, ".csv": _from_csv}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: a batch is a .toml, .jsonl or .csv file")
    source = readers[path.suffix.lower()](path)
    if not source.tables:
        raise UserError(f"{path} has no rows")
    return source


def source_of_rows(rows: Iterable[Mapping[str, Any]]) -> Source:
    """Take rows from Python; their paths are relative to the working folder."""
    tables = [Table(row, _numbered(k)) for k, row in enumerate(rows, 1)]
    if not tables:
        raise UserError("a batch needs at least one row")
    return Source("batch", tables, Path())


def _from_toml(path: Path) -> Source:
    file = TomlFile.read(path)
    known = (DEFAULTS, ROW, FOLDER)
    for key in file.data:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise UserError(
                f"{file.place((key,))}: unknown key {key}{hint} A batch has {', '.join(known)}"
            )
    rows, defaults = file.data.get(ROW, []), file.data.get(DEFAULTS)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{file.place((ROW,))}: write each row as [[{ROW}]]")
    if defaults is not None and not isinstance(defaults, dict):
        raise UserError(f"{file.place((DEFAULTS,))}: write [{DEFAULTS}] as a table")
    results = file.data.get(FOLDER)
    if results is not None and not isinstance(results, str):
        raise UserError(f"{file.place((FOLDER,))}: {FOLDER} is the name of a folder")
    return Source(
        path.stem,
        [Table(row, Origin("row", file.place, (ROW, k))) for k, row in enumerate(rows)],
        path.parent,
        Table(defaults, Origin(DEFAULTS, file.place, (DEFAULTS,))) if defaults else None,
        path.parent / results if results else None,
    )


def _from_json_lines(path: Path) -> Source:
    source = Source(path.stem, [], path.parent)
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = parsed(json.loads, line)
            json.dumps(values, ensure_ascii=False).encode(errors="surrogateescape")
        except UnicodeEncodeError as error:
            half = error.object[error.start]
            raise UserError(f"{path}, line {number}: {half!a} is half a character") from None
        except ValueError as error:
            raise UserError(f"{path}, line {number} is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise UserError(f"{path}, line {number}: give an object, {{…}}")
        if list(values) == [DEFAULTS] and isinstance(values[DEFAULTS], dict):
            source.defaults = Table(values[DEFAULTS], _line(DEFAULTS, path, number))
        else:
            source.tables.append(Table(values, _line("row", path, number)))
    return source


def _from_csv(path: Path) -> Source:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restkey="", strict=True)
    source = Source(path.stem, [], path.parent)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if not all(names) or len(set(names)) < len(names):
            raise UserError(f"{path}, line 1: each column needs a name of its own")
        reader.fieldnames = names
        for values in reader:
            if "" in values:
                raise UserError(f"{path}, line {reader.line_num}: more cells than columns")
            given = {key: text.strip() for key, text in values.items() if text and text.strip()}
            source.tables.append(Table(given, _line("row", path, reader.line_num), is_text=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num} is not CSV: {error}") from None
    return source


def _numbered(k: int) -> Origin:
    return Origin("Python", lambda keys: f"row {k}")


def _line(what: str, path: Path, number: int) -> Origin:
    return Origin(what, lambda keys: f"{path}, line {number}")
