"""Lines on standard error."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from sinddm_toolkit.edits.lines import MOST as MOST
from sinddm_toolkit.edits.lines import readable as readable


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
