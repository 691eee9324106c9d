"""What an edit tells while it goes on, as plain values, a few times a second at most."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.pictures.contact_sheet import small
from sinddm_toolkit.pictures.picture import Picture

if TYPE_CHECKING:
    from sinddm_toolkit.engine.training import TrainingReport

TOLD_EVERY = 0.2
DRAWN_EVERY = 0.4
DRAWN_SHARE = 0.1
"""Seconds between two messages, two previews; of all time, what previews may take."""
PREVIEW_SIDE = 384
MOST_PREVIEWS = 8

MAKING = "making the picture"

Tell = Callable[[dict[str, Any]], None]


class ToldEvents(Events):
    """Tells `progress`, `preview` and `note` to whoever started the edit, once it has."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._untold: list[dict[str, Any]] = []
        self._tell: Tell = self._untold.append
        self._clock = clock
        self._drawn = 0.0
        self._planned, self._sampled = 0, 0
        self._begin("", 0)
        self._part = ""

    def tell_to(self, tell: Tell) -> None:
        """From now on `tell` is told; and what came before."""
        for message in self._untold:
            tell(message)
        self._tell = tell

    def message(self, text: str) -> None:
        self._tell({"type": "note", "text": text})

    def training_begins(self, name: str, steps: int) -> None:
        self._begin(f"learning {name}", steps)

    def training(self, report: TrainingReport) -> None:
        self._go_on(report.step, report.steps, error=round(report.error, 4))

    def sampling_begins(self, steps: int) -> None:
        self._planned, self._sampled = steps, 0
        self._begin(MAKING, steps)

    def sampling(self, part: str) -> None:
        self._part = part
        self._sampled += 1
        if self._what != MAKING:  # a task told of work of its own in between
            self._begin(MAKING, self._planned, self._sampled)
        self._go_on(self._sampled, self._planned, part)

    def forming(self, pictures: Callable[[], list[Picture]]) -> None:
        began = self._clock()
        if began < self._drawn and self._done < self._steps:
            return
        shown = [_as_url(one) for one in pictures()[:MOST_PREVIEWS]]
        self._tell({"type": "preview", "part": self._part, "pictures": shown})
        ended = self._clock()
        self._drawn = ended + max(DRAWN_EVERY, (ended - began) / DRAWN_SHARE)

    def working(self, what: str, done: int, steps: int) -> None:
        if done <= 1 or what != self._what:
            self._begin(what, steps)
        self._go_on(done, steps)

    def _begin(self, what: str, steps: int, done: int = 0) -> None:
        self._what, self._steps, self._done = what, steps, done
        self._from = done
        self._began = self._clock()
        self._told = 0.0
        if what:
            self._report("", None)

    def _go_on(self, done: int, steps: int, detail: str = "", error: float | None = None) -> None:
        self._done, self._steps = done, steps
        if self._clock() - self._told >= TOLD_EVERY or done >= steps:
            self._report(detail, error)

    def _report(self, detail: str, error: float | None) -> None:
        self._told = now = self._clock()
        left = None
        if self._done > self._from:
            each = (now - self._began) / (self._done - self._from)
            left = round(each * max(0, self._steps - self._done), 1)
        self._tell(
            {
                "type": "progress",
                "what": self._what,
                "done": self._done,
                "steps": self._steps,
                "detail": detail,
                "error": error,
                "left": left,
            }
        )


def _as_url(picture: Picture) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(small(picture, PREVIEW_SIDE).pixels).save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
