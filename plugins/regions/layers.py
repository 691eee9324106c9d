"""What it costs to take a patch from elsewhere in a scene: sky is above and meadow below."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

BoolArray = npt.NDArray[np.bool_]

HEIGHT_COST = 6.0
"""Of a patch from (1/h of) another height, squared, as a share of the picture's variance."""

MIRRORED = 0.2
"""Share of the picture's height that may go on above it, and as much below, as in a mirror."""

EDGE = 0.08
"""The same share: what is known best of what is above, or below."""

STRANGE_COST = 4.0
"""Above and below the picture, of a patch that is unlike all that is at that edge of it, a squared
difference in tone: a sky goes on without the peaks that reach into it."""

TONES = 48
"""The picture's height in σ of the blur that leaves tones."""


class Layers:
    """The costs of patches of `side` pixels of a picture with a hole, besides how they fit."""

    def __init__(self, colours: Tensor, hole: BoolArray, is_known: BoolArray, side: int) -> None:
        """colours: (1, 3, h, w), 0 in the `hole` (h, w); is_known: (rows, columns) of the patches,
        told by their upper left pixels."""
        self._colours, self._hole, self._side = colours, hole, side
        self._is_known = is_known
        self._rows, self._columns = is_known.shape
        inside = colours[0][:, torch.from_numpy(~hole)]
        self.variance = float(inside.var(dim=1, correction=0).sum()) * side**2 + 1e-6
        """Of a whole patch: what costs are a share of."""

    def cost(self, places: Tensor, targets: Tensor) -> Tensor:
        """Of patches at `places` for `targets`, which broadcast."""
        row = targets // self._columns
        cost = self._height_costs[row, places // self._columns]
        if (self._beside == 1).all():
            return cost
        return cost.add_(self._strange[self._beside[row], places])

    @cached_property
    def even_use(self) -> Tensor:
        """(rows,) how often each patch of a row would be taken, if all that cost nothing were as
        often: above the picture few do, and those are not to be blamed for it.

        Rows that have known patches may take them from everywhere.
        """
        known = torch.from_numpy(self._is_known.sum(axis=1)).float()
        may = (self._height_costs == 0) | (self._beyond == 0)[:, None]
        each = (self._columns - known) / (may.float() @ known).clamp(min=1)
        return (each[:, None] * may).sum(dim=0).clamp_(min=1e-6)

    @cached_property
    def _known_rows(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self._is_known.any(axis=1))

    @property
    def _height(self) -> int:
        """Of what is known, in pixels."""
        return int(self._known_rows[-1] - self._known_rows[0]) + self._side

    @cached_property
    def _beyond(self) -> Tensor:
        """(rows,) how far the next row is that has known patches, and as much again: a mirror."""
        from scipy import ndimage

        away = ndimage.distance_transform_edt(np.asarray(~self._is_known.any(axis=1)))
        far = torch.from_numpy(away).float()
        mirrored = torch.where(self._beside == 1, far, far.clamp(max=MIRRORED * self._height))
        return far + mirrored

    @cached_property
    def _height_costs(self) -> Tensor:
        """(rows, rows) of a patch for a target in one row that comes from the other."""
        row = torch.arange(self._rows).float()
        off = (row - row[:, None]).abs_() - self._beyond[:, None]
        return (off.clamp_(min=0) / self._height).square_().mul_(HEIGHT_COST * self.variance)

    @cached_property
    def _beside(self) -> Tensor:
        """(rows,) 0 above the first row that has known patches, 2 below the last, 1 between."""
        row = torch.arange(self._rows)
        return 1 - (row < self._known_rows[0]).long() + (row > self._known_rows[-1]).long()

    @cached_property
    def _strange(self) -> Tensor:
        """(3, rows·columns) of patches that are unlike the upper edge, nothing, the lower edge."""
        known, tones = ~self._hole, self._tones()
        rows = np.flatnonzero(known.any(axis=1))
        edge = max(2, round(EDGE * len(rows)))
        above, below = (self._unlike(tones, known, some) for some in (rows[:edge], rows[-edge:]))
        return torch.stack([above, torch.zeros_like(above), below]) * STRANGE_COST

    def _tones(self) -> npt.NDArray[np.float32]:
        """(h, w, 3), anything in the hole."""
        from scipy import ndimage

        sigma = self._height / TONES
        seen = ndimage.gaussian_filter((~self._hole).astype(np.float32), sigma)
        blurred = [ndimage.gaussian_filter(one.numpy(), sigma) for one in self._colours[0]]
        tones: npt.NDArray[np.float32] = np.stack(blurred, axis=2)
        tones /= np.maximum(seen, 1e-6)[..., None]
        return tones

    def _unlike(
        self, tones: npt.NDArray[np.float32], known: BoolArray, rows: npt.NDArray[np.intp]
    ) -> Tensor:
        """(rows·columns,) sums over patches of how far each pixel is from the nearest in `rows`."""
        from scipy import spatial

        tree = spatial.cKDTree(tones[rows][known[rows]])
        far = np.zeros(known.shape, np.float32)
        far[known] = tree.query(tones[known])[0] ** 2
        mean = F.avg_pool2d(torch.from_numpy(far)[None, None], self._side, stride=1)
        return mean.flatten() * self._side**2
