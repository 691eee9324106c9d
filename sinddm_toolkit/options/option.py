"""One schema of options: typed fields of a class, read by every way that values come in.

A class that derives from `Options` declares its options once, as annotated fields::

    class Sharpen(Options):
        amount: float = option("more: crisper", default=0.5, minimum=0, maximum=1)

The schema makes command-line options, checks values from files and Python keywords, and says what
is allowed when one is wrong.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import math
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length
from sinddm_toolkit.settings.toml_files import parsed

RESULT = "{out}"
"""At the beginning of an `OutputFile`: the path of the result without its extension."""


class OutputFile(str):
    """The path of a file to be written beside the result; it is a `str`.

    `{out}` at its beginning stands for the path of the result without its extension.
    """

    def beside(self, result: Path) -> Path:
        """The path, of which `RESULT` is that of `result`. ValueError if it stands elsewhere."""
        name = str(self)
        if name.startswith(RESULT):
            name = str(result.with_suffix("")) + name.removeprefix(RESULT)
        if RESULT in name:
            raise ValueError
        return Path(name)


class InputFile(str):
    """The path of a file to be read, other than a picture; it is a `str`.

    The record of a picture holds the file's SHA-256: to make the picture again asks for the same
    content.
    """


class NameOrFile(str):
    """The type of an option that takes a name, a `str`, or the path of a file, an `InputFile`.

    A file is told by the option's `suffixes`.
    """


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
    follows: str | None = None
    """The option, given many times too, that each value of this one belongs to: the last one before
    it on the command line. Its value is then a list of lists, one for each of that option's."""
    suffixes: tuple[str, ...] | None = None
    """What the name of a file to write may end with; None: as pictures do. Of a `NameOrFile`, what
    tells a file."""

    @property
    def flag(self) -> str:
        """How the command line spells it."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_picture(self) -> bool:
        return self.type is Picture

    @property
    def json_types(self) -> str | list[str]:
        """The types of JSON Schema that a value may be written as."""
        types = KINDS[self.type].json
        return types if isinstance(types, str) else list(types)

    @property
    def metavar(self) -> str:
        return "|".join(self.choices) if self.choices else KINDS[self.type].metavar

    @property
    def allowed(self) -> str:
        """What the value may be, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = KINDS[self.type].words
        if self.suffixes:
            words += f", ending with {' or '.join(self.suffixes)}"
        if self.minimum is not None and self.maximum is not None:
            return f"{words} from {_digits(self.minimum)} to {_digits(self.maximum)}"
        if self.minimum is not None:
            return f"{words}, at least {_digits(self.minimum)}"
        if self.maximum is not None:
            return f"{words}, at most {_digits(self.maximum)}"
        return words

    def from_text(self, text: str | Sequence[Any], where: str | None = None) -> Any:
        """The value that `text` stands for. UserError naming `where` if it stands for none.

        Of an option that may be given many times, a list of texts (or of such lists).
        """
        where = where or self.flag
        if not isinstance(text, str):
            return [self.from_text(one, where) for one in text]
        try:
            value = KINDS[self.type].from_text(text)
        except ValueError:
            raise self._refusal(text, where) from None
        return self._checked_one(value, where)

    def checked(self, value: Any, where: str | None = None) -> Any:
        """`value` as the option's type; UserError if it is of another type or out of range."""
        where = where or self.flag
        if value is None and not self.required:
            return None
        if self.many:
            values = value if isinstance(value, (list, tuple)) else [value]
            return [
                [self._checked_one(one, where) for one in part]
                if self.follows and isinstance(part, list)
                else self._checked_one(part, where)
                for part in values
            ]
        return self._checked_one(value, where)

    def read(self, value: Any, where: str, folder: Path, *, is_text: bool = False) -> Any:
        """`value` from a file of settings; files it names stay paths, relative to `folder`.

        With `is_text` it is a text, as on a command line; one that begins with `[` is a list in
        JSON where several values may be given. UserError naming `where` if it is not allowed.
        """
        if self.many and isinstance(value, str) and is_text and value.lstrip().startswith("["):
            return self.read(_json_list(value, where), where, folder)
        if not self.many:
            return self._read_one(value, where, folder, is_text)
        return [
            [self._read_one(one, where, folder, is_text) for one in part]
            if self.follows and isinstance(part, list)
            else self._read_one(part, where, folder, is_text)
            for part in (value if isinstance(value, list) else [value])
        ]

    def _read_one(self, value: Any, where: str, folder: Path, is_text: bool) -> Any:
        if self.is_file(value):
            if not value:
                raise self._refusal(value, where)
            return self.placed(value, folder)
        if is_text and isinstance(value, str):
            return self.from_text(value, where)
        return self._checked_one(value, where)

    def placed(self, value: str, folder: Path) -> str:
        """The path of a file that `value` names in `folder`."""
        return value if value.startswith(RESULT) else str(folder / value)

    def is_file(self, value: Any) -> bool:
        """Whether `value` is the path of a file."""
        if self.type is Region:
            return isinstance(value, str) and "," not in value
        if self.type is NameOrFile:
            return isinstance(value, str) and self._has_suffix(value)
        return self.type in FILES and isinstance(value, str)

    def _checked_one(self, value: Any, where: str) -> Any:
        try:
            value = KINDS[self.type].from_value(value)
        except ValueError:
            raise self._refusal(value, where) from None
        if self.type is NameOrFile:
            return InputFile(value) if self.is_file(value) else str(value)
        if self.choices and value not in self.choices:
            raise self._refusal(value, where)
        if self.suffixes and not self._has_suffix(value):
            raise self._refusal(value, where)
        too_small = self.minimum is not None and value < self.minimum
        too_large = self.maximum is not None and value > self.maximum
        if too_small or too_large:
            raise self._refusal(value, where)
        return value

    def _has_suffix(self, path: str) -> bool:
        return Path(path).suffix.lower() in (self.suffixes or ())

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


@dataclass(frozen=True)
class Kind:
    """How values of one type are written, read and described."""

    metavar: str
    words: str
    from_text: Callable[[str], Any]
    from_value: Callable[[Any], Any]
    json: str | tuple[str, ...] = "string"
    """The JSON types that it can be written as."""


WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Numbers as texts. Python itself would take `1_000` and the digits of every script too."""


def _written_as(form: re.Pattern[str], kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if not form.fullmatch(text):
            raise ValueError
        return kind(text)

    return read


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _instance_of(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError
        return value

    return check


def _truth(text: str) -> bool:
    try:
        return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]
    except KeyError:
        raise ValueError from None


def _path_as(kind: type[str]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError
        path = os.fspath(value)
        # Of what no file can be called, the encoding raises a ValueError too.
        if b"\0" in os.fsencode(path) or not path:
            raise ValueError
        return kind(path)

    return check


_decimal = _written_as(DECIMAL, float)


def _seconds(text: str) -> Seconds:
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    return Seconds(_decimal(number) * unit)


class Seconds(float):
    """A length of time; as text with an optional unit: `90`, `90s`, `5m`, `1h`."""


def _seconds_value(value: Any) -> Seconds:
    return _seconds(value) if isinstance(value, str) else Seconds(_number(value))


def _size_value(value: Any) -> CanvasSize:
    if isinstance(value, CanvasSize):
        return value
    if isinstance(value, str):
        return CanvasSize.parse(value)
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return CanvasSize.parse("x".join(str(side) for side in value))
    raise ValueError


KINDS: dict[type, Kind] = {
    int: Kind("N", "a whole number", _written_as(WHOLE, int), _whole_number, "integer"),
    float: Kind("X", "a number", _decimal, _number, "number"),
    bool: Kind("", "true or false", _truth, _instance_of(bool), "boolean"),
    str: Kind("TEXT", "text", str, _instance_of(str)),
    Seconds: Kind(
        "TIME", "a time such as 90s, 5m or 1h", _seconds, _seconds_value, ("number", "string")
    ),
    Picture: Kind("PICTURE", "a picture", picture_from, picture_from),
    OutputFile: Kind("FILE", "the name of a file to write", OutputFile, _path_as(OutputFile)),
    InputFile: Kind("FILE", "the name of a file", InputFile, _path_as(InputFile)),
    NameOrFile: Kind("NAME|FILE", "a name, or that of a file", NameOrFile, _path_as(NameOrFile)),
    Region: Kind(
        "X,Y,W,H|MASK",
        "a box X,Y,W,H in pixels of the picture or percent of it, or a mask picture",
        Region.parse,
        Region.of_value,
        ("string", "array"),
    ),
    Length: Kind(
        "N|N%",
        "a length such as 120 (pixels) or 25%",
        Length.parse,
        Length.of_value,
        ("number", "string"),
    ),
    CanvasSize: Kind(
        "WxH",
        "a size such as 400x300, 2x1 or 150%x100%",
        CanvasSize.parse,
        _size_value,
        ("string", "array"),
    ),
}


FILES = (Picture, InputFile, OutputFile)
"""The types whose values are paths of files where they are texts."""


def _json_list(text: str, where: str) -> list[Any]:
    try:
        found = parsed(json.loads, text)
    except ValueError as error:
        raise UserError(f"{where}: {text:.60} is no list in JSON: {error}") from None
    return found if isinstance(found, list) else [found]


@dataclass(frozen=True)
class _Declaration:
    help: str
    default: Any
    required: bool
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...] | None
    follows: str | None
    suffixes: tuple[str, ...] | None


_REQUIRED: Any = object()


def option(
    help: str,
    *,
    default: Any = _REQUIRED,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    follows: str | None = None,
    suffixes: tuple[str, ...] | None = None,
) -> Any:
    """Declares an option as the value of an annotated field; without a default it is required.

    `help` is a few words for lists, `minimum` and `maximum` are allowed themselves, `choices` are
    the only words that are. A field annotated `list[X]` may be given several times. With `follows`,
    the name of another such field, each value belongs to the value of that one before it on the
    command line, and the field holds a list for each of those. `suffixes`, such as
    `(".gif", ".webp")`, are what the name of an `OutputFile` may end with; without them it must be
    that of a picture. A `NameOrFile` needs them.
    """
    required = default is _REQUIRED
    return _Declaration(
        help, None if required else default, required, minimum, maximum, choices, follows, suffixes
    )


class Options:
    """Holds option values. Subclasses declare them with `option`."""

    def __init__(self, **values: Any) -> None:
        """UserError for unknown names, missing values and values that are not allowed."""
        schema = self.schema()
        for name in values:
            if name not in schema:
                raise unknown_option(name, schema)
        for item in schema.values():
            given = values.get(item.name)
            if given is None and item.required:
                raise UserError(f"missing {item.flag}: {item.help}")
            value = item.checked(item.default if given is None else given)
            setattr(self, item.name, [] if item.many and value is None else value)
        for item in schema.values():
            if item.follows:
                count = len(getattr(self, item.follows))
                setattr(self, item.name, item.grouped(getattr(self, item.name), count))

    @classmethod
    def schema(cls) -> Mapping[str, Option]:
        """The options by name, in the order of their declaration."""
        return _schema_of(cls)  # type: ignore[arg-type]

    def check(self) -> None:
        """Refuse, by UserError, what only several options together make impossible.

        Called once an edit, before `plan_edit`.
        """


class Task(Options):
    """Something to do with a picture. Its fields made by `option` are its options, its methods
    marked by `hookimpl` its hooks.

    There is a fresh one for every edit; several passes of an edit have the same one.
    """

    name: ClassVar[str]
    """What the command line calls it."""
    summary: ClassVar[str]
    """One line for lists."""
    learns_from: ClassVar[str | None]
    """The option whose picture the model is trained on; None: it only joins other tasks."""
    named_after: ClassVar[str | None] = None
    """The option whose picture gives the output its default name; `learns_from` if None."""
    most_pixels: ClassVar[int | None] = None
    """Of the picture as the model sees it, where more would not help; `--max-pixels` overrules.
    None is the picture's own size, as far as the quality level goes."""

    def picture(self, name: str) -> Picture:
        """The picture given as option `name`."""
        value = getattr(self, name)
        if not isinstance(value, Picture):
            raise TypeError(f"option {name} of {self.name} holds no picture")
        return value

    def learnt(self) -> Picture:
        """The picture that the model is trained on. UserError if the task only joins others."""
        if self.learns_from is None:
            raise UserError(f"{self.name} only joins other tasks: run TASK … --with {self.name}")
        return self.picture(self.learns_from)

    def main_picture(self) -> Picture:
        """The picture that the result is named after."""
        return self.picture(self.named_after) if self.named_after else self.learnt()

    def hidden(self) -> Picture | None:
        """A picture that is white where nothing of `learns_from` is to be learnt; None: nowhere."""
        return None


def unknown_option(name: str, schema: Mapping[str, Option]) -> UserError:
    near = difflib.get_close_matches(name, schema, n=1)
    hint = f", did you mean {near[0]}" if near else ""
    return UserError(f"unknown option {name}{hint}? Known: {', '.join(schema)}")


@cache
def _schema_of(cls: type[Options]) -> Mapping[str, Option]:
    found = {}
    for owner in reversed(cls.__mro__):
        for name, declared in vars(owner).items():
            if isinstance(declared, _Declaration):
                many, kind = _many(_hint(owner, name))
                found[name] = Option(name, _bare_type(kind), many=many, **vars(declared))
    return found


def _hint(owner: type, name: str) -> Any:
    """The annotation of one field: others may name what is imported for type checkers only."""
    written = inspect.get_annotations(owner)
    if name not in written:
        raise TypeError(f"the option {name} of {owner.__name__} has no annotation")
    field = types.SimpleNamespace(__annotations__={name: written[name]})
    names = vars(sys.modules[owner.__module__])
    return typing.get_type_hints(field, globalns=names, localns=dict(vars(owner)))[name]


def _many(hint: Any) -> tuple[bool, Any]:
    """Whether `hint` is a list, and the type of one value."""
    while typing.get_origin(hint) is list:
        (hint,) = typing.get_args(hint)
        if typing.get_origin(hint) is not list:
            return True, hint
    return False, hint


def _bare_type(hint: Any) -> type:
    """`X` of `X | None`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    if hint not in KINDS:
        known = ", ".join(kind.__name__ for kind in KINDS)
        raise TypeError(f"options can't be of type {hint!r}: known are {known}")
    return typing.cast(type, hint)


def recorded(value: Any, folder: Path) -> Any:
    """An option's value as a recipe holds it: files by their place beside `folder` and hash."""
    if isinstance(value, Picture):
        place = None if value.path is None else _relative(value.path, folder)
        return {"picture": place, "sha256": value.content_hash()}
    if isinstance(value, InputFile):
        return {"file": _relative(Path(value), folder), "sha256": content_of(Path(value))}
    if isinstance(value, Region):
        return value.text if value.mask is None else recorded(value.mask, folder)
    if isinstance(value, (CanvasSize, Length)):
        return str(value)
    if isinstance(value, list):
        return [recorded(one, folder) for one in value]
    return value


def plain(value: Any) -> Any:
    """An option's value as JSON and TOML hold it; a picture by its file.

    UserError for a picture that comes from no file.
    """
    if isinstance(value, Picture):
        if value.path is None:
            raise UserError(f"{value.name} comes from no file")
        return str(value.path)
    if isinstance(value, Region):
        return value.text if value.mask is None else plain(value.mask)
    if isinstance(value, (CanvasSize, Length, str)):
        return str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def content_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.name
