"""What an edit tells whoever watches it. The core prints nothing: it logs, unless it is watched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinddm_toolkit.engine.training import TrainingReport
    from sinddm_toolkit.pictures.picture import Picture

TOLD_EVERY = 10.0
"""Seconds between two lines about work that goes on."""

MADE = ("large shapes", "smaller shapes", "detail", "fine detail")
"""What a run is at, from its first stage to its last."""

logger = logging.getLogger(__name__)


def made_at(index: int, count: int, *, from_noise: bool) -> str:
    """What comes about at the stage of that index, of so many."""
    if from_noise and index == 0 < count - 1:
        return "the layout"
    return MADE[-1] if count == 1 else MADE[round((len(MADE) - 1) * index / (count - 1))]


class Events:
    """Hears all and says nothing. Override what you want to hear."""

    def message(self, text: str) -> None:
        """Something a person should know, one line."""

    def achieved(self, text: str) -> None:
        """A part of what was asked for is there, one line."""

    def expected(self, time: Callable[[], str | None]) -> None:
        """Long work may begin: `time` tries how long it will take, and tells it in a line if it is
        long. Only who shows that should ask."""

    def training_begins(self, name: str, steps: int) -> None:
        """The picture `name` is about to be learnt in `steps` updates."""

    def training(self, report: TrainingReport) -> None:
        """Every few updates."""

    def training_ends(self) -> None:
        """Training is over, whole or not."""

    def sampling_begins(self, steps: int) -> None:
        """A run of `steps` steps begins."""

    def sampling(self, part: str) -> None:
        """A step is done, of the part of the picture that is told in words."""

    def forming(self, pictures: Callable[[], list[Picture]]) -> None:
        """The step that `sampling` told of has made this of the pass: `pictures` draws x̂0 of each
        sample as it is now, at the size of its scale. Only who shows them should ask, and at once.
        """

    def working(self, what: str, done: int, steps: int) -> None:
        """A task has done so much of long work of its own, in words."""


class Several(Events):
    """Passes everything on to several, in their order."""

    def __init__(self, *events: Events) -> None:
        self._events = events

    def message(self, text: str) -> None:
        for one in self._events:
            one.message(text)

    def achieved(self, text: str) -> None:
        for one in self._events:
            one.achieved(text)

    def expected(self, time: Callable[[], str | None]) -> None:
        once = cache(time)
        for one in self._events:
            one.expected(once)

    def training_begins(self, name: str, steps: int) -> None:
        for one in self._events:
            one.training_begins(name, steps)

    def training(self, report: TrainingReport) -> None:
        for one in self._events:
            one.training(report)

    def training_ends(self) -> None:
        for one in self._events:
            one.training_ends()

    def sampling_begins(self, steps: int) -> None:
        for one in self._events:
            one.sampling_begins(steps)

    def sampling(self, part: str) -> None:
        for one in self._events:
            one.sampling(part)

    def forming(self, pictures: Callable[[], list[Picture]]) -> None:
        for one in self._events:
            one.forming(pictures)

    def working(self, what: str, done: int, steps: int) -> None:
        for one in self._events:
            one.working(what, done, steps)


class LineEvents(Events):
    """Puts what goes on into a line every few seconds; `tell` is to be overridden."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells the time in seconds."""
        self._clock = clock
        self._begin("", 0)

    def tell(self, text: str) -> None:
        """A line of text."""

    def expected(self, time: Callable[[], str | None]) -> None:
        if (text := time()) is not None:
            self.tell(text)

    def training_begins(self, name: str, steps: int) -> None:
        self._begin(f"learning {name}", steps)

    def training(self, report: TrainingReport) -> None:
        self._go_on(report.step, report.steps)

    def sampling_begins(self, steps: int) -> None:
        self._begin("making the picture", steps)

    def sampling(self, part: str) -> None:
        self._go_on(self._done + 1, self._steps, part)

    def working(self, what: str, done: int, steps: int) -> None:
        if done <= 1:
            self._begin(what, steps)
        self._go_on(done, steps)

    def _begin(self, what: str, steps: int) -> None:
        self._what, self._steps, self._done = what, steps, 0
        self._began = self._told = self._clock()

    def _go_on(self, done: int, steps: int, detail: str = "") -> None:
        """Note that `done` of `steps` are done, and tell it if it is time to."""
        self._done = done
        now = self._clock()
        if now - self._told < TOLD_EVERY or not 0 < done < steps:
            return
        self._told = now
        left = (now - self._began) * (steps - done) / done
        parts = [f"{100 * done // steps} %", detail, f"about {in_words(left)} left"]
        self.tell(f"{self._what}: {', '.join(filter(None, parts))}")


class LoggingEvents(LineEvents):
    """Tells the logger `sinddm_toolkit.edits.events`."""

    def tell(self, text: str) -> None:
        logger.info(text)

    def message(self, text: str) -> None:
        logger.warning(text)

    def achieved(self, text: str) -> None:
        logger.info(text)

    def training_begins(self, name: str, steps: int) -> None:
        super().training_begins(name, steps)
        self._error = ""
        logger.info("learning %s: %d updates", name, steps)

    def training(self, report: TrainingReport) -> None:
        super().training(report)
        self._error = f", error {report.error:.3f}"

    def training_ends(self) -> None:
        seconds = self._clock() - self._began
        logger.info("%s ended: %d updates%s, %.1f s", self._what, self._done, self._error, seconds)

    def sampling_begins(self, steps: int) -> None:
        super().sampling_begins(steps)
        logger.info("sampling: %d steps", steps)


def in_words(seconds: float) -> str:
    """A length of time to go by."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
