"""The store of trained models: found again by picture and configuration, safe between processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.errors import UserError

HOME_VARIABLE = "SINDDM_TK_HOME"
SUFFIX = ".safetensors"


def home() -> Path:
    """Where the toolkit keeps its data: SINDDM_TK_HOME, else the platform's folder for it."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("sinddm-toolkit", appauthor=False))


@dataclass(frozen=True)
class ModelStore:
    """A folder of model files, each named by the key of its configuration."""

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def has(self, key: str) -> bool:
        """Whether something has that name: a link to nothing is no model, but in the way."""
        path = self.path(key)
        return path.exists() or path.is_symlink()

    def keys(self) -> list[str]:
        """All models, the most recently written first."""
        files = sorted(self.folder.glob(f"[!.]*{SUFFIX}"), key=written_at, reverse=True)
        return [file.name.removesuffix(SUFFIX) for file in files]

    def find(self, start: str) -> str:
        """The one key that begins with `start`; UserError if it is empty, or none or several do."""
        if not start:
            raise UserError("a model is named by the beginning of its key, which is empty here")
        found = [key for key in self.keys() if key.startswith(start)]
        if len(found) != 1:
            count = "no model" if not found else f"{len(found)} models"
            raise UserError(f"{count} in {self.folder} begin with {start!r}: see models list")
        return found[0]

    def describe(self, key: str) -> dict[str, Any]:
        """What `models show` prints of one model. UserError if it is damaged or gone."""
        from sinddm_toolkit.model import read_description

        path = self.path(key)
        found = read_description(path)
        try:
            return {"key": key, "bytes": path.stat().st_size, **found}
        except FileNotFoundError:
            raise UserError(f"there is no model {key} in {self.folder} any more") from None

    def with_weights(self, weights_hash: str, picture: str) -> str | None:
        """The key of a model of the `picture` (`ModelConfig.picture`) with just these weights."""
        for key in self.keys():
            try:
                found = self.describe(key)
            except UserError:  # a damaged file is not the one
                continue
            if (found["weights_sha256"], found["config"]["picture"]) == (weights_hash, picture):
                return key
        return None

    def remove(self, key: str) -> None:
        """Remove a model. UserError if that is not allowed, or if something else is there."""
        with self.locked(key):
            try:
                self.path(key).unlink(missing_ok=True)
            except OSError as error:
                raise UserError(
                    f"cannot remove {self.path(key)}: {error.strerror or error}"
                ) from error

    @contextmanager
    def locked(self, key: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the model `key` alone among all processes; `waiting` is called if that takes time.

        UserError if the store can't be written.
        """
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".{key}.lock")
            try:
                lock.acquire(timeout=0.5)
            except Timeout:
                if waiting is not None:
                    waiting()
                lock.acquire()
        except OSError as error:
            raise UserError(
                f"cannot use the model store {self.folder}: {error.strerror or error} "
                f"({HOME_VARIABLE} names another)"
            ) from error
        try:
            yield
        finally:
            lock.release()


def written_at(path: Path) -> int:
    """When the file was written, in nanoseconds; 0 if it is gone, or a link to nothing."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def default_store() -> ModelStore:
    return ModelStore(home() / "models")
