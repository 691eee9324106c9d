"""What `begin_edit` and `end_edit` are told of an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.host.result import Extras
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import OutputFile
from sinddm_toolkit.pictures.picture import Picture


@dataclass(frozen=True)
class Edit:
    """An edit about to be carried out: its plan is settled, nothing has been learnt for it yet."""

    picture: Picture
    """The one that is learnt, as it was given; of several the first."""
    pyramid: Pyramid
    """Its scales, as they are learnt; `pyramid.sources` are those of all pictures."""
    schedule: Schedule
    """ᾱ, γ and the start steps, as the plan has them."""
    plan: Plan
    """What will be sampled; nothing of it can be changed any more."""
    seeds: Sequence[int]
    """One a sample; a pass takes some of them."""
    device: torch.device
    """Where the network runs."""
    outputs: Sequence[Path]
    """The files that its pictures will be written to, one a sample; empty if none are."""
    files: Mapping[OutputFile, Path]
    """Where further files go: the value of an option of type `OutputFile` → the path, free to be
    written. What is called after a result that isn't written is not among them."""
    tasks: Mapping[str, Mapping[str, Any]]
    """Every task of the edit, in order → its options as they are settled; of all read only."""


def options_of(tasks: Sequence[Task]) -> Mapping[str, Mapping[str, Any]]:
    """What `Edit.tasks` holds of these."""
    return MappingProxyType(
        {
            task.name: MappingProxyType({name: getattr(task, name) for name in task.schema()})
            for task in tasks
        }
    )


@dataclass
class Outcome:
    """What came of an edit. Further files are written after `end_edit`, unless it failed."""

    error: BaseException | None = None
    """Why it failed, or the Ctrl-C that ended it; None if all is well."""
    outputs: list[Path] = field(default_factory=list)
    """The pictures that have been written, each pass when it was made."""
    extras: Extras = field(default_factory=Extras)
    """As `Result.extras`, with what the passes have put there: of the same name, the last one's."""
