"""One row as any process can carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sinddm_toolkit.settings.layers import Layer, Origin, Setting, Settings


@dataclass(frozen=True)
class Item:
    """An edit in plain values, with files as paths."""

    number: int
    key: str
    """The name of the row's state: it stands for where its first picture goes."""
    tasks: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, Any]
    """With seed, out and whether files may be replaced."""
    outputs: tuple[str, ...]
    """The pictures, one a sample."""
    fingerprint: str
    """Of all that the result depends on but the model: another one means the row has changed."""
    kin: str
    """The same for rows that differ in nothing but the seed, and can be sampled together."""
    may_replace: bool = False
    """Whether it may replace files that the batch did not write."""

    def layer(self) -> Layer:
        origin = Origin(f"row {self.number}")

        def settings(values: Mapping[str, Any]) -> Settings:
            return {name: Setting(value, origin, name) for name, value in values.items()}

        return Layer(
            {name: settings(values) for name, values in self.tasks.items()}, settings(self.run)
        )
