"""JSON Schema (draft 7) of preset files, for editors that check and complete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings.layers import TASK
from sinddm_toolkit.settings.presets import EXTENDS, SUMMARY


def preset_schema() -> dict[str, Any]:
    """The schema, with the tasks that are installed here."""
    about = {SUMMARY: {"type": "string"}, EXTENDS: {"type": "string"}}
    common = {**about, **properties_of(RunOptions.schema())}
    flat, listed = [], []
    every: dict[str, Any] = {}
    for name, task in sorted(registry.current().tasks.items()):
        own = properties_of(task.schema())
        named = {"const": name, "description": task.summary}
        flat.append(_closed({**common, TASK: named, **own}, [TASK]))
        listed.append(_closed({"name": named, **own}, ["name"]))
        every.update({key: {} for key in own})
        every[name] = _closed(own, [])
    several = {"type": "array", "minItems": 1, "items": {"anyOf": listed}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A preset of the SinDDM toolkit",
        "anyOf": [
            *flat,
            _closed({**every, **common, TASK: several}, [TASK]),
            _closed(common, []),
            _closed({**every, **common}, [EXTENDS]),
        ],
    }


def properties_of(schema: Mapping[str, Option]) -> dict[str, Any]:
    """The properties of an object that gives these options, by their names in files."""
    return {name.replace("_", "-"): _schema_of(item) for name, item in schema.items()}


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schema_of(item: Option) -> dict[str, Any]:
    types = item.kind.json
    found: dict[str, Any] = {"type": types if isinstance(types, str) else list(types)}
    if item.choices:
        found = {"enum": list(item.choices)}
    if item.minimum is not None:
        found["minimum"] = item.minimum
    if item.maximum is not None:
        found["maximum"] = item.maximum
    if item.many:
        least = {"minItems": 1} if item.or_one else {}
        found = {"anyOf": [found, {"type": "array", "items": found, **least}]}
        if item.follows:
            nested = {"type": "array", "items": found["anyOf"][0]}
            found["anyOf"][1]["items"] = {"anyOf": [found["anyOf"][0], nested]}
    found["description"] = item.help
    if item.default is not None:
        found["default"] = item.plain(item.default)
    return found
