"""`sinddm-tk plugins`: what is installed and what is wrong with it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from sinddm_toolkit import api
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.host import registry


@click.group()
def plugins() -> None:
    """The plugins that bring the tasks."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_plugins(as_json: bool) -> None:
    """Each plugin: version, where from, tasks and hooks, and the error if it broke."""
    records = registry.current().records
    if as_json:
        fields = ("name", "version", "source", "tasks", "hooks", "error")
        click.echo(json.dumps([{name: getattr(r, name) for name in fields} for r in records]))
        return
    for record in records:
        click.echo(f"{record.name}  {record.version or ''}  ({record.source})")
        if record.error:
            click.echo(readable(f"    broken: {record.error}"))
            continue
        if record.tasks:
            click.echo(f"    tasks: {', '.join(record.tasks)}")
        click.echo(f"    hooks: {', '.join(record.hooks)}")


@plugins.command("new")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the folder NAME is made.  [default: here]",
)
def new(name: str, folder: Path) -> None:
    """Write a package with a task called NAME, which works and passes its tests as it is."""
    from sinddm_toolkit.host.scaffold import new_plugin

    made = shlex.quote(str(new_plugin(name, folder, api.__all__)))
    tell(f"wrote {made}; install it and run its tests:")
    tell(f"    pip install -e {made}'[test]' && pytest {made}")
