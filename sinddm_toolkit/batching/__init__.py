"""A thousand edits in a file: checked, ordered, carried out, and gone on with after any stop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.execute import in_processes, in_this_process, work_groups
from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.batching.jobs import Checker, Group, Job, grouped
from sinddm_toolkit.batching.report import Entry, begin_report, check_report, write_report
from sinddm_toolkit.batching.rows import Overrides, Row, count_rows, rows_of, shown
from sinddm_toolkit.batching.sources import Source
from sinddm_toolkit.batching.state import State
from sinddm_toolkit.batching.work import Workplace
from sinddm_toolkit.edits.events import Events, LoggingEvents
from sinddm_toolkit.edits.store import ModelStore, default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import remove_abandoned

ROWS_TOGETHER = 8
"""Rows that differ in nothing but their seed, sampled at once on a GPU."""


def rows_together(device: str) -> int:
    """How many rows are sampled at once: on a CPU that is no quicker than one by one."""
    return 1 if device == "cpu" else ROWS_TOGETHER


@dataclass
class RowResult:
    """What became of one row."""

    number: int
    """From 1, in the order of the batch."""
    status: str
    """`done`, `kept` (it had been done before) or `failed`."""
    outputs: list[Path]
    """The files of the row, first its pictures."""
    facts: dict[str, Any] = field(repr=False)
    """What the report tells: seed, model, seconds, error …"""

    @property
    def error(self) -> str | None:
        """Why it failed, in one line."""
        return self.facts.get("error")


class RefusedRows(UserError):
    """Rows that can't be carried out; nothing has been."""

    def __init__(self, refusals: Sequence[UserError], count: int) -> None:
        self.refusals = refusals
        self.count = count
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """One for each row, of the first twenty."""
        told = [f"  {refusal}" for refusal in self.refusals[:20]]
        more = len(self.refusals) - len(told)
        if more:
            told.append(f"  and {more} more")
        head = f"{len(self.refusals)} of {self.count} rows are refused, nothing was run:"
        return [head, *told]


class Batch:
    """The rows of one source, checked."""

    def __init__(
        self,
        source: Source,
        overrides: Overrides | None = None,
        *,
        folder: Path | None = None,
        store: ModelStore | None = None,
        events: Events | None = None,
    ) -> None:
        """Nothing is checked yet. `folder` is where state, report and unnamed pictures go."""
        self.source = source
        self.overrides = overrides or Overrides()
        wanted = folder or source.results or source.folder / f"{source.name}-results"
        self.results = Path(os.path.realpath(wanted))  # unlike Path.resolve it never fails
        self.store = store or default_store()
        self.events = events or LoggingEvents()
        self.state = State(self.results)
        self._checker = Checker(self.results, self.store, self.state, self.events)
        self.jobs: list[Job] = []

    def rows(self) -> list[Row]:
        """Every row with its settings. RefusedRows if one of them can't be understood."""
        found = []
        total = count_rows(self.source)
        for row in rows_of(self.source, self.overrides):
            found.append(row)
            self.events.working("reading rows", len(found), total)
        rows = [row for row in found if isinstance(row, Row)]
        if refusals := [row for row in found if isinstance(row, UserError)]:
            raise RefusedRows(refusals, len(found))
        return rows

    def check(self) -> list[Group]:
        """Check every row as far as that goes without training → the rows by their models.

        Nothing is written. RefusedRows if one of the rows can't be carried out.
        """
        rows = self.rows()
        if not self.may_replace_report:
            check_report(self.state)
        refusals = []
        try:
            for index, row in enumerate(rows):
                self.events.working("checking rows", index + 1, len(rows))
                try:
                    self.jobs.append(self._checker.job(row))
                except UserError as error:
                    refusals.append(error)
        finally:
            self._checker.leave_no_trace()
        if refusals:
            raise RefusedRows(refusals, len(rows))
        return grouped(self.jobs, self.store)

    def run(self, jobs: int = 1, executor: str | None = None) -> Iterator[RowResult]:
        """Check every row → what becomes of them, as it comes; the report is made at the end.

        `jobs` is how many processes share the cores; `executor` is the address of a Dask scheduler
        that gets the work instead. UserError at once if a row can't be carried out; nothing is
        written before the first result is asked for.
        """
        if executor == "local":
            raise UserError("--executor local: use --jobs N, which works in N processes here")
        return self._carried_out(self.check(), jobs, executor)

    def _carried_out(
        self, groups: Sequence[Group], jobs: int, executor: str | None
    ) -> Iterator[RowResult]:
        with self.state.held():
            self._checker.make_folders()
            remove_abandoned(self._folders())  # of an earlier run that was killed
            begin_report(self.state)
            known = {job.item.number: self.state.done(job.item) for job in self.jobs}
            done = {number for number, facts in known.items() if facts is not None}
            results = [self._result(number, known[number]) for number in sorted(done)]
            try:
                yield from results
                for outcome in self._outcomes(groups, done, jobs, executor):
                    result = RowResult(
                        outcome.item.number,
                        outcome.facts["status"],
                        [Path(path) for path in outcome.facts["outputs"]],
                        outcome.facts,
                    )
                    results.append(result)
                    yield result
            finally:
                self._report(results)

    def _report(self, results: Sequence[RowResult]) -> None:
        facts = {result.number: result.facts for result in results}
        known = registry.current()
        entries = [
            Entry(
                row.number,
                row.table,
                row.varied,
                {
                    name: shown(own, known.task(name).schema())
                    for name, own in row.layer.tasks.items()
                },
                shown(row.layer.run, RunOptions.schema()),
                facts.get(row.number, {"status": "open"}),
            )
            for row in (job.row for job in self.jobs)
        ]
        try:
            write_report(self.state, self.source.name, entries, overwrite=self.may_replace_report)
        except UserError as error:  # what is done is done, and the next run reports it
            self.events.message(f"no report: {error}")

    @property
    def may_replace_report(self) -> bool:
        """Whether a report of somebody else may be replaced."""
        return bool(self.overrides.run.get("overwrite"))

    def _folders(self) -> set[Path]:
        written = (Path(path).parent for job in self.jobs for path in job.item.outputs)
        return {self.results, self.state.folder, *written}

    def _result(self, number: int, facts: dict[str, Any] | None) -> RowResult:
        facts = {**(facts or {}), "status": "kept"}
        return RowResult(number, "kept", [Path(path) for path in facts["outputs"]], facts)

    def _outcomes(
        self, groups: Sequence[Group], done: set[int], jobs: int, executor: str | None
    ) -> Iterator[Any]:
        import torch

        from sinddm_toolkit.engine.compute import choose_compute

        device = choose_compute(self.jobs[0].item.run.get("device", "auto")).device.type
        work = work_groups(groups, done, rows_together(device))
        place = Workplace(self.results, self.store, registry.current().discovery)
        if executor is not None:
            from sinddm_toolkit.batching.cluster import on_cluster

            return on_cluster(work, place, executor)
        if jobs == 1:
            return in_this_process(work, place, self.events)
        return in_processes(work, place, jobs, torch.get_num_threads(), len(groups))


__all__ = ["Batch", "Item", "RefusedRows", "RowResult"]
