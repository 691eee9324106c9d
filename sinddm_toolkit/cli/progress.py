"""Progress on standard error: bars on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.edits.events import Events, LineEvents

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sinddm_toolkit.engine.training import TrainingReport


class PlainEvents(Events):
    """Says only what a person must know."""

    def message(self, text: str) -> None:
        tell(f"note: {text}")

    def achieved(self, text: str) -> None:
        tell(text)


class LogEvents(PlainEvents, LineEvents):
    """Also says every few seconds how far it is: for the logs of long runs."""

    def tell(self, text: str) -> None:
        tell(text)


class BarEvents(Events):
    """A bar for the training and one for each run of sampling."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar: TaskID | None = None

    def message(self, text: str) -> None:
        self.achieved(f"note: {text}")

    def achieved(self, text: str) -> None:
        self._progress.console.print(readable(text), highlight=False, markup=False)

    def expected(self, time: Callable[[], str | None]) -> None:
        if (text := time()) is not None:
            self.achieved(text)

    def _begin(self, text: str, steps: int) -> None:
        if self._bar is not None:
            self._progress.remove_task(self._bar)
        self._bar = self._progress.add_task(readable(text), total=steps, detail="")

    def training_begins(self, name: str, steps: int) -> None:
        self._begin(f"learning {name}", steps)

    def training(self, report: TrainingReport) -> None:
        if self._bar is not None:
            self._progress.update(self._bar, completed=report.step, total=report.steps)

    def sampling_begins(self, steps: int) -> None:
        self._begin("making the picture", steps)

    def sampling(self, part: str) -> None:
        if self._bar is not None:
            self._progress.update(self._bar, advance=1, detail=part)

    def working(self, what: str, done: int, steps: int) -> None:
        if done <= 1:
            self._begin(what, steps)
        if self._bar is not None:
            self._progress.update(self._bar, completed=done)


@contextmanager
def console_events(*, quiet: bool) -> Iterator[Events]:
    """Bars on a terminal, lines elsewhere; if `quiet`, only what a person must know."""
    if quiet or not sys.stderr.isatty():
        yield PlainEvents() if quiet else LogEvents()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield BarEvents(progress)
