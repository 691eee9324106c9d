"""`sinddm-tk run TASK [+ TASK …]`: one command a task, made from its options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit import registry
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.schema import SchemaCommand
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options import Task
from sinddm_toolkit.request import TaskRequest
from sinddm_toolkit.run_options import RunOptions

AND = "+"
"""Between the tasks of one run."""

PRESET = "--preset"
PRESET_COMMAND = "(preset)"

TOGETHER_HELP = (
    f"More tasks can act in the same run: TASK [OPTIONS] {AND} TASK [OPTIONS] … The picture that "
    "is learnt is the first one's; the options of the run may stand with any."
)


PRESET_HELP = f"`run {PRESET} FILE` carries out what a TOML file describes."


def report_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--json", "as_json"], is_flag=True, help="Print one JSON object about the run."
        ),
        click.Option(["-q", "--quiet"], is_flag=True, help="No progress, no summary."),
    ]


class RunGroup(click.Group):
    """Has a command for each task that the registry knows."""

    def __init__(self) -> None:
        super().__init__(
            "run", help=f"Carry out a task on a picture.\n\n{TOGETHER_HELP}\n\n{PRESET_HELP}"
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(registry.current().tasks)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--preset FILE` stands where a task's name would."""
        if args and args[0].partition("=")[0] == PRESET:
            args = [PRESET_COMMAND, *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == PRESET_COMMAND:
            return PresetCommand()
        return TaskCommand(registry.current().task(name))


class TaskCommand(SchemaCommand):
    """Runs a task, with others that follow it behind a `+`."""

    def __init__(self, task: type[Task]) -> None:
        items = {**task.schema(), **RunOptions.schema()}
        detail = (task.__doc__ or "").strip()
        super().__init__(
            task.name,
            items=list(items.values()),
            params=report_options(),
            callback=self._run,
            help=f"{task.summary[0].upper()}{task.summary[1:]}.\n\n{detail}\n\n{TOGETHER_HELP}",
            short_help=task.summary,
        )
        self._also: list[TaskRequest] = []

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also reads the tasks behind a `+`, each by its own command."""
        own, *others = _split(args)
        for words in others:
            if not words:
                raise UserError(f"a task is missing behind {AND}")
            command = TaskCommand(registry.current().task(words[0]))
            with command.make_context(words[0], words[1:], parent=ctx.parent) as other:
                for flag in ("as_json", "quiet"):
                    if other.params.pop(flag):
                        own.append("--json" if flag == "as_json" else "--quiet")
                self._also.append((words[0], command.given_values(other)))
        return super().parse_args(ctx, own)

    def _run(self, as_json: bool, quiet: bool, **_: Any) -> None:
        values = self.given_values(click.get_current_context())
        run_tasks([(str(self.name), values), *self._also], as_json=as_json, quiet=quiet)


class PresetCommand(SchemaCommand):
    """Runs what a file describes; options on the line go before those in the file."""

    def __init__(self) -> None:
        preset = click.Option(
            [PRESET], required=True, type=click.Path(path_type=Path), help="The file (TOML)."
        )
        super().__init__(
            PRESET_COMMAND,
            items=list(RunOptions.schema().values()),
            params=[preset, *report_options()],
            callback=self._run,
            help="Carry out what a file describes.",
        )

    def _run(self, preset: Path, as_json: bool, quiet: bool, **_: Any) -> None:
        from sinddm_toolkit.presets import load_preset

        (name, first), *others = load_preset(preset)
        given = self.given_values(click.get_current_context())
        run_tasks([(name, {**first, **given}), *others], as_json=as_json, quiet=quiet)


def _split(words: list[str]) -> list[list[str]]:
    """`words` cut at each `+`."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == AND:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def run_tasks(
    requests: Sequence[TaskRequest], *, as_json: bool = False, quiet: bool = False
) -> None:
    """Carry out the tasks together in one run and report."""
    from sinddm_toolkit.edit import edit
    from sinddm_toolkit.request import make_tasks

    tasks, common = make_tasks(requests)
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
