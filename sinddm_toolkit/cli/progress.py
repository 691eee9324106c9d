"""Progress on standard error: bars on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sinddm_toolkit.cli.lines import tell
from sinddm_toolkit.edits.events import Events, LineEvents
from sinddm_toolkit.edits.progress import terminal_bars


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


@contextmanager
def console_events(*, quiet: bool) -> Iterator[Events]:
    """Bars on a terminal, lines elsewhere; if `quiet`, only what a person must know."""
    if quiet:
        yield PlainEvents()
    elif sys.stderr.isatty():
        with terminal_bars() as bars:
            yield bars
    else:
        yield LogEvents()
