"""A process that does one piece of work after the other for the one that started it.

It is started by a line of its own and not by `multiprocessing`, which would run the caller's script
once more in each process: a batch may be started from a script without a `__main__` guard, from
standard input, from a notebook or a test.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sinddm_toolkit.batching.work import in_words
from sinddm_toolkit.errors import ToolkitError

HANDLED_BY_PARENT = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that may reach a whole group of processes."""

# The path comes first: nothing is imported from the folder that the caller happens to be in.
START = """
import sys
sys.path[:] = {path!r}
import signal
for name in {signals!r}:
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
from sinddm_toolkit.batching.process import serve
serve()
"""


class ProcessDied(ToolkitError):
    """A process ended before it had done what it was asked for."""


class Process:
    """Such a process, seen from the one that started it."""

    def __init__(self) -> None:
        """Start it. ToolkitError if that fails."""
        text = START.format(path=sys.path, signals=HANDLED_BY_PARENT)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise ToolkitError(f"cannot start a process: {error.strerror}") from None

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call `function` there, one call at a time → what it gives.

        ToolkitError if it raises anything; ProcessDied if the process ends before.
        """
        future: Future[Any] = Future()
        # As bytes of bytes: what can't be understood there is then told from what is cut short.
        request = pickle.dumps(pickle.dumps((function, args)))
        threading.Thread(target=self._ask, args=(request, future), daemon=True).start()
        return future

    def _ask(self, request: bytes, future: Future[Any]) -> None:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            is_done, value = pickle.load(self._process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            future.set_exception(ProcessDied("its process died"))
            return
        if is_done:
            future.set_result(value)
        else:
            future.set_exception(ToolkitError(value))

    def stop(self) -> None:
        """End the process at once: what it has in hand is lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # something was left to be written
                    pipe.close()


def serve() -> None:
    """Do what standard input asks for and answer on standard output, until the parent ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not get between the answers
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        request = requests.get()
        try:
            function, args = pickle.loads(request)
            answer = pickle.dumps((True, function(*args)))
        except Exception as error:
            answer = pickle.dumps((False, in_words(error)))
        answers.write(answer)
        answers.flush()


def _listen(requests: queue.SimpleQueue[bytes]) -> None:
    """Read what the parent asks for; when it has ended, in whatever way, this process does too."""
    while True:
        try:
            requests.put(pickle.load(sys.stdin.buffer))
        except BaseException:
            os._exit(1)
