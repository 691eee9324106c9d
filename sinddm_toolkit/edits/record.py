"""The record that a picture carries of how it was made: its format, written and read.

It is JSON in the EXIF of the picture, and whoever gave us the picture may have written it. So all
of it is checked before any of it is used: what a record can ask for is what a run can record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.models import Model, ModelConfig, quality_of
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.phases import History, Phase
from sinddm_toolkit.engine.pyramid import MIN_SIDE, scale_sizes
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.engine.schedule import TIMESTEPS
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.script_hooks import ScriptHooks
from sinddm_toolkit.json_values import (
    is_deeper,
    listed,
    mapping,
    matching,
    members,
    sha256,
    text,
    whole,
)
from sinddm_toolkit.options.kinds import relative
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import SEED_MAX, RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import OutputFile
from sinddm_toolkit.pictures.reading import read_record, record_of_file

VERSION = 1
"""Of the format. Records without a number are of version 0: they don't name their plugins."""

RECORDED_OPTIONS = (
    *("quality", "max_pixels", "train_seed", "init", "sampling_steps", "denoiser", "model"),
    "device",
)
"""Those that all tasks share and that a picture depends on."""

MOST_CHARACTERS = 10_000_000
MOST_NESTED = 64
MOST_PHASES = 1000
MOST_TRAININGS = 200
"""Of a history, beyond what edits add up to: each scale is learnt anew for a later timestep at most
100 times, and a quarter as much is rehearsed."""

TASK_NAME = r"[A-Za-z0-9_-]{1,100}"
PACKAGE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
PACKAGE_VERSION = r"[A-Za-z0-9.+!_-]{1,50}"


# What a record holds


@dataclass(frozen=True)
class Maker:
    """The plugin that a task came from."""

    name: str
    package: str | None = None
    version: str | None = None
    """Of the package."""
    sha256: str | None = None
    """Of the plugin's code, where it came from a folder."""

    @classmethod
    def of(cls, task: str) -> Maker | None:
        """The plugin that `task` comes from here; None if it was not found as one."""
        plugin = registry.current().owner(task)
        if plugin is None:
            return None
        if plugin.sha256 is not None:
            return cls(plugin.name, sha256=plugin.sha256)
        version = str(plugin.version)
        if re.fullmatch(PACKAGE, plugin.source) and re.fullmatch(PACKAGE_VERSION, version):
            return cls(plugin.name, plugin.source, version)
        return cls(plugin.name)

    def to_json(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Any) -> Maker:
        """ValueError, in words, if `data` is none."""
        found = members(data, "plugin", ("name",))
        package, version, content = (found.get(key) for key in ("package", "version", "sha256"))
        return cls(
            text(found["name"], "plugin.name"),
            package if package is None else _package(package, "plugin.package"),
            version if version is None else _version(version, "plugin.version"),
            content if content is None else sha256(content, "plugin.sha256"),
        )

    def __str__(self) -> str:
        if self.package is not None:
            return f"{self.package} {self.version or ''}".rstrip()
        content = f" with the content {self.sha256[:12]}" if self.sha256 else ""
        return f"plugin {self.name!r:.60}{content}"


@dataclass(frozen=True)
class RecordedTask:
    """A task by its name, its options as JSON, and where the task came from, if that is known."""

    name: str
    """What `run` takes."""
    options: Mapping[str, Any]
    """All but what was not given and has no default; files by place and content."""
    maker: Maker | None
    """The plugin, its package and version."""


@dataclass(frozen=True)
class RecordedModel:
    """A model by how it was trained."""

    config: ModelConfig
    """Of what picture, at what size and quality; `config.key` is the model's name."""
    weights_hash: str
    """SHA-256 of the weights."""
    history: History
    """Its trainings, one after the other."""

    @classmethod
    def of(cls, model: Model) -> RecordedModel:
        return cls(model.config, model.weights_hash(), model.history)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.config.key,
            "config": self.config.to_json(),
            "weights_sha256": self.weights_hash,
            "history": [phase.to_json() for phase in self.history],
        }

    @classmethod
    def from_json(cls, data: Any) -> RecordedModel:
        """ValueError, in words, if `data` is none that this toolkit trains, or has imported."""
        found = members(data, "model", ("config", "weights_sha256", "history"))
        phases = listed(found["history"], "history")
        if len(phases) > MOST_PHASES:
            raise ValueError(f"history must be of at most {MOST_PHASES} trainings")
        config = ModelConfig.from_json(found["config"])
        history = [Phase.from_json(phase) for phase in phases]
        if config.can_be_made_again:  # else the store has to have it
            _check_trainable(config, history)
        return cls(config, sha256(found["weights_sha256"], "weights_sha256"), history)


@dataclass(frozen=True, repr=False)
class Record:
    """All that a picture is made again from."""

    toolkit: str
    """The version of the toolkit that made it."""
    tasks: tuple[RecordedTask, ...]
    """In the order in which they acted; the first one's picture is learnt."""
    options: Mapping[str, Any]
    """Those of every run that the picture depends on, and the seed."""
    model: RecordedModel
    """What predicted the noise."""
    metadata: Mapping[str, Any]
    """What tasks have added, for people."""
    hooks: tuple[str, ...] = ()
    """Code of a script that may have changed the picture, by its name: the record holds none."""

    @property
    def seed(self) -> int:
        """The picture's own."""
        return int(self.options["seed"])

    def __repr__(self) -> str:
        tasks = " + ".join(task.name for task in self.tasks)
        model = self.model.config.key
        return f"<Record: {tasks}, seed {self.seed}, model {model}, toolkit {self.toolkit}>"

    def differences(self) -> list[str]:
        """What was of another version than here when the picture was made, a line each."""
        then, here = f"sinddm-toolkit {self.toolkit}", f"sinddm-toolkit {__version__}"
        pairs: list[tuple[Any, Any]] = [(then, here)]
        pairs += [(task.maker, Maker.of(task.name)) for task in self.tasks if task.maker]
        lines = [
            f"made with {then}, here is {here}: the picture may differ"
            for then, here in pairs
            if then != here and here is not None
        ]
        return list(dict.fromkeys(lines))


# Writing


def record_of(
    tasks: Sequence[Task],
    options: RunOptions,
    model: Model,
    compute: Compute,
    folder: Path,
    script: Sequence[ScriptHooks] = (),
) -> dict[str, Any]:
    """The record of the pictures but for seeds and metadata; paths from `folder`, theirs."""
    hooks = [hooks.name for hooks in script if hooks.may_change]
    return {
        "version": VERSION,
        "toolkit": __version__,
        "tasks": [_told(task, folder.resolve()) for task in tasks],
        "options": {name: getattr(options, name) for name in RECORDED_OPTIONS},
        "model": RecordedModel.of(model).to_json(),
        "environment": compute.environment(),
        **({"hooks": hooks} if hooks else {}),
    }


def _told(task: Task, folder: Path) -> dict[str, Any]:
    maker = Maker.of(task.name)
    options = {
        name: item.record(getattr(task, name), folder)
        for name, item in task.schema().items()
        if getattr(task, name) is not None and item.type is not OutputFile
    }
    return {
        "name": task.name,
        "options": options,
        **({"plugin": maker.to_json()} if maker else {}),
    }


def moved_record(record: Mapping[str, Any], before: Path, after: Path) -> dict[str, Any]:
    """`record`, whose paths are from the folder `before`, as it is in a picture in `after`."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(one) for one in value]
        if not isinstance(value, dict):
            return value
        key = next((key for key in ("picture", "file") if value.get(key)), None)
        if key is None:
            return value
        place = relative(before.resolve() / value[key], after.resolve())
        return {**value, key: place}

    tasks = [
        {**task, "options": {name: moved(value) for name, value in task["options"].items()}}
        for task in record["tasks"]
    ]
    return {**record, "tasks": tasks}


# Reading


def load_record(path: Path, content: bytes | None = None) -> Record:
    """The record inside a picture. UserError if it carries none, or one that is damaged.

    With its `content` there need not be a file; the `path` is then what it would be called.
    """
    found = read_record(path) if content is None else record_of_file(content, path.name)
    if found is None:
        raise UserError(f"{path} carries no record of this toolkit")
    try:
        data = mapping(_parsed(found), "it")
        version = whole(data.get("version", 0), 0, 10**9, "version")
        if version > VERSION:
            raise UserError(
                f"{path} was made by a newer version of the toolkit: its record is of version "
                f"{version}, and {VERSION} is the last that can be read here"
            )
        return _record(data)
    except ValueError as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: ValueError) -> UserError:
    """What to say of the record in `path`."""
    return UserError(f"the record in {path} is damaged: {error}")


def _parsed(found: str) -> Any:
    if len(found) > MOST_CHARACTERS:
        raise ValueError(f"it is longer than {MOST_CHARACTERS} characters")
    try:
        data = json.loads(found)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if is_deeper(data, MOST_NESTED):
        raise ValueError(f"it is nested more than {MOST_NESTED} deep")
    return data


def _record(data: dict[str, Any]) -> Record:
    found = members(data, "it", ("toolkit", "tasks", "options", "model", "seed"))
    options = mapping(found["options"], "options")
    if strange := options.keys() - set(RECORDED_OPTIONS):
        raise ValueError(f"options: {min(strange)!r:.40} is none that a picture depends on")
    seed = whole(found["seed"], 0, SEED_MAX, "seed")
    tasks = tuple(_task(entry) for entry in listed(found["tasks"], "tasks"))
    names = [task.name for task in tasks]
    if not names or len(set(names)) < len(names):
        raise ValueError("tasks must name at least one task, and none twice")
    return Record(
        _version(found["toolkit"], "toolkit"),
        tasks,
        {**options, "seed": seed},
        RecordedModel.from_json(found["model"]),
        mapping(found.get("metadata", {}), "metadata"),
        tuple(text(name, "hooks") for name in listed(found.get("hooks", []), "hooks")),
    )


def _task(data: Any) -> RecordedTask:
    found = members(data, "tasks", ("name", "options"))
    maker = Maker.from_json(found["plugin"]) if "plugin" in found else None
    options = mapping(found["options"], "tasks.options")
    name = matching(found["name"], TASK_NAME, "tasks.name", "the name of a task")
    return RecordedTask(name, options, maker)


def _package(value: Any, what: str) -> str:
    return matching(value, PACKAGE, what, "the name of a package")


def _version(value: Any, what: str) -> str:
    return matching(value, PACKAGE_VERSION, what, "a version")


def _check_trainable(config: ModelConfig, history: History) -> None:
    """ValueError, in words, unless such a model can be trained, in a time that ends."""
    if config.quality not in QUALITIES:
        raise ValueError(f"config.recipe must be one of {', '.join(QUALITIES)}")
    whole(config.width, 2, max(quality.width for quality in QUALITIES.values()), "config.width")
    whole(min(config.size), MIN_SIDE, max(config.size), "config.size")
    count = len(scale_sizes(config.size)[0])
    for phase in history:
        whole(max(phase.updates), 0, count - 1, f"history: a scale of {count}")
        whole(max(phase.t_ends.values()), 1, TIMESTEPS, "history.t_ends")
    most = MOST_TRAININGS * count * quality_of(config).steps_per_scale
    whole(sum(phase.made for phase in history), 0, most, "history.made, all together,")


def options_of(task: RecordedTask, schema: Mapping[str, Option]) -> dict[str, Any]:
    """The options of `task` by the `schema` of the one installed, files as `RecordedFile`.

    Values that are no files are still to be checked. ValueError, in words, for what no record has.
    """
    found = {}
    for name, value in task.options.items():
        if name not in schema:
            raise ValueError(f"{name!r:.40} is no option of {task.name} here")
        if schema[name].type is OutputFile:
            raise ValueError(f"{name} must not be there: it names a file to write")
        if value is None:
            raise ValueError(f"{name} must have a value")
        found[name] = _value(value, schema[name])
    return found


def _value(value: Any, item: Option) -> Any:
    """`value` of the option `item`, lists by their members."""
    if item.many and isinstance(value, list):
        return [
            [_one(inner, item) for inner in one]
            if item.follows and isinstance(one, list)
            else _one(one, item)
            for one in value
        ]
    return _one(value, item)


def _one(value: Any, item: Option) -> Any:
    return item.kind.from_record(value, item.name)
