"""One schema of options: typed fields of a class, read by every way that values come in.

A class that derives from `Options` declares its options once, as annotated fields::

    class Sharpen(Options):
        amount: float = option("more: crisper", default=0.5, minimum=0, maximum=1)

The schema makes command-line options, checks values from files and Python keywords, and says what
is allowed when one is wrong.
"""

from __future__ import annotations

import difflib
import inspect
import sys
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.kinds import KINDS
from sinddm_toolkit.options.option import Option

UNIONS = (types.UnionType, typing.Union)


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
    formerly: Any
    unless: str | None
    rarely: bool


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
    formerly: Any = None,
    unless: str | None = None,
    rarely: bool = False,
) -> Any:
    """Declares an option as the value of an annotated field; without a default it is required.

    `help` is a few words for lists, `minimum` and `maximum` are allowed themselves, `choices` are
    the only words that are. A field annotated `list[X]` may be given several times; so may one
    annotated `X | list[X]`, which holds a list only if it was. With `follows`, the name of another
    such field, each value belongs to the value of that one before it on the
    command line, and the field holds a list for each of those. `suffixes`, such as
    `(".gif", ".webp")`, are what the name of an `OutputFile` may end with; without them it must be
    that of a picture. A `NameOrFile` needs them. With `unless`, the name of another field, one of
    the two is required, and not both are allowed; the field holds None where the other is given.
    `formerly` is the value that does what the task did before it had the option: what a record that
    lacks it is replayed with. `rarely` is for what most people never touch: `--help` leaves it to
    `--help-all`.
    """
    required = default is _REQUIRED
    return _Declaration(
        *(help, None if required else default, required, minimum, maximum),
        *(choices, follows, suffixes, formerly, unless),
        rarely,
    )


class Options:
    """Holds option values. Subclasses declare them with `option`."""

    def __init__(self, **values: Any) -> None:
        """UserError for unknown names, missing values and values that are not allowed."""
        schema = self.schema()
        for name in values:
            if name not in schema:
                raise unknown_option(name, schema)
        given = {name: value for name, value in values.items() if value is not None}
        self.check_complete(given)
        for item in schema.values():
            value = item.checked(given.get(item.name, item.default))
            is_list = item.many and not item.or_one
            setattr(self, item.name, [] if is_list and value is None else value)
        for item in schema.values():
            if item.follows:
                count = len(getattr(self, item.follows))
                setattr(self, item.name, item.grouped(getattr(self, item.name), count))

    @classmethod
    def schema(cls) -> Mapping[str, Option]:
        """The options by name: first what is required, then what is the class's own."""
        return _schema_of(cls)  # type: ignore[arg-type]

    @classmethod
    def check_complete(cls, given: Collection[str]) -> None:
        """UserError for the first option that is required and not among the names `given`."""
        schema = cls.schema()
        for item in schema.values():
            if not item.required:
                continue
            if item.unless and {item.name, item.unless} <= set(given):
                raise UserError(f"give {item.flag} or {schema[item.unless].flag}, not both")
            if item.name not in given and item.unless not in given:
                raise UserError(f"missing {item.flag}: {item.help}")

    def check(self) -> None:
        """Refuse, by UserError, what only several options together make impossible.

        Called once an edit, before `plan_edit`.
        """


def unknown_option(name: str, known: Collection[str]) -> UserError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f", did you mean {near[0]}" if near else ""
    return UserError(f"unknown option {name}{hint}? Known: {', '.join(known)}")


@cache
def _schema_of(cls: type[Options]) -> Mapping[str, Option]:
    found: dict[str, tuple[tuple[bool, int], Option]] = {}
    for depth, owner in reversed([*enumerate(cls.__mro__)]):
        for name, declared in vars(owner).items():
            if isinstance(declared, _Declaration):
                many, or_one, kind = _many(_hint(owner, name))
                place = (not declared.required, 0 if declared.required else depth)
                made = Option(name, _bare_type(kind), many=many, or_one=or_one, **vars(declared))
                found[name] = place, made
    # Those that must be given are read first, wherever they were declared, then those that are the
    # class's own, then those that it shares with others.
    return {name: one for name, (_, one) in sorted(found.items(), key=lambda item: item[1][0])}


def _hint(owner: type, name: str) -> Any:
    """The annotation of one field: others may name what is imported for type checkers only."""
    written = inspect.get_annotations(owner)
    if name not in written:
        raise TypeError(f"the option {name} of {owner.__name__} has no annotation")
    field = types.SimpleNamespace(__annotations__={name: written[name]})
    names = vars(sys.modules[owner.__module__])
    return typing.get_type_hints(field, globalns=names, localns=dict(vars(owner)))[name]


def _many(hint: Any) -> tuple[bool, bool, Any]:
    """Whether `hint` is a list, whether one value is allowed in its place, the type of one."""
    if typing.get_origin(hint) in UNIONS:
        parts = typing.get_args(hint)
        for one in parts:
            if types.GenericAlias(list, (one,)) in parts:
                return True, True, one
    while typing.get_origin(hint) is list:
        (hint,) = typing.get_args(hint)
        if typing.get_origin(hint) is not list:
            return True, False, hint
    return False, False, hint


def _bare_type(hint: Any) -> type:
    """`X` of `X | None`."""
    if typing.get_origin(hint) in UNIONS:
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    if hint not in KINDS:
        known = ", ".join(kind.__name__ for kind in KINDS)
        raise TypeError(f"options can't be of type {hint!r}: known are {known}")
    return typing.cast(type, hint)
