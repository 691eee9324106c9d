"""Make a picture again from the recipe that it carries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sinddm_toolkit import registry
from sinddm_toolkit.edit import EditResult, edit
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.events import Events
from sinddm_toolkit.images import Picture, picture_from, read_recipe
from sinddm_toolkit.model import RecordedModel
from sinddm_toolkit.options import Option, Task, content_of, plain
from sinddm_toolkit.run_options import RunOptions
from sinddm_toolkit.settings import Layer, Origin, Setting, Settings


def load_record(path: Path) -> dict[str, Any]:
    """The recipe inside a picture; UserError if it carries none."""
    text = read_recipe(path)
    if text is None:
        raise UserError(f"{path} carries no recipe of this toolkit")
    try:
        record: dict[str, Any] = json.loads(text)
        record["tasks"], record["model"], record["seed"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"the recipe in {path} is damaged") from None
    return record


def layer_of_record(record: dict[str, Any], path: Path) -> Layer:
    """What the recipe of the picture in `path` sets, but for defaults; files by their paths."""
    origin = Origin(f"recipe of {path.name}")

    def changed(options: Mapping[str, Any], schema: Mapping[str, Option]) -> Settings:
        return {
            name: Setting(_file_of(value, path), origin, name)
            for name, value in options.items()
            if name in schema and value != plain(schema[name].default)
        }

    run = {**record["options"], "seed": record["seed"]}
    schema = registry.current().task
    return Layer(
        {e["name"]: changed(e["options"], schema(e["name"]).schema()) for e in record["tasks"]},
        changed(run, RunOptions.schema()),
    )


def _file_of(value: Any, path: Path) -> Any:
    """An option's value from the recipe of the picture in `path`, a file as its path."""
    if isinstance(value, list):
        return [_file_of(one, path) for one in value]
    if not isinstance(value, dict):
        return value
    place = value.get("picture", value.get("file"))
    found = _places(place, path, None)
    return str(found[0].resolve()) if found else str(place)


def replay(
    path: Path,
    out: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    overwrite: bool = False,
    events: Events | None = None,
) -> EditResult:
    """Make the picture in `path` again, into `out`.

    The pictures it was made from are looked for where they were in relation to it, then under
    their names beside it and in the working folder; `inputs` names others by option. UserError if
    one is missing or has changed.
    """
    record = load_record(path)
    tasks = [_task(entry, path, inputs or {}) for entry in record["tasks"]]
    options = RunOptions(
        **record["options"], seed=record["seed"], out=str(out), overwrite=overwrite
    )
    return edit(tasks, options, events=events, recorded=_recorded_model(record, path))


def _recorded_model(record: dict[str, Any], path: Path) -> RecordedModel:
    try:
        return RecordedModel.from_json(record["model"])
    except (KeyError, TypeError):
        raise UserError(f"the recipe in {path} is damaged: its model is not told") from None


def _task(entry: dict[str, Any], path: Path, inputs: Mapping[str, Path]) -> Task:
    cls = registry.current().task(entry["name"])
    for name, item in cls.schema().items():
        value = entry["options"].get(name)
        if any(map(item.is_file, value if isinstance(value, list) else [value])):
            raise UserError(f"the recipe in {path} is damaged: {name} is a file without its hash")
    values = {
        name: _restored(name, value, path, inputs) for name, value in entry["options"].items()
    }
    return cls(**values)


def _restored(name: str, value: Any, path: Path, inputs: Mapping[str, Path]) -> Any:
    """An option's value from the recipe, with its pictures read again."""
    if isinstance(value, list):
        return [_restored(name, one, path, inputs) for one in value]
    if isinstance(value, dict) and "picture" in value:
        return _input(name, value["picture"], value["sha256"], path, inputs.get(name))
    if isinstance(value, dict) and "file" in value:
        return _file(name, value["file"], value["sha256"], path, inputs.get(name))
    return value


def _input(name: str, place: str | None, content: str, path: Path, chosen: Path | None) -> Picture:
    """The picture that option `name` had, recognised by its content."""
    found = _places(place, path, chosen)
    for one in found:
        picture = picture_from(one)
        if picture.content_hash() == content:
            return picture
    raise _lost(name, place or "a picture that came from no file", path, found)


def _file(name: str, place: str, content: str, path: Path, chosen: Path | None) -> Path:
    """The file that option `name` had, recognised by its content."""
    found = _places(place, path, chosen)
    for one in found:
        if content_of(one) == content:
            return one
    raise _lost(name, place, path, found)


def _places(place: str | None, path: Path, chosen: Path | None) -> list[Path]:
    """The files that a recipe in `path` may mean by `place`, best first."""
    places = [chosen] if chosen else []
    if place and not chosen:
        name = Path(place).name
        places = [path.resolve().parent / place, path.parent / name, Path(name)]
    return [one for one in places if one.is_file()]


def _lost(name: str, place: str, path: Path, found: Sequence[Path]) -> UserError:
    if found:
        return UserError(f"{found[0]} has changed since {path.name} was made from it")
    return UserError(f"{path.name} was made from {place}: give it by --input {name}=FILE")
