"""How far an edit is, shown by bars or told to a function of a script."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sinddm_toolkit.edits.events import Events, LineEvents, LoggingEvents, Several
from sinddm_toolkit.edits.lines import readable
from sinddm_toolkit.edits.python_words import in_python
from sinddm_toolkit.interrupts import Stopped

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sinddm_toolkit.engine.training import TrainingReport
    from sinddm_toolkit.pictures.picture import Picture

DRAWN_EVERY = 0.2
"""Seconds between two drawings of a bar in a notebook."""


SAMPLING = "making the picture"


# Told to a function


def _no_pictures() -> list[Picture]:
    return []


@dataclass(frozen=True)
class Progress:
    """How far an edit is: what a function given as `progress` is told."""

    doing: Literal["training", "sampling", "task", "note"]
    """`training`: every few updates; `sampling`: each step of a pass; `task`: long work of a task's
    own; `note`: nothing but a line that a person should read."""
    text: str
    """In words: `learning bg.png`, `making the picture`, or the note."""
    done: int = 0
    """Updates, steps or pieces of work done so far; 0: they are about to begin."""
    steps: int = 0
    """Of so many."""
    detail: str = ""
    """Of a step: the part of the picture that comes about."""
    error: float | None = None
    """Of an update: the recent mean L1 error of the predicted noise."""
    pictures: Callable[[], list[Picture]] = field(default=_no_pictures, repr=False)
    """Of a step: draws x̂0 of each sample of the pass as it is now, at the size of its scale. To be
    called at once or not at all."""

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return self.done / self.steps if self.steps else 0.0


class CallbackEvents(Events):
    """Tells a function, which may end the edit by raising an Exception: see `Stopped`."""

    def __init__(self, told: Callable[[Progress], object]) -> None:
        self._told = told
        self._learning = "learning"
        self._made, self._steps, self._part = 0, 0, ""
        self._late: Exception | None = None

    def check(self) -> None:
        """Raise what the function has raised where the training was over and had to be kept."""
        if self._late is not None:
            why, self._late = self._late, None
            raise Stopped(why)

    def _tell(self, told: Progress) -> None:
        self.check()
        try:
            self._told(told)
        except Exception as error:
            raise Stopped(error) from error

    def message(self, text: str) -> None:
        self._tell(Progress("note", text))

    def training_begins(self, name: str, steps: int) -> None:
        self._learning = f"learning {name}"
        self._tell(Progress("training", self._learning, 0, steps))

    def training(self, report: TrainingReport) -> None:
        made, planned, error = report.step, report.steps, report.error
        try:
            self._tell(Progress("training", self._learning, made, planned, error=error))
        except Stopped as stopped:
            if report.step < report.steps:
                raise
            self._late = stopped.why

    def sampling_begins(self, steps: int) -> None:
        self._made, self._steps = 0, steps
        self._tell(Progress("sampling", SAMPLING, 0, steps))

    def sampling(self, part: str) -> None:
        self._made, self._part = self._made + 1, part  # `forming` follows, with the picture

    def forming(self, pictures: Callable[[], list[Picture]]) -> None:
        made, steps = self._made, self._steps
        self._tell(Progress("sampling", SAMPLING, made, steps, self._part, pictures=pictures))

    def working(self, what: str, done: int, steps: int) -> None:
        self._tell(Progress("task", what, done, steps))


# Shown to a person


class BarEvents(Events):
    """A bar for the training and one for each run of sampling."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._bar: TaskID | None = None

    def message(self, text: str) -> None:
        self.achieved(f"note: {text}")

    def achieved(self, text: str) -> None:
        self._progress.console.print(readable(text), highlight=False, markup=False)

    def expected(self, time: Callable[[], str | None]) -> None:
        if (text := time()) is not None:
            self.achieved(text)

    def training_begins(self, name: str, steps: int) -> None:
        self._begin(f"learning {name}", steps)

    def training(self, report: TrainingReport) -> None:
        self._change(completed=report.step, total=report.steps)

    def sampling_begins(self, steps: int) -> None:
        self._begin(SAMPLING, steps)

    def sampling(self, part: str) -> None:
        self._change(advance=1, detail=part)

    def working(self, what: str, done: int, steps: int) -> None:
        if done <= 1:
            self._begin(what, steps)
        self._change(completed=done)

    def _begin(self, text: str, steps: int) -> None:
        if self._bar is not None:
            self._progress.remove_task(self._bar)
        self._bar = self._progress.add_task(readable(text), total=steps, detail="")

    def _change(self, **what: Any) -> None:
        if self._bar is not None:
            self._progress.update(self._bar, **what)


class NotebookBars(BarEvents):
    """The same in the output of a notebook's cell, which needs no more than IPython."""

    def __init__(self, show: Callable[[str], object]) -> None:
        """`show` replaces what the cell shows by some HTML."""
        from rich.console import Console

        page = Console(
            file=io.StringIO(), force_terminal=True, force_jupyter=False, width=80, record=True
        )
        super().__init__(_rich_progress(page))
        self._show = show
        self._shown = 0.0

    def achieved(self, text: str) -> None:
        print(readable(text), file=sys.stderr)

    def _change(self, **what: Any) -> None:
        super()._change(**what)
        if time.monotonic() - self._shown >= DRAWN_EVERY:
            self._shown = time.monotonic()
            self._show(_as_html(self._progress))


class TellingEvents(LineEvents):
    """A line on standard error every few seconds, for the log of a script that wants it."""

    def tell(self, text: str) -> None:
        print(readable(text), file=sys.stderr, flush=True)

    def message(self, text: str) -> None:
        self.tell(f"note: {text}")

    def achieved(self, text: str) -> None:
        self.tell(text)


@contextmanager
def terminal_bars() -> Iterator[Events]:
    """Bars on standard error, which must be a terminal; gone at the end. None while others are
    there, of another thread or of the program itself, where only one can be."""
    from rich.console import Console
    from rich.errors import LiveError

    progress = _rich_progress(Console(stderr=True))
    try:
        progress.start()
    except LiveError:
        yield Events()
        return
    try:
        yield BarEvents(progress)
    finally:
        progress.stop()


@contextmanager
def notebook_bars() -> Iterator[Events]:
    """Bars in the output of the cell that is run; gone at the end."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    try:
        yield NotebookBars(lambda html: handle.update(HTML(html)))
    finally:
        handle.update(HTML(""))


def _rich_progress(console: Any) -> RichProgress:
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
    return Progress(*columns, console=console, transient=True)


def _as_html(progress: RichProgress) -> str:
    progress.console.print(progress.get_renderable())
    code = '<pre style="margin:0;line-height:normal">{code}</pre>'
    return progress.console.export_html(inline_styles=True, code_format=code)


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


ProgressLike = bool | Callable[[Progress], object] | None
"""What `progress` may be: None, bars where a person looks; True, also lines where nobody may be
looking; False, nothing; or a function."""


class _InPython(Several):
    """For a script, which knows options by other names."""

    def message(self, text: str) -> None:
        super().message(in_python(text))


@contextmanager
def watched(progress: ProgressLike) -> Iterator[Events]:
    """The events of what is done in here: logged, and shown or told as `progress` asks for.

    What a function given as `progress` raises ends what is done, and comes out as it was.
    """
    if callable(progress):
        told = CallbackEvents(progress)
        try:
            yield _InPython(LoggingEvents(), told)
            told.check()
        except Stopped as stopped:
            raise stopped.why from None
    elif progress is False:
        yield _InPython(LoggingEvents())
    elif is_notebook() or _is_terminal():
        with notebook_bars() if is_notebook() else terminal_bars() as bars:
            yield _InPython(LoggingEvents(), bars)
    elif progress:
        yield _InPython(LoggingEvents(), TellingEvents())
    else:
        yield _InPython(LoggingEvents())
