"""The store of trained models: found again by picture and configuration, safe between processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinddm_toolkit.engine.quality import NETWORKS
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.home import HOME_VARIABLE, home

SUFFIX = ".safetensors"
UNFINISHED = ".training"


@dataclass(frozen=True)
class StoredModel:
    """What lists tell of a model that is kept, or of a training that was cut off."""

    key: str
    """Its name, as `model` takes it."""
    facts: Mapping[str, Any] = field(repr=False)
    """All that is told, as `models list --json` prints it."""

    @property
    def name(self) -> str:
        """Of the picture that it knows."""
        return str(self.facts.get("name", "?"))

    @property
    def size(self) -> tuple[int, int] | None:
        """(h, w) that it works at; None if it is damaged."""
        size = self.facts.get("size")
        return (size[0], size[1]) if size else None

    @property
    def quality(self) -> str | None:
        """How long the picture was studied; None if it is damaged."""
        return self.facts.get("quality")

    @property
    def updates(self) -> int:
        """Made in its trainings, all together."""
        return int(self.facts.get("updates", 0))

    @property
    def error(self) -> str | None:
        """Why it can't be used, in one line."""
        return self.facts.get("error")

    def __str__(self) -> str:
        facts = self.facts
        if self.error is not None:
            return f"{self.key}  {self.error}"
        height, width = facts["size"]
        words = [self.key, self.name, f"{width}x{height}", facts["quality"]]
        if "trained" in facts:
            scales = ", ".join(f"{s}: t<{t}" for s, t in facts["trained"].items())
            imported = facts["imported_from"]
            updates = [] if imported else [f"{facts['updates']} updates"]
            words += [*facts["otherwise"], *updates, f"(scale {scales})"]
            words.append(f"from {imported}" if imported else facts["trained_at"])
        if begun := facts["in_training"]:
            words.append(f"in training: {begun['made']} of {begun['planned']} updates")
        return "  ".join(words)


@dataclass(frozen=True)
class ModelStore:
    """A folder of model files, each named by the key of its configuration."""

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def unfinished(self, key: str) -> Path:
        """Where a training of the model is kept as it goes on."""
        return self.folder / f".{key}{UNFINISHED}"

    def has(self, key: str) -> bool:
        """Whether something has that name: a link to nothing is no model, but in the way."""
        path = self.path(key)
        return path.exists() or path.is_symlink()

    def keys(self) -> list[str]:
        """All models, the most recently written first."""
        files = sorted(self.folder.glob(f"[!.]*{SUFFIX}"), key=written_at, reverse=True)
        return [file.name.removesuffix(SUFFIX) for file in files]

    def unfinished_keys(self) -> list[str]:
        """The models that a training is kept of, in the order of their names."""
        files = sorted(self.folder.glob(f".*{UNFINISHED}"))
        return [file.name.removesuffix(UNFINISHED).removeprefix(".") for file in files]

    def find(self, start: str, *, unfinished: bool = False) -> str:
        """The one key that begins with `start`; UserError if it is empty, or none or several do.

        With `unfinished` also of those that only a training is kept of.
        """
        if not start:
            raise UserError("a model is named by the beginning of its key, which is empty here")
        keys = dict.fromkeys([*self.keys(), *(self.unfinished_keys() if unfinished else ())])
        found = [key for key in keys if key.startswith(start)]
        if len(found) != 1:
            count = "no model" if not found else f"{len(found)} models"
            raise UserError(f"{count} in {self.folder} begin with {start!r}: see models list")
        return found[0]

    def describe(self, key: str) -> dict[str, Any]:
        """What is told of one model. UserError if it is damaged or gone."""
        from sinddm_toolkit.edits.models import read_description

        path = self.path(key)
        found = read_description(path)
        try:
            return {"key": key, "bytes": path.stat().st_size, **found}
        except FileNotFoundError:
            raise UserError(f"there is no model {key} in {self.folder} any more") from None

    def describe_unfinished(self, key: str) -> dict[str, Any] | None:
        """What is told of a training of the model that was cut off. UserError if it is damaged."""
        from sinddm_toolkit.edits.unfinished import describe_unfinished

        path = self.unfinished(key)
        return describe_unfinished(path) if path.exists() or path.is_symlink() else None

    def listed(self) -> list[dict[str, Any]]:
        """What lists tell of each model, the latest first, and of trainings without a model yet."""
        return [self._listed(key) for key in dict.fromkeys([*self.keys(), *self.unfinished_keys()])]

    def models(self) -> list[StoredModel]:
        """The same, as values with names."""
        return [StoredModel(facts["model"], facts) for facts in self.listed()]

    def _listed(self, key: str) -> dict[str, Any]:
        try:
            begun = self.describe_unfinished(key)
            if begun is None or self.has(key):
                found = self.summary(key)
            else:
                found = {"model": key, **begun["model"], "updates": 0}
        except UserError as error:
            return {"model": key, "error": str(error)}
        return {**found, "in_training": begun and begun["phase"]}

    def summary(self, key: str) -> dict[str, Any]:
        """What there is to know of a model at a glance. UserError if it is damaged or gone."""
        facts = self.describe(key)
        return {
            "model": key,
            "name": facts.get("name", "?"),
            "size": facts["config"]["size"],
            "quality": facts["config"]["recipe"],
            "otherwise": _otherwise(facts),
            "updates": sum(phase["made"] for phase in facts["history"]),
            "trained": facts["trained"],
            "trained_at": facts.get("trained_at", "?"),
            "imported_from": facts.get("imported_from"),
            "bytes": facts["bytes"],
        }

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
        """Remove a model and what is kept of its training. UserError if that is not allowed."""
        with self.locked(key):
            for path in (self.unfinished(key), self.path(key)):
                remove_file(path)

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


def _otherwise(facts: Mapping[str, Any]) -> list[str]:
    """In words, what of a model is not as its quality has it."""
    config = facts["config"]
    words = [f"{name} {value}" for name, value in config.get("changes", {}).items()]
    if "network" in config and config["network"] not in NETWORKS:
        words.append(f"network {config['network']}")
    if "schedule" in config:
        has_blur = any(map(any, facts["schedule"]["gammas"]))
        words.append("a schedule of its own" if has_blur else "without blur")
    return words


def remove_file(path: Path) -> None:
    """UserError if that is not allowed, or if `path` is something else."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot remove {path}: {error.strerror or error}") from error


def written_at(path: Path) -> int:
    """When the file was written, in nanoseconds; 0 if it is gone, or a link to nothing."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def default_store() -> ModelStore:
    return ModelStore(home() / "models")
