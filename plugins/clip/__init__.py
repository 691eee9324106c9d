"""CLIP models of open_clip as text encoders, and the commands that fetch and find their weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sinddm_toolkit.api import UserError, hookimpl

from .weights import choose, describe, find

if TYPE_CHECKING:
    import click
    import torch

    from sinddm_toolkit.api import TextEncoder

API_VERSION = 1


@hookimpl
def make_text_encoder(name: str | None, weights: Path | None, device: torch.device) -> TextEncoder:
    from .encoder import ClipEncoder

    choice = choose(name, weights)
    return ClipEncoder(choice, find(choice), device)


@hookimpl
def describe_setup() -> dict[str, str]:
    return describe()


@hookimpl
def register_commands(cli: click.Group) -> None:
    import click

    name = click.argument("name", metavar="[NAME[:PRETRAINED]]", required=False)

    @cli.group()
    def clip() -> None:
        """The CLIP model that text guidance compares pictures with texts by."""

    @clip.command()
    @name
    def path(name: str | None) -> None:
        """Print where the weights lie on this machine."""
        click.echo(find(choose(name, None)))

    @clip.command()
    @name
    def fetch(name: str | None) -> None:
        """Download the weights to where they will be looked for."""
        from .weights import fetch

        choice = choose(name, None)
        if choice.file is not None:
            raise UserError(f"{choice.name} is the file {choice.file}: there is nothing to fetch")
        click.echo(f"fetching {choice.name} …", err=True)
        click.echo(fetch(choice))
