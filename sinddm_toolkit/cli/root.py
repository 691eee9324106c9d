"""The root of the command line, its errors and its early options."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from sinddm_toolkit import __version__, errors
from sinddm_toolkit.cli.completion import VARIABLE, shell_classes
from sinddm_toolkit.cli.lines import readable, tell, tell_json
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.interrupts import Interrupted, signal_of

WITH_PLUGINS = ("run", "train", "batch", "replay", "studio", "serve")
"""Commands that do otherwise without a plugin that the line has named."""

NO_WORDS = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What is raised of a group of commands alone, by click from 8.2 on: its message is the help."""

REPAIRS = (["config"], ["doctor"])
"""The commands to find out what is wrong with the config, and to mend it."""


class Root(click.Group):
    """The commands; tells what is missing from a line that begins with a task."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, tasks = args[0], registry.current().tasks
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        if name in tasks:
            raise UserError(f"{name} is a task: write sinddm-tk run {name} …")
        near = difflib.get_close_matches(name, [*self.commands, *tasks], n=1)
        if near and near[0] in tasks:
            raise UserError(f"there is no command {name!r:.60}: did you mean run {near[0]} …?")
        return super().resolve_command(ctx, args)


def build_cli() -> click.Group:
    """The whole command line, with what plugins add to it."""
    from sinddm_toolkit.cli.batch import batch
    from sinddm_toolkit.cli.completion import completion
    from sinddm_toolkit.cli.config import config
    from sinddm_toolkit.cli.doctor import doctor
    from sinddm_toolkit.cli.man import man
    from sinddm_toolkit.cli.models import models
    from sinddm_toolkit.cli.plugins import plugins
    from sinddm_toolkit.cli.presets import presets
    from sinddm_toolkit.cli.replay import replay
    from sinddm_toolkit.cli.run import RunGroup
    from sinddm_toolkit.cli.show import show
    from sinddm_toolkit.cli.studio import serve, studio
    from sinddm_toolkit.cli.train import train

    cli = Root(
        "sinddm-tk",
        help="Edit one picture with a diffusion model trained on that picture alone.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        params=[
            click.Option(
                ["--plugins-dir"],
                multiple=True,
                metavar="FOLDER",
                help="Load the plugins in this folder too (repeatable; anywhere on the line).",
            ),
            click.Option(
                ["--no-plugin"],
                multiple=True,
                metavar="NAME",
                help="Leave this plugin out (repeatable; anywhere on the line).",
            ),
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
        ],
        callback=lambda **_: None,
    )
    click.version_option(__version__, "--version", prog_name="sinddm-tk")(cli)
    edits = (RunGroup(), batch, train, show, replay, studio, serve)
    for command in (*edits, presets, models, plugins, config, completion, man, doctor):
        cli.add_command(command)
    registry.current().add_commands(cli)
    _tell_in_full(cli)
    return cli


def _tell_in_full(group: click.Group) -> None:
    """Let lists of commands have the whole first sentence of each: click would cut it short."""
    for command in group.commands.values():
        summary = " ".join((command.help or "").partition("\n\n")[0].split())
        command.short_help = command.short_help or summary.partition(". ")[0].rstrip(".")
        if isinstance(command, click.Group):
            _tell_in_full(command)


def carry_out(words: Sequence[str]) -> int:
    """Do what the words of a line ask for → the exit code: 0, 1 (a failure) or 2 (bad input).

    A line with `--json` also tells an error as JSON. Interrupted if a signal ends it.
    """
    if os.environ.get(VARIABLE):
        with suppress(Exception):  # it would be told in the middle of a prompt
            shell_classes(_early_options)
            build_cli().main([], prog_name="sinddm-tk", standalone_mode=False)
        return 1
    debug = "--debug" in words
    try:
        rest = _early_options([word for word in words if word != "--debug"])
        status = build_cli().main(rest, prog_name="sinddm-tk", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Abort as error:  # click's own of a KeyboardInterrupt, its context
        raise Interrupted(signal_of(error), str(error.__context__ or "")) from error
    except NO_WORDS as error:
        error.show()
        return 2
    except click.ClickException as error:
        text = readable(error.format_message())
        click.UsageError(text, getattr(error, "ctx", None)).show()
        tell_json(words, "UsageError", 2, [text])
        return 2
    except ToolkitError as error:
        if debug:
            raise
        first, *others = error.lines
        say(first)
        for line in others:
            tell(line)
        tell_json(words, _kind(error), error.exit_code, error.lines)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split())
        told = f"this is a bug of ours: {type(error).__name__}: {text} (--debug shows where)"
        say(told)
        tell_json(words, "Bug", 1, [told])
        return 1


def _kind(error: ToolkitError) -> str:
    """The class of `errors` that an error is one of."""
    known = (cls for cls in type(error).__mro__ if cls.__module__ == errors.__name__)
    return next(known).__name__


def say(text: str) -> None:
    """Tell what went wrong, in the line of the command."""
    tell(f"sinddm-tk: {text}")


def _early_options(words: list[str]) -> list[str]:
    """Load the plugins that the line asks for: they decide which words may follow.

    Returns the line without those options, which may stand anywhere in it.
    """
    values: dict[str, list[str]] = {"--plugins-dir": [], "--no-plugin": []}
    rest = []
    remaining = iter(words)
    for word in remaining:
        name, equals, value = word.partition("=")
        if name not in values:
            rest.append(word)
            continue
        if not equals:
            value = next(remaining, "")
        if not value:
            raise click.UsageError(f"Option '{name}' requires an argument.")
        values[name].append(value)
    folders = [Path(folder) for folder in values["--plugins-dir"]]
    try:
        registry.use(registry.discover(folders, values["--no-plugin"]))
    except UserError:
        if rest[:1] not in REPAIRS:
            raise
        registry.use(registry.Registry())
    if rest[:1] and rest[0] in WITH_PLUGINS:
        found = registry.current()
        for record in found.records:
            # Asked for, one that is broken says so; but a task of another plugin may answer to it.
            if record.error and {record.name, *record.tasks} & found.tasks.keys():
                say(f"plugin {record.name} ({record.source}) is left out: {record.error}")
    return rest
