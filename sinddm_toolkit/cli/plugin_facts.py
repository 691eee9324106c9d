"""All that can be told of a plugin: what `sinddm-tk plugins show` prints."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from sinddm_toolkit.host.registry import PluginRecord, Registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.settings.plugin_data import place_of


def facts_of(record: PluginRecord, registry: Registry) -> dict[str, Any]:
    """What is known of a plugin, as JSON holds it; what isn't known is None or empty."""
    plugin = registry.manager.get_plugin(record.key)
    package = _of_package(record.source)
    data = place_of(record.name)
    return {
        "name": record.name,
        "version": record.version,
        "source": record.source,
        "about": _first_line(plugin) or package.pop("summary", None),
        "error": record.error,
        "failed_at": _where(record.cause),
        **package,
        "contract": record.contract,
        "file": record.file,
        "hooks": record.hooks,
        "services": _services(plugin) if "make_service" in record.hooks else None,
        "commands": record.commands,
        "presets": [name for place in record.presets for name in _presets(place)],
        "data": str(data) if data.is_dir() else None,
        "tasks": [] if record.error else [_task(registry, name) for name in record.tasks],
    }


def _of_package(name: str) -> dict[str, Any]:
    """What the metadata of an installed package says; nothing of a file."""
    try:
        told = metadata.metadata(name)
    except (metadata.PackageNotFoundError, ValueError):
        return {"license": None, "authors": [], "links": {}}

    def first(*keys: str) -> str | None:
        return next((one for key in keys for one in told.get_all(key, [])), None)

    people = [*told.get_all("Author", []), *told.get_all("Author-email", [])]
    links = [line.partition(",") for line in told.get_all("Project-URL", [])]
    return {
        "summary": first("Summary"),
        "license": first("License-Expression", "License"),
        "authors": [*people, *told.get_all("Maintainer-email", [])],
        "links": {label.strip(): address.strip() for label, _, address in links},
    }


def _first_line(thing: object) -> str | None:
    """What a module or function says of itself in short."""
    return (inspect.getdoc(thing) or "").partition("\n")[0] if inspect.ismodule(thing) else None


def _services(plugin: Any) -> str:
    told = inspect.getdoc(getattr(plugin, "make_service", None)) or ""
    return " ".join(told.partition("\n\n")[0].split()) or "makes some on demand"


def _where(error: BaseException | None) -> str | None:
    """The file and line of a plugin that an error comes from."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    toolkit = str(Path(__file__).parents[1])
    theirs = [f for f in frames if not f.filename.startswith(("<", toolkit))]
    import_system = str(Path(metadata.__file__).parent)
    theirs = [f for f in theirs if not f.filename.startswith(import_system)]
    return f"{theirs[-1].filename}, line {theirs[-1].lineno}" if theirs else None


def _presets(place: Path) -> Iterator[str]:
    files = sorted(place.glob("*.toml")) if place.is_dir() else [place]
    yield from (file.stem for file in files)


def _task(registry: Registry, name: str) -> dict[str, Any]:
    task = registry.tasks[name]
    options = [_option(item) for item in task.schema().values()]
    return {"name": name, "summary": task.summary, "options": options}


def _option(item: Option) -> dict[str, Any]:
    return {
        "name": item.name,
        "flag": item.flag,
        "metavar": item.metavar,
        "help": item.help,
        "allowed": item.allowed,
        "required": item.required,
        "default": None if item.default is None else item.plain(item.default),
        "rarely": item.rarely,
    }
