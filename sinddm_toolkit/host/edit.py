"""What `begin_edit` and `end_edit` are told of an edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.host.result import Extras
from sinddm_toolkit.pictures.picture import Picture


@dataclass(frozen=True)
class Edit:
    """An edit whose plan is settled, before anything is learnt for it."""

    picture: Picture
    """The one that is learnt, as it was given."""
    pyramid: Pyramid
    schedule: Schedule
    plan: Plan
    seeds: Sequence[int]
    """One a sample; a pass takes some of them."""
    device: torch.device
    outputs: Sequence[Path]
    """The files of its pictures, one a sample; empty if none are written."""


@dataclass
class Outcome:
    """What came of an edit."""

    error: BaseException | None = None
    """Why it failed, or the Ctrl-C that ended it; None if all is well."""
    outputs: list[Path] = field(default_factory=list)
    """The pictures that have been written so far."""
    extras: Extras = field(default_factory=Extras)
    """As `Result.extras`, with what passes have put there; written unless the edit failed."""
