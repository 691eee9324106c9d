"""Lines for a person to read, whatever the names and values are that they repeat."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

import click

MOST = 1000
"""Characters of a line: of a longer one the middle is left out."""


def readable(text: str) -> str:
    """`text` as one line of a terminal: what would move the cursor or hide something is escaped."""
    line = "".join(c if _is_visible(c) else repr(c)[1:-1] for c in text)
    return line if len(line) <= MOST else f"{line[: MOST // 2]} … {line[-MOST // 2 :]}"


def _is_visible(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def tell(text: str) -> None:
    """Print a line on standard error."""
    click.echo(readable(text), err=True)


def tell_json(words: Sequence[str], kind: str, exit_code: int, lines: Sequence[str]) -> None:
    """If the `words` of the line ask for JSON, print an error: its first line and the others."""
    if "--json" not in words:
        return
    message, *details = lines
    error = {"kind": kind, "exit_code": exit_code, "message": message, "details": details}
    click.echo(json.dumps({"error": error}))
