"""`sinddm-tk run TASK [+ TASK …]`: one command a task, made from its options."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from sinddm_toolkit.cli import completion, streams
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.requirements import OWN_PACKAGE
from sinddm_toolkit.cli.schema import RareOption, SchemaCommand
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task

if TYPE_CHECKING:
    from sinddm_toolkit.settings.layers import Layer
    from sinddm_toolkit.settings.request import Part

AND = "+"
"""Between the tasks of one run."""

PRESET = "--preset"

TOGETHER_HELP = (
    f"More tasks can act in the same run: TASK [OPTIONS] {AND} TASK [OPTIONS] … The picture that "
    "is learnt is the first one's; the options of the run may stand with any."
)
PRESET_HELP = f"`run {PRESET} NAME …` takes the task from a preset: see `presets list`."
FLAGS = {
    "as_json": "--json",
    "quiet": "--quiet",
    "explain": "--explain",
    "print_path": "--print-path",
}


def report_options() -> list[click.Parameter]:
    return [
        RareOption(
            ["--json", "as_json"], is_flag=True, help="Print one JSON object about the run."
        ),
        RareOption(["-q", "--quiet"], is_flag=True, help="No progress, no summary."),
    ]


def stream_options(usual: str = streams.FORMATS[0]) -> list[click.Parameter]:
    return [
        RareOption(
            ["--format", "format_"],
            type=click.Choice(streams.FORMATS),
            metavar="|".join(streams.FORMATS),
            help=f"Of the picture that --out - writes to standard output.  [default: {usual}]",
        ),
        RareOption(
            ["--print-path"],
            is_flag=True,
            help="Print the names of the files written, one a line.",
        ),
    ]


def line_options() -> list[click.Parameter]:
    """What a line of a task takes that is no option of the task or the run."""
    return [
        click.Option(
            [PRESET, "presets"],
            multiple=True,
            metavar="NAME|FILE",
            help="Start from these settings; the line goes before them (repeatable).",
            shell_complete=completion.presets,
        ),
        RareOption(
            ["--with", "observers"],
            multiple=True,
            metavar="TASK",
            help=f"Let this task act too, with its defaults: short for `{AND} TASK` (repeatable).",
            shell_complete=completion.tasks,
        ),
        RareOption(["--explain"], is_flag=True, help="Show where each value comes from, and stop."),
        *stream_options(),
    ]


class RunGroup(click.Group):
    """Has a command for each task that the registry knows."""

    def __init__(self) -> None:
        super().__init__(
            "run",
            help=f"Carry out a task on a picture.\n\n{TOGETHER_HELP}\n\n{PRESET_HELP}",
            # For shells that complete it: on a line that has a value, the task is put in front.
            params=[click.Option([PRESET], hidden=True, shell_complete=completion.presets)],
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(registry.current().tasks)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The tasks that come with the toolkit, then those of each plugin from elsewhere."""
        parts: dict[str, list[tuple[str, str]]] = {"Commands": []}
        for name in self.list_commands(ctx):
            title = _from_elsewhere(name)
            row = (name, registry.current().task(name).summary)
            parts.setdefault(f"Of {title}" if title else "Commands", []).append(row)
        for title, rows in parts.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_task(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Where a shell asks for completions, the last task of the line counts."""
        if ctx.resilient_parsing:
            args = _split(args)[-1]
            if not args:
                return None, None, []
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return TaskCommand(registry.current().task(name))


def _with_task(words: list[str]) -> list[str]:
    """`words` with the task in front: without one, the one that the presets of the line name."""
    presets = _presets_of(_split(words)[0])
    if not presets or not words[0].startswith("-"):
        return words
    from sinddm_toolkit.settings.presets import stacked

    lead = stacked(presets).lead
    if lead is None:
        raise UserError(f"preset {presets[-1]} names no task: run TASK {PRESET} …")
    return [lead, *words]


def _presets_of(words: Sequence[str]) -> list[str]:
    """The values of `--preset` among words that are not parsed yet."""
    found = [word.partition("=")[2] for word in words if word.startswith(f"{PRESET}=")]
    pairs = pairwise(words)
    return found + [value for word, value in pairs if word == PRESET]


def _from_elsewhere(task: str) -> str | None:
    """The plugin that brings a task, in words; None if it comes with the toolkit."""
    plugin = registry.current().owner(task)
    if plugin is None or plugin.source == OWN_PACKAGE:
        return None
    return " ".join(filter(None, (plugin.source, plugin.version)))


class TaskCommand(SchemaCommand):
    """Runs a task, with others that follow it behind a `+`."""

    def __init__(self, task: type[Task]) -> None:
        items = {**task.schema(), **RunOptions.schema()}
        detail = (task.__doc__ or "").strip()
        if task.learns_from is None:
            detail += f"\n\nIt joins another task: `run TASK ... {AND} {task.name}`."
        if plugin := _from_elsewhere(task.name):
            detail += f"\n\nThis task is brought by {plugin}."
        super().__init__(
            task.name,
            items=list(items.values()),
            params=[*line_options(), *report_options()],
            callback=self._run,
            help=f"{task.summary[0].upper()}{task.summary[1:]}.\n\n{detail}\n\n{TOGETHER_HELP}",
            short_help=task.summary,
            context_settings={"allow_extra_args": True},  # to refuse them in words of our own
        )
        self._task = task
        self._also: list[Part] = []

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also reads the tasks behind a `+`, each by its own command."""
        own, *others = _split(args)
        for words in others:
            if not words:
                raise UserError(f"a task is missing behind {AND}")
            command = TaskCommand(registry.current().task(words[0]))
            with command.make_context(words[0], words[1:], parent=ctx.parent) as other:
                own += [flag for name, flag in FLAGS.items() if other.params.get(name)]
                if format := other.params.get("format_"):
                    own += ["--format", format]
                self._also += command.parts(other)
        rest = super().parse_args(ctx, own)
        if rest and not ctx.resilient_parsing:
            raise self._stray(rest[0], ctx)
        return rest

    def sections(self, options: Sequence[click.Option]) -> list[tuple[str, list[click.Option]]]:
        """The task's own options before those of every run."""
        own = [one for one in options if one.name in self._task.schema()]
        return [("Options", own), ("Of every run", [one for one in options if one not in own])]

    def every_run(self, ctx: click.Context) -> list[click.Parameter]:
        """The options that all tasks have."""
        return [one for one in self.get_params(ctx) if one.name not in self._task.schema()]

    def _stray(self, word: str, ctx: click.Context) -> UserError:
        """What to say of a word that belongs to no option: most likely what was meant."""
        if word in registry.current().tasks:
            return UserError(f"{word}: write {AND} {word} for a task that acts too")
        schema = self._task.schema().values()
        needed = [one for one in schema if one.required and not ctx.params.get(one.unless or "")]
        flags = [item.flag for item in needed if item.is_picture and not ctx.params[item.name]]
        word = shlex.quote(word)
        if flags:
            return UserError(f"{word}: write {flags[0]} {word}")
        return UserError(f"{word}: each value stands behind its option, see --help")

    def parts(self, ctx: click.Context) -> list[Part]:
        """What the line asks for: this task, those behind a `+`, those `--with` names."""
        from sinddm_toolkit.settings.request import Part

        texts = self.given_texts(ctx)
        own = Part(str(self.name), texts, ctx.params["presets"], is_text=True)
        return [own, *self._also, *(Part(name) for name in ctx.params["observers"])]

    def _run(self, explain: bool, as_json: bool, quiet: bool, **how: Any) -> None:
        parts = self.parts(click.get_current_context())
        if explain:
            explain_parts(parts, as_json=as_json)
            return
        print_path, format = how["print_path"], how["format_"]
        run_parts(parts, as_json=as_json, quiet=quiet, print_path=print_path, format=format)


def _split(words: list[str]) -> list[list[str]]:
    """`words` cut at each `+`."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == AND:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def parts_of_line(words: list[str]) -> list[Part]:
    """What the words behind `run` ask for. UserError or ClickException for what is wrong."""
    name, *rest = _with_task(words)
    if name.startswith("-"):
        raise UserError(f"{name}: name a task first")
    command = TaskCommand(registry.current().task(name))
    with (
        click.Context(RunGroup(), info_name="run") as group,
        command.make_context(name, rest, parent=group) as line,
    ):
        return command.parts(line)


def run_parts(
    parts: Sequence[Part],
    *,
    as_json: bool = False,
    quiet: bool = False,
    print_path: bool = False,
    format: str | None = None,
) -> None:
    """Carry out the tasks together in one run and report.

    With `--out -` the picture goes to standard output, in the `format`; with `print_path` the names
    of the files do.
    """
    from sinddm_toolkit.edits.edit import edit, edited_file
    from sinddm_toolkit.settings.layers import COMMAND_LINE
    from sinddm_toolkit.settings.request import make_tasks, one_run

    layer = one_run(parts, COMMAND_LINE)
    out, samples = (layer.run.get(name) for name in ("out", "samples"))
    is_stream = out is not None and (out.value, out.origin) == (streams.STREAM, COMMAND_LINE)
    several = 1 if samples is None else samples.value
    format = streams.asked_format(
        format, is_stream=is_stream, as_json=as_json, print_path=print_path, samples=several or 1
    )
    if format:
        del layer.run["out"]
    tasks, common = make_tasks(layer)
    with console_events(quiet=quiet or as_json) as events:
        if format:
            data, result = edited_file(tasks, common, format, events=events)
        else:
            data, result = b"", edit(tasks, common, keep=False, events=events)
    report(result.to_json(), as_json=as_json, quiet=quiet)
    streams.print_result(data, result.outputs if print_path else ())


def explain_parts(parts: Sequence[Part], *, as_json: bool) -> None:
    """Print where each value of a run comes from, and how long it will take if that is long."""
    from sinddm_toolkit.settings.layers import COMMAND_LINE
    from sinddm_toolkit.settings.request import one_run

    layer = one_run(parts, COMMAND_LINE)
    explain_layer(layer, as_json=as_json)
    if not as_json and (time := _time_of(layer)) is not None:
        tell(time)


def _time_of(layer: Layer) -> str | None:
    """How long a run will take, in words; None if it is not long, or can't be carried out so."""
    from sinddm_toolkit.edits.estimate import told
    from sinddm_toolkit.edits.events import Events
    from sinddm_toolkit.edits.preparing import prepare
    from sinddm_toolkit.edits.store import default_store
    from sinddm_toolkit.settings.request import make_tasks

    try:
        return told(prepare(*make_tasks(layer), default_store(), Events()), default_store())
    except ToolkitError:
        return None


def explain_layer(layer: Layer, *, as_json: bool) -> None:
    """Print option, value and origin: a table, or with `as_json` a list of objects."""
    rows = layer.explained()
    if as_json:
        names = ("option", "value", "from")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    shown = [[readable(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in shown) for k in range(2)]
    for option, value, origin in shown:
        click.echo(f"{option:{widths[0]}}  {value:{widths[1]}}  {origin}")


def report(facts: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Print what a run did: JSON on standard output, or a few words on standard error."""
    if as_json:
        click.echo(json.dumps(facts))
        return
    for note in facts["notes"]:
        tell(f"note: {note}")
    if not quiet:
        seconds = facts["seconds"]
        for path in facts["outputs"]:
            tell(f"wrote {path}")
        if facts["sheet"] is not None:
            tell(f"wrote {facts['sheet']}, which shows all of them")
        tell(
            f"seed {facts['seed']}, {_predictor(facts)}, sampling {seconds['sampling']:.1f} s "
            f"on {facts['device']}",
        )


def _predictor(facts: dict[str, Any]) -> str:
    """What the samples were made with, in words."""
    if facts["denoiser"] is not None:
        return f"denoiser {facts['denoiser']} in place of a model"
    if facts["model"] is None:
        return "nothing had to be learnt"
    updates = facts["training_steps"]
    made = f" ({updates} updates)" if updates else ""  # not here, if it was imported
    return f"model {facts['model']}{made}, training {facts['seconds']['training']:.1f} s"
