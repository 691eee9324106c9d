"""What a kind of value is: how its values are written, read, recorded and shown.

A value that has been checked is of the type that its option is annotated with: what tasks get. A
file may be named by its path instead, a `str`, until it is wanted. A value is also a text (on a
line, in a cell), plain (in JSON and TOML), a part of the record in a picture, of a fingerprint, of
the name of a file, and words for people.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

LONGEST_IN_NAME = 80
"""Characters of a value in the name of a file."""


@dataclass(frozen=True)
class RecordedFile:
    """A picture or another file that an option had, told by its content."""

    place: str | None
    """Its path from the folder of the result; None of a picture that came from no file."""
    sha256: str
    """Of the pixels of a picture (`Picture.content_hash`), of the bytes of another file."""
    is_picture: bool


class Kind(ABC):
    """A kind of value; what stands here is so for most."""

    metavar: ClassVar[str]
    """What stands for a value in help."""
    words: ClassVar[str]
    """What a value is, in words."""
    json: ClassVar[str | tuple[str, ...]] = "string"
    """The types of JSON that a plain value may have."""

    def __init__(self, suffixes: tuple[str, ...] | None = None) -> None:
        self.suffixes = suffixes
        """What the name of a file ends with; None: anything."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value that a checked or plain one, or what else Python has, stands for.

        ValueError if it stands for none.
        """

    def from_text(self, written: str) -> Any:
        """The value that a text stands for. ValueError if it stands for none."""
        return self.check(written)

    def is_file(self, value: Any) -> bool:
        """Whether `value` is the path of a file."""
        return False

    def placed(self, path: str, folder: Path) -> str:
        """The path of a file that `path` names in `folder`."""
        return str(folder / path)

    def plain(self, value: Any) -> Any:
        """`value` as JSON and TOML hold it. UserError for a picture that comes from no file."""
        return value

    def absolute(self, value: Any) -> Any:
        """The same, a file by its whole path."""
        value = self.plain(value)
        return self.placed(value, Path.cwd()) if self.is_file(value) else value

    def record(self, value: Any, folder: Path) -> Any:
        """A checked value in the record of a picture: a file by hash and place from `folder`."""
        return self.plain(value)

    def from_record(self, data: Any, what: str) -> Any:
        """What a record says of the value `what`, yet to be checked; a file as `RecordedFile`.

        ValueError, in words, for what is no such file.
        """
        return data

    def fingerprint(self, value: Any, content: Callable[[str], str]) -> Any:
        """Plain, but a file by what is in it: `content` of its path."""
        return content(value) if self.is_file(value) else self.plain(value)

    def shown(self, value: Any) -> str:
        """`value` in words for people."""
        return str(value)

    def in_name(self, value: Any) -> str:
        """`value` as a part of the name of a file; of a file its name without the ending."""
        return Path(value).stem if self.is_file(value) else word(str(value))


def word(written: str) -> str:
    """What any file's name may hold of a text."""
    return re.sub(r"[^\w.%+-]+", "_", written)[:LONGEST_IN_NAME]
