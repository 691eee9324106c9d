"""TOML files whose keys can be found again by their line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.json_values import parsed
from sinddm_toolkit.pictures.files import check_ordinary

Keys = tuple[str | int, ...]
"""The path of a key: names of tables and places in lists."""


def read_text(path: Path) -> str:
    """The text in `path`, UTF-8. UserError if it can't be read."""
    try:
        check_ordinary(path)
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8") from None
    except ValueError:
        raise UserError(f"{str(path)!r} is no name of a file") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


@dataclass(frozen=True)
class TomlFile:
    """A file of settings. The parser tells no lines: they are found by parsing what is above."""

    path: Path
    text: str
    _lines: dict[Keys, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Those that have been found."""

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """UserError if there is no such file or it is not TOML."""
        found = cls(path, read_text(path))
        _ = found.data
        return found

    @cached_property
    def data(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = parsed(tomllib.loads, self.text)
            return found
        except ValueError as error:
            raise UserError(f"{self.path} is not TOML: {error}") from None

    def place(self, keys: Keys) -> str:
        """File and line of a key that is there."""
        return f"{self.path}, line {self.line(keys)}"

    def line(self, keys: Keys) -> int:
        """The first line of the statement that gives a key, from 1."""
        if keys not in self._lines:
            self._lines[keys] = self._find(keys)
        return self._lines[keys]

    def _find(self, keys: Keys) -> int:
        lines = self.text.splitlines(keepends=True)
        low, high = 0, len(lines)  # the key is not there by line `low`, and is by `high`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _holds(lines, middle, keys) else (middle, high)
        return high


def _holds(lines: list[str], count: int, keys: Keys) -> bool:
    """Whether the first `count` lines, and those that end a statement cut in two, have the key."""
    while True:
        try:
            found: Any = tomllib.loads("".join(lines[:count]))
            break
        except tomllib.TOMLDecodeError:
            count += 1
    for key in keys:
        is_there = (
            key in found
            if isinstance(found, dict)
            else isinstance(found, list) and isinstance(key, int) and key < len(found)
        )
        if not is_there:
            return False
        found = found[key]
    return True
