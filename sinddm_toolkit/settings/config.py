"""A person's own defaults, in a TOML file: the lowest layer above the toolkit's defaults.

quality = "standard"       # options of a run, whatever its task
device = "cuda"
plugins-dir = ["plugins"]  # folders from here, read by `host.config_file`
no-plugin = ["text"]

It applies to every edit and training that is asked for, by whatever way; a picture is made again
from its record alone.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.config_file import (
    CONFIG_VARIABLE,
    PLUGIN_KEYS,
    PLUGINS_DIR,
    check_texts,
    config_path,
    existing,
)
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions, decided_by
from sinddm_toolkit.pictures.files import write_atomically
from sinddm_toolkit.settings.layers import CONFIG, Layer, Origin, Setting, Settings
from sinddm_toolkit.settings.toml_files import TomlFile

OF_ONE_EDIT = ("out", "seed", "overwrite", "retrain", "model", "denoiser")
"""Options of a run that nobody can want always."""


def options() -> dict[str, Option]:
    """The options of a run that have a default of one's own, by the keys of the file."""
    schema = RunOptions.schema().values()
    return {item.flag[2:]: item for item in schema if item.name not in OF_ONE_EDIT}


def keys() -> list[str]:
    """All that the file can set."""
    return [*options(), *PLUGIN_KEYS]


def beneath(layer: Layer) -> Layer:
    """`layer` over a person's own defaults, but for those about what it has decided.

    UserError if the file is broken.
    """
    given = {name for name, setting in layer.run.items() if setting.value is not None}
    idle = decided_by(given)
    return layer.over(Layer({}, {k: s for k, s in settings().items() if k not in idle}))


def settings() -> Settings:
    """The options that the file sets, under their Python names. UserError if it is broken."""
    path = existing()
    if path is None:
        return {}
    about = path.stat()
    return _settings(path, (about.st_mtime_ns, about.st_size))


@lru_cache(maxsize=1)  # the rows of a batch ask for it, each
def _settings(path: Path, _version: tuple[int, int]) -> Settings:
    return checked(TomlFile.read(path))


def checked(file: TomlFile) -> Settings:
    """The options that `file` sets. UserError, with the line, for whatever is wrong in it."""
    origin = Origin(CONFIG, file.place)
    known = options()
    found = {}
    for key, value in file.data.items():
        with origin.at(key).named(key):
            item = option_of(key)
            if item is None:
                check_texts(value, key)
                continue
        item = known[item.flag[2:]]
        found[item.name] = Setting.read(item, value, origin.at(key), key)
    return found


def option_of(key: str) -> Option | None:
    """The option that `key` sets; None if it is about plugins. UserError if nothing is called so.

    As in other files `_` does for `-`.
    """
    name = _dashed(key)
    if name in PLUGIN_KEYS:
        return None
    if name in options():
        return options()[name]
    if any(name == item.flag[2:] for item in RunOptions.schema().values()):
        raise UserError(f"{key}: that is said for each edit, it has no default of one's own")
    near = difflib.get_close_matches(name, keys(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(keys())}"
    raise UserError(f"{key}: nothing is called so here, {hint}")


def spelt(key: str, file: TomlFile) -> str:
    """`key` as the file has it, be it with `_` or with `-`."""
    return next((one for one in file.data if _dashed(one) == _dashed(key)), _dashed(key))


def _dashed(key: str) -> str:
    return key.replace("_", "-")


# Changing the file


def read_path() -> Path:
    """The file, be it there or not. UserError if there is to be none."""
    path = config_path()
    if path is None:
        raise UserError(f"{CONFIG_VARIABLE} says that there is no config: unset it")
    return path


def read() -> TomlFile:
    """The file as it is, empty if it is not there. UserError if it is broken, or is not to be."""
    path = read_path()
    return TomlFile.read(path) if path.exists() else TomlFile(path, "")


def value_of(key: str, texts: Sequence[str]) -> Any:
    """What `texts`, as on a command line, give `key` in the file. UserError for what is wrong."""
    item = option_of(key)
    if item is None:
        found = [str(Path(one).absolute()) if key == PLUGINS_DIR else one for one in texts]
        return check_texts(found, key)
    if len(texts) != 1:
        raise UserError(f"{key}: give one value")
    text = texts[0] if item.type is not bool else texts[0].lower()
    return item.plain(item.read(text, key, is_text=True))


def write(changes: Mapping[str, Any]) -> Path:
    """Set keys of the file, or with None unset them; all else in it stays as it is.

    UserError if the file would be broken then, or can't be written.
    """
    import tomli_w

    file = read()
    lines = file.text.splitlines(keepends=True)
    for name, value in changes.items():
        file = TomlFile(file.path, "".join(lines))
        key = spelt(name, file)
        new = "" if value is None else tomli_w.dumps({key: value})
        if key in file.data:
            first = file.line((key,)) - 1
            lines[first : _end(lines, first)] = [new]
        else:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines.append(new)
    text = "".join(lines)
    checked(TomlFile(file.path, text))
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file.path, text.encode(), overwrite=True)
    except OSError as error:
        raise UserError(f"cannot write {file.path}: {error.strerror or error}") from None
    return file.path


def _end(lines: Sequence[str], first: int) -> int:
    """Where the statement ends that begins with the line of index `first`."""
    for end in range(first + 1, len(lines)):
        try:
            tomllib.loads("".join(lines[first:end]))
        except tomllib.TOMLDecodeError:
            continue
        return end
    return len(lines)
