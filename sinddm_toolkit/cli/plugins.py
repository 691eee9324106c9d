"""`sinddm-tk plugins`: what is installed and what is wrong with it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from sinddm_toolkit import api
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.scaffold import LICENSES, Publisher, author_by_git, new_plugin


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
@click.option(
    "--author",
    metavar="NAME",
    help="Who stands in its licence and metadata, or 'NAME <ADDRESS>'.  [default: as git has it]",
)
@click.option(
    "--license",
    "licence",
    type=click.Choice([*LICENSES, "none"]),
    default="MIT",
    show_default=True,
    help="What others may do with it; none writes no licence.",
)
@click.option("--url", help="Where its source will be, for its metadata.")
def new(name: str, folder: Path, author: str | None, licence: str, url: str | None) -> None:
    """Write a package with a task called NAME, which works and passes its tests as it is.

    It comes with what is needed to publish it: licence, metadata, types, a list of changes, and
    workflows of GitHub that test it and release it.
    """
    author = author_by_git(folder) if author is None else author
    publisher = Publisher(author, None if licence == "none" else licence, url)
    made = shlex.quote(str(new_plugin(name, folder, api.__all__, publisher)))
    tell(f"wrote {made}; install it and run its tests:")
    tell(f"    pip install -e {made}'[test]' && pytest {made}")
