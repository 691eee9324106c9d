"""Pieces of a picture joined without a step in tone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from .patches import LEAST, SIDE

if TYPE_CHECKING:
    from .patches import Match

FloatArray = npt.NDArray[np.float64]

HELD = 4.0
"""Tones may drift from what was copied over more than 1/4 of the picture's shorter side: what is
left of a step at a seam is spread as far."""

UNLIKE = 0.01
"""Share of the picture's variance by which patches may differ from what they were put in for: where
they differ by more the colours are held, as what meets there has an edge between."""

SHARPNESS = 32.0
"""Of what is copied in the end: patches that don't fit have little say."""


def joined(match: Match) -> Tensor:
    """(1, 3, h, w): the gradients of the patches, integrated from the border of the hole inwards.

    Where they belong to no picture it is the nearest in the least squares, held to the colours of
    the patches a little (Bhat et al., *GradientShop*, 2010).
    """
    known = match.known
    colours, right, down = _voted(match)
    hole = known.hole.numpy()
    number = np.where(hole, np.cumsum(hole).reshape(hole.shape) - 1, -1)
    held = (HELD / min(known.size)) ** 2 * (1 + (_errors(match) / UNLIKE) ** 2)
    system = _System(number, colours, held)
    system.add(number[:, :-1], number[:, 1:], colours[:, :-1], colours[:, 1:], right[:, :-1])
    system.add(number[:-1], number[1:], colours[:-1], colours[1:], down[:-1])
    image = colours.copy()
    image[hole] = system.solution()
    made = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    return torch.where(known.hole, made.clamp_(-1, 1), known.colours[:, :3])


def _errors(match: Match) -> FloatArray:
    """(h, w): how far the best patch over each pixel is off, by the picture's variance."""
    known = match.known
    errors = torch.full((known.rows * known.columns,), torch.inf)
    errors[known.targets] = match.errors
    grid = errors.view(1, 1, known.rows, known.columns)
    around = F.pad(grid, (SIDE - 1,) * 4, value=torch.inf)
    least = -F.max_pool2d(-around, SIDE, stride=1)[0, 0]
    least[~known.hole] = 0
    return (least.double() / known.variance).numpy()


def _voted(match: Match) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Colours, and gradients to the right and down, (h, w, 3), of the patches and of the known."""
    known = match.known
    colours, seen = known.colours[0, :3], (~known.hole).float()[None]
    right, both_right = torch.zeros_like(colours), torch.zeros_like(seen)
    down, both_down = torch.zeros_like(colours), torch.zeros_like(seen)
    both_right[..., :-1] = seen[..., :-1] * seen[..., 1:]
    both_down[:, :-1] = seen[:, :-1] * seen[:, 1:]
    right[..., :-1] = colours.diff(dim=2) * both_right[..., :-1]
    down[:, :-1] = colours.diff(dim=1) * both_down[:, :-1]
    values = torch.cat([colours, seen, right, both_right, down, both_down])
    sums = match.votes(values.flatten(1).T.contiguous(), SHARPNESS).double()
    means = [
        (sums[:, k : k + 3] / sums[:, k + 3 : k + 4].clamp(min=LEAST)).view(known.h, known.w, 3)
        for k in (0, 4, 8)
    ]
    hole = known.hole[..., None]
    means[0] = torch.where(hole, means[0], colours.permute(1, 2, 0).double())
    return means[0].numpy(), means[1].numpy(), means[2].numpy()


class _System:
    """The normal equations of the least squares, over the pixels of the hole."""

    def __init__(
        self, number: npt.NDArray[np.int64], colours: FloatArray, held: FloatArray
    ) -> None:
        """number: (h, w), -1 outside the hole; held: (h, w), how much the colours count."""
        hole = number >= 0
        self._diagonal = held[hole].copy()
        self._right_side = held[hole][:, None] * colours[hole]
        self._pairs: list[npt.NDArray[np.int64]] = []

    def add(
        self,
        one: npt.NDArray[np.int64],
        other: npt.NDArray[np.int64],
        colours_of_one: FloatArray,
        colours_of_other: FloatArray,
        difference: FloatArray,
    ) -> None:
        """`other` is to differ from `one` by that; of either the colours hold where it is known."""
        for these, those, fixed, sign in (
            (one, other, colours_of_other, -1.0),
            (other, one, colours_of_one, 1.0),
        ):
            free = these >= 0
            np.add.at(self._diagonal, these[free], 1.0)
            asked = sign * difference[free] + np.where(those[free][:, None] < 0, fixed[free], 0.0)
            np.add.at(self._right_side, these[free], asked)
            both = free & (those >= 0)
            self._pairs.append(np.stack([these[both], those[both]]))

    def solution(self) -> FloatArray:
        from scipy import sparse
        from scipy.sparse import linalg

        count = len(self._diagonal)
        rows, columns = np.concatenate(self._pairs, axis=1)
        neighbours = sparse.csc_matrix((-np.ones(len(rows)), (rows, columns)), (count, count))
        factors = linalg.splu(
            (neighbours + sparse.diags(self._diagonal)).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            options={"SymmetricMode": True},
        )
        found: FloatArray = factors.solve(self._right_side)
        return found
