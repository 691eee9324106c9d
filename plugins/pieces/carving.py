"""Where a picture grows and shrinks: along the seams that cost least, around what is there once.

Seams as in Avidan & Shamir, *Seam Carving for Content-Aware Image Resizing*, 2007: those of the
least energy are taken out, or doubled, and what was doubled is dearer from then on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from .patches import SIDE, Source, split, squared_distances

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

ALIKE = 8
"""Patches that one is compared with: those elsewhere that are most like it."""

DOUBLED = 1.0
"""What a seam that was doubled costs more, as a share of the mean energy: the next is elsewhere."""

KEPT = 1000.0
"""What a seam through what is kept costs more."""

BORDER = 1.0
"""What the outermost pixels cost more: frames and edges stay as thin as they are."""

BORDER_PIXELS = 2


def uniqueness(source: Source) -> Tensor:
    """(1, 1, h, w), mean 1: how unlike what is around each pixel is to all that is elsewhere."""
    looks = source.looks
    distances = squared_distances(looks, looks)
    rows, columns = split(torch.arange(len(looks)), source.columns)
    is_near = ((rows[:, None] - rows).abs() < SIDE) & ((columns[:, None] - columns).abs() < SIDE)
    distances[is_near] = torch.inf
    alike = distances.topk(min(ALIKE, len(looks)), dim=1, largest=False).values
    found = torch.where(alike.isinf(), 0.0, alike).mean(dim=1).view(1, 1, source.rows, -1)
    spread = F.pad(found, (SIDE // 2,) * 4, mode="replicate")
    smooth = F.avg_pool2d(F.pad(spread, (SIDE // 2,) * 4, mode="replicate"), SIDE, stride=1)
    return smooth / smooth.mean().clamp(min=1e-6)


class Canvas:
    """A picture that is growing or shrinking, and what is known of each of its pixels."""

    def __init__(self, colours: Tensor, where: Tensor, importance: Tensor, kept: Tensor) -> None:
        """colours: (1, 3, h, w); where: (1, 2, h, w), where in the picture each pixel is from;
        importance: (1, 1, h, w), about 1; kept: (1, 1, h, w), 1 where it is to stay as it is."""
        self._picture = colours
        planes = torch.cat([colours, where, importance, kept, torch.zeros_like(kept)], dim=1)
        self._planes: FloatArray = planes[0].numpy()

    @property
    def colours(self) -> Tensor:
        """(1, 3, h, w)"""
        return torch.from_numpy(np.ascontiguousarray(self._planes[:3]))[None]

    @colours.setter
    def colours(self, colours: Tensor) -> None:
        """All but what is kept."""
        kept, h, w = self.kept[0, 0], *self._picture.shape[-2:]
        y, x = (self.where[0] * torch.tensor([h - 1, w - 1])[:, None, None]).round().long()
        own = self._picture[0][:, y, x]
        self._planes[:3] = torch.where(kept, own, colours[0]).numpy()

    @property
    def where(self) -> Tensor:
        """(1, 2, h, w)"""
        # Stretched, it may go beyond the borders.
        return torch.from_numpy(self._planes[3:5].clip(0, 1))[None]

    @property
    def kept(self) -> Tensor:
        """(1, 1, h, w), boolean"""
        return torch.from_numpy(self._planes[6] > 0.5)[None, None]

    def resize(self, size: tuple[int, int], seams: float) -> None:
        """Make it (h, w) large: that share of the change by seams, the rest by stretching."""
        for axis in (1, 2):
            planes = self._planes if axis == 2 else self._planes.transpose(0, 2, 1)
            side = planes.shape[2]
            change = size[axis - 1] - side
            planes = carved(planes, _energy(planes), side + round(seams * change))
            planes = _stretched(planes, side + change)
            self._planes = planes if axis == 2 else planes.transpose(0, 2, 1).copy()


def _energy(planes: FloatArray) -> FloatArray:
    """(h, w): what a seam through each pixel costs."""
    grey = planes[:3].mean(axis=0)
    edges = np.abs(np.gradient(grey, axis=0)) + np.abs(np.gradient(grey, axis=1))
    energy = planes[5] + edges / max(float(edges.mean()), 1e-6) + DOUBLED * planes[7]
    energy += KEPT * (planes[6] > 0)
    energy[:, :BORDER_PIXELS] += BORDER
    energy[:, -BORDER_PIXELS:] += BORDER
    return energy


def carved(planes: FloatArray, energy: FloatArray, width: int) -> FloatArray:
    """planes (c, h, w), the last of which counts doublings, and their energy (h, w), made so wide.

    At most as many seams are doubled as there are.
    """
    h, w = energy.shape
    if width == w:
        return planes
    times = np.ones((h, w), np.int64)
    rows = np.arange(h)
    for seam in seams(energy, abs(width - w)):
        times[rows, seam] += 1 if width > w else -1
    counts = times.ravel()
    found = np.repeat(np.arange(h * w), counts)
    made = planes.reshape(len(planes), -1)[:, found]
    made[-1] += counts[found] > 1
    return made.reshape(len(planes), h, -1)


def seams(energy: FloatArray, count: int) -> list[IntArray]:
    """The `count` seams from top to bottom that cost least, one after the other, none of which
    meets another: (h,) columns each."""
    h = len(energy)
    rows = np.arange(h)
    column = np.tile(np.arange(energy.shape[1]), (h, 1))
    found = []
    for _ in range(min(count, energy.shape[1] - 1)):
        seam = _cheapest(energy)
        found.append(column[rows, seam])
        stays = np.ones(energy.shape, np.bool_)
        stays[rows, seam] = False
        energy, column = energy[stays].reshape(h, -1), column[stays].reshape(h, -1)
    return found


def _cheapest(energy: FloatArray) -> IntArray:
    """(h,): the column in each row, next to that of the row before or the same."""
    total = energy.astype(np.float64)
    for row in range(1, len(total)):
        above = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    seam = np.empty(len(total), np.int64)
    seam[-1] = total[-1].argmin()
    for row in range(len(total) - 2, -1, -1):
        left = max(0, seam[row + 1] - 1)
        seam[row] = left + total[row, left : seam[row + 1] + 2].argmin()
    return seam


def _stretched(planes: FloatArray, width: int) -> FloatArray:
    from .arranging import resized

    if width == planes.shape[2]:
        return planes
    x = torch.from_numpy(np.ascontiguousarray(planes))[None]
    return resized(x, (planes.shape[1], width))[0].numpy()
