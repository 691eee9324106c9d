"""What a shell completes a value to: words, files, names of tasks, presets and models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VARIABLE = "_SINDDM_TK_COMPLETE"
"""Set by a shell that asks for completions: click's, by the name of the command."""


def values(item: Option, incomplete: str) -> list[CompletionItem]:
    """What the value of an option can go on as; nothing where that is not known."""
    if item.choices:
        return _words(item.choices, incomplete)
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
