"""A training on its way, in a file beside its model: whatever ends the process, it can go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import NO_MODEL, Model, ModelConfig
from sinddm_toolkit.edits.store import remove_file
from sinddm_toolkit.edits.tensor_files import (
    DamagedFile,
    hash_of,
    read_facts,
    read_tensors,
    write_tensors,
)
from sinddm_toolkit.engine.phases import History, Phase
from sinddm_toolkit.engine.quality import Quality
from sinddm_toolkit.engine.training import TrainingState, end_training
from sinddm_toolkit.errors import UserError

FORMAT = "sinddm-toolkit training"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Unfinished:
    """A phase of a model's training of which some updates have been made."""

    config: ModelConfig
    history: History
    """Of the model before this phase."""
    phase: Phase
    keep_part: bool
    """Whether what was learnt counts if this can't go on (see `obtain_model`)."""
    toolkit: str
    """The version that trained."""
    state: TrainingState

    def goes_on_as(self, phase: Phase) -> bool:
        """Whether the updates of `phase` that are still to be made come out as if never stopped."""
        return replace(self.phase, made=0) == phase and self.toolkit == __version__

    def end(self, model: Model, quality: Quality) -> None:
        """Make of `model` what it would be if Ctrl-C had ended the training here."""
        end_training(model.network, quality, self.phase, self.state)
        model.history.append(self.phase)


def keeper(
    path: Path, model: Model, phase: Phase, name: str, events: Events, *, keep_part: bool
) -> Callable[[TrainingState], None]:
    """A function that writes where the training through `phase` is.

    That it can't be written is said once, and ends no training. `name` is the picture's.
    """
    history = list(model.history)
    is_possible = True

    def keep(state: TrainingState) -> None:
        nonlocal is_possible
        facts = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "name": name,
            "config": model.config.to_json(),
            "history": [phase.to_json() for phase in history],
            "phase": phase.to_json(),
            "keep_part": keep_part,
            "toolkit": __version__,
            "steps": state.steps,
            "error": state.error,
            "tensors_sha256": hash_of(state.tensors),
        }
        try:
            if is_possible:
                write_tensors(path, state.tensors, facts)
        except OSError as error:
            is_possible = False
            events.message(
                f"cannot keep the training as it goes on in {path}: {error.strerror or error}"
            )

    return keep


def read_unfinished(
    path: Path, model: Model, quality: Quality, events: Events
) -> Unfinished | None:
    """The training of `model` that is in `path`; None if there is none.

    One that is damaged, or goes on from another model, is removed, and `events` told so.
    """
    if not path.exists() and not path.is_symlink():
        return None
    try:
        facts, tensors = read_tensors(path)
        found = _parsed(facts, tensors)
        if (found.config, found.history) != (model.config, model.history):
            raise DamagedFile("it does not go on from this model")
        if not found.state.fits(model.network, quality, found.phase):
            raise DamagedFile("it is of another network")
    except (DamagedFile, OSError, *NO_MODEL) as error:
        events.message(f"an unfinished training is left out ({path.name}): {_reason(error)}")
        remove_file(path)
        return None
    return found


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DamagedFile) else "it is damaged"


def _parsed(facts: dict[str, Any], tensors: dict[str, Any]) -> Unfinished:
    """DamagedFile, or one of NO_MODEL, if they are no training of this version's."""
    phase = _checked(facts)
    if facts["tensors_sha256"] != hash_of(tensors):
        raise DamagedFile("it is not as it was written")
    return Unfinished(
        ModelConfig.from_json(facts["config"]),
        [Phase.from_json(phase) for phase in facts["history"]],
        phase,
        facts["keep_part"] is True,
        facts["toolkit"],
        TrainingState(tensors, int(facts["steps"]), float(facts["error"])),
    )


def _checked(facts: dict[str, Any]) -> Phase:
    """The phase that `facts` tell of. DamagedFile, or one of NO_MODEL, if they tell of none."""
    if (facts["format"], facts["version"]) != (FORMAT, FORMAT_VERSION):
        raise DamagedFile("it is no training of this version of the toolkit")
    phase = Phase.from_json(facts["phase"])
    if not phase.made:
        raise DamagedFile("nothing has been made of it")
    return phase


def describe_unfinished(path: Path) -> dict[str, Any]:
    """What `models list` tells of the training in `path`. UserError if it is damaged."""
    try:
        facts = read_facts(path)
        phase = _checked(facts)
        config = ModelConfig.from_json(facts["config"])
    except (DamagedFile, OSError, *NO_MODEL):
        raise UserError(f"the unfinished training {path.name} is damaged") from None
    model = {"name": str(facts["name"]), "size": list(config.size), "quality": config.quality}
    return {"model": model, "phase": {"made": phase.made, "planned": phase.planned}}
