"""What can be asked for: tasks with their options, presets, models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import RESULT, InputFile, NameOrFile, OutputFile, Seconds
from sinddm_toolkit.pictures.colours import Colour
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point
from sinddm_toolkit.settings import config, presets
from sinddm_toolkit.settings.layers import Layer, Settings
from sinddm_toolkit.studio.answers import Refusal, json_body, not_found, studio_of, text_of
from sinddm_toolkit.studio.edits_api import edit_in
from sinddm_toolkit.studio.requests import is_asked, layer_of
from sinddm_toolkit.studio.uploads import Pictures

KINDS: Mapping[type, str] = {
    int: "whole",
    float: "number",
    bool: "switch",
    str: "text",
    Seconds: "seconds",
    Picture: "picture",
    OutputFile: "file-out",
    InputFile: "file-in",
    NameOrFile: "name",
    Region: "region",
    Length: "length",
    Point: "point",
    CanvasSize: "size",
    Colour: "colour",
}
"""What each kind of value is called, by which a form chooses its widgets."""

THUMBNAIL = ".jpg"
"""Of the file beside a preset that shows what it does."""


# Tasks and options


def told_option(item: Option) -> dict[str, Any]:
    """All that a form has to know of an option."""
    return {
        "name": item.name,
        "flag": item.flag,
        "kind": KINDS[item.type],
        "help": item.help,
        "words": item.allowed,
        "default": item.plain(item.default),
        "required": item.required,
        "minimum": item.minimum,
        "maximum": item.maximum,
        "choices": None if item.choices is None else list(item.choices),
        "many": item.many,
        "or_one": item.or_one,
        "follows": item.follows,
        "unless": item.unless,
        "rarely": item.rarely,
        "suffixes": None if item.suffixes is None else list(item.suffixes),
    }


def told_task(task: type[Task]) -> dict[str, Any]:
    """All that a list of tasks, and a form for one, have to know of it."""
    return {
        "name": task.name,
        "summary": task.summary,
        "also_called": list(task.also_called),
        "about": inspect.cleandoc(task.__doc__ or ""),
        "learns_from": task.learns_from,
        "named_after": task.named_after,
        "options": [told_option(item) for item in task.schema().values()],
    }


def get_tasks(request: Request) -> Response:
    """`GET /api/tasks`."""
    return JSONResponse([told_task(one) for _, one in sorted(registry.current().tasks.items())])


def get_run_options(request: Request) -> Response:
    """`GET /api/run-options`: those that go with every task, with a person's own defaults."""
    schema, own = RunOptions.schema(), {}
    with suppress(UserError):  # of a broken file; every edit will tell
        own = _plain(config.settings(), schema)
    told = [told_option(item) for item in schema.values()]
    return JSONResponse([{**one, "default": own.get(one["name"], one["default"])} for one in told])


# Presets


def told_preset(name: str, whose: str, path: Path) -> dict[str, Any]:
    """What a preset sets, as an edit would give it; or what is wrong with its file."""
    has_picture = path.with_suffix(THUMBNAIL).is_file()
    about = {
        "name": name,
        "own": whose == presets.OWN,
        "thumbnail": f"/api/presets/{name}/thumbnail" if has_picture else None,
    }
    try:
        preset = presets.load(str(path))
    except UserError as error:
        return {**about, "summary": "", "tasks": [], "values": {}, "error": str(error)}
    (lead, own), *others = list(preset.layer.tasks.items()) or [("", {})]
    values = _plain(preset.layer.run, RunOptions.schema())
    if lead:
        values |= _plain(own, registry.current().task(lead).schema())
    values |= {
        other: _plain(settings, registry.current().task(other).schema())
        for other, settings in others
    }
    tasks = list(preset.layer.tasks)
    return {**about, "summary": preset.summary, "tasks": tasks, "values": values}


def _plain(settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
    return {name: schema[name].plain(setting.value) for name, setting in settings.items()}


def get_presets(request: Request) -> Response:
    """`GET /api/presets`."""
    found = presets.available().items()
    return JSONResponse([told_preset(name, whose, path) for name, (whose, path) in found])


def get_thumbnail(request: Request) -> Response:
    """`GET /api/presets/NAME/thumbnail`: a small picture of what it does."""
    known = presets.available()  # looked up, so that no name from the network becomes a path
    _, path = known.get(request.path_params["name"], ("", None))
    if path is None or not path.with_suffix(THUMBNAIL).is_file():
        raise not_found("picture of a preset")
    return FileResponse(path.with_suffix(THUMBNAIL), media_type="image/jpeg")


async def post_preset(request: Request) -> Response:
    """`POST /api/presets`: keep the look of an edit as one's own preset; no pictures in it."""
    body = await json_body(request)
    name, summary = text_of(body, "name"), text_of(body, "summary")
    overwrite, edit = body.get("overwrite", False), body.get("edit")
    if not isinstance(edit, dict) or not isinstance(overwrite, bool):
        raise Refusal(
            400, "give `edit`, an object, and, if it is to be replaced, `overwrite`: true"
        )
    saved = await run_in_threadpool(_saved, name, summary, edit, overwrite)
    return JSONResponse(saved, 201)


def _saved(name: str, summary: str, edit: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    table, _ = presets.look_of(_without_files(layer_of(edit, lambda given: given)), ())
    if presets.is_own(name) and not overwrite:
        raise Refusal(409, f"you have a preset {name} already")
    path = presets.save(name, table, summary, overwrite=overwrite)
    return told_preset(name, presets.OWN, path)


def _without_files(layer: Layer) -> Layer:
    """`layer` without the pictures that a request named, and without files to write by name."""

    def kept(settings: Settings, schema: Mapping[str, Option]) -> Settings:
        return {
            name: setting
            for name, setting in settings.items()
            if not (is_asked(setting) and _names_file(setting.value, schema[name]))
        }

    tasks = {
        name: kept(settings, registry.current().task(name).schema())
        for name, settings in layer.tasks.items()
    }
    return Layer(tasks, layer.run)


def _names_file(value: Any, item: Option) -> bool:
    if isinstance(value, list):
        return any(_names_file(one, item) for one in value)
    return item.kind.is_file(value) and not str(value).startswith(RESULT)


# Layers


async def post_explanation(request: Request) -> Response:
    """`POST /api/explain`: each option of an edit, its value, and where that comes from."""
    edit, pictures = await edit_in(request), studio_of(request).pictures
    rows = await run_in_threadpool(_explained, edit, pictures)
    names = ("option", "value", "from")
    return JSONResponse([dict(zip(names, row, strict=True)) for row in rows])


def _explained(edit: dict[str, Any], pictures: Pictures) -> list[tuple[str, str, str]]:
    return layer_of(edit, lambda given: pictures.about(given).name).explained()


# Models


def get_models(request: Request) -> Response:
    """`GET /api/models`."""
    return JSONResponse(default_store().listed())


def delete_model(request: Request) -> Response:
    """`DELETE /api/models/KEY`: it is trained again when it is needed, unless it was imported."""
    store, key = default_store(), request.path_params["key"]
    if key not in [*store.keys(), *store.unfinished_keys()]:
        raise not_found("model")
    store.remove(key)
    return Response(status_code=204)


routes = [
    Route("/api/tasks", get_tasks),
    Route("/api/run-options", get_run_options),
    Route("/api/presets", get_presets),
    Route("/api/presets", post_preset, methods=["POST"]),
    Route("/api/presets/{name}/thumbnail", get_thumbnail),
    Route("/api/explain", post_explanation, methods=["POST"]),
    Route("/api/models", get_models),
    Route("/api/models/{key}", delete_model, methods=["DELETE"]),
]
