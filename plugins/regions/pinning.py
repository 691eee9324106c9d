"""Pulling parts of x̂0 towards a given picture (paper eq. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Run, ScaleState, Step

    from .consistency import Consistency

FloatArray = npt.NDArray[np.float32]

LAYOUT_RESAMPLINGS = 5
RESAMPLINGS = 2
"""Of each step of the coarsest scale, and of those up to the finest: with one, the new part takes
little notice of the old; the more there are, the less it has of its own."""

RESAMPLED_GAMMA_MAX = 0.45
"""Less than usual, as the errors that the blur mixture raises are repeated too. Without it the new
part lacks detail: the network answers with a picture as blurred as it has learnt for the step."""

RESAMPLED_PIXELS = 250_000
"""Larger stages are not made again and again: all that is left to agree on there is grain."""

CONSISTENCY = 20.0
"""At the coarsest scale, where the layout is made: without it a horizon may end at the border."""

LEAST_SHARE = 1e-3
"""Of a pixel: what is covered less has no colour of its own."""

REACH = 4.0
"""Of the means that the step at a border is taken from: σ in pixels of the stage."""

LEVELLED_PIXELS = 1_000_000
"""The step of larger stages is taken from a picture of this size: tones are smooth."""

BOTH_SIDES = 0.1
"""Share of those means that each side has at a border, at least."""

FULLY = 1 - 1e-4
"""Of a mask, after resizing."""


def resample(plan: Plan) -> None:
    """Steps in which what is new comes to agree with what is held fast.

    Random ones, each made again and again (Lugmayr et al., RePaint, 2022), but not at the finest
    scale, whose grain they would smooth, nor at large ones.
    """
    for index, stage in enumerate(plan.stages):
        is_small = stage.size[0] * stage.size[1] <= RESAMPLED_PIXELS
        if not stage.learnt:  # it is laid out already, to suit what is held
            continue
        if index == 0:
            stage.ddpm, stage.route = True, partial(again_and_again, times=LAYOUT_RESAMPLINGS)
        elif stage.s < plan.stages[-1].s and is_small:
            stage.ddpm, stage.route = True, partial(again_and_again, times=RESAMPLINGS)
            stage.gamma_max = RESAMPLED_GAMMA_MAX


def again_and_again(visited: Sequence[int], times: int) -> list[int]:
    """A way through the timesteps `visited` on which each step is made so many times.

    But for the last one, after which there is no noise to choose anew.
    """
    route: list[int] = []
    for t, following in pairwise(visited):
        route += [t, following] * (times - 1) + [t]
    return [*route, visited[-1]]


class Pins:
    """A picture and where it is to be seen, at whatever size a stage has."""

    def __init__(self, target: FloatArray, mask: FloatArray) -> None:
        """target: (h, w, 3) in [-1, 1]; mask: (h, w) in [0, 1]; h, w in the canvas's proportions.

        Colours where the mask is 0 are never looked at.
        """
        self._target = st.tensor_from_rgb(target)
        self._mask = st.tensor_from_rgb(mask[..., None])
        self._latest: tuple[tuple[int, int], tuple[Tensor, Tensor]] | None = None

    def at(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """x_target^s (1, 3, h, w) and m^s (1, 1, h, w)."""
        if size == self._mask.shape[-2:]:
            self._latest = None
            return self._target, self._mask
        # One size is needed again and again, at each step of its stage, then never more.
        if self._latest is None or self._latest[0] != size:
            self._latest = None
            self._latest = size, self._resized(size)
        return self._latest[1]

    def _resized(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        resize = st.downsample if size[0] < self._mask.shape[-2] else st.upsample
        mask = resize(self._mask, size).clamp_(0, 1)
        covered = resize((self._mask > 0).float(), size).clamp_(min=LEAST_SHARE)
        colours = resize(self._target * (self._mask > 0), size)
        return colours.div_(covered).clamp_(-1, 1), mask

    def detail(self, below: tuple[int, int], size: tuple[int, int]) -> float:
        """RMSE of what is held, of one size, when it is made from a smaller one."""
        (coarse, _), (fine, mask) = self.at(below), self.at(size)
        held = (mask >= FULLY).float()
        error = st.upsample(coarse, size).sub_(fine).square_().mean(dim=1, keepdim=True) * held
        return float((error.sum() / held.sum().clamp(min=1)).sqrt())

    def hold(self, scale: ScaleState) -> tuple[Tensor, Tensor]:
        """Nothing needs to be predicted where the mask is 1 → the target, and where that is."""
        target, mask = self.at(scale.stage.size)
        held = mask >= FULLY
        scale.fix(target, held)
        return target, held

    def fix(self, run: Run, scale: ScaleState) -> Consistency | None:
        """Hold, and have the layout made to suit what is held."""
        target, held = self.hold(scale)
        if scale.index > 0:
            return None
        from .consistency import Consistency

        return Consistency(run, scale, target, held, CONSISTENCY)

    def level(self, scale: ScaleState) -> None:
        """Start a scale from what the one below made with its tones levelled."""
        if scale.input is not None:
            scale.input = self.levelled(scale.input)

    def levelled(self, image: Tensor) -> Tensor:
        """`image` (n, 3, h, w) without a step in tone where what is free meets what is held.

        The step along the border, averaged over a few pixels on both sides, is spread smoothly
        over the free part and taken from it, as a membrane would (Pérez et al., 2003).
        """
        size = (image.shape[-2], image.shape[-1])
        small = st.downsample(image.cpu(), st.working_size(size, LEVELLED_PIXELS))
        membrane = self._membrane(small)
        if membrane is None:
            return image
        _, mask = self.at(size)
        return image + (st.upsample(membrane, size).mul_(1 - mask)).to(image.device)

    def _membrane(self, image: Tensor) -> Tensor | None:
        """What a membrane fixed at the border's steps is everywhere; None if there is no border."""
        target, mask = self._resized((image.shape[-2], image.shape[-1]))
        held, free = (mask >= 0.5).float(), (mask < 0.5).float()
        if not held.any() or not free.any():
            return None
        held_mean, held_share = _means(target, held)
        free_mean, free_share = _means(image, free)
        # Where both sides are near lies the border.
        border = ((held_share > BOTH_SIDES) & (free_share > BOTH_SIDES)).float()
        return st.filled(held_mean - free_mean, border)

    def pull(self, step: Step, strength: float) -> None:
        """x̂0 ← m·((1-η)·x̂0 + η·x_target) + (1-m)·x̂0 (eq. 2), with η the strength."""
        size = (step.x0.shape[-2], step.x0.shape[-1])
        target, mask = (x.to(step.x0.device) for x in self.at(size))
        import torch

        step.x0 = torch.lerp(step.x0, target, strength * mask)


def _means(image: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Means of image (n, c, h, w) where (1, 1, h, w) is 1, around every pixel, and its share."""
    import torch
    from scipy import ndimage

    def smooth(x: Tensor) -> Tensor:
        return torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, 0, REACH, REACH)))

    share = smooth(where)
    return smooth(image * where) / share.clamp(min=LEAST_SHARE), share


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
