"""Presets: settings with a name, in TOML files.

summary = "what it is for"
extends = "another"        # a name, or a file beside this one
task = "…"                 # or [[task]] tables; without any it goes with every task
some-option = 8
quality = "standard"
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.home import home
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import write_atomically, wrong_on_windows
from sinddm_toolkit.settings.layers import CONFIG, TASK, Layer, LocatedError, Origin, Settings
from sinddm_toolkit.settings.tables import read_table
from sinddm_toolkit.settings.toml_files import TomlFile

SUFFIX = ".toml"
SUMMARY, EXTENDS = "summary", "extends"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

LONGEST_CHAIN = 20

OWN = "yours"
"""Whose those of a person are."""

OF_ONE_EDIT = ("out", "seed", "overwrite", "retrain", "device", "model")
"""Options of a run that are no part of a look."""


@dataclass(frozen=True)
class Preset:
    """What a file sets, with all that it extends."""

    name: str
    path: Path
    summary: str
    layer: Layer


@dataclass(frozen=True)
class ListedPreset:
    """What lists tell of a preset that can be asked for by name."""

    name: str
    """What `preset` takes."""
    whose: str
    """`yours`, `bundled`, or `of` a plugin."""
    path: Path
    """Its file."""
    tasks: tuple[str, ...] = ()
    """What it is for; empty: any task."""
    summary: str = ""
    """What it is for, in a few words."""
    error: str | None = None
    """Why it can't be used, in one line."""

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.name}  broken: {self.error}"
        tasks = " + ".join(self.tasks) or "any task"
        return f"{self.name}  ({tasks}, {self.whose})  {self.summary}"

    def to_json(self) -> dict[str, Any]:
        """What `presets list --json` prints of it."""
        facts = {"name": self.name, "whose": self.whose, "path": str(self.path)}
        if self.error is not None:
            return {**facts, "error": self.error}
        return {**facts, "tasks": list(self.tasks), "summary": self.summary}


@dataclass(frozen=True)
class Source:
    """A folder of presets, or one file."""

    whose: str
    path: Path

    def files(self) -> list[Path]:
        found = [self.path] if self.path.is_file() else self.path.glob(f"*{SUFFIX}")
        return sorted(found)


def user_folder() -> Path:
    """Where a person's own presets are."""
    return home() / "presets"


def is_own(name: str) -> bool:
    """Whether a person has a preset of that name."""
    return available().get(name, ("", None))[0] == OWN


def sources() -> list[Source]:
    """Where presets are looked for by name, the first to have it wins."""
    found = [Source(OWN, user_folder())]
    for record in registry.current().records:
        found += [Source(f"of {record.name}", path) for path in record.presets]
    return [*found, *(Source("bundled", folder) for folder in _bundled_folders())]


def _bundled_folders() -> list[Path]:
    # Not by importing the package: `sinddm_toolkit.presets` would then be that, not the function.
    spec = find_spec("sinddm_toolkit.presets")
    return [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]


def available() -> dict[str, tuple[str, Path]]:
    """Name → whose it is and its file, of all that can be asked for by name."""
    found: dict[str, tuple[str, Path]] = {}
    for source in sources():
        for path in source.files():
            found.setdefault(path.stem, (source.whose, path))
    return dict(sorted(found.items()))


def listed() -> list[ListedPreset]:
    """All that can be asked for by name, the broken ones too."""
    found = []
    for name, (whose, path) in available().items():
        try:
            preset = load(str(path))
            told = ListedPreset(name, whose, path, tuple(preset.layer.tasks), preset.summary)
        except UserError as error:
            told = ListedPreset(name, whose, path, error=str(error))
        found.append(told)
    return found


def find(name: str, folder: Path | None = None) -> Path:
    """The file of the preset `name`, which may also be a path, relative to `folder`.

    UserError if there is none.
    """
    if name.endswith(SUFFIX) or "/" in name or "\\" in name:
        return (folder or Path()) / name
    known = available()
    if name in known:
        return known[name][1]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f", did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"
    raise UserError(f"there is no preset {name!r}{hint}")


def load(name: str, folder: Path | None = None, above: tuple[str, ...] = ()) -> Preset:
    """The preset `name`, or of the file that it is the path of, with what it extends.

    UserError, naming file, line and key, for whatever is wrong.
    """
    path = find(name, folder)
    file = TomlFile.read(path)
    table = dict(file.data)
    origin = Origin(f"preset {path.stem}", file.place)
    summary, base = (_text(table, key, origin) for key in (SUMMARY, EXTENDS))
    below = Layer()
    if base:
        above = (*above, os.path.realpath(path))  # unlike Path.resolve it never fails
        if len(above) > LONGEST_CHAIN:
            text = f"{EXTENDS}: more than {LONGEST_CHAIN} presets that extend each other"
            raise origin.at(EXTENDS).refusal(text)
        try:
            if os.path.realpath(find(base, path.parent)) in above:
                raise UserError(f"{base} extends {path.stem} in turn")
            below = load(base, path.parent, above).layer
        except UserError as error:
            if isinstance(error, LocatedError) and len(above) > 1:
                raise  # of the way there, the first file and the last will do
            raise origin.at(EXTENDS).refusal(f"{EXTENDS}: {error}") from None
    return Preset(path.stem, path, summary, read_table(table, origin, path.parent, below=below))


def stacked(names: Iterable[str], below: Layer | None = None) -> Layer:
    """The presets `names`, each over the one before it. UserError if they name several tasks."""
    whole = below or Layer()
    for name in names:
        layer = load(name).layer
        if whole.lead and layer.lead and layer.lead != whole.lead:
            raise UserError(f"preset {name} is for {layer.lead}, another one for {whole.lead}")
        whole = layer.over(whole)
    return whole


def _text(table: dict[str, Any], key: str, origin: Origin) -> str:
    value = table.pop(key, "")
    if not isinstance(value, str):
        raise origin.at(key).refusal(f"{key}: {value!r:.60} is not allowed, give text")
    return value


def look_of(layer: Layer, keep: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """`layer` as the table of a preset, and the options left out of it.

    Left out are the pictures that a task needs, which the next edit has others of, and what belongs
    to one edit only; but for those to `keep`. UserError if one to keep is not there.
    """
    left: list[str] = []

    def kept(
        settings: Settings, schema: Mapping[str, Option], inputs: Collection[str]
    ) -> dict[str, Any]:
        table = {}
        for name, setting in settings.items():
            key = name.replace("_", "-")
            if setting.origin.what == CONFIG and key not in keep:
                continue  # it goes with every edit here as it is
            if name in inputs and key not in keep:
                left.append(key)
            else:
                setting.opened(schema[name])
                table[key] = schema[name].absolute(setting.value)
        return table

    run = kept(layer.run, RunOptions.schema(), OF_ONE_EDIT)
    tasks = {}
    for name, settings in layer.tasks.items():
        schema = registry.current().task(name).schema()
        needed = [item for item in schema.values() if item.required and item.is_picture]
        inputs = {name for item in needed for name in (item.name, item.unless) if name}
        tasks[name] = kept(settings, schema, inputs)
    given = {key.replace("_", "-") for part in (layer.run, *layer.tasks.values()) for key in part}
    if lost := sorted(set(keep) - given):
        raise UserError(f"--keep {lost[0]}: that is not set; set are {', '.join(sorted(given))}")
    if len(tasks) == 1:
        ((name, options),) = tasks.items()
        return {TASK: name, **run, **options}, left
    return {**run, TASK: [{"name": name, **options} for name, options in tasks.items()]}, left


def save(name: str, table: Mapping[str, Any], summary: str, *, overwrite: bool) -> Path:
    """Write `table` as the user's preset `name`. UserError if it exists or can't be written."""
    import tomli_w

    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a preset: use a-z, 0-9, - and _")
    if why := wrong_on_windows(f"{name}{SUFFIX}"):  # presets are given to others
        raise UserError(f"{name!r} is no name for a preset: {why}")
    path = user_folder() / f"{name}{SUFFIX}"
    text = tomli_w.dumps({**({SUMMARY: summary} if summary else {}), **table})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode(), overwrite=overwrite)
    except FileExistsError:
        raise UserError(f"{path} exists: give --overwrite or another name") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    return path
