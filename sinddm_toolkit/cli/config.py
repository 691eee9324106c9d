"""`sinddm-tk config`: what a person always wants."""

from __future__ import annotations

import json
from typing import Any

import click

from sinddm_toolkit.cli import completion
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.errors import UserError

KEY = "key"


@click.group()
def config() -> None:
    """Defaults of your own: device, quality, plugins.

    They go before the toolkit's defaults and behind presets, batch files and the line, and hold
    for the command line, Python, batches and the studio alike. A picture is replayed without them.
    """


@config.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_settings(as_json: bool) -> None:
    """What is set, and in which line of the file."""
    from sinddm_toolkit.settings import config as own

    file = own.read()
    own.checked(file)
    if as_json:
        click.echo(json.dumps(file.data))
        return
    for key, value in file.data.items():
        click.echo(readable(f"{key} = {_shown(value)}    line {file.line((key,))}"))
    if not file.data:
        tell(f"nothing is set in {file.path}; there are: {', '.join(own.keys())}")


@config.command()
@click.argument(KEY, shell_complete=completion.config_keys)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON value.")
def get(key: str, as_json: bool) -> None:
    """The value of KEY: yours, or else the toolkit's default."""
    from sinddm_toolkit.settings import config as own

    item = own.option_of(key)
    file = own.read()
    own.checked(file)
    default = [] if item is None else item.plain(item.default)
    plain = file.data.get(own.spelt(key, file), default)
    if as_json:
        click.echo(json.dumps(plain))
    else:
        click.echo(readable(_shown(plain)))


@config.command("set")
@click.argument(KEY, shell_complete=completion.config_keys)
@click.argument(
    "values", metavar="VALUE...", nargs=-1, required=True, shell_complete=completion.config_values
)
def set_value(key: str, values: tuple[str, ...]) -> None:
    """Set KEY; plugins-dir and no-plugin take several values."""
    from sinddm_toolkit.settings import config as own

    path = own.write({key: own.value_of(key, values)})
    tell(f"{key} is {', '.join(values)} from now on ({path})")


@config.command()
@click.argument(KEY, shell_complete=completion.config_keys)
def unset(key: str) -> None:
    """Go back to the toolkit's default of KEY."""
    from sinddm_toolkit.settings import config as own

    own.option_of(key)
    file = own.read()
    if own.spelt(key, file) not in file.data:
        raise UserError(f"{key} is not set in {file.path}")
    tell(f"{key} is no longer set in {own.write({key: None})}")


@config.command()
def path() -> None:
    """The file, be it there or not."""
    from sinddm_toolkit.settings import config as own

    click.echo(own.read_path())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)
