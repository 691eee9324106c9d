"""What an edit tells whoever watches it. The core prints nothing; this base class is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sinddm_toolkit.training import TrainingReport


class Events:
    """Override what you want to hear."""

    def message(self, text: str) -> None:
        """Something a person should know, one line."""

    def achieved(self, text: str) -> None:
        """A part of what was asked for is there, one line."""

    def training_begins(self, name: str, steps: int) -> None:
        """The picture `name` is about to be learnt in `steps` updates."""

    def training(self, report: TrainingReport) -> None:
        """Every few updates."""

    def training_ends(self) -> None:
        """Training is over, whole or not."""

    def sampling_begins(self, steps: int) -> None:
        """A run of `steps` steps begins."""

    def sampling(self, scale: int, t: int) -> None:
        """A step is done."""

    def working(self, what: str, done: int, steps: int) -> None:
        """A task has done so much of long work of its own, in words."""
