"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path, PurePath
from types import ModuleType

from sinddm_toolkit.errors import UserError

ON_WINDOWS = os.name == "nt"
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"]
)
"""What Windows takes for a device, in whatever folder and with whatever extension."""

_ABANDONED = 600.0  # seconds: to write the bytes of one file takes far less


def wrong_on_windows(name: str) -> str | None:
    """Why Windows has no file called `name`, in words; None if it may have."""
    if name.partition(".")[0].rstrip(" ").upper() in DEVICES:
        return "Windows takes that for a device"
    if name.endswith((" ", ".")):
        return "names can't end with a dot or a space on Windows"
    if wrong := next((c for c in name if c in '<>:"/\\|?*' or ord(c) < 32), None):
        return f"names can't have {wrong!r} in them on Windows"
    return None


def way_to(path: PurePath, folder: PurePath, system: ModuleType = os.path) -> str | None:
    """The way from `folder` to `path`, with `/` on every `system` (`posixpath` or `ntpath`).

    None if none leads there, as to another drive of Windows.
    """
    try:
        way: str = system.relpath(path, folder)
    except ValueError:
        return None
    return way.replace(system.sep, "/")


def leads_away(place: str, flavour: type[PurePath] = PurePath) -> bool:
    """Whether a place that should be relative to a folder begins elsewhere: at a root, on a drive,
    on another machine."""
    return bool(flavour(place).anchor)


def check_ordinary(path: Path) -> None:
    """UserError if `path` is there and is neither a file nor a link to one: reading it might never
    end."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file")
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no ordinary file")


def is_there(path: Path) -> bool:
    """Whether `path`, or what it links to, exists. OSError if links lead in a circle."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def content_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def temporary_beside(path: Path) -> Path:
    """A name in the folder of `path` that nothing has."""
    return path.with_name(f".sinddm-{secrets.token_hex(8)}.tmp")


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Remove the files that processes killed while they wrote have left in `folders`."""
    for folder in folders:
        for path in folder.glob(".sinddm-*.tmp"):
            try:
                if path.is_file() and time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()
            except OSError:  # another's file, or gone meanwhile: it is in nobody's way
                continue


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Make `path` hold `data`, or leave everything as it was. A link stays a link.

    OSError if that fails; FileExistsError if there is a file and `overwrite` is false.
    """
    is_there(path)  # links in a circle: an OSError, which that of `resolve` is not
    target = path.resolve()
    temporary = temporary_beside(target)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(target)
        else:
            _give_new_name(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _give_new_name(temporary: Path, target: Path) -> None:
    """FileExistsError if `target` has appeared meanwhile, where a rename would replace it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # memory cards and some network folders have no links: claim the name first
        target.touch(exist_ok=False)
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise
