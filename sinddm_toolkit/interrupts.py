"""The signals that ask to stop: Ctrl-C, SIGTERM, and SIGHUP, which a closed terminal sends."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""


class Interrupted(KeyboardInterrupt):
    """What the signal `number` raises; the text may say what was at work."""

    def __init__(self, number: int, text: str = "") -> None:
        super().__init__(text)
        self.number = number


class Stopped(BaseException):
    """Whoever watches wants what goes on ended: `why`, which is then raised in place of this.

    No `Exception`: neither a plugin is blamed for it, nor does a row of a batch fail by it.
    """

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


def signal_of(error: BaseException | None) -> int:
    """The signal that `error` comes of; Ctrl-C where nothing is known."""
    while error is not None:
        if isinstance(error, Interrupted):
            return error.number
        error = error.__cause__ or error.__context__
    return signal.SIGINT


@contextmanager
def listening(handle: Callable[[int], None]) -> Iterator[None]:
    """Gives the signals to `handle`, until the end or until somebody else wants them.

    Those that the process was told to ignore (by nohup, by a shell that has put it into the
    background) it goes on ignoring. Outside the main thread, where Python can't install handlers,
    nothing is heard.
    """

    def on_signal(number: int, frame: Any) -> None:
        if number != signal.SIGINT:
            _leave_closed_terminal()
        handle(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, on_signal)
    try:
        yield
    finally:
        for known, handler in before.items():
            if signal.getsignal(known) is on_signal:
                signal.signal(known, handler)


def leave_to(action: signal.Handlers) -> None:
    """From now on the signals that are not ignored do what the system does: nothing, or end it."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, action)


def raise_interrupted(number: int) -> None:
    """End at once what is being done."""
    raise Interrupted(number)


@contextmanager
def interrupt_flag() -> Iterator[Callable[[], int | None]]:
    """Turns a signal into a flag to be asked for, so that an update is never cut in half.

    The flag is the signal's number. A second signal interrupts at once.
    """
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            raise_interrupted(number)

    with listening(on_signal):
        yield lambda: received[0] if received else None


def _leave_closed_terminal() -> None:
    """Let what is said from here on go nowhere if there is no terminal any more to show it."""
    for descriptor in (1, 2):
        try:
            is_device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        except OSError:  # closed
            continue
        if is_device and not os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
