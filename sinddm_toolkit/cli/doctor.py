"""`sinddm-tk doctor`: what this installation has and lacks."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import click

from sinddm_toolkit import __version__, registry
from sinddm_toolkit.store import default_store


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Versions, device, precision, model store, plugins: what to send with a question."""
    facts = _facts()
    if as_json:
        click.echo(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")


def _facts() -> dict[str, Any]:
    from sinddm_toolkit.devices import choose_compute

    environment = choose_compute().environment()
    store = default_store()
    broken = [record.name for record in registry.current().records if record.error]
    return {
        "sinddm-toolkit": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("torch", "pillow", "scikit-image", "pluggy")},
        **{name: environment[name] for name in ("device", "processor", "precision")},
        "threads": environment.get("threads"),
        "model store": str(store.folder),
        "store writable": _writable(store.folder),
        "models": len(store.keys()),
        "broken plugins": ", ".join(broken) or "none",
        **_from_plugins(),
    }


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
