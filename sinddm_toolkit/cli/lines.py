"""Lines on standard error."""

from __future__ import annotations

import click

from sinddm_toolkit.edits.lines import MOST as MOST
from sinddm_toolkit.edits.lines import readable as readable


def tell(text: str) -> None:
    """Print a line on standard error."""
    click.echo(readable(text), err=True)
