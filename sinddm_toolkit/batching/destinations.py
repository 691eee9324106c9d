"""Where the rows of a batch are written: each file is one row's, and may be written."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from sinddm_toolkit.batching.job import Item
from sinddm_toolkit.batching.report import report_files
from sinddm_toolkit.batching.state import State, not_ours
from sinddm_toolkit.edits.outputs import check_extras, check_paths, result_paths
from sinddm_toolkit.edits.preparing import Prepared
from sinddm_toolkit.errors import UserError


class Destinations:
    """The files that the rows seen so far will write, and the folders made for them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._taken = dict.fromkeys(report_files(state.results), "the report")
        """Who writes each file."""
        self._names: dict[Path, int] = {}
        """How often each name was given by default."""
        self._folders: list[Path] = []
        """Those made for results, outermost first."""

    def by_default(self, name: Path, varied: Mapping[str, str], folder: Path | None = None) -> Path:
        """A file in a `folder`, that of results if None, called `name` and after what a grid has
        `varied`.

        A number makes it one of its own.
        """
        texts = [text for text in varied.values() if text not in name.stem]
        stem = "-".join([name.stem, *(re.sub(r"[^\w.%+-]+", "_", text)[:40] for text in texts)])
        first = (folder or self._state.results) / stem
        while True:
            count = self._names[first] = self._names.get(first, 0) + 1
            path = first.with_name(f"{stem}{f'-{count}' if count > 1 else ''}{name.suffix}")
            if resolved(path) not in self._taken:
                return path

    def take(self, ready: Prepared, item: Item) -> None:
        """Note the files of a row. UserError if one can't be written, or must not be."""
        result = Path(str(ready.options.out))
        outputs = result_paths(ready.options, result)
        for path in outputs:
            self._make_folder(path.parent)
        check_paths(ready, outputs)
        extras = check_extras(ready, result, outputs).values()
        will_write = not item.may_replace and self._state.done(item) is None
        for path in (*outputs, *extras):
            file = resolved(path)
            if file in self._taken:
                raise UserError(f"{path} is written by {self._taken[file]} too")
            self._taken[file] = f"row {item.number}"
            if will_write and path.exists() and not self._state.owns(item, path):
                raise not_ours(path)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those that it is in, where they are missing."""
        try:
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
        except OSError as error:
            raise UserError(f"cannot make the folder {folder!s:.200}: {error.strerror}") from None
        for one in reversed(missing):
            _make(one)
            self._folders.append(one)

    def remove_folders(self) -> None:
        """Remove the folders that were made and are empty still: a check leaves nothing behind."""
        for folder in reversed(self._folders):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def make_folders(self) -> None:
        """Make the removed folders again. UserError if that fails."""
        for folder in self._folders:
            _make(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None


def resolved(path: str | Path) -> Path:
    """The file itself, whatever links lead to it. UserError if no file can be called so."""
    try:
        return Path(os.path.realpath(path))  # unlike Path.resolve it takes links in a circle
    except ValueError:
        raise UserError(f"{str(path)!r} is no name for a file") from None
