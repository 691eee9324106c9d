"""CLIP models of open_clip as text encoders, and the commands that fetch and find their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.api import UserError, hookimpl

from .weights import choose, describe, find

if TYPE_CHECKING:
    import click

    from sinddm_toolkit.api import TextEncoder

API_VERSION = 2


@hookimpl
def make_service(kind: str, name: str | None, about: Mapping[str, Any]) -> TextEncoder | None:
    """Text encoders by the CLIP models of open_clip."""
    if kind != "text-encoder":
        return None
    from .encoder import ClipEncoder

    choice = choose(name, about["weights"])
    return ClipEncoder(choice, find(choice), about["device"])


@hookimpl
def describe_setup() -> dict[str, str]:
    return describe()


@hookimpl
def register_commands(cli: click.Group) -> None:
    import click

    name = click.argument("name", metavar="[NAME[:PRETRAINED]]", required=False)

    @cli.group()
    def clip() -> None:
        """The CLIP model by which text guidance judges pictures."""

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
