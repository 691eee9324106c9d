"""`sinddm-tk doctor`: what this installation has and lacks."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import click

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.host import registry

OWN_PACKAGE = "sinddm-toolkit"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Versions, device, precision, model store, plugins: what to send with a question."""
    facts = _facts()
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts))
    facts["plugins"] = ", ".join(map(_in_words, facts["plugins"])) or "those of the toolkit alone"
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")


def _facts() -> dict[str, Any]:
    store = default_store()
    records = registry.current().records
    broken = [record.name for record in records if record.error]
    return {
        OWN_PACKAGE: __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "pillow", "scikit-image", "pluggy", "click")},
        **_compute(),
        "model store": str(store.folder),
        "store writable": _writable(store.folder),
        "models": len(store.keys()),
        "plugins": [
            {"name": record.name, "package": record.source, "version": record.version}
            for record in records
            if record.source != OWN_PACKAGE
        ],
        "broken plugins": ", ".join(broken) or "none",
        **_from_plugins(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _compute() -> dict[str, Any]:
    """What torch computes on; why not, in its own line, if it cannot be imported."""
    try:
        from sinddm_toolkit.engine.compute import choose_compute
    except Exception as error:  # a broken installation raises just about anything
        text = " ".join(str(error).split())
        return {"torch": f"cannot be imported: {type(error).__name__}: {text}"}
    environment = choose_compute().environment()
    facts = {name: environment[name] for name in ("device", "processor", "precision")}
    return {**facts, "threads": environment.get("threads")}


def _in_words(plugin: dict[str, str | None]) -> str:
    """A plugin from elsewhere: its name, version and package or file."""
    return " ".join(filter(None, (plugin["name"], plugin["version"], f"({plugin['package']})")))


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
