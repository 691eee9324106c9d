"""Command-line options made from option schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from sinddm_toolkit.options import Option


class SchemaType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Leaves values as text: the schema reads them, and says what is wrong with them."""

    def __init__(self, item: Option) -> None:
        self.name = item.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


def click_options(items: Iterable[Option]) -> list[click.Parameter]:
    """One click option for each of the schema; what is not given is None."""
    return [_click_option(item) for item in items]


def _click_option(item: Option) -> click.Option:
    help = item.help + _default_text(item)
    if item.type is bool:
        return click.Option([f"{item.flag}/--no-{item.flag[2:]}"], default=None, help=help)
    return click.Option([item.flag], type=SchemaType(item), metavar=item.metavar, help=help)


def _default_text(item: Option) -> str:
    if item.required:
        return "  [required]"
    if item.default is None or item.type is bool:
        return ""
    return f"  [default: {item.default}]"


def given_values(items: Iterable[Option], params: dict[str, Any]) -> dict[str, Any]:
    """What was given on the line, as the types of the schema. UserError for bad values.

    Pictures stay paths here: they are read once everything else is known to be right.
    """
    values = {}
    for item in items:
        value = params.get(item.name)
        if value is not None:
            is_text = isinstance(value, str)
            values[item.name] = item.from_text(value) if is_text else item.checked(value)
    return values
