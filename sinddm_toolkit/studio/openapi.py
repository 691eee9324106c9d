"""The interface described: an OpenAPI 3.1 document of it, and a plain page of that for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit import __version__
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings.json_schema import properties_of
from sinddm_toolkit.settings.layers import TASK
from sinddm_toolkit.studio.catalogue import KINDS

TEMPLATE = "openapi.html.jinja"

STYLE = """\
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 }
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
table { border-collapse: collapse; width: 100% }
td { padding: .35rem .8rem .35rem 0; vertical-align: top; border-top: 1px solid #8884 }
code { font-size: .9em; overflow-wrap: anywhere } small { opacity: .75 }
td:first-child code { white-space: nowrap }
summary { padding: .35rem 0; cursor: pointer } details table { margin-bottom: 1rem }
"""

PARAMETER = re.compile(r"\{(\w+)\}")

Schema = dict[str, Any]

ABOUT = (
    "Edits of one picture, asked for over HTTP. Send the header Authorization: Bearer TOKEN with "
    "every request. Send pictures first and name them by their ids, or send them with the edit."
)


# Schemas


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Schema], *optional: str) -> Schema:
    """An object that has all these, but for those that are `optional`."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
SWITCH: Schema = {"type": "boolean"}
ANY: Schema = {}
ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
POINTS = _list({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2})


def _fixed() -> dict[str, Schema]:
    """All schemas but those of tasks."""
    picture = {"id": ID, "name": TEXT, "width": WHOLE, "height": WHOLE, "has_alpha": SWITCH}
    layer = {
        "picture": ID,
        "x": NUMBER,
        "y": NUMBER,
        "scale": {"type": "number", "minimum": 0.01, "maximum": 100, "default": 1},
        "rotation": {"type": "number", "default": 0, "description": "degrees, clockwise"},
        "flip": {"type": "boolean", "default": False},
        "opacity": {"type": "number", "minimum": 0, "maximum": 1, "default": 1},
        "outline": {"anyOf": [POINTS, {"type": "null"}]},
    }
    option = {
        "name": TEXT,
        "flag": TEXT,
        "kind": {"enum": sorted(KINDS.values())},
        "help": TEXT,
        "words": TEXT,
        "default": ANY,
        "required": SWITCH,
        "minimum": _or_null("number"),
        "maximum": _or_null("number"),
        "choices": {"anyOf": [_list(TEXT), {"type": "null"}]},
        "many": SWITCH,
        "or_one": SWITCH,
        "follows": _or_null("string"),
        "unless": _or_null("string"),
        "rarely": SWITCH,
        "suffixes": {"anyOf": [_list(TEXT), {"type": "null"}]},
    }
    task = {
        "name": TEXT,
        "summary": TEXT,
        "also_called": _list(TEXT),
        "about": TEXT,
        "learns_from": _or_null("string"),
        "named_after": _or_null("string"),
        "options": _list(_ref("Option")),
    }
    result = {"name": TEXT, "width": WHOLE, "height": WHOLE, "seed": WHOLE, "picture": ID}
    state = {
        "id": ID,
        "state": {"enum": ["waiting", "running", "done", "failed", "cancelled"]},
        "position": _or_null("integer"),
        "created": TEXT,
        "edit": {"type": "object"},
        "seed": WHOLE,
        "tasks": _list(TEXT),
        "results": _list(_object(result)),
        "extras": _list(_object({"name": TEXT, "picture": _or_null("string")})),
        "sheet": _or_null("string"),
        "notes": _list(TEXT),
        "error": _or_null("string"),
        "seconds": {"type": "object"},
        "group": _or_null("string"),
    }
    preset = {
        "name": TEXT,
        "summary": TEXT,
        "tasks": _list(TEXT),
        "values": {"type": "object"},
        "own": SWITCH,
        "thumbnail": _or_null("string"),
        "error": TEXT,
    }
    return {
        "Picture": _object({**picture, "levels": WHOLE}),
        "Layer": _object(layer, "scale", "rotation", "flip", "opacity", "outline"),
        "Option": _object(option),
        "Task": _object(task),
        "State": _object(state),
        "Preset": _object(preset, "error"),
        "Model": _object({"model": TEXT}),
        "Explained": _object({"option": TEXT, "value": TEXT, "from": TEXT}),
        "Error": _object({"error": TEXT, "option": _or_null("string")}),
    }


def _edits() -> dict[str, Schema]:
    """What can be asked for: a schema a task, and one of all."""
    common = {
        **properties_of(RunOptions.schema()),
        "preset": {"anyOf": [TEXT, _list(TEXT)], "description": "names, the later ones win"},
        "group": {**TEXT, "description": "what belongs together, such as the edits of a sweep"},
    }
    alone, parts = {}, {}
    for name, task in sorted(registry.current().tasks.items()):
        own = properties_of(task.schema())
        named = {"const": name, "description": task.summary}
        alone[f"Edit.{name}"] = {**_object({TASK: named, **own, **common}), "required": [TASK]}
        parts[f"Part.{name}"] = {**_object({"name": named, **own}), "required": ["name"]}
    several = {**_list({"anyOf": [_ref(name) for name in parts]}), "minItems": 1}
    together = {**_object({TASK: several, **common}), "required": [TASK]}
    by_preset = {**_object(common), "required": ["preset"]}
    about = (
        "As a preset file holds it. In names `_` is as good as `-`. A picture is the id of one "
        "that was sent, or the name of a part of the same request."
    )
    forms = [*map(_ref, alone), _ref("Edit.together"), _ref("Edit.by-preset")]
    return {
        **alone,
        **parts,
        "Edit.together": together,
        "Edit.by-preset": by_preset,
        "Edit": {"description": about, "anyOf": forms},
    }


# Paths


@dataclass(frozen=True)
class Operation:
    """What one method of an address does."""

    method: str
    path: str
    summary: str
    status: int = 200
    answer: Schema | None = None
    """Of JSON; None: what it answers with is no JSON."""
    media: str | None = "application/json"
    """Of the answer; None: it has no body."""
    body: Schema | None = None
    """Of JSON."""
    parts: Schema | None = None
    """The parts of a form that may be sent in place of the body."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters in the address, what each is for."""


FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
WITH_PICTURES: Schema = {
    **_object({"edit": {**TEXT, "contentMediaType": "application/json"}}),
    "additionalProperties": FILE,
    "description": "the edit as JSON, and the pictures that it names by the names of their parts",
}


def _operations() -> list[Operation]:
    edit, picture, state = _ref("Edit"), _ref("Picture"), _ref("State")
    to_save = {"name": TEXT, "summary": TEXT, "edit": {"type": "object"}, "overwrite": SWITCH}
    strokes = {"inside": _list(POINTS), "outside": _list(POINTS), "width": NUMBER}
    proposal = {"allOf": [{"type": "object"}, _object({"option": TEXT})]}
    colours = _object({"colours": _list(TEXT)})
    nothing = _object({"picture": {"type": "null"}})
    events = "text/event-stream"
    return [
        Operation(
            "post", "/api/pictures", "Send a picture.", 201, picture, parts=_object({"file": FILE})
        ),
        Operation("get", "/api/pictures/{id}", "What is known of a picture.", answer=picture),
        Operation(
            "get",
            "/api/pictures/{id}/file",
            "A picture as it came.",
            media="application/octet-stream",
        ),
        Operation(
            "get",
            "/api/pictures/{id}/levels/{level}/{column}-{row}.png",
            "A tile of 512 pixels a side of a picture made smaller by 2^level.",
            media="image/png",
        ),
        Operation(
            "get",
            "/api/pictures/{id}/palette",
            "Twelve colours of a picture at most, from dark to light.",
            answer=colours,
        ),
        Operation(
            "post",
            "/api/composites",
            "Put layers onto a background; nothing else of it changes.",
            201,
            picture,
            body=_object({"background": ID, "layers": _list(_ref("Layer"))}),
        ),
        Operation(
            "post",
            "/api/selections",
            "A mask of what rough strokes mean.",
            201,
            picture,
            body=_object({"picture": ID, **strokes}, "outside", "width"),
        ),
        Operation(
            "post",
            "/api/proposals",
            "The mask that a task would choose by itself: an edit with the name of an option.",
            201,
            {"anyOf": [picture, nothing]},
            body=proposal,
            parts=WITH_PICTURES,
        ),
        Operation(
            "get", "/api/tasks", "The tasks, with their options.", answer=_list(_ref("Task"))
        ),
        Operation(
            "get",
            "/api/run-options",
            "The options that go with every task.",
            answer=_list(_ref("Option")),
        ),
        Operation(
            "post",
            "/api/explain",
            "Where each value of an edit comes from.",
            answer=_list(_ref("Explained")),
            body=edit,
            parts=WITH_PICTURES,
        ),
        Operation(
            "get", "/api/presets", "The presets, with what they set.", answer=_list(_ref("Preset"))
        ),
        Operation(
            "post",
            "/api/presets",
            "Keep the look of an edit as a preset of one's own.",
            201,
            _ref("Preset"),
            body=_object(to_save, "summary", "overwrite"),
        ),
        Operation(
            "get",
            "/api/presets/{name}/thumbnail",
            "A small picture of what a preset does.",
            media="image/jpeg",
        ),
        Operation(
            "get", "/api/models", "The models that were learnt.", answer=_list(_ref("Model"))
        ),
        Operation("delete", "/api/models/{key}", "Forget a model.", 204, media=None),
        Operation(
            "post",
            "/api/edits",
            "Ask for an edit; what can be checked beforehand is.",
            202,
            state,
            body=edit,
            parts=WITH_PICTURES,
        ),
        Operation(
            "get",
            "/api/edits",
            "The edits that were asked for, the latest first.",
            answer=_list(state),
            query={
                "search": "words that are in it",
                "limit": "how many at most",
                "before": "the id of the one before which they were asked for",
            },
        ),
        Operation("get", "/api/edits/{id}", "How an edit is.", answer=state),
        Operation(
            "delete",
            "/api/edits/{id}",
            "Forget an edit that isn't running, with its results.",
            204,
            media=None,
        ),
        Operation(
            "post", "/api/edits/{id}/cancel", "Stop an edit; what was learnt is kept.", answer=state
        ),
        Operation(
            "get",
            "/api/edits/{id}/events",
            "How an edit goes, as it goes: state, progress, preview.",
            media=events,
        ),
        Operation("get", "/api/events", "The same of all edits.", media=events),
        Operation(
            "get",
            "/api/edits/{id}/results/{name}",
            "A file that was made.",
            media="application/octet-stream",
            query={"download": "to be saved, not shown"},
        ),
        Operation(
            "get",
            "/api/edits/{id}/as/{form}",
            "An edit written as command, python or row.",
            media="text/plain",
        ),
        Operation("get", "/api/openapi.json", "This description.", answer={"type": "object"}),
        Operation("get", "/api/", "This description as a page.", media="text/html"),
    ]


def document() -> dict[str, Any]:
    """The whole description, with the tasks that are installed here."""
    paths: dict[str, dict[str, Any]] = {}
    for one in _operations():
        paths.setdefault(one.path, {})[one.method] = _described(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "SinDDM toolkit", "version": __version__, "description": ABOUT},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**_fixed(), **_edits()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(one: Operation) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "done"}
    if one.media:
        done["content"] = {one.media: {"schema": TEXT if one.answer is None else one.answer}}
    refusal = {
        "description": "refused, in one line",
        "content": {"application/json": {"schema": _ref("Error")}},
    }
    found: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _operation_id(one),
        "responses": {str(one.status): done, "default": refusal},
    }
    content = {}
    if one.body is not None:
        content["application/json"] = {"schema": one.body}
    if one.parts is not None:
        content["multipart/form-data"] = {"schema": one.parts}
    if content:
        found["requestBody"] = {"required": True, "content": content}
    parameters = [_parameter(name, "path") for name in PARAMETER.findall(one.path)]
    parameters += [_parameter(name, "query", about) for name, about in one.query.items()]
    if parameters:
        found["parameters"] = parameters
    return found


def _operation_id(one: Operation) -> str:
    words = re.findall(r"[a-z]+", one.path.removeprefix("/api"))
    return "_".join([one.method, *words])


def _parameter(name: str, place: str, about: str = "") -> dict[str, Any]:
    found = {"name": name, "in": place, "required": place == "path", "schema": TEXT}
    return {**found, "description": about} if about else found


def get_document(request: Request) -> Response:
    """`GET /api/openapi.json`."""
    return JSONResponse(document())


def get_page(request: Request) -> Response:
    """`GET /api/`: what can be asked for, without a script."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("sinddm_toolkit.studio", ".")
    pages = Environment(loader=loader, autoescape=True, trim_blocks=True)
    page = pages.get_template(TEMPLATE).render(
        about=ABOUT,
        version=__version__,
        operations=_operations(),
        tasks=[task for _, task in sorted(registry.current().tasks.items())],
        run_options=RunOptions.schema().values(),
    )
    return HTMLResponse(page)


def get_style(request: Request) -> Response:
    """`GET /api/plain.css`: how that page looks."""
    return Response(STYLE, media_type="text/css")


routes = [
    Route("/api/openapi.json", get_document),
    Route("/api/", get_page),
    Route("/api/plain.css", get_style),
]
