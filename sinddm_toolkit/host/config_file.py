"""The file of a person's own defaults: where it is, and what it says of plugins.

Plugins are found before anything else is read; `settings.config` reads the rest of it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.home import home
from sinddm_toolkit.pictures.files import check_ordinary

CONFIG_VARIABLE = "SINDDM_TK_CONFIG"
NONE = "none"
"""What the variable says for: no such file at all."""

PLUGINS_DIR, NO_PLUGIN = "plugins-dir", "no-plugin"
PLUGIN_KEYS = (PLUGINS_DIR, NO_PLUGIN)
"""The keys about plugins, each a list of texts."""


def config_path() -> Path | None:
    """The file, be it there or not; None if SINDDM_TK_CONFIG says that there is to be none."""
    chosen = os.environ.get(CONFIG_VARIABLE)
    if chosen is None:
        return home() / "config.toml"
    return None if chosen in ("", NONE) else Path(chosen)


def existing() -> Path | None:
    """The file, if there is one. UserError if SINDDM_TK_CONFIG names one that is not there."""
    path = config_path()
    if path is None or path.exists():
        return path
    if CONFIG_VARIABLE in os.environ:
        raise UserError(f"{CONFIG_VARIABLE}: there is no file {path}")
    return None


def plugin_defaults() -> tuple[list[Path], frozenset[str]]:
    """Folders whose plugins are loaded always, and plugins that never are. UserError."""
    path = existing()
    if path is None:
        return [], frozenset()
    try:
        check_ordinary(path)
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    folders = [placed(folder, path) for folder in _texts(table, PLUGINS_DIR, path)]
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{path}: {PLUGINS_DIR}: there is no folder {folder}")
    return folders, frozenset(_texts(table, NO_PLUGIN, path))


def placed(folder: str, path: Path) -> Path:
    """What the config in `path` means by `folder`: relative to it, with `~` for one's home."""
    return path.absolute().parent / Path(folder).expanduser()


def _texts(table: Mapping[str, Any], key: str, path: Path) -> list[str]:
    try:
        return check_texts(table.get(key, []), key)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def check_texts(given: Any, key: str) -> list[str]:
    """`given` if it is a list of texts. UserError that names the `key`."""
    if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
        raise UserError(f"{key}: {given!r:.60} is not allowed, give a list of texts")
    return given
