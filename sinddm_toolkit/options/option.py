"""One option: what it is called, what it takes, and its values in every form that they have."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.json_values import parsed
from sinddm_toolkit.options.kind import Kind
from sinddm_toolkit.options.kinds import KINDS
from sinddm_toolkit.pictures.picture import Picture

JSON_LIST = re.compile(r"\s*\[")
JSON_TEXTS = re.compile(r"\s*\[\s*\"")
"""How texts begin that are lists in JSON; the second one where brackets may begin a file's name."""


@dataclass(frozen=True)
class Option:
    """One option: what it is called, what it takes, what it does to the picture."""

    name: str
    type: type
    help: str
    default: Any = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | None = None
    many: bool = False
    """Whether it may be given several times; its value is then a list. A tuple is one value."""
    or_one: bool = False
    """Whether the value is no list if it is given once."""
    follows: str | None = None
    """The option, given many times too, that each value of this one belongs to: the last one before
    it on the command line. Its value is then a list of lists, one for each of that option's."""
    suffixes: tuple[str, ...] | None = None
    """What the name of a file to write may end with; None: as pictures do. Of a `NameOrFile`, what
    tells a file."""
    formerly: Any = None
    """What a record stands for that was made before there was this option; None: the default."""

    unless: str | None = None
    """The option that may be given in place of this one, which is required: its value is then None.
    """

    rarely: bool = False
    """Whether it is for fine control: `--help` leaves it to `--help-all`."""

    @property
    def flag(self) -> str:
        """How the command line spells it."""
        return "--" + self.name.replace("_", "-")

    @cached_property
    def kind(self) -> Kind:
        """What its values are in every form."""
        return KINDS[self.type](self.suffixes)

    @property
    def is_picture(self) -> bool:
        return self.type is Picture

    @property
    def metavar(self) -> str:
        return "|".join(self.choices) if self.choices else self.kind.metavar

    @property
    def allowed(self) -> str:
        """What the value may be, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = self.kind.words
        if self.suffixes:
            words += f", ending with {' or '.join(self.suffixes)}"
        if self.minimum is not None and self.maximum is not None:
            return f"{words} from {_digits(self.minimum)} to {_digits(self.maximum)}"
        if self.minimum is not None:
            return f"{words}, at least {_digits(self.minimum)}"
        if self.maximum is not None:
            return f"{words}, at most {_digits(self.maximum)}"
        return words

    def read(
        self, given: Any, where: str, folder: Path | None = None, *, is_text: bool = False
    ) -> Any:
        """`given` as it is checked, but that the files it names stay paths, in `folder` if given.

        With `is_text` it is a text, as on a command line, or a list of texts; a text that begins
        with `[` is a list in JSON where several values may be given. UserError naming `where` if it
        is not allowed.
        """
        if given is None:
            return None
        if self.many and is_text and isinstance(given, str) and self._is_json(given):
            given, is_text = _json_list(given, where), False

        def read(one: Any) -> Any:
            if self.kind.is_file(one):
                if not one:
                    raise self._refusal(one, where)
                return one if folder is None else self.kind.placed(one, folder)
            if is_text and isinstance(one, str):
                return self.from_text(one, where)
            return self._checked_one(one, where)

        if not self.many:
            return read(given)
        found = self._of_several(given if isinstance(given, list) else [given], read)
        return self._one_or_list(found, where)

    def from_text(self, text: str, where: str | None = None) -> Any:
        """The value that `text` stands for. UserError naming `where` if it stands for none."""
        where = where or self.flag
        try:
            value = self.kind.from_text(text)
        except ValueError:
            raise self._refusal(text, where) from None
        return self._checked_one(value, where)

    def opened(self, value: Any, where: str | None = None) -> Any:
        """`value` as `read` gives it, with the files read that it names. UserError if one can't."""

        def open_one(one: Any) -> Any:
            return self._checked_one(one, where or self.flag) if self.kind.is_file(one) else one

        return each(value, open_one)

    def checked(self, value: Any, where: str | None = None) -> Any:
        """`value` as the option's type; UserError if it is of another type or out of range."""

        def check(one: Any) -> Any:
            return self._checked_one(one, where or self.flag)

        if value is None and (self.unless or not self.required):
            return None
        if not self.many:
            return check(value)
        found = self._of_several(value if isinstance(value, (list, tuple)) else [value], check)
        return self._one_or_list(found, where or self.flag)

    def _is_json(self, text: str) -> bool:
        """Whether `text` is a list in JSON, not one value, which may be the name of a file."""
        begins = JSON_TEXTS if self.or_one else JSON_LIST
        return begins.match(text) is not None

    def _one_or_list(self, values: list[Any], where: str) -> Any:
        """`values` as the option holds them. UserError if none are there and some must be."""
        if not self.or_one:
            return values
        if not values:
            raise self._refusal(values, where)
        return values[0] if len(values) == 1 else values

    def _of_several(self, values: Sequence[Any], do: Callable[[Any], Any]) -> list[Any]:
        """What `do` makes of each of several values, which are in lists if they follow others."""
        return [
            [do(one) for one in part] if self.follows and isinstance(part, list) else do(part)
            for part in values
        ]

    def _checked_one(self, value: Any, where: str) -> Any:
        try:
            value = self.kind.check(value)
        except ValueError:
            raise self._refusal(value, where) from None
        if self.choices and value not in self.choices:
            raise self._refusal(value, where)
        too_small = self.minimum is not None and value < self.minimum
        too_large = self.maximum is not None and value > self.maximum
        if too_small or too_large:
            raise self._refusal(value, where)
        return value

    def _refusal(self, value: Any, where: str) -> UserError:
        shown = _in_words(value)
        near = difflib.get_close_matches(shown, self.choices or (), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return UserError(f"{where}: {shown:.60} is not allowed, give {self.allowed}{hint}")

    def grouped(self, values: list[Any], count: int) -> list[list[Any]]:
        """`values` as one list for each of the `count` of the option that this one follows.

        Flat ones belong to the only one, or to each in turn. UserError if neither is so.
        """
        leader = "--" + (self.follows or "").replace("_", "-")
        if all(isinstance(value, list) for value in values):
            groups = [*values, *([] for _ in range(count - len(values)))]
        elif count == 1:
            groups = [values]
        else:
            groups = [[value] for value in values]
        if len(groups) != count:
            raise UserError(f"{self.flag}: give one for each {leader}, or write them behind it")
        return groups

    def plain(self, value: Any) -> Any:
        """A value, or values, as JSON and TOML hold them. UserError for a picture from no file."""
        return each(value, self.kind.plain)

    def absolute(self, value: Any) -> Any:
        """The same, files by their whole paths."""
        return each(value, self.kind.absolute)

    def record(self, value: Any, folder: Path) -> Any:
        """A value, or values, in the record of a picture that is in `folder`."""
        return each(value, lambda one: self.kind.record(one, folder))

    def fingerprint(self, value: Any, content: Callable[[str], str]) -> Any:
        """A value, or values, but files by what is in them: the `content` of a path."""
        return each(value, lambda one: self.kind.fingerprint(one, content))

    def shown(self, value: Any) -> str:
        """A value, or values, in words for people."""
        if isinstance(value, list):
            return ", ".join(map(self.shown, value))
        return "-" if value is None else self.kind.shown(value)


def each(value: Any, do: Callable[[Any], Any]) -> Any:
    """What `do` makes of `value`, or of every one in lists of values; of None, None."""
    if isinstance(value, list):
        return [each(one, do) for one in value]
    return None if value is None else do(value)


def _in_words(value: Any) -> str:
    """A value that was refused, as the message shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    try:
        return value if isinstance(value, str) and value.isprintable() else repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return "what was given"


def _digits(limit: float) -> str:
    return str(int(limit)) if float(limit).is_integer() else f"{limit:g}"


def _json_list(text: str, where: str) -> list[Any]:
    try:
        found = parsed(json.loads, text)
    except ValueError as error:
        raise UserError(f"{where}: {text:.60} is no list in JSON: {error}") from None
    return found if isinstance(found, list) else [found]
