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


@dataclass
class Outcome:
    """What came of an edit. Further files are written after `end_edit`, unless it failed."""

    error: BaseException | None = None
    """Why it failed, or the Ctrl-C that ended it; None if all is well."""
    outputs: list[Path] = field(default_factory=list)
    """The pictures that have been written, each pass when it was made."""
    extras: Extras = field(default_factory=Extras)
    """As `Result.extras`, with what the passes have put there: of the same name, the last one's."""
