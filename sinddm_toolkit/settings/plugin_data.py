"""Where plugins keep files of their own."""

from __future__ import annotations

import re
from pathlib import Path

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.home import home

NAME = re.compile(r"(?!(con|prn|aux|nul|com\d|lpt\d)$)[a-z0-9][a-z0-9_-]*")
"""What a folder may be called on every system: Windows has devices of the names left out."""


def place_of(plugin: str) -> Path:
    """The folder of `plugin`, whether or not it is there."""
    return home() / "plugins" / plugin


def data_folder(plugin: str) -> Path:
    """The folder in which the plugin of this name may keep files of its own: made if need be.

    For what it fetches or works out once and finds again in another run; what belongs to one
    picture goes into files beside that. It lies beside the trained models, in SINDDM_TK_HOME if
    that is set, and stays when the plugin is uninstalled. ValueError for a name that is not of a-z,
    0-9, - and _; UserError if the folder can't be made.
    """
    if not NAME.fullmatch(plugin):
        raise ValueError(f"{plugin!r} is no name for a folder: use a-z, 0-9, - and _")
    folder = place_of(plugin)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    return folder
