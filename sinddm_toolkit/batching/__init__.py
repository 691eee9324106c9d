"""A thousand edits in a file: all are checked, then carried out, from where a stop left them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sinddm_toolkit.batching.checking import Checker, RefusedRows
from sinddm_toolkit.batching.job import Job, RowResult
from sinddm_toolkit.batching.queue import Group, Queue, grouped, rows_together
from sinddm_toolkit.batching.report import Report, begin_report, check_report
from sinddm_toolkit.batching.rows import Overrides, Row, count_rows, rows_of
from sinddm_toolkit.batching.sources import Source
from sinddm_toolkit.batching.state import State
from sinddm_toolkit.batching.work import Workplace
from sinddm_toolkit.batching.workers import in_processes, in_this_process
from sinddm_toolkit.edits.events import Events, LoggingEvents
from sinddm_toolkit.edits.store import ModelStore, default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.files import remove_abandoned
from sinddm_toolkit.settings.picture_cache import PictureCache


class Batch:
    """The rows of one source, with the folder that their results go to."""

    def __init__(
        self,
        source: Source,
        overrides: Overrides | None = None,
        *,
        folder: Path | None = None,
        store: ModelStore | None = None,
        events: Events | None = None,
    ) -> None:
        """Check nothing yet. `folder` is where state, report and unnamed pictures go."""
        self.overrides = overrides or Overrides()
        wanted = folder or source.results or source.folder / f"{source.name}-results"
        self.results = Path(os.path.realpath(wanted))  # unlike Path.resolve it never fails
        self.store = store or default_store()
        self.events = events or LoggingEvents()
        self.state = State(self.results)
        self.source = replace(source, own=self.state.written())
        self.jobs: list[Job] = []
        """The rows, once they are checked."""
        self._pictures = PictureCache()
        self._checker = Checker(self.state, self.store, self._pictures, self.events)

    def rows(self) -> list[Row]:
        """Read every row's settings. RefusedRows if one of them can't be understood."""
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
            self._checker.destinations.remove_folders()
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
            self._checker.destinations.make_folders()
            remove_abandoned(self._folders())  # of an earlier run that was killed
            begin_report(self.state)
            results = {result.number: result for result in self._kept()}
            try:
                yield from list(results.values())
                queue = Queue(groups, set(results), rows_together(self._device()))
                for result in self._work(queue, jobs, executor):
                    results[result.number] = result
                    yield result
            finally:
                self._report(results)

    def _kept(self) -> Iterator[RowResult]:
        """The rows that are done, by their numbers."""
        for job in self.jobs:
            if (facts := self.state.done(job.item)) is not None:
                yield RowResult.of(job.item.number, {**facts, "status": "kept"})

    def _work(self, queue: Queue, jobs: int, executor: str | None) -> Iterator[RowResult]:
        """Do what is in the queue, in this process or by others → results as they come."""
        place = Workplace(self.results, self.store, registry.current().discovery)
        if executor is not None:
            from sinddm_toolkit.batching.cluster import on_cluster

            return on_cluster(queue, place, executor)
        if jobs == 1:
            return in_this_process(queue, place, self.events, self._pictures)
        import torch

        return in_processes(queue, place, jobs, torch.get_num_threads())

    def _report(self, results: Mapping[int, RowResult]) -> None:
        report = Report(self.source.name, self.jobs, results)
        try:
            report.write(self.state, overwrite=self.may_replace_report)
        except UserError as error:  # what is done is done, and the next run reports it
            self.events.message(f"no report: {error}")

    @property
    def may_replace_report(self) -> bool:
        """Whether a report of somebody else may be replaced."""
        return bool(self.overrides.run.get("overwrite"))

    def _folders(self) -> set[Path]:
        written = (Path(path).parent for job in self.jobs for path in job.item.outputs)
        return {self.results, self.state.folder, *written}

    def _device(self) -> str:
        """The kind of device that the rows are sampled on."""
        from sinddm_toolkit.engine.compute import choose_compute

        return choose_compute(self.jobs[0].item.run.get("device", "auto")).device.type


__all__ = ["Batch", "RefusedRows", "RowResult"]
