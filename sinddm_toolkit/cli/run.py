"""`sinddm-tk run TASK`: one command a task, made from its options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from sinddm_toolkit import registry
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.schema import click_options, given_values
from sinddm_toolkit.run_options import RunOptions

REPORT_OPTIONS = [
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object about the run."),
    click.Option(["-q", "--quiet"], is_flag=True, help="No progress, no summary."),
]


class RunGroup(click.Group):
    """Has a command for each task that the registry knows."""

    def __init__(self) -> None:
        super().__init__("run", help="Carry out a task on a picture.")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(registry.current().tasks)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        task = registry.current().task(name)
        items = {**task.schema(), **RunOptions.schema()}

        def callback(as_json: bool, quiet: bool, **params: Any) -> None:
            values = given_values(items.values(), params)
            run_task([name], values, as_json=as_json, quiet=quiet)

        return click.Command(
            name,
            params=[*click_options(items.values()), *REPORT_OPTIONS],
            callback=callback,
            help=_help(task),
            short_help=task.summary,
        )


def _help(task: Any) -> str:
    detail = (task.__doc__ or "").strip()
    return f"{task.summary[0].upper()}{task.summary[1:]}.\n\n{detail}"


def run_task(
    names: Sequence[str], values: dict[str, Any], *, as_json: bool = False, quiet: bool = False
) -> None:
    """Carry out the tasks together and report."""
    from sinddm_toolkit.edit import edit
    from sinddm_toolkit.request import split_values

    classes = [registry.current().task(name) for name in names]
    tasks, common = split_values(classes, values)
    with console_events(quiet=quiet or as_json) as events:
        result = edit(tasks, common, events=events)
    report(result.to_json(), as_json=as_json, quiet=quiet)


def report(facts: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Print what a run did: JSON on standard output, or a few words on standard error."""
    if as_json:
        click.echo(json.dumps(facts))
        return
    for note in facts["notes"]:
        click.echo(f"note: {note}", err=True)
    if not quiet:
        seconds = facts["seconds"]
        for path in facts["outputs"]:
            click.echo(f"wrote {path}", err=True)
        click.echo(
            f"seed {facts['seed']}, model {facts['model']} ({facts['training_steps']} updates), "
            f"training {seconds['training']:.1f} s, sampling {seconds['sampling']:.1f} s "
            f"on {facts['device']}",
            err=True,
        )
