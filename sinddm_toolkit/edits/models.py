"""The model file: weights with the configuration and history that made them, in safetensors."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.edits.store import written_at
from sinddm_toolkit.edits.tensor_files import (
    DamagedFile,
    hash_of,
    read_facts,
    read_tensors,
    write_tensors,
)
from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.networks import Denoiser, WholeDenoiser, make_network
from sinddm_toolkit.engine.phases import History, Phase, trained_cells
from sinddm_toolkit.engine.pyramid import Size, Upsampling, scale_sizes
from sinddm_toolkit.engine.quality import (
    NETWORKS,
    QUALITIES,
    Quality,
    changed,
    checked_changes,
)
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.services import made_service
from sinddm_toolkit.json_values import listed, mapping, matching, members, sha256, text, whole
from sinddm_toolkit.options.run_options import SEED_MAX
from sinddm_toolkit.pictures.limits import MAX_PIXELS

FORMAT = "sinddm-toolkit model"
FORMAT_VERSION = 1

MOST_WIDTH = 4096
"""Of a network: an imported one has the width of its checkpoint."""

NETWORK_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

FACTS = ("name", "trained_at", "imported_at", "imported_from", "toolkit")
"""What a model file says for people, where it is known."""

WRITTEN_AS = {"quality": "recipe"}
"""Fields of a configuration that have another name in model files and records, and so in keys."""

NO_MODEL = (AttributeError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What is raised where a description, or weights, are not a model's."""


@dataclass(frozen=True)
class ModelConfig:
    """What identifies a model: the picture and how it is trained, not how far."""

    picture: str
    """sha256 of the working picture."""
    size: Size
    """(h, w) of the working picture: the finest scale."""
    quality: str
    """The name of one of `QUALITIES`; an imported model has none of them."""
    width: int
    seed: int
    checkpoint: str | None = None
    """sha256 of the file that the weights were imported from; None if they were trained here."""
    network: str | None = None
    """Which of `NETWORKS`, or which one a plugin makes; None is the paper's."""
    init: str | None = None
    """Fingerprint of the weights that the training started from; None is random ones."""
    schedule: str | None = None
    """Fingerprint of a schedule other than that which follows from the picture."""
    changes: tuple[tuple[str, Any], ...] | None = None
    """What of the quality is otherwise, by the names of its fields."""

    @property
    def key(self) -> str:
        """The name of the model in the store."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def is_imported(self) -> bool:
        """Whether the weights came from elsewhere: they can't be trained again, or further."""
        return self.checkpoint is not None

    @property
    def can_be_made_again(self) -> bool:
        """Whether a picture's record tells all that it takes to train the model: it has neither
        weights from elsewhere nor a schedule that doesn't follow from the picture."""
        return self.checkpoint is None and self.schedule is None

    @property
    def upsampling(self) -> Upsampling:
        """What the model was trained with."""
        return "bilinear" if self.is_imported else "bicubic"

    @property
    def needs_plugin(self) -> bool:
        """Whether the network is one that a plugin makes."""
        return self.network not in (None, *NETWORKS)

    def to_json(self) -> dict[str, Any]:
        """The fields, without those that are None: keys outlive the fields added later."""
        values = {**asdict(self), "changes": None if self.changes is None else dict(self.changes)}
        found = {WRITTEN_AS.get(name, name): value for name, value in values.items()}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, data: Any) -> ModelConfig:
        """The inverse of `to_json` after a trip through JSON, which makes tuples lists.

        ValueError, in words, if `data` tells of no model that there could be.
        """
        found = members(data, "config", ("picture", "size", "recipe", "width", "seed"))
        if unknown := found.keys() - {WRITTEN_AS.get(one.name, one.name) for one in fields(cls)}:
            raise ValueError(f"config: {min(unknown)!r:.40} is unknown")
        sides = [
            whole(side, 1, MAX_PIXELS, "config.size") for side in listed(found["size"], "size")
        ]
        if len(sides) != 2 or sides[0] * sides[1] > MAX_PIXELS:
            raise ValueError("config.size must be the two sides of a picture")
        checkpoint, network, init = (found.get(name) for name in ("checkpoint", "network", "init"))
        if network is not None:
            matching(network, NETWORK_NAME, "config.network", "the name of a network")
        schedule, changes = found.get("schedule"), found.get("changes")
        if schedule is not None:
            sha256(schedule, "config.schedule")
        if changes is not None:
            changes = tuple(checked_changes(mapping(changes, "config.changes")).items())
        if init is not None:
            matching(init, "[0-9a-f]{16}", "config.init", "a fingerprint of weights")
        if checkpoint is not None:
            sha256(checkpoint, "config.checkpoint")
        return cls(
            sha256(found["picture"], "config.picture"),
            (sides[0], sides[1]),
            text(found["recipe"], "config.recipe"),
            whole(found["width"], 2, MOST_WIDTH, "config.width"),
            whole(found["seed"], 0, SEED_MAX, "config.seed"),
            checkpoint,
            network,
            init,
            schedule,
            changes,
        )


def quality_of(config: ModelConfig) -> Quality:
    """How a model is trained. KeyError if it was imported."""
    quality = changed(QUALITIES[config.quality], dict(config.changes or ()))
    if config.needs_plugin:
        quality = replace(quality, crop=None)
    return replace(quality, network=config.network, width=config.width)


def untrained_network(config: ModelConfig, schedule: Schedule) -> Denoiser:
    """The network of a model with whatever weights it is made with.

    UserError if it is a plugin's and that is not there, PluginError if it can't be used.
    """
    if not config.needs_plugin:
        return make_network(config.network, config.width, schedule.alphas_cumprod)
    made = made_service("network", config.network, width=config.width, schedule=schedule)
    name = f"the network {config.network} of the plugin {made.plugin}"
    if not isinstance(made.made, torch.nn.Module):
        raise PluginError(f"{name} must be a torch.nn.Module, not {type(made.made).__name__}")
    network = WholeDenoiser(made.made, partial(blaming, made.plugin, "in its network"))
    strange = [key for key, x in network.state_dict().items() if x.dtype is not torch.float32]
    if strange or not list(network.parameters()):
        what = (
            f"{strange[0].removeprefix('network.')} is not" if strange else "it has no parameters"
        )
        raise PluginError(f"{name} must hold parameters of float32: {what}")
    return network


@dataclass
class Model:
    """A denoiser of one picture with its schedule and the history of its training."""

    config: ModelConfig
    schedule: Schedule
    network: Denoiser
    history: History = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """For people, by the names of `FACTS`."""

    @property
    def steps(self) -> int:
        """Updates made in all."""
        return sum(phase.made for phase in self.history)

    def weights_hash(self) -> str:
        """sha256 of the weights: equal hashes sample equal pictures."""
        return hash_of(self.network.state_dict())

    def is_finite(self) -> bool:
        """Whether all weights are: those of a training that diverged are not."""
        return all(bool(tensor.isfinite().all()) for tensor in self.network.state_dict().values())


def new_model(config: ModelConfig, schedule: Schedule) -> Model:
    """A model before its training; random weights follow from the configuration's seed.

    UserError if the configuration asks for weights to start from that this toolkit has not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = untrained_network(config, schedule)
    if config.init is not None:
        network.load_state_dict(priors.load(str(config.network), config.width, config.init))
    return Model(config, schedule, network)


def description(model: Model) -> dict[str, Any]:
    """The JSON that a model file carries beside its weights."""
    sizes, factor = scale_sizes(model.config.size)
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "config": model.config.to_json(),
        "pyramid": {"sizes": sizes, "factor": factor},
        "schedule": asdict(model.schedule),
        "history": [phase.to_json() for phase in model.history],
        "trained": dict(sorted(trained_cells(model.history).items())),
        "weights_sha256": model.weights_hash(),
        **model.facts,
    }


def save_model(path: Path, model: Model) -> None:
    """Write `model` whole or not at all. UserError if it can't be written."""
    try:
        write_tensors(path, model.network.state_dict(), description(model))
    except OSError as error:
        raise UserError(f"cannot write the model {path}: {error.strerror or error}") from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What fails in here becomes a UserError that says what is to be done about `path`."""
    key = path.stem
    try:
        yield
    except FileNotFoundError:
        if not path.is_symlink():
            raise UserError(f"there is no model {key} in {path.parent}") from None
        raise damaged(key) from None
    except OSError as error:
        raise UserError(f"cannot read the model {key}: {error.strerror or error}") from error
    except (DamagedFile, *NO_MODEL) as error:
        raise damaged(key) from error


def damaged(key: str) -> UserError:
    """What is said of a model file that is not what was written."""
    remove = f"`sinddm-tk models remove {shlex.quote(key)}`"
    return UserError(f"the model {key} is damaged: {remove} and train again")


def read_description(path: Path) -> dict[str, Any]:
    """The JSON of a model file, without its weights. UserError if it is none, or damaged."""
    with _reading(path):
        found = read_facts(path)
        _check_format(path.stem, found)
        _parts(found)
    return found


def _check_format(key: str, found: dict[str, Any]) -> None:
    """DamagedFile if `found` describes no model, UserError if one of another version."""
    if found.get("format") != FORMAT:
        raise DamagedFile("it holds no model")
    if found["version"] != FORMAT_VERSION:
        raise UserError(
            f"the model {key} has format {found['version']}, this version of the toolkit reads "
            f"{FORMAT_VERSION}"
        )


def _parts(found: dict[str, Any]) -> tuple[ModelConfig, Schedule, History]:
    """The description's parts. KeyError, TypeError or ValueError if one is not as it should be."""
    config = ModelConfig.from_json(found["config"])
    schedule = Schedule.from_json(found["schedule"])
    history = [Phase.from_json(phase) for phase in found["history"]]
    count = len(schedule.starts)
    if count != len(scale_sizes(config.size)[0]):
        raise ValueError("the schedule is of another number of scales than the picture")
    if any(max(phase.t_ends) >= count for phase in history):
        raise ValueError("a scale was trained that the picture has not")
    if any(max(phase.t_ends.values()) > schedule.timesteps for phase in history):
        raise ValueError("a timestep was trained that the schedule has not")
    if config.schedule is None and not schedule.starts_follow_from_gammas:
        raise ValueError("starts are not those of gammas")
    if config.schedule not in (None, schedule.fingerprint):
        raise ValueError("the schedule is not the one that the configuration names")
    if not all(isinstance(t, int) for t in found["trained"].values()):
        raise TypeError("trained must be a number of timesteps for each scale")
    if not all(isinstance(found.get(fact, ""), str) for fact in (*FACTS, "weights_sha256")):
        raise TypeError("what a file says for people must be texts")
    return config, schedule, history


def _check_same_network(
    key: str, config: ModelConfig, network: Denoiser, weights: Mapping[str, Tensor]
) -> None:
    """UserError if a plugin makes another network of that name than when the model was trained."""
    own = {name: tuple(x.shape) for name, x in network.state_dict().items()}
    if config.needs_plugin and own != {name: tuple(x.shape) for name, x in weights.items()}:
        raise UserError(
            f"the model {key} was trained with another version of the network {config.network}, "
            "whose weights are of other shapes: install that one, or train anew"
        )


class ModelCache:
    """Keeps the model used last, so that edits one after another load it once."""

    def __init__(self) -> None:
        self._kept: tuple[Path, int, Model] | None = None

    def load(self, path: Path) -> Model:
        """The model in `path`, which is read if it isn't the one that is kept. UserError."""
        written = written_at(path)
        if self._kept is None or self._kept[:2] != (path, written):
            self._kept = (path, written, load_model(path))
        return self._kept[2]

    def keep(self, path: Path, model: Model) -> None:
        """`model` is what is in `path` now."""
        self._kept = (path, written_at(path), model)

    def forget(self) -> None:
        """The model is about to be changed."""
        self._kept = None


def load_model(path: Path) -> Model:
    """The model in `path`, on the CPU. UserError if it is damaged or no model of ours."""
    with _reading(path):
        found, weights = read_tensors(path)
        _check_format(path.stem, found)
        config, schedule, history = _parts(found)
        if hash_of(weights) != found["weights_sha256"]:
            raise DamagedFile("its weights are not as they were written")
        network = untrained_network(config, schedule)
        _check_same_network(path.stem, config, network, weights)
        network.load_state_dict(weights)
    facts: dict[str, Any] = {key: found[key] for key in FACTS if key in found}
    return Model(config, schedule, network, history, facts)
