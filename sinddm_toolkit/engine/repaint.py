"""How samples are put into a picture of any size, and large pictures worked through for that.

A picture is repainted as a whole up to some size. Beyond it each finer stage begins with its own
detail of the picture, changed as the stage below has changed it, and redraws only the part that
counts; in the end the change of the finest is carried up to the picture's full resolution. So the
picture keeps its own finest detail, and all pixels that nothing was to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.engine.networks import CELL, HALO
from sinddm_toolkit.engine.pyramid import resized, rgb_from_tensor, tensor_from_rgb
from sinddm_toolkit.pictures.compositing import (
    FloatArray,
    Window,
    bounds,
    carried_over,
    whole,
    with_change,
)
from sinddm_toolkit.pictures.picture import Picture

if TYPE_CHECKING:
    from sinddm_toolkit.engine.stage import Stage


class Composition(Protocol):
    """Makes pictures of what was sampled."""

    def pictures(self, samples: Tensor) -> list[Picture]:
        """samples: (n, 3, h, w) in about [-1, 1], on the CPU → n pictures."""


@dataclass(frozen=True, eq=False)
class Blend(Composition):
    """The samples in the picture's place, resized to it, where that is asked for."""

    picture: Picture
    weight: FloatArray
    """(h, w) in [0, 1]: how much of a sample counts. Where it is 0 the old bits are kept."""

    def pictures(self, samples: Tensor) -> list[Picture]:
        if not self.weight.any():
            return [self.picture] * len(samples)
        y0, x0, y1, x1 = box = bounds(self.weight > 0)
        weight = self.weight[y0:y1, x0:x1]
        # One by one: those of a large picture take up much memory.
        return [
            self.picture.blend(rgb_from_tensor(whole[..., y0:y1, x0:x1]), weight, box)
            for whole in (resized(one, self.picture.size) for one in samples.split(1))
        ]


@dataclass(frozen=True, eq=False)
class Level:
    """The part of a picture that is looked at, at one size."""

    window: Window
    """Where in the picture it is, at the size of its stage."""
    picture: FloatArray
    """(h, w, 3) in [-1, 1], as it was given."""
    weight: FloatArray
    """(h, w) in [0, 1], how much of a change counts."""

    def changes(self, samples: Tensor) -> list[FloatArray]:
        """What each of the samples (n, 3, h, w) has changed, (h, w, 3)."""
        return [rgb_from_tensor(one) - self.picture for one in samples.split(1)]

    def begun_from(self, below: Level, samples: Tensor) -> Tensor:
        """The picture with the change that samples of a smaller level have made, (n, 3, h, w).

        It keeps its own finest detail, and all that is outside the weight.
        """
        begun = [tensor_from_rgb(self._changed(below, one)) for one in below.changes(samples)]
        return torch.cat(begun).to(samples.device)

    def _changed(self, below: Level, change: FloatArray) -> FloatArray:
        weighted = below.weight[..., None] * change
        carried = [
            carried_over(weighted[..., k], below.window, self.window)
            for k in range(weighted.shape[2])
        ]
        changed: FloatArray = self.picture + np.stack(carried, axis=2)
        return changed


class Repaint(Composition):
    """A picture, and how much of a change counts where."""

    def __init__(self, picture: Picture, onto: Picture, weight: FloatArray) -> None:
        """picture: what is repainted, opaque; onto: the same, to which the change is done; weight:
        (h, w) in [0, 1] at any size."""
        self._picture = picture
        self._onto = onto
        self._weight = weight
        self._finest: Level | None = None

    def add_level(self, stage: Stage, *, crop: bool) -> Level:
        """What `stage` works on: the whole, or with `crop` what can matter for what counts.

        Each step sees HALO pixels further: what lies beyond all of them can't matter, and a large
        picture costs no more than its part.
        """
        window = whole(stage.size)
        if crop:
            margin = HALO * len(stage.timesteps(stage.start))
            counts = Window(self._size, bounds(self._weight > 0, 1))
            window = counts.at(stage.size, margin, CELL)
        weight = carried_over(self._weight, whole(self._size), window, smooth=False)
        rgb = self._picture.resized(stage.size).rgb(window.box)
        self._finest = Level(window, rgb, weight)
        return self._finest

    @property
    def _size(self) -> tuple[int, int]:
        return self._weight.shape[0], self._weight.shape[1]

    def pictures(self, samples: Tensor) -> list[Picture]:
        """Each sample's change of the finest level, carried up to the picture."""
        if self._finest is None:
            raise ValueError("nothing was repainted")
        changes: Sequence[FloatArray] = self._finest.changes(samples)
        return [
            with_change(self._onto, change, self._weight, self._finest.window) for change in changes
        ]
