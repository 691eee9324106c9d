"""Pulling parts of x̂0 towards a given picture (paper eq. 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Step

FloatArray = npt.NDArray[np.float32]

RESAMPLINGS = 5
"""Of each step of the coarsest scale, where the layout is made: with one, the new part takes little
notice of the old."""

LEAST_SHARE = 1e-3
"""Of a pixel: what is covered less has no colour of its own."""


class Pins:
    """A picture and where it is to be seen, at whatever size a stage has."""

    def __init__(self, target: FloatArray, mask: FloatArray) -> None:
        """target: (h, w, 3) in [-1, 1]; mask: (h, w) in [0, 1]; h, w in the canvas's proportions.

        Colours where the mask is 0 are never looked at.
        """
        from sinddm_toolkit.api import tensor_from_rgb

        self._target = tensor_from_rgb(target)
        self._mask = tensor_from_rgb(mask[..., None])
        self._sized: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def at(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """x_target^s (1, 3, h, w) and m^s (1, 1, h, w)."""
        from sinddm_toolkit.api import downsample, upsample

        if size not in self._sized:
            resize = downsample if size[0] < self._mask.shape[-2] else upsample
            mask = resize(self._mask, size).clamp(0, 1)
            covered = resize((self._mask > 0).float(), size)
            colours = resize(self._target * (self._mask > 0), size)
            self._sized[size] = (colours / covered.clamp(min=LEAST_SHARE)).clamp(-1, 1), mask
        return self._sized[size]

    def pull(self, step: Step, strength: float) -> None:
        """x̂0 ← m·((1-η)·x̂0 + η·x_target) + (1-m)·x̂0 (eq. 2), with η the strength."""
        size = (step.x0.shape[-2], step.x0.shape[-1])
        target, mask = (x.to(step.x0.device) for x in self.at(size))
        step.x0 = step.x0 + strength * mask * (target - step.x0)


def faded(inside: npt.NDArray[np.bool_], feather: float) -> FloatArray:
    """(h, w): 1 inside, falling to 0 over the last `feather` pixels before its edge.

    The borders of the array are no edges.
    """
    from scipy import ndimage

    if inside.all():
        return np.ones(inside.shape, np.float32)
    depth = ndimage.distance_transform_edt(inside)
    share = np.clip(depth / (feather + 1), 0, 1)
    smooth: FloatArray = (share * share * (3 - 2 * share)).astype(np.float32)
    return smooth
