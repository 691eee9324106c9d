"""Patches of what is known of a picture, and which of them go where in its hole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from .layers import Layers

BoolArray = npt.NDArray[np.bool_]

SIDE = 7
"""Of a patch, in pixels."""

USE_COST = 0.08
"""Of a patch from where patches are taken `FAIR_USE` times too often, the same share: else a moon
is copied four times, or a plain place everywhere."""

FAIR_USE = 2.0
MOST_USE = 4.0

JITTER = 0.15
"""By how much the costs are changed at random when the hole is first filled: each sample grows
otherwise."""

LIKING = 0.01
"""By how much, of the picture's variance, some places are liked better than others at first: that
too is another in each sample."""

KNOWN_WEIGHT = 16.0
"""Of a known pixel, in how unlike a patch is, beside one that is made up: what goes on has to do so
from the very border, else a copy of what is beside the hole begins there with a cut."""

EXACT_PAIRS = 2_000_000
"""Of patches: fewer are compared all with all."""

CHUNK = 1024
"""Patches whose costs are held at once."""

STEPS = (4, 1, 2, 1)
"""How far off the neighbours are whose choices are tried, in turn."""

SPREAD = (1.0, 1 / 3, 1 / 9, 1 / 27)
"""How far random choices lie from the present one, as shares of the picture."""

SHARPNESS = 2.0
"""Of the colours that patches ask for while better ones are sought; see `Match.votes`."""

DECAY = 1.2
"""Of a patch's say with each 1/64 of the picture's size that it lies deeper in the hole."""


LEAST = 1e-30
"""Sum of what patches say of a pixel; where none lies it is 0."""

MODE = 0.01
"""Share of a pixel's variance by which a colour may be off the mean of those asked for: one that is
farther off has less say."""


class Known:
    """A picture with a hole at one size, cut into patches.

    A patch is named by the number of its upper left pixel, in rows of `columns`.
    """

    def __init__(self, colours: Tensor, hole: BoolArray) -> None:
        """colours: (1, 3, h, w), or more channels that patches are told by, anything in the `hole`
        (h, w)."""
        self.hole = torch.from_numpy(hole)
        self.colours = colours.masked_fill(self.hole, 0)
        self.h, self.w = hole.shape
        self.rows, self.columns = self.h - SIDE + 1, self.w - SIDE + 1
        free = _touched(hole)
        self.is_known = torch.from_numpy(~free).flatten()
        self.places = self.is_known.nonzero()[:, 0]
        self.targets = (~self.is_known).nonzero()[:, 0]
        self.layers = Layers(self.colours[:, :3], hole, ~free, SIDE)
        self.variance = self.layers.variance

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.h, self.w

    @cached_property
    def offsets(self) -> Tensor:
        """(SIDE²,) of a patch's pixels from its upper left one."""
        return _offsets(self.w)

    @cached_property
    def patches(self) -> Tensor:
        """(rows·columns, SIDE²·c) of the known pixels, the others 0."""
        return self.cut(self.colours, torch.arange(self.rows * self.columns))

    @cached_property
    def nearest(self) -> Tensor:
        """(rows·columns,) the known patch that is nearest to each."""
        from scipy import ndimage

        free = ~self.is_known.view(self.rows, self.columns).numpy()
        y, x = ndimage.distance_transform_edt(free, return_distances=False, return_indices=True)
        return torch.from_numpy(y.astype(np.int64) * self.columns + x).flatten()

    @cached_property
    def depth(self) -> Tensor:
        """(n,) how deep in the hole the middle of each target lies, in 1/64 of the picture."""
        from scipy import ndimage

        depth = ndimage.distance_transform_edt(self.hole.numpy()) * (64 / max(self.size))
        deep = torch.from_numpy(np.minimum(depth, 64).astype(np.float32)).flatten()
        return deep[self.pixel(self.targets) + SIDE // 2 * (self.w + 1)]

    @cached_property
    def weights(self) -> Tensor:
        """(n, SIDE²) of the pixels of each target, 1 in the mean."""
        seen = self.cut((~self.hole).float()[None, None], self.targets)
        weights = 1 + (KNOWN_WEIGHT - 1) * seen
        return weights / weights.mean(dim=1, keepdim=True)

    @cached_property
    def covered(self) -> tuple[Tensor, Tensor]:
        """(m,) the pixels of the hole and at its border, (m, SIDE²) which targets lie over each.

        Targets are told by their number, len(targets) is none; in the order of `offsets`, so that
        a pixel is the k-th of its k-th patch.
        """
        near = F.max_pool2d(self.hole[None, None].float(), 3, stride=1, padding=1)
        pixels = near.flatten().nonzero()[:, 0]
        number = torch.full((self.rows * self.columns,), len(self.targets))
        number[self.targets] = torch.arange(len(self.targets))
        around = F.pad(number.view(self.rows, -1), (SIDE - 1,) * 4, value=len(self.targets))
        first = pixels + pixels // self.w * (SIDE - 1)
        back = _offsets(self.w + SIDE - 1).flip(0)
        return pixels, around.flatten()[first[:, None] + back]

    def cut(self, image: Tensor, places: Tensor) -> Tensor:
        """(n, SIDE²·c): the patches of `image` (1, c, h, w) there, as `patches` has those known."""
        at = self.pixel(places)[:, None] + self.offsets
        pixels = image[0].flatten(1).T.contiguous()
        return pixels.index_select(0, at.flatten()).view(len(places), -1)

    def pixel(self, places: Tensor) -> Tensor:
        """The numbers of their upper left pixels in the picture."""
        return places // self.columns * self.w + places % self.columns


def _touched(hole: BoolArray) -> BoolArray:
    """(h - SIDE + 1, w - SIDE + 1): true where a patch has a pixel of the hole."""
    counts = np.pad(hole.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = counts[SIDE:, SIDE:] - counts[:-SIDE, SIDE:] - counts[SIDE:, :-SIDE]
    touched: BoolArray = inside + counts[:-SIDE, :-SIDE] > 0
    return touched


@dataclass(frozen=True)
class Match:
    """Which known patch goes where."""

    known: Known
    chosen: Tensor
    """(n,) of all of `known.targets`, the place that its patch comes from."""
    colours: Tensor
    """(1, c, h, w) that the patches together make."""
    errors: Tensor
    """(n,) squared distances of what was chosen to the colours that it was chosen for."""
    usage: Tensor
    """(rows·columns,) the cost of places that were taken too often."""

    @property
    def misfit(self) -> float:
        """Mean cost of the patches, as a share of the picture's variance."""
        elsewhere = self.known.layers.cost(self.chosen, self.known.targets)
        return float((self.errors + elsewhere).mean()) / self.known.variance

    @property
    def seam(self) -> float:
        """Mean distance of the patches that see what is known, by the picture's variance.

        A hole that is one copy throughout has next to no misfit, and yet a cut where it begins.
        """
        known = self.known
        share = F.avg_pool2d((~known.hole)[None, None].float(), SIDE, stride=1).flatten()
        errors = self.errors[share[known.targets] > 0]
        return float(errors.mean()) / known.variance if len(errors) else 0.0

    def carried_to(self, level: Known) -> Match:
        """The same choices at a larger size."""
        scale = [new / old for new, old in zip(level.size, self.known.size, strict=True)]
        old = self.known
        below = (
            _rescaled(level.targets // level.columns, 1 / scale[0], old.rows),
            _rescaled(level.targets % level.columns, 1 / scale[1], old.columns),
        )
        field = torch.arange(old.rows * old.columns)
        field[old.targets] = self.chosen
        target = below[0] * old.columns + below[1]
        place = field[target]
        shift_y = (place // old.columns - below[0]).float() * scale[0]
        shift_x = (place % old.columns - below[1]).float() * scale[1]
        y = (level.targets // level.columns + shift_y.round().long()).clamp_(0, level.rows - 1)
        x = (level.targets % level.columns + shift_x.round().long()).clamp_(0, level.columns - 1)
        chosen = level.nearest[y * level.columns + x]
        colours = F.interpolate(self.colours, size=level.size, mode="bilinear")
        begun = torch.where(level.hole, colours, level.colours)
        return _agreed(level, chosen, begun, torch.zeros(level.rows * level.columns))

    def improved(self, generator: torch.Generator) -> Match:
        """Better patches for the present colours, and the colours that those ask for."""
        usage = _usage(self.known, self.chosen, self.usage)
        wanted = self.known.cut(self.colours, self.known.targets)
        if len(self.known.targets) * len(self.known.places) <= EXACT_PAIRS:
            chosen = _best_of_all(self.known, wanted, usage)
        else:
            chosen = _Search(self.known, wanted, usage, self.chosen).run(generator)
        return _agreed(self.known, chosen, self.colours, usage)

    def votes(self, values: Tensor, sharpness: float) -> Tensor:
        """What the patches that lie over each pixel say of it, (h·w, k); 0 far from the hole.

        values: (h·w, k) of the known picture. Those that fit have more say, the more so the higher
        the sharpness, and so have those that say what most do: a mean of two things is neither, but
        a fog (the mode of Wexler et al., 2007, by one step of mean shift).
        """
        known = self.known
        colours = known.colours[0, :3].flatten(1).T.contiguous()
        says = torch.cat([self._says(sharpness), torch.tensor([-torch.inf])])
        sources = torch.cat([known.pixel(self.chosen), torch.tensor([0])])  # of none, unheard
        width = MODE * known.variance / SIDE**2
        sums = torch.zeros(known.h * known.w, values.shape[1])
        for pixels, over in zip(*(one.split(CHUNK) for one in known.covered), strict=True):
            # Relative to the most that one says: where all fit badly it would be lost by rounding.
            share = (says[over] - says[over].amax(dim=1, keepdim=True)).exp_()
            source = (sources[over] + known.offsets).flatten()
            said = colours.index_select(0, source).view(*over.shape, 3)
            mean = (said * share[..., None]).sum(dim=1) / share.sum(dim=1, keepdim=True)
            off = (said - mean[:, None]).square_().sum(dim=2)
            share /= (1 + off / width).square_()
            asked = values.index_select(0, source).view(*over.shape, -1)
            sums[pixels] = torch.bmm(share[:, None], asked)[:, 0]
        return sums

    def _says(self, sharpness: float) -> Tensor:
        """(n,) logarithms of how much say each patch has."""
        known = self.known
        some = self.errors[:: 1 + len(self.errors) // 20_000]
        usual = float(some.quantile(0.5)) + 1e-6 * known.variance
        # A power, not an exponential: of several that are all far off the best still has more say.
        return -sharpness * (self.errors / usual).log1p() - math.log(DECAY) * known.depth


def _offsets(width: int) -> Tensor:
    """(SIDE²,) of a patch's pixels from its upper left one, where rows are so wide."""
    side = torch.arange(SIDE)
    return (side[:, None] * width + side).flatten()


def _rescaled(start: Tensor, scale: float, count: int) -> Tensor:
    """Where patches begin at another size whose middles are the same, of `count`."""
    return ((start + SIDE / 2) * scale - SIDE / 2).round().long().clamp_(0, count - 1)


def _agreed(known: Known, chosen: Tensor, colours: Tensor, usage: Tensor) -> Match:
    """The match that has the colours which the chosen patches ask for."""
    wanted = known.cut(colours, known.targets)
    unlike = wanted.sub_(known.patches.index_select(0, chosen)).square_()
    errors = (_of_pixels(unlike) * known.weights).sum(dim=1)
    match = Match(known, chosen, colours, errors, usage)
    ones = torch.ones(known.h * known.w, 1)
    sums = match.votes(torch.cat([known.colours[0].flatten(1).T, ones], dim=1), SHARPNESS)
    voted = (sums[:, :-1] / sums[:, -1:].clamp(min=LEAST)).T.view(1, -1, known.h, known.w)
    return Match(known, chosen, torch.where(known.hole, voted, colours), errors, usage)


def _of_pixels(values: Tensor) -> Tensor:
    """(n, SIDE²) sums over the channels of patches (n, SIDE²·c)."""
    return values.view(len(values), SIDE**2, -1).sum(dim=2)


def _usage(known: Known, chosen: Tensor, before: Tensor) -> Tensor:
    """The cost of each place, by how often it and those around it were chosen."""
    from scipy import ndimage

    counts = torch.bincount(chosen, minlength=known.rows * known.columns).float()
    around = ndimage.gaussian_filter(
        counts.view(known.rows, known.columns).numpy(), max(1.0, known.h / 24)
    )
    fair = FAIR_USE * known.layers.even_use[:, None]
    excess = (torch.from_numpy(around) / fair - 1).clamp_(0, MOST_USE).flatten()
    # Half of it is what was: choices would swing to and fro.
    return (before + excess * (USE_COST * known.variance)) / 2


def _best_of_all(known: Known, wanted: Tensor, usage: Tensor) -> Tensor:
    """For each target the known patch of the lowest cost."""
    places = known.places
    candidates, costs = known.patches[places], usage[places]
    squares = _of_pixels(candidates.square())
    best = []
    for some, weights, targets in zip(
        *(one.split(CHUNK) for one in (wanted, known.weights, known.targets)), strict=True
    ):
        # Σ w (a - b)² but for Σ w a², which is the same for all b.
        weighted = (some.view(*weights.shape, -1) * weights[..., None]).flatten(1)
        cost = torch.addmm(costs, weighted, candidates.T, alpha=-2).addmm_(weights, squares.T)
        cost += known.layers.cost(places, targets[:, None])
        best.append(places[cost.argmin(dim=1)])
    return torch.cat(best)


class _Search:
    """PatchMatch: what suits a neighbour is tried, then what lies at random around that."""

    def __init__(self, known: Known, wanted: Tensor, usage: Tensor, chosen: Tensor) -> None:
        self.known, self.wanted, self.usage = known, wanted, usage
        self.chosen = chosen.clone()
        self.costs = self._costs(torch.arange(len(chosen)), chosen)

    def run(self, generator: torch.Generator) -> Tensor:
        for step in STEPS:
            for dy, dx in ((0, step), (0, -step), (step, 0), (-step, 0)):
                self._try_neighbours(dy, dx)
        for spread in SPREAD:
            self._try_random(spread, generator)
        return self.chosen

    def _try_neighbours(self, dy: int, dx: int) -> None:
        known = self.known
        field = torch.arange(known.rows * known.columns)
        field[known.targets] = self.chosen
        y, x = known.targets // known.columns + dy, known.targets % known.columns + dx
        y, x = y.clamp_(0, known.rows - 1), x.clamp_(0, known.columns - 1)
        place = field[y * known.columns + x]
        self._try(place // known.columns - dy, place % known.columns - dx)

    def _try_random(self, spread: float, generator: torch.Generator) -> None:
        known = self.known
        reach = max(known.rows, known.columns) * spread
        off = (torch.rand(2, len(self.chosen), generator=generator) * 2 - 1) * reach
        y = self.chosen // known.columns + (off[0] / 2).round().long()
        self._try(y, self.chosen % known.columns + off[1].round().long())

    def _try(self, y: Tensor, x: Tensor) -> None:
        """Choose the patches at `y`, `x` for the targets that they suit better."""
        known = self.known
        inside = (y >= 0) & (y < known.rows) & (x >= 0) & (x < known.columns)
        place = torch.where(inside, y * known.columns + x, self.chosen)
        worth = (known.is_known[place] & (place != self.chosen)).nonzero()[:, 0]
        if len(worth) == 0:
            return
        place = place[worth]
        costs = self._costs(worth, place)
        better = costs < self.costs[worth]
        won = worth[better]
        self.chosen[won], self.costs[won] = place[better], costs[better]

    def _costs(self, which: Tensor, places: Tensor) -> Tensor:
        """Of patches at `places` for those of the targets."""
        known = self.known
        unlike = self.wanted.index_select(0, which) - known.patches.index_select(0, places)
        unlike = (_of_pixels(unlike.square_()) * known.weights[which]).sum(dim=1)
        elsewhere = known.layers.cost(places, known.targets[which])
        return unlike + elsewhere + self.usage[places]


def grown_inwards(known: Known, generator: torch.Generator) -> Match:
    """A first match, pixel by pixel from the border of the hole inwards."""
    from scipy import ndimage

    colours, hole = known.colours.clone(), known.hole.numpy().copy()
    flat = known.colours[0].flatten(1)
    candidates = known.patches[known.places]
    usage = _liking(known, generator)
    while hole.any():
        edge = hole & ndimage.binary_dilation(~hole)
        y, x = (torch.from_numpy(one) for one in np.nonzero(edge))
        top = (y - SIDE // 2).clamp_(0, known.rows - 1)
        left = (x - SIDE // 2).clamp_(0, known.columns - 1)
        targets = top * known.columns + left
        costs = _costs_of_seen(known, colours, hole, targets, candidates)
        noise = torch.rand(costs.shape, generator=generator)
        costs = costs * (1 + JITTER * noise) + usage[known.places]
        place = known.places[costs.argmin(dim=1)]
        colours[0, :, y, x] = flat[:, known.pixel(place) + (y - top) * known.w + x - left]
        hole &= ~edge
    wanted = known.cut(colours, known.targets)
    return _agreed(known, _best_of_all(known, wanted, usage), colours, usage)


def _liking(known: Known, generator: torch.Generator) -> Tensor:
    """(rows·columns,) a cost of each place, that changes little from one to the next."""
    from scipy import ndimage

    noise = torch.rand(known.rows, known.columns, generator=generator).numpy()
    around = torch.from_numpy(ndimage.gaussian_filter(noise, known.h / 24))
    around = (around - around.min()) / (around.max() - around.min()).clamp(min=1e-6)
    return around.flatten() * (LIKING * known.variance)


def _costs_of_seen(
    known: Known, colours: Tensor, hole: BoolArray, targets: Tensor, candidates: Tensor
) -> Tensor:
    """Of all known patches for `targets`, (n, all), by those of their pixels that are no hole."""
    channels = colours.shape[1]
    mask = known.cut(torch.from_numpy(~hole).float().expand(1, channels, -1, -1), targets)
    wanted = known.cut(colours, targets) * mask
    unlike = (wanted * wanted).sum(dim=1, keepdim=True) - 2 * wanted @ candidates.T
    unlike = (unlike + mask @ candidates.square().T).clamp_(min=0)
    unlike *= mask.shape[1] / mask.sum(dim=1, keepdim=True)
    return unlike + known.layers.cost(known.places, targets[:, None])
