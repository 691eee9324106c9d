"""What became of a batch: JSON lines for programs, a page of thumbnails for people."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sinddm_toolkit.batching.state import REPORT, State, beside

JSON_LINES, PAGE = "report.jsonl", "report.html"
TEMPLATE = "report.html.jinja"
STYLE = "<style>\nbody { font: 14px/1.4 system-ui"
"""How the page goes on behind its title."""


@dataclass(frozen=True)
class Entry:
    """One row of a report."""

    number: int
    table: int
    """Which table of the batch it was made from."""
    varied: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, Any]]
    """What was asked for, as `rows.shown` tells it."""
    run: Mapping[str, Any]
    facts: Mapping[str, Any]
    """Its status, outputs, thumbnails …; `status` is `open` if it was not come to."""

    def to_json(self) -> dict[str, Any]:
        """One line of the report, without the thumbnails."""
        facts = {k: v for k, v in self.facts.items() if k not in ("before", "after")}
        return {
            "row": self.number,
            "tasks": self.tasks,
            "options": self.run,
            "varied": dict(self.varied),
            **facts,
        }


def report_files(folder: Path) -> list[Path]:
    """The names of the files of a report in `folder`."""
    return [folder / JSON_LINES, folder / PAGE]


def check_report(state: State) -> None:
    """UserError if a file of a report is there already and is not what a batch wrote."""
    for path in report_files(state.results):
        if not _is_of_earlier_version(state, path):
            state.refuse_foreign(REPORT, path)


def begin_report(state: State) -> None:
    """Note which reports that are there may be replaced."""
    paths = report_files(state.results)
    state.begin_report([path for path in paths if _is_of_earlier_version(state, path)])


def _is_of_earlier_version(state: State, path: Path) -> bool:
    """Whether a report was written by a version that did not note what it wrote."""
    if not state.is_of_earlier_version() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(1000)
    return STYLE.encode() in start if path.name == PAGE else start.startswith(b'{"row": 1, "tasks"')


def write_report(state: State, name: str, entries: Sequence[Entry], *, overwrite: bool) -> None:
    """Write `report.jsonl` and the self-contained `report.html` into the folder of results.

    UserError if that fails, or if one is there that is somebody else's and `overwrite` is false.
    """
    lines = "".join(json.dumps(entry.to_json()) + "\n" for entry in entries)
    page = _page(state.results, name, entries)
    # The names of files may hold what no text can; the links have it right.
    contents = (lines.encode(), page.encode(errors="backslashreplace"))
    files = zip(report_files(state.results), contents, strict=True)
    state.write_report(dict(files), overwrite=overwrite)


@dataclass(frozen=True)
class Sheet:
    """A part of the page: rows side by side, or a grid of those that differ in two options."""

    entries: Sequence[Entry]
    label: str = ""
    across: str = ""
    down: str = ""

    @property
    def columns(self) -> list[str]:
        return self._values(self.across)

    @property
    def rows(self) -> list[str]:
        return self._values(self.down) if self.down else [""]

    @property
    def cells(self) -> dict[tuple[str, str], Entry]:
        return {(e.varied.get(self.down, ""), e.varied[self.across]): e for e in self.entries}

    def _values(self, key: str) -> list[str]:
        return list(dict.fromkeys(entry.varied[key] for entry in self.entries)) if key else []


@dataclass(frozen=True)
class Link:
    """A file as a page in a folder leads to it."""

    text: str
    url: str
    word: str
    """For a shell in that folder; empty if a name can't be copied from a page as it is."""

    @classmethod
    def to(cls, path: Path, folder: Path) -> Link:
        place = beside(path, folder)
        if Path(place).is_absolute():
            url, word = Path(place).as_uri(), place
        else:  # with a dot in front nothing is taken for a scheme, or for an option
            url, word = f"./{quote(os.fsencode(place))}", f"./{place}"
        return cls(place, url, shlex.quote(word) if word.isprintable() else "")


def _page(folder: Path, name: str, entries: Sequence[Entry]) -> str:
    from jinja2 import Environment, PackageLoader

    def outputs(entry: Entry) -> list[Link]:
        return [Link.to(Path(path), folder) for path in entry.facts.get("outputs", ())]

    loader = PackageLoader("sinddm_toolkit.batching", ".")
    pages = Environment(loader=loader, autoescape=True, trim_blocks=True)
    return pages.get_template(TEMPLATE).render(
        name=name,
        summary=_summary(entries),
        sheets=_sheets(entries),
        outputs=outputs,
        options=_options,
    )


def _summary(entries: Sequence[Entry]) -> str:
    words = {"done": "done", "kept": "done before", "failed": "failed", "open": "not come to"}
    counts = {
        text: sum(e.facts["status"] == status for e in entries) for status, text in words.items()
    }
    seconds = sum(e.facts.get("seconds", 0.0) for e in entries)
    told = ", ".join(f"{count} {text}" for text, count in counts.items() if count)
    return f"{len(entries)} rows: {told}; {seconds:.0f} s of work, trainings aside"


def _sheets(entries: Sequence[Entry]) -> list[Sheet]:
    """Grids for the tables that a sweep was made of; the rows between them together."""
    tables = [list(part) for _, part in itertools.groupby(entries, key=lambda e: e.table)]
    sheets: list[Sheet] = []
    for is_sweep, parts in itertools.groupby(tables, key=lambda part: bool(_axes(part))):
        if is_sweep:
            sheets += [sheet for part in parts for sheet in _grids(part)]
        else:
            sheets.append(Sheet([entry for part in parts for entry in part]))
    return sheets


def _axes(entries: Sequence[Entry]) -> list[str]:
    """The options that vary among rows made from one table, those of most values last."""
    values = {key: {entry.varied[key] for entry in entries} for key in entries[0].varied}
    return sorted((key for key in values if len(values[key]) > 1), key=lambda k: len(values[k]))


def _grids(entries: Sequence[Entry]) -> list[Sheet]:
    """One grid for each combination of the options beyond the two with most values."""
    *others, across = _axes(entries)
    down = others.pop() if others else ""
    grids: dict[str, list[Entry]] = {}
    for entry in entries:
        label = ", ".join(f"{key} = {entry.varied[key]}" for key in others)
        grids.setdefault(label, []).append(entry)
    return [Sheet(part, label, across, down) for label, part in grids.items()]


def _options(entry: Entry) -> str:
    """What was asked for, on one line."""
    parts = [
        " ".join([name, *(f"{key}={value}" for key, value in options.items())])
        for name, options in entry.tasks.items()
    ]
    run = [f"{key}={value}" for key, value in entry.run.items() if key != "out"]
    return " + ".join(parts) + (f", {' '.join(run)}" if run else "")
