"""The process that carries out edits, seen from the server, and its own main function.

It is started at once, imports what is heavy while the server answers, and keeps models between
edits. Messages are plain values over a pipe. To cancel is to send it what Ctrl-C sends: what a
training has learnt by then is kept, by the same rule.
"""

from __future__ import annotations

import _thread
import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.registry import Discovery
from sinddm_toolkit.interrupts import Interrupted, listening

if TYPE_CHECKING:
    from sinddm_toolkit.studio.requests import Order
    from sinddm_toolkit.studio.work import Bench

Message = dict[str, Any]
GRACE = 10.0
"""Seconds that a worker has to keep what it has learnt when it is asked to end."""


class Worker:
    """The process, which is started anew if it dies; its messages go to `hear`, on a thread."""

    def __init__(self, hear: Callable[[Message], None]) -> None:
        self._hear = hear
        self._pipe: Connection | None = None
        self._process: Any = None
        self.generation = 0
        """How many there have been."""

    def start(self) -> None:
        """Let there be one that lives."""
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        discovery = registry.current().discovery
        self._process = context.Process(
            target=serve, args=(theirs, discovery), name="sinddm-studio-worker", daemon=True
        )
        self._process.start()
        theirs.close()
        self.generation += 1
        listener = threading.Thread(
            target=self._listen, args=(self._pipe, self.generation), daemon=True
        )
        listener.start()

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return None if self._process is None else self._process.pid

    def send(self, **message: Any) -> None:
        """Ask it for something; if it has died, `hear` is or will be told so."""
        with contextlib.suppress(OSError):
            assert self._pipe is not None
            self._pipe.send(message)

    def stop(self) -> None:
        """End it, with time to keep what it has learnt."""
        if self._process is None:
            return
        self.send(type="stop")
        self._process.join(GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _listen(self, pipe: Connection, generation: int) -> None:
        while True:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                self._hear({"type": "died", "generation": generation})
                return
            self._hear(message)


def serve(pipe: Connection, discovery: Discovery) -> None:
    """The main function of the worker's process."""
    _leave_terminal()
    own = _Own(pipe)
    with listening(own.on_signal):
        registry.use(registry.discover(discovery.folders, discovery.blocked))
        own.work()


def _leave_terminal() -> None:
    """Ctrl-C is for the server, which then says what is to be done."""
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()


class _Own:
    """What the threads of the worker share.

    Only the main thread is interrupted, and only during an edit: what it tells is sent by another,
    so that no message is cut in two.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._told: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._checks: queue.SimpleQueue[tuple[int, Order]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: str | None = None
        self._cancelled: set[str] = set()
        """What is not to be begun."""
        self._is_stopping = False
        self._is_all_told = threading.Event()
        self.bench: Bench | None = None
        for target in (self._listen, self._send):
            threading.Thread(target=target, daemon=True).start()

    def on_signal(self, number: int) -> None:
        if self._current is not None:
            raise Interrupted(number)

    def tell(self, message: Message) -> None:
        self._told.put(message)

    def work(self) -> None:
        """Carry out what is asked for, until the end is."""
        from sinddm_toolkit.studio.work import Bench

        self.bench = Bench()
        threading.Thread(target=self._check, daemon=True).start()
        self.tell({"type": "ready"})
        while (order := self._orders.get()) is not None:
            with contextlib.suppress(KeyboardInterrupt):  # which came a moment too late
                self.tell(self._carried_out(order))
        self._told.put(None)
        self._is_all_told.wait(GRACE)

    def _carried_out(self, order: Order) -> Message:
        """What became of an edit."""
        assert self.bench is not None
        about = {"id": order.id}
        try:
            try:
                self._begin(order.id)
                facts = self.bench.carry_out(order, lambda told: self.tell({**told, **about}))
            finally:
                self._current = None
        except KeyboardInterrupt:
            return {"type": "cancelled", **about}
        except Exception as error:
            return {"type": "failed", "error": in_a_line(error), **about}
        return {"type": "done", "facts": facts, **about}

    def _begin(self, given: str) -> None:
        """From here on signals interrupt. Interrupted if that has been asked for before."""
        with self._lock:
            if self._is_stopping or given in self._cancelled:
                raise Interrupted(signal.SIGINT)
            self._current = given

    def _interrupt(self, given: str | None) -> None:
        """What Ctrl-C does to the edit with that id, be it begun or not."""
        with self._lock:
            if given is not None and given == self._current:
                _thread.interrupt_main()
            elif given is not None:
                self._cancelled.add(given)

    def _listen(self) -> None:
        while not self._is_stopping:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):  # the server is gone
                message = {"type": "stop"}
            kind = message["type"]
            if kind == "run":
                self._orders.put(message["order"])
            elif kind == "check":
                self._checks.put((message["number"], message["order"]))
            elif kind == "cancel":
                self._interrupt(message["id"])
            elif kind == "stop":
                if self.bench is None:  # it is still importing: there is nothing to be kept
                    os._exit(0)
                self._is_stopping = True
                self._orders.put(None)
                self._interrupt(self._current)
                timer = threading.Timer(GRACE, os._exit, [1])
                timer.daemon = True
                timer.start()

    def _check(self) -> None:
        assert self.bench is not None
        while True:
            number, order = self._checks.get()
            answer: Message = {"type": "checked", "number": number, "error": None}
            try:
                self.bench.check(order)
            except Exception as error:
                answer["error"] = in_a_line(error)
                answer["is_user_error"] = isinstance(error, UserError)
            self.tell(answer)

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._told.get()) is not None:
                self._pipe.send(message)
        self._is_all_told.set()


def in_a_line(error: Exception) -> str:
    """An error in words; what nobody expected goes to the log in full."""
    text = " ".join(str(error).split())
    if isinstance(error, ToolkitError):
        return text
    print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
    return f"this is a bug of ours: {type(error).__name__}: {text}"
