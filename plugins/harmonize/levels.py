"""What is carried from one size of a composite to the next larger one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.api import Window, carried_over

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Level:
    """The part of the composite that is looked at, at one size."""

    window: Window
    composite: FloatArray
    """(h, w, 3) in [-1, 1], as it was given."""
    weight: FloatArray
    """(h, w) in [0, 1], how much of a change counts."""

    def changes(self, samples: Tensor) -> list[FloatArray]:
        """What each of the samples (n, 3, h, w) has changed, (h, w, 3)."""
        from sinddm_toolkit.api import rgb_from_tensor

        return [rgb_from_tensor(one) - self.composite for one in samples.split(1)]

    def with_change_of(self, below: Level, change: FloatArray) -> FloatArray:
        """The composite with the change that a smaller level has made.

        It keeps its own finest detail, and all that is outside the weight.
        """
        weighted = below.weight[..., None] * change
        carried = [
            carried_over(weighted[..., k], below.window, self.window)
            for k in range(weighted.shape[2])
        ]
        whole: FloatArray = self.composite + np.stack(carried, axis=2)
        return whole
