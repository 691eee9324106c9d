"""What became of a batch: JSON lines for programs, a page of thumbnails for people."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sinddm_toolkit.batching.job import Job, RowResult
from sinddm_toolkit.batching.rows import shown
from sinddm_toolkit.batching.state import REPORT, State, beside
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions

JSON_LINES, PAGE = "report.jsonl", "report.html"
TEMPLATE = "report.html.jinja"
STYLE = "<style>\nbody { font: 14px/1.4 system-ui"
"""How the page goes on behind its title."""


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


@dataclass(frozen=True)
class Report:
    """All that is told of a batch."""

    name: str
    jobs: Sequence[Job]
    results: Mapping[int, RowResult]
    """By the numbers of the rows, but for those that were not reached."""

    def write(self, state: State, *, overwrite: bool) -> None:
        """Write `report.jsonl` and the self-contained `report.html` beside the state.

        UserError if that fails, or if one is there that is somebody else's and `overwrite` is
        false.
        """
        # The names of files may hold what no text can; the links have it right.
        page = self.page(state.results).encode(errors="backslashreplace")
        contents = (self.json_lines().encode(), page)
        files = zip(report_files(state.results), contents, strict=True)
        state.write_report(dict(files), overwrite=overwrite)

    def facts(self, job: Job) -> Mapping[str, Any]:
        """What is known of a row: its status (`open` if it was not reached), outputs, seconds …"""
        result = self.results.get(job.item.number)
        return result.facts if result else {"status": "open"}

    def begun(self, sheet: Sheet) -> Begun:
        """The pictures before the edits of a grid, each where it need be shown but once."""
        whole = self._before(sheet.jobs)
        if whole is not None:
            return Begun(corner=whole) if sheet.down else Begun(rows={"": whole})
        cells = sheet.cells.items()
        across = {
            value: self._before([job for (_, at), job in cells if at == value])
            for value in sheet.columns
        }
        if None not in across.values():
            return Begun(columns=across)
        down = {
            value: self._before([job for (at, _), job in cells if at == value])
            for value in sheet.rows
        }
        return Begun(rows=down)

    def _before(self, jobs: Sequence[Job]) -> str | None:
        """The thumbnail of what all of these edited; empty if none is done, None if they differ."""
        found = {self.facts(job)["before"] for job in jobs if "before" in self.facts(job)}
        return None if len(found) > 1 else "".join(found)

    def json_lines(self) -> str:
        """A line for each row, without the thumbnails."""
        return "".join(json.dumps(self._to_json(job)) + "\n" for job in self.jobs)

    def _to_json(self, job: Job) -> dict[str, Any]:
        return {
            "row": job.row.number,
            "tasks": _tasks(job),
            "options": _run(job),
            "varied": job.row.varied,
            **{k: v for k, v in self.facts(job).items() if k not in ("before", "after")},
        }

    def page(self, folder: Path) -> str:
        """The page for people, whose links lead from `folder`."""
        from jinja2 import Environment, PackageLoader

        def outputs(job: Job) -> list[Link]:
            return [Link.to(Path(path), folder) for path in self.facts(job).get("outputs", ())]

        loader = PackageLoader("sinddm_toolkit.batching", ".")
        pages = Environment(loader=loader, autoescape=True, trim_blocks=True)
        return pages.get_template(TEMPLATE).render(
            name=self.name,
            summary=self._summary(),
            sheets=_sheets(self.jobs),
            begun=self.begun,
            facts=self.facts,
            outputs=outputs,
            asked=_asked,
        )

    def _summary(self) -> str:
        words = {"done": "done", "kept": "done before", "failed": "failed", "open": "not reached"}
        facts = [self.facts(job) for job in self.jobs]
        counts = {
            text: sum(one["status"] == status for one in facts) for status, text in words.items()
        }
        seconds = sum(one.get("seconds", 0.0) for one in facts)
        told = ", ".join(f"{count} {text}" for text, count in counts.items() if count)
        return f"{len(facts)} rows: {told}; {seconds:.0f} s of work, trainings aside"


def _tasks(job: Job) -> dict[str, dict[str, Any]]:
    """What was asked of each task."""
    known = registry.current()
    return {
        name: shown(own, known.task(name).schema()) for name, own in job.row.layer.tasks.items()
    }


def _run(job: Job) -> dict[str, Any]:
    """What was asked of the run."""
    return shown(job.row.layer.run, RunOptions.schema())


def _asked(job: Job) -> str:
    """What was asked for, on one line."""
    parts = [
        " ".join([name, *(f"{key}={value}" for key, value in options.items())])
        for name, options in _tasks(job).items()
    ]
    run = [f"{key}={value}" for key, value in _run(job).items() if key != "out"]
    return " + ".join(parts) + (f", {' '.join(run)}" if run else "")


@dataclass(frozen=True)
class Sheet:
    """A part of the page: rows side by side, or a grid of those that differ in two options."""

    jobs: Sequence[Job]
    label: str = ""
    """What all of a grid's rows have in common of what varies."""
    across: str = ""
    """The option that its columns differ in."""
    down: str = ""
    """The option that its rows differ in."""

    @property
    def columns(self) -> list[str]:
        """The values of the option `across`; empty if this is no grid."""
        return self._values(self.across)

    @property
    def rows(self) -> list[str]:
        """The values of the option `down`; one that is empty if there is none."""
        return self._values(self.down) if self.down else [""]

    @property
    def cells(self) -> dict[tuple[str, str], Job]:
        """The jobs by their values of `down` and `across`."""
        return {
            (job.row.varied.get(self.down, ""), job.row.varied[self.across]): job
            for job in self.jobs
        }

    def _values(self, key: str) -> list[str]:
        return list(dict.fromkeys(job.row.varied[key] for job in self.jobs)) if key else []


@dataclass(frozen=True)
class Begun:
    """Where a grid shows the pictures before its edits, as thumbnails."""

    corner: str = ""
    """Of all of it."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """By the values of the option `across`."""
    rows: Mapping[str, str | None] = field(default_factory=dict)
    """By the values of the option `down`."""


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


def _sheets(jobs: Sequence[Job]) -> list[Sheet]:
    """Make grids for the tables that a sweep was made of; the rows between them stay together."""
    tables = [list(part) for _, part in itertools.groupby(jobs, key=lambda job: job.row.table)]
    sheets: list[Sheet] = []
    for is_sweep, parts in itertools.groupby(tables, key=lambda part: bool(_axes(part))):
        if is_sweep:
            sheets += [sheet for part in parts for sheet in _grids(part)]
        else:
            sheets.append(Sheet([job for part in parts for job in part]))
    return sheets


def _axes(jobs: Sequence[Job]) -> list[str]:
    """The options that vary among rows made from one table, those of most values last."""
    values = {key: {job.row.varied[key] for job in jobs} for key in jobs[0].row.varied}
    return sorted((key for key in values if len(values[key]) > 1), key=lambda k: len(values[k]))


def _grids(jobs: Sequence[Job]) -> list[Sheet]:
    """Make a grid for each combination of the options beyond the two with most values."""
    *others, across = _axes(jobs)
    down = others.pop() if others else ""
    grids: dict[str, list[Job]] = {}
    for job in jobs:
        label = ", ".join(f"{key} = {job.row.varied[key]}" for key in others)
        grids.setdefault(label, []).append(job)
    return [Sheet(part, label, across, down) for label, part in grids.items()]
