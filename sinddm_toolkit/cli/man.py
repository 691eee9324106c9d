"""`sinddm-tk man`: the manual as a page for `man`, of the whole command line or of a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from sinddm_toolkit.cli.run import TOGETHER_HELP, RunGroup, TaskCommand
from sinddm_toolkit.errors import UserError

NAME = "sinddm-tk"
SUMMARY = "edit one picture with a diffusion model trained on that picture alone"

EXIT_STATUS = (
    ("0", "All that was asked for is done."),
    ("1", "A failure: of a plugin, of rows of a batch, or a bug."),
    ("2", "Bad input: the line on standard error says what, where and what is allowed."),
    ("130, 143, 129", "Interrupted; what was learnt is kept."),
)
ENVIRONMENT = (
    ("SINDDM_TK_HOME", "The folder of models, presets and config.toml."),
    ("SINDDM_TK_CONFIG", "Another file in place of config.toml; none: no such file at all."),
    ("SINDDM_TK_PLUGINS_DIR", "Folders whose plugins are loaded too, separated as in PATH."),
    ("SINDDM_TK_TOKEN", "What programs have to show to a server."),
    ("SINDDM_TK_CLIP", "The CLIP model of guidance by text."),
)


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def man(ctx: click.Context, words: tuple[str, ...]) -> None:
    """The manual as a page for `man`, of all or of one command.

    `sinddm-tk man run sample | man -l -` shows one. An installation by pip or pipx brings the page
    of all, for `man sinddm-tk`.
    """
    root = ctx.find_root()
    if not words:
        click.echo(page(root))
        return
    with _found(root, words) as found:
        click.echo(page(found))


def _found(root: click.Context, words: Sequence[str]) -> click.Context:
    """The context of the command that the `words` name. UserError if there is none."""
    found = root
    for word in words:
        group = found.command
        command = group.get_command(found, word) if isinstance(group, click.Group) else None
        if command is None:
            raise UserError(f"{' '.join(words)}: there is no such command, see {NAME} --help")
        found = click.Context(command, parent=found, info_name=word)
    return found


def page(ctx: click.Context) -> str:
    """The manual of a command and all those below it, as troff with the macros of man(7)."""
    title = ctx.command_path.replace(" ", "-")
    summary = SUMMARY if ctx.parent is None else ctx.command.get_short_help_str(limit=1000)
    lines = [
        f'.TH "{title.upper()}" 1 "" "sinddm-toolkit" "User Commands"',
        ".SH NAME",
        f"{_text(title)} \\- {_text(summary)}",
        ".SH SYNOPSIS",
        *_usage(ctx),
        ".SH DESCRIPTION",
        *_paragraphs(ctx.command.help or ""),
        *_options(ctx, ".SH OPTIONS"),
    ]
    if below := list(_below(ctx)):
        lines.append(".SH COMMANDS")
        for one in below:
            lines += [f'.SS "{_text(one.command_path)}"', *_usage(one), ".PP"]
            lines += [*_paragraphs(_help_of(one)), *_options(one, is_part=True)]
    for name, rows in (("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT)):
        lines.append(f'.SH "{name}"')
        lines += [line for row in rows for line in _entry(*row)]
    return "\n".join(lines)


def _below(ctx: click.Context) -> Iterator[click.Context]:
    """The commands in a group, each followed by those in it."""
    if not isinstance(ctx.command, click.Group):
        return
    for name in ctx.command.list_commands(ctx):
        command = ctx.command.get_command(ctx, name)
        if command is not None and not command.hidden:
            one = click.Context(command, parent=ctx, info_name=name)
            yield one
            yield from _below(one)


def _usage(ctx: click.Context) -> list[str]:
    words = " ".join(ctx.command.collect_usage_pieces(ctx))
    return [f"\\fB{_text(ctx.command_path)}\\fR {_text(words)}"]


def _help_of(ctx: click.Context) -> str:
    """What the page of all says of a command: of a task not what goes for each."""
    common = TOGETHER_HELP if isinstance(ctx.command, TaskCommand) else ""
    return (ctx.command.help or "").replace(common, "")


def _options(ctx: click.Context, title: str | None = None, *, is_part: bool = False) -> list[str]:
    """All options, the rare ones too; as a part of a page those of every run stand with `run`."""
    command = ctx.command
    if is_part and isinstance(command, RunGroup):
        first = command.get_command(ctx, command.list_commands(ctx)[0])
        shown = first.every_run(ctx) if isinstance(first, TaskCommand) else []
        title = ".PP\nOptions of every run:"
    elif is_part and isinstance(command, TaskCommand):
        shown = [one for one in command.get_params(ctx) if one not in command.every_run(ctx)]
    else:
        shown = command.get_params(ctx)
    records = [one.get_help_record(ctx) for one in shown if "--help" not in one.opts]
    rows = [line for record in records if record for line in _entry(*record)]
    return [title, *rows] if title and rows else rows


def _entry(name: str, text: str) -> list[str]:
    return [".TP", f"\\fB{_text(name)}\\fR", _text(" ".join(text.split()))]


def _paragraphs(help: str) -> list[str]:
    """Paragraphs of a help text; one that begins with a backspace is shown line by line."""
    lines: list[str] = []
    for k, part in enumerate(part for part in help.split("\n\n") if part.strip()):
        if k:
            lines.append(".PP")
        if part.lstrip(" \n").startswith("\b"):
            kept = [_text(line) for line in part.replace("\b", "").splitlines() if line.strip()]
            lines += [".nf", *kept, ".fi"]
        else:
            lines.append(_text(" ".join(part.split())))
    return lines


def _text(written: str) -> str:
    """A text as troff takes it literally; a line that began like a request does no more."""
    escaped = written.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
