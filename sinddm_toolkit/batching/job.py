"""A row that has been checked, the part of it that any process carries out, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sinddm_toolkit.batching.rows import Row
from sinddm_toolkit.edits.showing import as_image
from sinddm_toolkit.engine.phases import Cells
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import Layer, Origin, Setting, Settings

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Item:
    """An edit in plain values, with files as paths: what goes to another process."""

    number: int
    """The row's, from 1."""
    key: str
    """The name of the row's state: a hash of where its first picture goes."""
    tasks: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, Any]
    """The options of the run, `seed`, `out` and `overwrite` always among them."""
    outputs: tuple[str, ...]
    """The pictures, one a sample."""
    fingerprint: str
    """A hash of all that the result depends on but the model: it changes when the row does."""
    same_but_seed: str
    """A hash shared by rows that differ in their seed alone and can be sampled together."""
    may_replace: bool = False
    """Whether it may replace files that the batch did not write."""

    def layer(self) -> Layer:
        """The settings of the edit, as `make_tasks` takes them."""
        origin = Origin(f"row {self.number}")

        def settings(values: Mapping[str, Any]) -> Settings:
            return {name: Setting(value, origin, name) for name, value in values.items()}

        return Layer(
            {name: settings(values) for name, values in self.tasks.items()}, settings(self.run)
        )


@dataclass(frozen=True)
class Job:
    """A row that has been checked, with what it needs of a model."""

    row: Row
    item: Item
    model: str
    """The key of the model."""
    quality: str
    """The name of the quality that the model is trained at."""
    cells: Cells
    """What the model has to know."""
    samples: int
    pixel_steps: int
    """As many pixels as go through the network in the time that all of its steps take."""
    learnt: str
    """The name of the picture that the model learns."""


@dataclass(frozen=True)
class RowResult:
    """What became of one row."""

    number: int
    """From 1, in the order of the batch."""
    status: str
    """`done`, `kept` (it had been done before) or `failed`."""
    outputs: list[Path]
    """The files of the row, first its pictures."""
    facts: Mapping[str, Any] = field(repr=False)
    """What the report tells: seed, model, seconds, error …"""

    @classmethod
    def of(cls, number: int, facts: Mapping[str, Any]) -> RowResult:
        """The result of the row `number`, as its `facts` tell it."""
        return cls(number, facts["status"], [Path(path) for path in facts["outputs"]], facts)

    @property
    def error(self) -> str | None:
        """Why it failed, in one line."""
        return self.facts.get("error")

    @property
    def seed(self) -> int:
        """Of its first picture."""
        return int(self.facts["seed"])

    @cached_property
    def picture(self) -> Picture:
        """Its first picture, in full depth, read from the file. UserError if there is none."""
        if not self.outputs:
            raise UserError(f"row {self.number} failed, it has no picture: {self.error}")
        return read_picture(self.outputs[0])

    @property
    def image(self) -> Image.Image:
        """The same as a PIL image (8 bits a channel)."""
        return as_image(self.picture)
