"""What became of each row, kept beside the results, so that a batch goes on where it was.

One small file a row, written whole by the process that carries the row out: before its pictures
appear, and when they are all there. Whatever is killed, and whenever, at most the rows in hand are
done again; and a row that has been done is known to be, by whoever is asked to do it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.items import Item
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.files import write_atomically
from sinddm_toolkit.options import content_of

FOLDER = ".sinddm-batch"
BEGUN, DONE, FAILED = "begun", "done", "failed"


@dataclass(frozen=True)
class State:
    """The states of the rows whose results are in one folder."""

    results: Path

    @property
    def folder(self) -> Path:
        return self.results / FOLDER

    def _path(self, item: Item) -> Path:
        return self.folder / f"{item.key}.json"

    def read(self, item: Item) -> dict[str, Any] | None:
        """What is known of a row; None if nothing, or if that can't be read."""
        try:
            found = json.loads(self._path(item).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def done(self, item: Item) -> dict[str, Any] | None:
        """The facts of a row that was finished as it stands now and whose files are all there."""
        found = self.read(item)
        if found is None or found.get("state") != DONE:
            return None
        is_same = found.get("fingerprint") == item.fingerprint
        if not is_same or not all((self.results / name).is_file() for name in found["files"]):
            return None
        return found["facts"]

    def owns(self, item: Item, path: Path) -> bool:
        """Whether this batch wrote the file `path` of that row and nobody has changed it since."""
        found = self.read(item)
        if found is None:
            return False
        if found["state"] == BEGUN:
            return True
        content = found["files"].get(self.relative(path))
        return content is not None and content == content_of(path)

    def begin(self, item: Item) -> None:
        """The files of the row are about to appear."""
        self._write(item, BEGUN, [], {})

    def finish(self, item: Item, files: list[Path], facts: dict[str, Any]) -> None:
        self._write(item, DONE, files, facts)

    def fail(self, item: Item, facts: dict[str, Any]) -> None:
        existing = [path for path in map(Path, item.outputs) if path.is_file()]
        self._write(item, FAILED, existing, facts)

    def relative(self, path: Path) -> str:
        """`path` from the folder of results: that may be moved as a whole."""
        return Path(os.path.relpath(path, self.results)).as_posix()

    def _write(self, item: Item, state: str, files: list[Path], facts: dict[str, Any]) -> None:
        content = {
            "state": state,
            "fingerprint": item.fingerprint,
            "files": {self.relative(path): content_of(path) for path in files},
            "facts": facts,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(item), json.dumps(content).encode(), overwrite=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process from running a batch here. UserError if one does."""
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "lock")
            lock.acquire(timeout=2)
        except Timeout:
            raise UserError(f"another process runs a batch into {self.results}") from None
        except OSError as error:
            raise UserError(f"cannot write in {self.results}: {error.strerror}") from None
        try:
            yield
        finally:
            lock.release()
