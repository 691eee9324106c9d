"""`sinddm-tk doctor`: what this installation has and lacks."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata, util
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit import __version__, registry
from sinddm_toolkit.store import default_store

CLIP_VARIABLE = "SINDDM_TK_CLIP"
CLIP_CACHES = (
    ("~/.cache/clip", "ViT-B-32*"),
    ("~/.cache/huggingface/hub", "models--timm--vit_base_patch32_clip_*openai*"),
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Versions, device, precision, model store, CLIP weights: what to send with a question."""
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
        "open_clip": metadata.version("open_clip_torch")
        if util.find_spec("open_clip")
        else "missing",
        "CLIP weights": _clip_weights(),
    }


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _clip_weights() -> str:
    chosen = os.environ.get(CLIP_VARIABLE)
    if chosen:
        return chosen if Path(chosen).exists() else f"{CLIP_VARIABLE} names {chosen}: not there"
    for folder, pattern in CLIP_CACHES:
        if found := sorted(Path(folder).expanduser().glob(pattern)):
            return str(found[0])
    return f"none at hand (looked in {', '.join(folder for folder, _ in CLIP_CACHES)})"
