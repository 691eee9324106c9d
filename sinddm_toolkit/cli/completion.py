"""What a shell completes a value to, and `sinddm-tk completion`, the script that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from glob import escape, iglob
from typing import TYPE_CHECKING

import click

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem, ShellComplete

SHELLS = ("bash", "zsh", "fish")

VARIABLE = "_SINDDM_TK_COMPLETE"
"""Set by a shell that asks for completions: click's, by the name of the command."""


def values(item: Option, incomplete: str) -> list[CompletionItem]:
    """What the value of an option can go on as; nothing where that is not known."""
    if item.choices:
        return _words(item.choices, incomplete)
    if item.type is bool:
        return _words(("true", "false"), incomplete)
    if item.name == "model":
        return _words(_model_keys(), incomplete)
    takes_files = item.suffixes is not None or item.kind.is_file("x")
    return _files(incomplete) if takes_files else []


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _words(_model_keys(), incomplete)


def presets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from sinddm_toolkit.settings.presets import available

    return _words(available(), incomplete) or _files(incomplete)


def tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _words(sorted(registry.current().tasks), incomplete)


def plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _words(sorted({record.name for record in registry.current().records}), incomplete)


def config_keys(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from sinddm_toolkit.settings import config

    return _words(config.keys(), incomplete)


def config_values(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What the key before it can be."""
    from sinddm_toolkit.settings import config

    item = config.option_of(ctx.params["key"])
    if item is not None:
        return values(item, incomplete)
    return _folders(incomplete)


def _model_keys() -> list[str]:
    from sinddm_toolkit.edits.store import default_store

    return default_store().keys()


def _words(known: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in known if word.startswith(incomplete)]


def _files(incomplete: str) -> list[CompletionItem]:
    """Files are for the shell itself to find."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _folders(incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


Early = Callable[[list[str]], list[str]]
"""Does what the options of a line ask for that decide which words may follow → the other words."""


def shell_classes(early: Early) -> Mapping[str, type[ShellComplete]]:
    """How each shell asks and is answered; click is to use them in place of its own.

    A line may have `--device=cpu` for `--device cpu`: bash cuts that in three words, and the others
    take what replaces all of it.
    """
    from click import shell_completion as click_s

    class Line(click_s.ShellComplete):
        """A line with options that may stand anywhere in it."""

        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
            if args[-1:] == ["--plugins-dir"]:
                return _folders(incomplete)
            if args[-1:] == ["--no-plugin"]:
                return _words([one.name for one in registry.current().records], incomplete)
            return super().get_completions(early(args), incomplete)

    class Bash(Line, click_s.BashComplete):
        def get_completion_args(self) -> tuple[list[str], str]:
            args, incomplete = super().get_completion_args()
            if incomplete == "=":
                return _joined(args), ""
            if args[-1:] == ["="]:
                return _joined(args[:-1]), incomplete
            return _joined(args), incomplete

    class Whole(Line):
        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
            return _whole(super().get_completions(args, incomplete), incomplete)

    class Zsh(Whole, click_s.ZshComplete):
        pass

    class Fish(Whole, click_s.FishComplete):
        pass

    found = {"bash": Bash, "zsh": Zsh, "fish": Fish}
    for name, cls in found.items():
        click_s.add_completion_class(cls, name)
    return found


def _joined(args: list[str]) -> list[str]:
    """`args` with an option, a `=` and its value as one word where bash has made three of it."""
    found: list[str] = []
    remaining = iter(args)
    for word in remaining:
        if word == "=" and found and found[-1].startswith("--"):
            found[-1] += f"={next(remaining, '')}"
        else:
            found.append(word)
    return found


def _whole(found: list[CompletionItem], incomplete: str) -> list[CompletionItem]:
    """Of a word `--option=value`, all of what it can be; the shell finds no files behind a `=`."""
    from click.shell_completion import CompletionItem

    flag, equals, value = incomplete.partition("=")
    if not equals or not flag.startswith("--"):
        return found
    values: list[str] = []
    for item in found:
        if item.type == "plain":
            values.append(item.value)
        else:  # as they are written: `Path.glob` would make x of ./x
            values += sorted(iglob(f"{escape(value)}*"))  # noqa: PTH207
    return [CompletionItem(f"{flag}={one}") for one in values]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """What makes a shell complete lines on the tab key.

    Put one of these into the shell's start-up file:

    \b
        eval "$(sinddm-tk completion bash)"      # ~/.bashrc
        eval "$(sinddm-tk completion zsh)"       # ~/.zshrc, behind compinit
        sinddm-tk completion fish | source       # ~/.config/fish/config.fish
    """
    asked = shell_classes(list)[shell](ctx.find_root().command, {}, "sinddm-tk", VARIABLE)
    click.echo(asked.source())
