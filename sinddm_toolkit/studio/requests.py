"""An edit as it is asked for over HTTP: a preset file's table, with ids where pictures stand.

What comes from the network names no file: a picture is the id of one that was sent, and a file to
write is a bare name, which goes beside the result. A preset is a name. What a preset of one's own
says was written by the owner of this machine, who may name any file that is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option, each
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.values import RESULT, InputFile, NameOrFile, OutputFile
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.settings import config
from sinddm_toolkit.settings.layers import TASK, Layer, Origin, Setting, Settings
from sinddm_toolkit.settings.presets import NAME, stacked
from sinddm_toolkit.settings.tables import read_table
from sinddm_toolkit.studio.places import is_id

REQUEST = Origin("request")
PRESET, GROUP, OUT, SEED = "preset", "group", "out", "seed"
OUT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
"""Of a file to write; no folder, no hidden file."""
SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
MOST_PRESETS = 20

Stands = Callable[[str], Any]
"""What stands for the picture with an id."""


@dataclass(frozen=True)
class Order:
    """An edit as it goes to the worker."""

    id: str
    edit: Mapping[str, Any]
    """All that it asks for, `out` and `seed` among it."""
    names: Mapping[str, str]
    """What its pictures are called, by their ids."""
    pictures: Path
    """The folder that they are in."""
    files: Path
    """The folder that the result goes to."""


def layer_of(edit: Mapping[str, Any], stands: Stands) -> Layer:
    """The settings that `edit` asks for, with what `stands` for a picture in the place of its id.

    UserError for what is not allowed, as on the command line.
    """
    table = {key: value for key, value in edit.items() if key not in (PRESET, GROUP)}
    below = stacked(_presets(edit.get(PRESET)))
    layer = read_table(table, REQUEST, Path(), below=below)
    if layer.lead is None:
        raise UserError(f"{TASK}: name a task, or a preset that has one")
    for name, settings in layer.tasks.items():
        _settle(settings, registry.current().task(name).schema(), stands)
    _settle(layer.run, RunOptions.schema(), stands)
    return config.beneath(layer)


def _presets(given: Any) -> list[str]:
    """The names of presets. UserError for what is none: a path would be read."""
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list) or len(names) > MOST_PRESETS:
        raise UserError(f"{PRESET}: give a name, or a list of {MOST_PRESETS} at most")
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(f"{PRESET}: {name!r:.60} is no name of a preset")
    return names


def _settle(settings: Settings, schema: Mapping[str, Option], stands: Stands) -> None:
    for name, setting in settings.items():
        item = schema[name]
        if is_asked(setting):
            stand = partial(_stands, item=item, name=setting.name, stands=stands)
            settings[name] = replace(setting, value=each(setting.value, stand))
        elif item.type is OutputFile:
            each(setting.value, partial(_check_beside, setting=setting))


def is_asked(setting: Setting) -> bool:
    """Whether the request gave it, not a preset."""
    return setting.origin.what == REQUEST.what


def _stands(value: Any, item: Option, name: str, stands: Stands) -> Any:
    """A value of a request, files in it by what may stand for them. UserError if nothing may."""
    if item.type is OutputFile:
        return _bare(str(value), item, name)
    if item.type is NameOrFile and not item.kind.is_file(value):
        return _service_name(value, name)
    if item.type in (InputFile, NameOrFile):
        raise UserError(f"{name}: no files can be named over HTTP, but pictures by ids")
    if item.type in (Picture, Region) and item.kind.is_file(value):
        if not is_id(value):
            raise UserError(
                f"{name}: {value!r:.60} is not allowed, give the id of a picture that was "
                "sent before, or send it as a part of that name"
            )
        return stands(value)
    return value


def _bare(value: str, item: Option, name: str) -> str:
    """The name of a file beside the result."""
    rest = value.removeprefix(RESULT) if item.name != OUT else value
    is_bare = OUT_NAME.fullmatch(rest if rest == value else f"x{rest}")
    if not is_bare or rest.endswith((" ", ".")):
        raise UserError(f"{name}: {value!r:.60} is not allowed, give the bare name of a file")
    return value


def _check_beside(value: str, setting: Setting) -> None:
    """UserError if a preset writes a file that is not called after the result."""
    rest = value.removeprefix(RESULT)
    if rest == value or not OUT_NAME.fullmatch(f"x{rest}"):
        raise UserError(f"{setting.name}: {setting.origin} writes {value}: give a bare name here")


def _service_name(value: str, name: str) -> str:
    if not SERVICE_NAME.fullmatch(value):
        raise UserError(f"{name}: {value!r:.60} is no name")
    return value


def ids_in(edit: Mapping[str, Any]) -> list[str]:
    """The ids of the pictures that `edit` names, in their order. UserError as `layer_of`."""
    found: dict[str, None] = {}

    def note(given: str) -> str:
        found[given] = None
        return given

    layer_of(edit, note)
    return list(found)


def distinct_names(names: Iterable[tuple[str, str]], taken: Collection[str]) -> dict[str, str]:
    """Id → name, of pairs of both: no two alike, and none like one that is `taken`.

    So a line can name all of them in one folder; there are systems where case makes no difference.
    """
    used = {name.lower() for name in taken}
    found = {}
    for given, name in names:
        path, k, tried = Path(name), 2, name
        while tried.lower() in used:
            tried, k = f"{path.stem}-{k}{path.suffix}", k + 1
        used.add(tried.lower())
        found[given] = tried
    return found


def default_out(layer: Layer, names: Mapping[str, str]) -> str:
    """What a result is called if nobody says: as on the command line, after picture and task.

    `names` are those of pictures by ids, which stand in `layer`.
    """
    lead = str(layer.lead)
    task = registry.current().task(lead)
    setting = layer.tasks[lead].get(task.named_after or task.learns_from or "")
    value = setting.value if setting else None
    first = value[0] if isinstance(value, list) and value else value
    stem = Path(names.get(first, str(first))).stem if isinstance(first, str) else "picture"
    plain = re.sub(r"[^A-Za-z0-9_. -]", "_", stem).strip(" .-")[:60]
    return f"{plain or 'picture'}-{lead}.png"


def given(value: Any, name: str) -> Setting:
    """A value of a run as if the request had given it."""
    return Setting(value, REQUEST.at(name), name)
