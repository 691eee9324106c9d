"""The patches of a picture, and canvases that are put together from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 7
"""Of a patch, in pixels."""

DIMENSIONS = 32
"""That patches are compared in: the directions in which the picture's own differ most."""

MOST_SAMPLED = 20_000
"""Patches from which those directions are taken."""

EXACT_PAIRS = 12_000_000
"""Of patches: fewer are compared all with all."""

MOST_PAIRS = 2_000_000
"""That are held at once."""

COMPLETE = 0.01
"""Of the picture's variance; see `_best_of_all`."""

SHARPNESS = 2.0
"""Of the colours that patches ask for: those that fit have more say, the more so the higher it is.
"""

STEPS = (4, 1, 2, 1)
"""How far off the neighbours are whose choices are tried, in turn."""

SPREAD = (1.0, 1 / 3, 1 / 9, 1 / 27)
"""How far random choices lie from the present one, as shares of the picture."""

Size = tuple[int, int]


def places(size: Size) -> Tensor:
    """(1, 2, h, w): the height and the width at which each pixel is, from 0 to 1."""
    y, x = (torch.linspace(0, 1, side) for side in size)
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


class Source:
    """A picture at one size, cut into patches, which are numbered in rows of `columns`."""

    def __init__(
        self,
        colours: Tensor,
        guide: Tensor | None = None,
        place: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """colours: (1, 3, h, w); guide: (1, g, h, w), what patches are compared in as well; place:
        how much it counts to come from another height, and from another width."""
        self.colours = colours
        self.guide = guide
        self.size: Size = (colours.shape[-2], colours.shape[-1])
        self.rows, self.columns = (side - SIDE + 1 for side in self.size)
        self._place = torch.tensor(place)[:, None]

    @cached_property
    def _filters(self) -> Tensor:
        """(k, c, SIDE, SIDE): orthonormal, but divided by the deviation of all patches."""
        channels = _together(self.colours, self.guide)
        patches = F.unfold(channels, SIDE)[0].T
        some = patches[:: 1 + len(patches) // MOST_SAMPLED]
        some = some - some.mean(dim=0)
        _, directions = torch.linalg.eigh(some.T @ some)
        deviation = some.square().sum(dim=1).mean().sqrt().clamp(min=1e-6)
        filters = directions[:, -DIMENSIONS:].T / deviation
        return filters.reshape(-1, channels.shape[1], SIDE, SIDE)

    def features(self, colours: Tensor, guide: Tensor | None = None) -> Tensor:
        """(n, k) of the patches of a canvas, row by row.

        Their squared distances are those of the patches as shares of the picture's variance.
        """
        return F.conv2d(_together(colours, guide), self._filters)[0].flatten(1).T.contiguous()

    def placed(self, features: Tensor, where: Tensor) -> Tensor:
        """(n, k + 2): the features with `where` (1, 2, h, w) in the picture each is expected."""
        h, w = where.shape[-2:]
        first, rest = SIDE // 2, SIDE - 1 - SIDE // 2
        middle = where[0, :, first : h - rest, first : w - rest].flatten(1)
        return torch.cat([features, (middle * self._place).T], dim=1)

    @cached_property
    def looks(self) -> Tensor:
        """(rows·columns, k): the features of all patches."""
        return self.features(self.colours, self.guide)

    @cached_property
    def own(self) -> Tensor:
        """(rows·columns, k + 2): the same, and where they are."""
        return self.placed(self.looks, places(self.size))


def _together(colours: Tensor, guide: Tensor | None) -> Tensor:
    return colours if guide is None else torch.cat([colours, guide], dim=1)


@dataclass(frozen=True)
class Arrangement:
    """Which patch of the source goes where on a canvas."""

    source: Source
    size: Size
    """(h, w) of the canvas."""
    chosen: Tensor
    """(rows·columns of the canvas,) numbers of patches."""
    errors: Tensor
    """The same shape: how far each is from what it was chosen for."""

    @property
    def rows(self) -> int:
        """Of patches on the canvas."""
        return self.size[0] - SIDE + 1

    @property
    def columns(self) -> int:
        """Patches in such a row."""
        return self.size[1] - SIDE + 1

    def colours(self) -> Tensor:
        """(1, 3, h, w): the means of what the patches over each pixel say of it."""
        usual = float(self.errors[:: 1 + len(self.errors) // MOST_SAMPLED].median()) + 1e-6
        # A power, not an exponential: of several that are all far off the best still has more say.
        say = ((1 + self.errors / usual) ** -SHARPNESS).view(self.rows, self.columns)
        y, x = split(self.chosen, self.source.columns)
        width = self.source.size[1]
        flat = self.source.colours[0].flatten(1)
        total, share = torch.zeros(3, *self.size), torch.zeros(1, *self.size)
        for dy in range(SIDE):
            for dx in range(SIDE):
                part = (..., slice(dy, dy + self.rows), slice(dx, dx + self.columns))
                asked = flat[:, (y + dy) * width + x + dx].view(3, self.rows, self.columns)
                total[part] += asked * say
                share[part] += say
        return (total / share)[None]

    def origins(self) -> tuple[Tensor, Tensor]:
        """(h, w) each: the row and column of the source that the best patch over a pixel has
        there."""
        least = torch.full(self.size, math.inf)
        from_y = torch.zeros(self.size, dtype=torch.long)
        from_x = torch.zeros_like(from_y)
        errors = self.errors.view(self.rows, self.columns)
        y, x = (one.view_as(errors) for one in split(self.chosen, self.source.columns))
        for dy in range(SIDE):
            for dx in range(SIDE):
                part = (slice(dy, dy + self.rows), slice(dx, dx + self.columns))
                better = errors < least[part]
                least[part] = torch.where(better, errors, least[part])
                from_y[part] = torch.where(better, y + dy, from_y[part])
                from_x[part] = torch.where(better, x + dx, from_x[part])
        return from_y, from_x

    def carried_to(self, source: Source, size: Size) -> Tensor:
        """The same choices on a larger canvas from a larger source: numbers of patches."""
        found = []
        for axis, old in enumerate((self.rows, self.columns)):
            start = torch.arange(size[axis] - SIDE + 1)
            growth = size[axis] / self.size[axis]
            below = ((start + SIDE / 2) / growth - SIDE / 2).round().long().clamp_(0, old - 1)
            # What lies between the patches of the smaller canvas lies as far apart in the source.
            rest = start + SIDE / 2 - (below + SIDE / 2) * growth
            found.append((below, rest))
        (below_y, rest_y), (below_x, rest_x) = found
        place = self.chosen.view(self.rows, self.columns)[below_y][:, below_x]
        from_y, from_x = split(place, self.source.columns)
        scale = [new / old for new, old in zip(source.size, self.source.size, strict=True)]
        y = (from_y + SIDE / 2) * scale[0] - SIDE / 2 + rest_y[:, None]
        x = (from_x + SIDE / 2) * scale[1] - SIDE / 2 + rest_x
        y = y.round().long().clamp_(0, source.rows - 1)
        x = x.round().long().clamp_(0, source.columns - 1)
        return (y * source.columns + x).flatten()


def split(numbers: Tensor, columns: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of what is numbered in rows of `columns`."""
    return torch.div(numbers, columns, rounding_mode="floor"), numbers % columns


def matched(
    source: Source,
    colours: Tensor,
    guide: Tensor | None,
    where: Tensor,
    generator: torch.Generator,
    begun: Tensor | None = None,
) -> Arrangement:
    """The patches of the source that are most like those of a canvas.

    colours: (1, 3, h, w) of it; guide: (1, g, h, w) if the source has one; where: (1, 2, h, w), the
    places in the source that are expected; begun: numbers of patches to begin with, which a search
    by chance improves where there are too many to be compared with all.
    """
    size = (colours.shape[-2], colours.shape[-1])
    wanted = source.placed(source.features(colours, guide), where)
    if begun is None or len(wanted) * len(source.own) <= EXACT_PAIRS:
        chosen = _best_of_all(source.own, wanted)
        errors = (wanted - source.own[chosen]).square_().sum(dim=1)
        return Arrangement(source, size, chosen, errors)
    search = _Search(source, wanted, size, begun)
    search.run(generator)
    return Arrangement(source, size, search.chosen, search.costs)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, k), (m, k) → (n, m)."""
    squares = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1)
    return torch.addmm(squares, a, b.T, alpha=-2).clamp_(min=0)


def nearest(own: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """(m,) of `own` (m, k), (n,) of `wanted` (n, k): how far the nearest of the others is."""
    least, found = torch.full((len(own),), math.inf), []
    for part in wanted.split(max(1, MOST_PAIRS // len(own))):
        distances = squared_distances(part, own)
        least = torch.minimum(least, distances.min(dim=0).values)
        found.append(distances.min(dim=1).values)
    return least, torch.cat(found)


def _best_of_all(own: Tensor, wanted: Tensor) -> Tensor:
    """For each of `wanted` (n, k) the number of the patch that suits it best, of all.

    Distances count as shares of that to the one of `wanted` that is nearest to the patch: what
    nothing else is like is used too, so nothing of the picture is left out (Granot et al., *Drop
    the GAN*, 2022, eq. 2).
    """
    least, _ = nearest(own, wanted)
    best = [
        (squared_distances(part, own) / (COMPLETE + least)).argmin(dim=1)
        for part in wanted.split(max(1, MOST_PAIRS // len(own)))
    ]
    return torch.cat(best)


class _Search:
    """PatchMatch (Barnes et al., 2009): what suits a neighbour is tried, then what lies at random
    around the present choice."""

    def __init__(self, source: Source, wanted: Tensor, size: Size, begun: Tensor) -> None:
        self.source, self.wanted = source, wanted
        self.rows, self.columns = (side - SIDE + 1 for side in size)
        self.chosen = begun.clone()
        self.costs = self._costs(torch.arange(len(begun)), begun)

    def run(self, generator: torch.Generator) -> None:
        for step in STEPS:
            for dy, dx in ((0, step), (0, -step), (step, 0), (-step, 0)):
                self._try_neighbours(dy, dx)
        for spread in SPREAD:
            self._try_random(spread, generator)

    def _try_neighbours(self, dy: int, dx: int) -> None:
        y = (torch.arange(self.rows) + dy).clamp_(0, self.rows - 1)
        x = (torch.arange(self.columns) + dx).clamp_(0, self.columns - 1)
        place = self.chosen.view(self.rows, self.columns)[y][:, x].flatten()
        from_y, from_x = split(place, self.source.columns)
        self._try(from_y - dy, from_x - dx)

    def _try_random(self, spread: float, generator: torch.Generator) -> None:
        reach = max(self.source.size) * spread
        off = (torch.rand(2, len(self.chosen), generator=generator) * 2 - 1) * reach
        y, x = split(self.chosen, self.source.columns)
        self._try(y + off[0].round().long(), x + off[1].round().long())

    def _try(self, y: Tensor, x: Tensor) -> None:
        """Choose the patches at `y`, `x` where they suit better."""
        source = self.source
        inside = (y >= 0) & (y < source.rows) & (x >= 0) & (x < source.columns)
        place = torch.where(inside, y * source.columns + x, self.chosen)
        worth = (place != self.chosen).nonzero()[:, 0]
        costs = self._costs(worth, place[worth])
        better = costs < self.costs[worth]
        won = worth[better]
        self.chosen[won], self.costs[won] = place[won], costs[better]

    def _costs(self, which: Tensor, numbers: Tensor) -> Tensor:
        return (self.wanted[which] - self.source.own[numbers]).square_().sum(dim=1)
