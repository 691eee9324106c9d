"""`sinddm-tk models`: the store of trained models."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit.cli import completion
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry


@click.group()
def models() -> None:
    """The trained models that are kept."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_models(as_json: bool) -> None:
    """What has been learnt, the latest first, and what was being learnt when that was cut off."""
    store = default_store()
    found = store.models()
    if as_json:
        click.echo(json.dumps([one.facts for one in found]))
        return
    if not found:
        tell(f"no models yet in {store.folder}")
    for one in found:
        click.echo(readable(str(one)))


@models.command()
@click.argument("model", shell_complete=completion.models)
@click.option("--json", "as_json", is_flag=True, help="Print all that its file says, as JSON.")
def show(model: str, as_json: bool) -> None:
    """What a model has learnt, and how well; MODEL is the beginning of its name."""
    store = default_store()
    key = store.find(model)
    facts = store.describe(key)
    if as_json:
        del facts["schedule"]
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in _told(facts, store.summary(key), store.path(key)):
        click.echo(readable(f"{name:9} {value}"))


def _told(facts: dict[str, Any], summary: dict[str, Any], file: Path) -> Iterator[tuple[str, str]]:
    """The lines of `show`: what, and what of it."""
    sizes = facts["pyramid"]["sizes"]
    height, width = summary["size"]
    yield "model", summary["model"]
    yield "picture", f"{summary['name']}, learnt at {width}x{height} pixels"
    if imported := summary["imported_from"]:
        yield "from", imported
    else:
        told = [summary["quality"], *summary["otherwise"], f"{summary['updates']} updates"]
        yield "quality", ", ".join(told)
        yield "trained", f"{summary['trained_at']}, from --train-seed {facts['config']['seed']}"
    for s, (h, w) in enumerate(sizes):
        end = summary["trained"].get(str(s))
        known = "nothing yet" if end is None else f"timesteps 0 to {end - 1}"
        yield f"scale {s}", f"{w}x{h} pixels: {known}"
    yield "file", f"{file}, {facts['bytes'] / 1e6:.1f} MB"


@models.command()
@click.argument("names", metavar="MODEL...", nargs=-1, shell_complete=completion.models)
@click.option("--all", "everything", is_flag=True, help="Remove every model.")
def remove(names: tuple[str, ...], everything: bool) -> None:
    """Forget models; they are trained again when they are needed, but for imported ones."""
    store = default_store()
    if not names and not everything:
        raise UserError("models remove: name the models, or give --all")
    keys = [store.find(name, unfinished=True) for name in names]
    if everything:
        keys = [*dict.fromkeys([*store.keys(), *store.unfinished_keys()])]
    for key in keys:
        store.remove(key)
        tell(f"removed {key}")


@models.command("import")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--image",
    metavar="PICTURE",
    required=True,
    type=click.Path(path_type=Path),
    help="The picture that the checkpoint was trained on: it does not hold it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_checkpoint(checkpoint: Path, image: Path, as_json: bool) -> None:
    """Take over CHECKPOINT, of the published implementation, as a model.

    It is read without executing anything in it. Its weights and its γ are used as they are.
    """
    from sinddm_toolkit.cli.progress import PlainEvents
    from sinddm_toolkit.edits import published as checkpoints
    from sinddm_toolkit.edits.models import save_model
    from sinddm_toolkit.pictures.reading import read_picture

    model = checkpoints.import_checkpoint(checkpoint, read_picture(image), PlainEvents())
    store, key = default_store(), model.config.key
    with store.locked(key):
        save_model(store.path(key), model)
    if as_json:
        click.echo(json.dumps(store.summary(key)))
        return
    click.echo(key)
    tell(f"use it: {_example(image)} --model {key}")


def _example(image: Path) -> str:
    """A command line of the first task that needs nothing but a picture."""
    for name, task in registry.current().tasks.items():
        required = [item for item in task.schema().values() if item.required]
        pictures = [item for item in task.schema().values() if item.is_picture]
        if [item.name for item in required] == [task.learns_from] and pictures == required:
            flag = required[0].flag
            return f"sinddm-tk run {name} {flag} {shlex.quote(str(image))}"
    return "sinddm-tk run TASK"


@models.command()
@click.argument("model", required=False, shell_complete=completion.models)
def path(model: str | None) -> None:
    """Where the models are, or where one is."""
    store = default_store()
    click.echo(store.folder if model is None else store.path(store.find(model)))
