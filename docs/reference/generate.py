"""Writes the reference from the code: python docs/reference/generate.py

It tells of what comes with the toolkit, whatever other plugins are installed here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit.cli.root import build_cli
from sinddm_toolkit.cli.run import AND, TaskCommand, line_options, report_options
from sinddm_toolkit.host import hookspecs, registry
from sinddm_toolkit.host.checks import hooks_of
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/reference/generate.py: change the code, not this. -->"


def bundled() -> registry.Registry:
    """The plugins that come with the toolkit."""
    found = registry.Registry()
    entries = metadata.distribution("sinddm-toolkit").entry_points
    for entry in sorted(entries.select(group=registry.ENTRY_POINT_GROUP), key=lambda e: e.name):
        found.load(registry.PluginRecord(entry.name, "sinddm-toolkit"), entry.load)
    return found


def pages() -> dict[str, str]:
    """Name of a page → its text."""
    registry.use(bundled())
    texts = {"hooks.md": hooks(), "tasks.md": tasks(), "command-line.md": command_line()}
    return {name: f"{NOTE}\n\n{text.strip()}\n" for name, text in texts.items()}


def hooks() -> str:
    parts = ["# Hooks", inspect.cleandoc(hookspecs.__doc__ or "").partition("\n\n")[2]]
    for title, specs in (
        ("Of a plugin: functions of its module", hookspecs.DiscoverySpecs),
        ("Of a run: methods of a task, in the order in which they are called", hookspecs.RunSpecs),
    ):
        parts += [f"## {title}", inspect.cleandoc(specs.__doc__ or "")]
        for name, hook in hooks_of(specs).items():
            parts += [f"### {name}", _signature(name, hook), inspect.cleandoc(hook.__doc__ or "")]
    return "\n\n".join(parts)


def _signature(name: str, hook: Callable[..., Any]) -> str:
    """As an implementation may be written; parameters that it does not need can be left out."""
    signature = inspect.signature(hook)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    written = ", ".join(f"{p.name}: {p.annotation}" for p in parameters)
    return f"```python\ndef {name}({written}) -> {signature.return_annotation}\n```"


def tasks() -> str:
    parts = [
        "# Tasks and their options",
        "Each is run by `sinddm-tk run TASK` and by `sinddm_toolkit.run(TASK, ...)`; in Python and "
        "in files options are called the same without the dashes in front. See "
        "[the tasks with pictures](../tasks.md).",
    ]
    for name, task in sorted(registry.current().tasks.items()):
        parts += [f"## {name}", f"{task.summary[0].upper()}{task.summary[1:]}."]
        parts += [_prose(task.__doc__), _schema_table(task.schema().values())]
    parts += ["## Of every run", _schema_table(RunOptions.schema().values())]
    return "\n\n".join(parts)


def _schema_table(items: Iterable[Option]) -> str:
    rows = [_schema_row(item) for item in items]
    return "\n".join(["| option | takes | default | |", "|---|---|---|---|", *rows])


def _schema_row(item: Option) -> str:
    default = "required" if item.required else "" if item.default is None else item.default
    if item.type is bool:
        default = "yes" if item.default else "no"
    takes = item.allowed + (" (may be repeated)" if item.many else "")
    return _row(f"`{item.flag}`", takes, str(default), item.help)


def command_line() -> str:
    parts = ["# The command line"]
    return "\n\n".join(parts + _command(build_cli(), "sinddm-tk"))


def _command(command: click.Command, path: str) -> list[str]:
    """A command and all that are below it."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {path}", f"```\n{usage}\n```", _prose(command.help)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    if options:
        parts.append(_options_table(options))
    if not isinstance(command, click.Group):
        return parts
    if path == "sinddm-tk run":
        lines = [*line_options(), *report_options()]
        options = [param for param in lines if isinstance(param, click.Option)]
        tasks = "The tasks and their options, and those of every run, are on [a page of their own]"
        parts += [_options_table(options), f"{tasks}(tasks.md); `{AND}` stands between tasks."]
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None and not isinstance(below, TaskCommand):
            parts += _command(below, f"{path} {name}")
    return parts


def _options_table(options: list[click.Option]) -> str:
    rows = []
    for option in options:
        names = ", ".join(f"`{name}`" for name in option.opts + option.secondary_opts)
        default = f"  [default: {option.default}]" if option.show_default else ""
        takes = "" if option.is_flag else _metavar(option)
        rows.append(_row(names, takes, f"{option.help or ''}{default}"))
    return "\n".join(["| option | takes | |", "|---|---|---|", *rows])


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    return "N" if isinstance(option.type, click.types.IntRange) else option.type.name.upper()


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(text: str | None) -> str:
    """A docstring or help text, each paragraph on one line."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s+", " ", paragraph) for paragraph in paragraphs)


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
