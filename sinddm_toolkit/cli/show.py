"""`sinddm-tk show PICTURE …`: how pictures were made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinddm_toolkit.cli import streams
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions

if TYPE_CHECKING:
    from sinddm_toolkit.edits.record import RecordedTask


@click.command()
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture, a line.")
def show(pictures: tuple[str, ...], as_json: bool) -> int:
    """How pictures were made, by the records that they carry.

    The tasks and their options, but for defaults; seed, model, plugins; whether they can be made
    again, and by which line. `-` is a picture from standard input. Nothing is run.
    """
    status = 0
    for k, text in enumerate(pictures):
        try:
            facts = _facts(text)
        except UserError as error:
            status = error.exit_code
            if as_json:
                click.echo(json.dumps({"picture": text, "error": str(error)}))
            else:
                tell(f"sinddm-tk: {error}")
            continue
        if as_json:
            click.echo(json.dumps(facts))
        else:
            click.echo("\n" * (k > 0) + "\n".join(map(readable, _lines(facts))))
            _show_line(facts["run"])
    return status


def _facts(text: str) -> dict[str, Any]:
    """All that is told of the picture `text`. UserError if it carries no record."""
    from sinddm_toolkit.edits.record import load_record
    from sinddm_toolkit.edits.replay import examined
    from sinddm_toolkit.studio.written import as_command

    path, content = Path(text), None
    if text == streams.STREAM:
        path, content = Path(streams.INPUT_NAME), streams.read_input("show")
    record = load_record(path, content)
    layer, wrong = examined(record, path)
    model = record.model.config
    return {
        "picture": text,
        "tasks": [_task(task) for task in record.tasks],
        "seed": record.options["seed"],
        "options": {k: v for k, v in _plain(record.options, RunOptions.schema()) if k != "seed"},
        "model": {
            "key": model.key,
            "quality": model.quality,
            "working_size": list(model.size[::-1]),
            "updates": sum(phase.made for phase in record.model.history),
            "imported": model.is_imported,
            "weights_sha256": record.model.weights_hash,
        },
        "toolkit": record.toolkit,
        "metadata": record.metadata,
        "replayable": not wrong,
        "in_the_way": wrong,
        "differences": record.differences(),
        "replay": f"sinddm-tk replay {shlex.quote(text)}",
        "run": None if layer is None else as_command(layer).rstrip("\n"),
    }


def _task(task: RecordedTask) -> dict[str, Any]:
    """A task with its options, but for those at their defaults, as far as these are known here."""
    known = registry.current().tasks.get(task.name)
    return {
        "name": task.name,
        "options": dict(_plain(task.options, known.schema() if known else {})),
        "plugin": task.maker.to_json() if task.maker else None,
    }


def _plain(options: Mapping[str, Any], schema: Mapping[str, Option]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        item = schema.get(name)
        default = None if item is None else item.plain(item.default)
        if value not in (None, default, [] if default is None else default):
            yield name.replace("_", "-"), value


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts of one picture in words."""
    yield facts["picture"]
    for task in facts["tasks"]:
        yield _pair("task", f"{task['name']}{_of(task['plugin'])}")
        yield from (_pair("", f"{name} = {_shown(v)}") for name, v in task["options"].items())
    yield _pair("seed", facts["seed"])
    if facts["options"]:
        yield _pair("run", ", ".join(f"{k} = {_shown(v)}" for k, v in facts["options"].items()))
    yield from _model(facts["model"]) if "denoiser" not in facts["options"] else ()
    yield _pair("made by", f"sinddm-toolkit {facts['toolkit']}")
    for name, told in facts["metadata"].items():
        yield _pair("told", f"{name}: {json.dumps(told, ensure_ascii=False)}")
    if facts["replayable"]:
        yield _pair("again", facts["replay"])
    for line in facts["in_the_way"]:
        yield _pair("in the way", line)
    for line in facts["differences"]:
        yield _pair("note", line)


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    width, height = model["working_size"]
    made = "imported" if model["imported"] else f"{model['updates']} updates"
    told = f"{model['key']} ({model['quality']}, {width}x{height} pixels, {made})"
    is_known = model["imported"] or model["updates"]
    yield _pair("model", told if is_known else "none: nothing had to be learnt")


def _show_line(line: str | None) -> None:
    """Print the line that asks for the same as the record does."""
    for k, part in enumerate((line or "").splitlines()):
        click.echo(_pair("as a line" if k == 0 else "", readable(part)))


def _pair(name: str, value: Any) -> str:
    return f"  {name:<10}  {value}"


def _of(plugin: Mapping[str, str] | None) -> str:
    if not plugin:
        return ""
    parts = (plugin.get("package", plugin["name"]), plugin.get("version"))
    return f" ({' '.join(filter(None, parts))})"


def _shown(value: Any) -> str:
    """A recorded value in words: a file by its path."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return str(value.get("picture") or value.get("file") or "a picture from no file")
    return str(value).lower() if isinstance(value, bool) else str(value)
