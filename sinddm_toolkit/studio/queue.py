"""The edits that were asked for: one is carried out, others wait, all are remembered on disk.

Everything here happens on the event loop's thread, but for what the worker says, which is handed
over to it. What waits when the server ends goes on when it is there again, the one that ran first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.files import write_atomically
from sinddm_toolkit.pictures.writing import FORMATS
from sinddm_toolkit.studio.answers import Refusal, option_in
from sinddm_toolkit.studio.places import Places
from sinddm_toolkit.studio.requests import (
    GROUP,
    OUT,
    SEED,
    Order,
    default_out,
    distinct_names,
    ids_in,
    layer_of,
)
from sinddm_toolkit.studio.uploads import Pictures
from sinddm_toolkit.studio.worker import Message, Worker

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
DELETED = "deleted"
"""Told once, of an edit that is no more."""
OVER = (DONE, FAILED, CANCELLED, DELETED)
ENTRY, FILES = "edit.json", "files"
MOST_WAITING = 1000
MOST_UNREAD = 200
"""Messages that a watcher may be behind; of progress he is told no more until he has caught up."""

HASTE = 3.0
"""Seconds after which to cancel once more is meant."""

DIED = "the process that carried it out ended (is there enough memory?)"

logger = logging.getLogger(__name__)


@dataclass
class Entry:
    """An edit, from when it is asked for on; as JSON it is what is kept on disk."""

    id: str
    created: str
    """Date and time, UTC."""
    edit: dict[str, Any]
    """As it was asked for, pictures by their ids."""
    settled: dict[str, Any]
    """The same with the name of its result and its seed."""
    names: dict[str, str]
    """What its pictures are called, by their ids: no two alike."""
    tasks: list[str]
    seed: int
    group: str | None = None
    state: str = WAITING
    results: list[dict[str, Any]] = field(default_factory=list)
    extras: list[dict[str, Any]] = field(default_factory=list)
    sheet: str | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    option: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    model: str | None = None
    training_steps: int = 0
    device: str | None = None

    @property
    def made(self) -> list[str]:
        """The ids of the pictures that it has made."""
        return [one["picture"] for one in (*self.results, *self.extras) if one["picture"]]

    @property
    def words(self) -> str:
        """What a search looks in."""
        names = [*self.names.values(), *(one["name"] for one in self.results)]
        asked = json.dumps(self.edit, ensure_ascii=False)
        for given in self.names:  # no word is an id, but letters of one may look like it
            asked = asked.replace(given, "")
        told = [*self.tasks, *map(_told_by, self.tasks), *names, self.group or "", asked]
        return " ".join(told).lower().replace("_", " ").replace("-", " ")


def _told_by(name: str) -> str:
    """What a task does, and what else people call it; nothing of one that isn't there any more."""
    task = registry.current().tasks.get(name)
    return "" if task is None else " ".join([task.summary, *task.also_called])


class Queue:
    """All edits, and the worker that carries them out."""

    def __init__(self, folder: Path, pictures: Pictures) -> None:
        self.places = Places(folder, "edit")
        self._pictures = pictures
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        """The ids of those that wait, the next one first."""
        self._running: str | None = None
        self._runs_in = 0
        """The generation of the worker that has it."""
        self._cancelled_at = float("-inf")
        """When it was last asked to end."""
        self._checks: dict[int, tuple[int, asyncio.Future[Message]]] = {}
        """Number → the generation of the worker that was asked, and its answer to come."""
        self._numbers = itertools.count()
        self._watchers: set[asyncio.Queue[Message | None]] = set()
        self._last: dict[str, Message] = {}
        """What was last told of the edit that runs, by its type."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self.worker = Worker(self._hear_from_thread)

    # Beginning and end

    def open(self) -> None:
        """Read what is there, start the worker, go on with what waits."""
        self._loop = asyncio.get_running_loop()
        for entry in sorted(self._read(), key=lambda one: one.created):
            self._entries[entry.id] = entry
            if entry.state == RUNNING:
                entry.state, entry.notes = WAITING, []
                self._order.insert(0, entry.id)
            elif entry.state == WAITING:
                self._order.append(entry.id)
        self._pictures.keep_only(self._used())
        self.worker.start()
        self._go_on()

    def _used(self) -> set[str]:
        """The ids of the pictures of all edits."""
        return {given for entry in self._entries.values() for given in (*entry.names, *entry.made)}

    def _read(self) -> Iterator[Entry]:
        for found in self.places.ids():
            if not (self.places.folder / found / ENTRY).exists():
                self.places.remove(found)  # the server ended before the edit was checked
                continue
            try:
                text = (self.places.folder / found / ENTRY).read_text(encoding="utf-8")
                yield Entry(**json.loads(text))
            except (OSError, ValueError, TypeError) as error:
                logger.warning("the edit %s cannot be read and is left out: %s", found, error)

    def leave(self) -> None:
        """The server is about to end: nobody is told anything more."""
        self._is_closing = True
        for watcher in self._watchers:
            watcher.put_nowait(None)

    async def close(self) -> None:
        """End the worker. What it was at stays in the queue."""
        self.leave()
        await run_in_threadpool(self.worker.stop)

    # What is asked for

    async def add(self, edit: dict[str, Any]) -> Entry:
        """Check all of `edit` that can be checked without learning, and let it wait for its turn.

        UserError if it can't be carried out.
        """
        if len(self._order) >= MOST_WAITING:
            raise Refusal(409, f"{MOST_WAITING} edits are waiting already")
        entry = await run_in_threadpool(self._made, edit)
        try:
            await self._checked(self._order_of(entry))
            self._save(entry)
        except BaseException:
            self.places.remove(entry.id)
            raise
        self._entries[entry.id] = entry
        self._order.append(entry.id)
        self._tell_state(entry)
        self._go_on()
        return entry

    def _made(self, edit: dict[str, Any]) -> Entry:
        """`edit` with all that is to be settled about it, and a folder."""
        group = edit.get(GROUP)
        if group is not None and not isinstance(group, str):
            raise Refusal(400, f"{GROUP} must be text")
        ids = ids_in(edit)
        abouts = [self._pictures.about(one) for one in ids]
        layer = layer_of(edit, lambda one: one)
        if not edit.get(OUT):
            shown = {one.id: one.name for one in abouts}
            edit_out = default_out(layer, shown)
        else:
            edit_out = str(edit[OUT])
        seed = layer.run[SEED].value if SEED in layer.run else None
        seed = secrets.randbelow(2**32) if seed is None else int(seed)
        settled = {key: value for key, value in edit.items() if key != GROUP}
        settled |= {OUT: edit_out, SEED: seed}
        names = distinct_names(((one.id, one.name) for one in abouts), [edit_out])
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        found, _ = self.places.new()
        return Entry(found, created, edit, settled, names, list(layer.tasks), seed, group)

    def _order_of(self, entry: Entry) -> Order:
        files = (self.places.path(entry.id) / FILES).resolve()
        folder = self._pictures.places.folder
        return Order(entry.id, entry.settled, entry.names, folder, files)

    async def _checked(self, order: Order) -> None:
        """Let the worker check an edit. UserError, or what else it says."""
        self.worker.start()
        number = next(self._numbers)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._checks[number] = (self.worker.generation, answer)
        try:
            self.worker.send(type="check", number=number, order=order)
            told = await answer
        finally:
            self._checks.pop(number, None)
        if told["error"] is not None:
            raise (UserError if told.get("is_user_error") else ToolkitError)(told["error"])

    def get(self, given: object) -> Entry:
        """Refusal if there is no such edit."""
        found = self._entries.get(str(given))
        if found is None:
            raise Refusal(404, "there is no such edit")
        return found

    def files(self, entry: Entry) -> dict[str, Path]:
        """Name → file, of all that was written for an edit that is done."""
        if entry.state != DONE:
            return {}
        folder = self.places.path(entry.id) / FILES
        return {path.name: path for path in folder.iterdir() if path.is_file()}

    def listed(self, search: str, limit: int, before: str | None) -> list[Entry]:
        """The newest with all words of `search`, `limit` at most; of those older than `before`."""
        words = search.lower().replace("_", " ").replace("-", " ").split()
        entries = list(reversed(self._entries.values()))
        if before is not None:
            entries = entries[[one.id for one in entries].index(self.get(before).id) + 1 :]
        fit = (one for one in entries if all(word in one.words for word in words))
        return list(itertools.islice(fit, limit))

    def cancel(self, entry: Entry) -> None:
        """Let one that waits not be carried out; the one that runs ends as by Ctrl-C."""
        if entry.state == WAITING:
            self._order.remove(entry.id)
            entry.state = CANCELLED
            self._keep(entry)
            self._tell_state(entry)
            self._tell_positions()
        elif entry.state == RUNNING and self._loop is not None:
            now = self._loop.time()
            # Twice is at once, as with Ctrl-C; but not what a hasty hand does by one wish.
            if now - self._cancelled_at > HASTE:
                self._cancelled_at = now
                self.worker.send(type="cancel", id=entry.id)

    def forget(self, entry: Entry) -> None:
        """Remove an edit and what it has made. Refusal if it is being carried out."""
        if entry.state == RUNNING:
            raise Refusal(409, "the edit is running: cancel it first")
        if entry.state == WAITING:
            self._order.remove(entry.id)
        del self._entries[entry.id]
        self.places.remove(entry.id)
        for made in set(entry.made) - self._used():
            self._pictures.places.remove(made)
        entry.state = DELETED
        self._tell_state(entry)
        self._tell_positions()

    # What is told

    def as_json(self, entry: Entry) -> dict[str, Any]:
        """What the interface tells of an edit."""
        position = self._order.index(entry.id) + 1 if entry.state == WAITING else None
        shown = asdict(entry)
        del shown["settled"]
        return {**shown, "position": position}

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[Message | None]]:
        """What is told from here on; None at the end of the server."""
        watcher: asyncio.Queue[Message | None] = asyncio.Queue()
        self._watchers.add(watcher)
        if self._is_closing:
            watcher.put_nowait(None)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def last_told(self, entry: Entry) -> list[Message]:
        """The latest progress and preview of an edit that runs."""
        return list(self._last.values()) if entry.id == self._running else []

    def _tell(self, message: Message) -> None:
        for watcher in self._watchers:
            if watcher.qsize() < MOST_UNREAD or message["type"] == "state":
                watcher.put_nowait(message)

    def _tell_state(self, entry: Entry) -> None:
        self._tell({"type": "state", "id": entry.id, "state": self.as_json(entry)})

    def _tell_positions(self) -> None:
        for waiting in self._order:
            self._tell_state(self._entries[waiting])

    def _keep(self, entry: Entry) -> None:
        """`_save` where nobody asks for it: what goes on must not stop for a full disk."""
        try:
            self._save(entry)
        except OSError as error:
            logger.error("the edit %s cannot be kept: %s", entry.id, error)

    def _save(self, entry: Entry) -> None:
        """Keep `entry` on disk, whole or as it was."""
        data = json.dumps(asdict(entry)).encode()
        write_atomically(self.places.path(entry.id) / ENTRY, data, overwrite=True)

    # What the worker does

    def _go_on(self) -> None:
        """Give the worker what waits, if it has nothing in hand."""
        if self._running is not None or self._is_closing or not self._order:
            return
        entry = self._entries[self._order.pop(0)]
        entry.state = RUNNING
        self._running = entry.id
        self._keep(entry)
        self.worker.start()
        self._runs_in = self.worker.generation
        self.worker.send(type="run", order=self._order_of(entry))
        self._tell_state(entry)
        self._tell_positions()

    def _hear_from_thread(self, message: Message) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._hear, message)

    def _hear(self, message: Message) -> None:
        kind = message["type"]
        if kind == "checked":
            if message["number"] in self._checks:
                _answer(self._checks[message["number"]][1], message)
        elif kind == "died":
            self._on_death(message["generation"])
        elif message.get("id") != self._running or self._running is None:
            return
        elif kind in ("progress", "preview"):
            self._last[kind] = message
            self._tell(message)
        elif kind == "note":
            self._entries[self._running].notes.append(message["text"])
            self._tell_state(self._entries[self._running])
        elif kind == "done":
            task = asyncio.create_task(self._take_home(self._entries[self._running], message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == "cancelled":
            # At the end of the server it stays as it is on disk, and is the first to go on.
            if not self._is_closing:
                self._end(CANCELLED)
        elif kind == "failed":
            self._end(FAILED, message["error"])

    def _on_death(self, generation: int) -> None:
        """Another worker may have been started before this is heard."""
        for asked, answer in self._checks.values():
            if asked == generation:
                _answer(answer, {"error": DIED})
        if self._running is not None and self._runs_in == generation and not self._is_closing:
            self._end(FAILED, DIED)

    async def _take_home(self, entry: Entry, message: Message) -> None:
        """Let what was made be seen as other pictures are."""
        facts = message["facts"]
        folder = self.places.path(entry.id) / FILES
        try:
            for one in facts["results"]:
                about = await run_in_threadpool(self._pictures.add_result, folder / one["name"])
                size = {"width": about.width, "height": about.height}
                entry.results.append({**one, **size, "picture": about.id})
            for name in facts["extras"]:
                found = None
                if Path(name).suffix.lower() in FORMATS:
                    found = await run_in_threadpool(self._pictures.add_result, folder / name)
                entry.extras.append({"name": name, "picture": found and found.id})
        except (ToolkitError, OSError) as error:
            self._end(FAILED, f"what was made cannot be shown: {error}")
            return
        entry.notes += [note for note in facts["notes"] if note not in entry.notes]
        for key in ("sheet", "seconds", "model", "training_steps", "device"):
            setattr(entry, key, facts[key])
        self._end(DONE)

    def _end(self, state: str, error: str | None = None) -> None:
        assert self._running is not None
        entry = self._entries[self._running]
        entry.state, entry.error = state, error
        entry.option = option_in(error) if error else None
        self._running = None
        self._cancelled_at = float("-inf")
        self._last.clear()
        self._keep(entry)
        self._tell_state(entry)
        self._go_on()

    async def events(self, entry: Entry | None = None) -> AsyncIterator[Message]:
        """What is told of an edit until it is over, or of all until the server ends."""
        with self.watching() as watcher:
            shown = self._entries.values() if entry is None else [entry]
            for one in [one for one in shown if one is entry or one.state not in OVER]:
                yield {"type": "state", "id": one.id, "state": self.as_json(one)}
                for message in self.last_told(one):
                    yield message
            is_over = entry is not None and entry.state in OVER
            while not is_over and (told := await watcher.get()) is not None:
                if entry is None:
                    yield told
                elif told["id"] == entry.id:
                    yield told
                    is_over = told["type"] == "state" and told["state"]["state"] in OVER


def _answer(answer: asyncio.Future[Message], message: Message) -> None:
    """Give the answer, if anybody still waits for it."""
    if not answer.done():
        answer.set_result(message)
