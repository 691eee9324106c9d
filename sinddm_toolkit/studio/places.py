"""Where the studio keeps pictures and edits: in folders called by ids that it has drawn itself.

Nothing that comes from the network becomes part of a path, but for ids that look like one.
"""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from sinddm_toolkit.home import home
from sinddm_toolkit.studio.answers import not_found

ID = re.compile(r"[0-9a-f]{24}")


def new_id() -> str:
    return secrets.token_hex(12)


def is_id(text: object) -> bool:
    return isinstance(text, str) and ID.fullmatch(text) is not None


def default_folder() -> Path:
    """Where the studio of this user keeps its things."""
    return home() / "studio"


@dataclass(frozen=True)
class Places:
    """A folder of folders with ids, of what is called `what` in messages."""

    folder: Path
    what: str

    def new(self) -> tuple[str, Path]:
        """An id and its folder, which is made, for the user alone."""
        found = new_id()
        place = self.folder / found
        place.mkdir(mode=0o700, parents=True)
        return found, place

    def path(self, given: object) -> Path:
        """The folder of the id `given`. Refusal if that is no id, or if nothing has it."""
        if isinstance(given, str) and is_id(given):
            place = self.folder / given
            if place.is_dir():
                return place
        raise not_found(self.what)

    def has(self, given: object) -> bool:
        return is_id(given) and (self.folder / str(given)).is_dir()

    def ids(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if is_id(path.name))

    def remove(self, given: str) -> None:
        """Forget what has that id, with all its files."""
        if self.has(given):
            shutil.rmtree(self.path(given), ignore_errors=True)
