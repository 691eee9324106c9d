"""The state of each row, kept beside the results, so that a batch goes on where it was.

It is one small file a row, written whole by the process that carries the row out: before the row's
files appear, with the hash of what each will hold, and again when they are all there. Whatever is
killed, and whenever, at most the rows in hand are done again; whoever is asked for a row that is
done knows that it is; and what the batch did not write is told from what it did.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.batching.job import Item
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.files import content_of, way_to
from sinddm_toolkit.pictures.reading import read_record
from sinddm_toolkit.pictures.writing import write_file

FOLDER = ".sinddm-batch"
WRITING, DONE, FAILED = "writing", "done", "failed"
BEGUN = "begun"
"""A state of an earlier version, which did not tell beforehand what it was going to write."""
REPORT = "report"
"""The key of the report, whose files are known by their content as those of rows are."""

Hashes = dict[str, str]
"""The SHA-256 of the content of files, by their place beside the results."""


@dataclass(frozen=True)
class State:
    """The states of the rows whose results are in one folder."""

    results: Path

    @property
    def folder(self) -> Path:
        return self.results / FOLDER

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def read(self, key: str) -> dict[str, Any] | None:
        """What is known of a row; None if nothing, or if that can't be read."""
        try:
            found = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        parts = ("files", "facts")
        is_whole = isinstance(found, dict) and all(isinstance(found.get(k), dict) for k in parts)
        return found if is_whole else None

    def written(self) -> frozenset[Path]:
        """The files that were written here, whoever has changed them since."""
        states = [self.read(path.stem) for path in self.folder.glob("*.json")]
        names = {name for found in states if found for name in found["files"]}
        return frozenset(Path(os.path.realpath(self.results / name)) for name in names)

    def done(self, item: Item) -> dict[str, Any] | None:
        """The facts of a row that was finished as it stands now and whose files are all there."""
        found = self.read(item.key)
        if found is None or found.get("state") != DONE:
            return None
        if found.get("fingerprint") != item.fingerprint:
            return None
        files = found["files"]
        if not all(self.relative(Path(path)) in files for path in item.outputs):
            return None
        if not all((self.results / name).is_file() for name in files):
            return None
        return found["facts"] if _is_whole(found["facts"]) else None

    def owns(self, item: Item, path: Path) -> bool:
        """Whether this batch wrote the file `path` of that row and nobody has changed it since."""
        found = self.read(item.key)
        if found is not None and found.get("state") == BEGUN:
            return _was_made_for(item, path)
        return self._known(item.key, path) is not None

    def _known(self, key: str, path: Path) -> str | None:
        """The hash of what is in `path` if that was written under `key`."""
        found = self.read(key)
        if found is None or not path.is_file():
            return None
        with contextlib.suppress(OSError):
            content, name = content_of(path), self.relative(path)
            if content in (found["files"].get(name), found.get("before", {}).get(name)):
                return content
        return None

    def refuse_foreign(self, key: str, path: Path) -> None:
        """UserError if the file is there and was not written under `key`."""
        if path.exists() and self._known(key, path) is None:
            raise not_ours(path)

    def write_files(self, item: Item, files: Mapping[Path, bytes]) -> Hashes:
        """Write the files of a row, which are then known to be its own, also if that is cut off.

        UserError if one is there that the batch must not replace, or can't be written.
        """
        replaced = [path for path in files if path.exists() and self.owns(item, path)]
        return self._write_files(
            item.key, item.fingerprint, files, replaced, overwrite=item.may_replace
        )

    def write_report(self, files: Mapping[Path, bytes], *, overwrite: bool) -> None:
        """Write the files of the report. UserError as for those of a row."""
        replaced = [path for path in files if self._known(REPORT, path)]
        hashes = self._write_files(REPORT, "", files, replaced, overwrite=overwrite)
        self._write(REPORT, DONE, "", hashes)

    def _write_files(
        self,
        key: str,
        fingerprint: str,
        files: Mapping[Path, bytes],
        replaced: Iterable[Path],
        *,
        overwrite: bool,
    ) -> Hashes:
        before = {self.relative(path): content_of(path) for path in replaced}
        for path in files:
            if path.exists() and not overwrite and self.relative(path) not in before:
                raise not_ours(path)
        hashes = {
            self.relative(path): hashlib.sha256(data).hexdigest() for path, data in files.items()
        }
        self._write(key, WRITING, fingerprint, hashes, before=before)
        for path, data in files.items():
            write_file(path, data, overwrite=overwrite or self.relative(path) in before)
        return hashes

    def finish(self, item: Item, hashes: Hashes, facts: dict[str, Any]) -> None:
        """Note that the files of the row, of these `hashes`, are all there."""
        self._write(item.key, DONE, item.fingerprint, hashes, facts)

    def fail(self, item: Item, facts: dict[str, Any]) -> None:
        """Note that the row could not be carried out; what was its own before still is."""
        found = self.read(item.key) or {}
        files, before = found.get("files", {}), found.get("before", {})
        self._write(item.key, FAILED, item.fingerprint, files, facts, before)

    def begin_report(self, own: Iterable[Path]) -> None:
        """Note that reports here are known by their content from now on; these are our `own`."""
        if self.read(REPORT) is None:
            self._write(REPORT, WRITING, "", {self.relative(p): content_of(p) for p in own})

    def is_of_earlier_version(self) -> bool:
        """Whether rows were carried out by a version that noted nothing of its report."""
        return self.read(REPORT) is None and any(self.folder.glob("*.json"))

    def relative(self, path: Path) -> str:
        """The way from the folder of results, which may be moved as a whole, to `path`."""
        return beside(path, self.results)

    def _write(
        self,
        key: str,
        state: str,
        fingerprint: str,
        files: Hashes,
        facts: dict[str, Any] | None = None,
        before: Hashes | None = None,
    ) -> None:
        content = {
            "state": state,
            "fingerprint": fingerprint,
            "files": files,
            "before": before or {},
            "facts": facts or {},
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {self.folder}: {error.strerror}") from None
        write_file(self._path(key), json.dumps(content).encode(), overwrite=True)

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


def _is_whole(facts: Mapping[str, Any]) -> bool:
    """Whether the facts of a row that is done are of the kinds that they should be."""
    outputs = facts.get("outputs")
    return (
        isinstance(outputs, list)
        and all(isinstance(path, str) for path in outputs)
        and isinstance(facts.get("seconds"), float)
    )


def beside(path: Path, folder: Path) -> str:
    """The way from `folder` to `path`; the whole path if none leads there, as to another drive."""
    return way_to(path, folder) or path.as_posix()


def not_ours(path: Path) -> UserError:
    """The error of a file that the batch must not replace."""
    return UserError(
        f"{path} exists and is not, or no longer, what this batch wrote: "
        "give --overwrite or another name"
    )


def _was_made_for(item: Item, path: Path) -> bool:
    """Whether the picture in `path` carries the record of the row."""
    try:
        record = json.loads(read_record(path) or "null")
        names = [task["name"] for task in record["tasks"]]
        sample = item.outputs.index(str(path))
        return names == list(item.tasks) and record["seed"] == item.run["seed"] + sample
    except (UserError, ValueError, TypeError, LookupError, RecursionError):
        return False
