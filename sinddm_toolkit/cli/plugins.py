"""`sinddm-tk plugins`: what is installed and what is wrong with it."""

from __future__ import annotations

import json

import click

from sinddm_toolkit import registry


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
            click.echo(f"    broken: {record.error}")
            continue
        if record.tasks:
            click.echo(f"    tasks: {', '.join(record.tasks)}")
        click.echo(f"    hooks: {', '.join(record.hooks)}")
