"""What a shell completes a value to, and `sinddm-tk completion`, the script that asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

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
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    if script is None:  # it was among the choices
        raise UserError(f"{shell}: no shell that can be made to complete")
    click.echo(script(ctx.find_root().command, {}, "sinddm-tk", VARIABLE).source())
