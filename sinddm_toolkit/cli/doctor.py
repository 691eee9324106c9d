"""`sinddm-tk doctor`: what this installation has and lacks."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, cast

import click

from sinddm_toolkit import __version__
from sinddm_toolkit.cli.lines import readable
from sinddm_toolkit.cli.requirements import OWN_PACKAGE, found, is_broken
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import config_file, registry
from sinddm_toolkit.settings import config

SHOWN = ("torch", "pillow", "scikit-image", "pluggy", "click")
"""Packages whose versions are told to people; of others, only those that are broken are."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """What this installation has and lacks, to send with a question.

    Versions, device, precision, the store of models, plugins, those that broke and why.
    """
    facts = _facts()
    if as_json:
        click.echo(json.dumps(facts))
        return
    packages = facts.pop("packages")
    facts |= {name: state for name, state in packages.items() if is_broken(state)}
    facts["plugins"] = ", ".join(map(_in_words, facts["plugins"])) or "those of the toolkit alone"
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(readable(f"{name:<{width}}  {value}"))


def _facts() -> dict[str, Any]:
    store = default_store()
    records = registry.current().records
    broken = [f"{record.name} ({record.error})" for record in records if record.error]
    packages = found()
    return {
        OWN_PACKAGE: __version__,
        "python": platform.python_version(),
        **{name: packages[name] for name in SHOWN},
        "packages": packages,
        **({} if is_broken(packages["torch"]) else _compute()),
        "config": _config(),
        "model store": str(store.folder),
        "store writable": _writable(store.folder),
        "models": len(store.keys()),
        "plugins": [
            {
                "name": record.name,
                "package": record.source,
                "version": record.version,
                "error": record.error,
            }
            for record in records
            if record.source != OWN_PACKAGE
        ],
        "broken plugins": ", ".join(broken) or "none",
        **_from_plugins(),
    }


def _config() -> str:
    """The file of a person's own defaults, and what is wrong with it."""
    try:
        set_here = config.settings()
        config_file.plugin_defaults()
    except UserError as error:
        return f"broken: {error}"
    names = ", ".join(name.replace("_", "-") for name in set_here)
    return f"{config_file.config_path() or 'none'} ({f'sets {names}' if names else 'sets nothing'})"


def _compute() -> dict[str, Any]:
    """What torch computes on."""
    from sinddm_toolkit.engine.compute import choose_compute

    environment = choose_compute().environment()
    facts = {name: environment[name] for name in ("device", "processor", "precision")}
    return {**facts, "threads": environment.get("threads")}


def _in_words(plugin: dict[str, str | None]) -> str:
    """A plugin from elsewhere: its name, version and package or file."""
    state = "broken" if plugin["error"] else None
    told = (plugin["name"], plugin["version"], f"({plugin['package']})", state)
    return " ".join(filter(None, told))


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _from_plugins() -> dict[str, str]:
    """What the plugins say of themselves. One that fails is a line too: doctor must not."""
    facts: dict[str, str] = {}
    for hook in registry.current().manager.hook.describe_setup.get_hookimpls():
        try:
            facts |= cast(dict[str, str], hook.function())
        except Exception as error:
            facts[hook.plugin_name] = f"failed: {type(error).__name__}: {error}"
    return facts
