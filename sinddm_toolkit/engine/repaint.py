"""How samples are put into a picture of any size, and large pictures worked through for that.

A picture is repainted as a whole up to some size. Beyond it each finer stage begins with its own
detail of the picture, changed as the stage below has changed it, and redraws only the part that
counts; in the end the change of the finest is carried up to the picture's full resolution. So the
picture keeps its own finest detail, and all pixels that nothing was to change.

What a network makes of colours that it has never learnt is off by a little, always to the same
side. A finer stage may therefore only redraw what the one below could not show, and no more of it
than the noise hides: otherwise the errors of all stages add up to black, white and gaudy streaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.engine.networks import CELL, HALO
from sinddm_toolkit.engine.pyramid import (
    Size,
    downsample,
    resized,
    rgb_from_tensor,
    scaled,
    tensor_from_rgb,
    upsample,
)
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


HIDDEN = 2.0
"""Deviations of the noise: what is further from the picture below was never hidden by it."""


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
    settled: Size | None = None
    """The size (h, w) of the whole picture at the stage below, which has settled all that can be
    seen there; None if this stage is free to change everything."""

    def changes(self, samples: Tensor) -> list[FloatArray]:
        """What each of the samples (n, 3, h, w) has changed, (h, w, 3)."""
        return [rgb_from_tensor(one).clip(-1, 1) - self.picture for one in samples.split(1)]

    def redrawn(self, x0: Tensor, begun: Tensor, sigma: float) -> Tensor:
        """x̂0 as far as it is this stage's to redraw, of what it has `begun` from, in [-1, 1].

        Both are (n, 3, h, w); `sigma` is the deviation of the noise that the stage starts from.
        """
        if self.settled is None:
            return x0
        change = x0 - begun
        size = (change.shape[-2], change.shape[-1])
        seen = downsample(change, scaled(size, self.settled[0] / self.window.size[0]))
        change = change.sub_(upsample(seen, size)).clamp_(-HIDDEN * sigma, HIDDEN * sigma)
        return change.add_(begun).clamp_(-1, 1)

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
        changed: FloatArray = (self.picture + np.stack(carried, axis=2)).clip(-1, 1)
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

    def add_level(self, stage: Stage, *, crop: bool, settled: Size | None = None) -> Level:
        """What `stage` works on: the whole, or with `crop` what can matter for what counts.

        `settled` is that of the level. Each step sees HALO pixels further: what lies beyond all of
        them can't matter, and a large picture costs no more than its part.
        """
        window = whole(stage.size)
        if crop:
            margin = HALO * len(stage.timesteps(stage.start))
            counts = Window(self._size, bounds(self._weight > 0, 1))
            window = counts.at(stage.size, margin, CELL)
        weight = carried_over(self._weight, whole(self._size), window, smooth=False)
        rgb = self._picture.resized(stage.size).rgb(window.box)
        self._finest = Level(window, rgb, weight, settled)
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
