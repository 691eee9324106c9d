"""A hole filled with patches of the picture that is around it, so that structures go on.

From coarse to fine, patches in the hole and the known ones most like them are found in turn with
the colours that those ask for (Wexler et al., *Space-Time Completion of Video*, 2007), by the
search of PatchMatch (Barnes et al., 2009), from a first filling that grows inwards from the border
(Newson et al., *Video Inpainting of Complex Scenes*, 2014). In the end gradients are copied rather
than colours (Darabi et al., *Image Melding*, 2012), so that pieces meet without a step in tone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st

from .detail import with_detail
from .patches import SIDE, Known, Match, grown_inwards
from .seams import joined

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BoolArray = npt.NDArray[np.bool_]
Size = tuple[int, int]

FACTOR = math.sqrt(2)
"""Between the sides of one size and the next."""

COARSEST_SIDE, COARSEST_BESIDE = 22, 30
"""Of what is known at the first size, where the layout of a large hole is decided: three patches. A
sky above the picture is to be made of patches that show sky alone: four."""

THICKNESS = 1.5
"""Of a hole at the first size, in patches: a small one needs no layout."""

LEAST_PATCHES = 50
"""To choose from: with fewer known ones a size is left out."""

TRIES = (5, 5, 3, 2)
"""Layouts that are gone on with at the first sizes, those that fit best; at the others one is."""

ROUNDS, LAST_ROUNDS = 4, 2
"""Of finding patches and colours in turn, at each size and at the last one."""

TEXTURED = 0.2
"""Share of the colours' variance that the channel has which says how fine the detail is around a
pixel: at small sizes gravel, leaves and a plain wall are alike, and so are they to a blur."""

EVEN = 0.3
"""Deviation of the contrast, as a share of its mean, below which it tells little: what is left are
borders, at which it is known less well."""

AROUND = 4.0
"""How far around: σ in pixels of the size that is filled."""

FILLED_PIXELS = 100_000
"""Larger pictures are filled at this size, and get their finest detail from where pieces came."""


@dataclass(frozen=True)
class Filling:
    """A picture without its hole."""

    image: Tensor
    """(1, 3, h, w) in [-1, 1]; outside the hole it is what was given."""
    misfit: float
    """How unlike the patches that were put in are to those that they were put in for, as a share of
    the picture's variance."""


def fill(image: Tensor, hole: BoolArray, generator: torch.Generator) -> Filling:
    """`image` (1, 3, h, w) with its `hole` (h, w) filled; what it shows there is never looked at.

    Other random numbers give another filling. Where next to nothing is known it is of one colour.
    """
    import torch

    known = torch.from_numpy(~hole)[None, None].float()
    size = (hole.shape[0], hole.shape[1])
    small = st.working_size(size, FILLED_PIXELS)
    seen, share = _reduced(image, known, (min(2 * small[0], size[0]), min(2 * small[1], size[1])))
    told = torch.cat([seen, _texture(seen, share[0, 0].numpy() < 1, small)], dim=1)
    coarsest_first = sizes(share[0, 0].numpy() < 0.5, small)
    levels = [level for one in coarsest_first if (level := _level(told, share, one))]
    if not hole.any() or not levels:
        mean = (image * known).sum(dim=(2, 3), keepdim=True) / known.sum().clamp(min=1)
        return Filling(torch.where(known > 0, image, mean), 0.0)
    match = _matched(levels, generator)
    made = joined(match)
    if small != size:
        made = with_detail(image * known, hole, match, made)
    return Filling(made, match.misfit)


def sizes(hole: BoolArray, last: Size) -> list[Size]:
    """Those that a `hole` (h, w) is filled at, coarsest first."""
    from scipy import ndimage

    scale = last[0] / hole.shape[0]
    thickness = 2 * scale * float(ndimage.distance_transform_edt(hole).max())
    coarsest = COARSEST_BESIDE if hole[0].all() or hole[-1].all() else COARSEST_SIDE
    first = coarsest / (scale * max(1, _known_side(hole)))
    least = max(first, min(1.0, THICKNESS * SIDE / max(thickness, 1.0)))
    count = max(0, math.ceil(math.log(1 / min(least, 1.0)) / math.log(FACTOR)))
    factors = [FACTOR**-k for k in range(count, -1, -1)]
    return [(max(1, round(last[0] * by)), max(1, round(last[1] * by))) for by in factors]


def _known_side(hole: BoolArray) -> int:
    """The shorter side of the box around what is known."""
    return min(int(np.count_nonzero(~hole.all(axis=axis))) for axis in (0, 1))


def _texture(image: Tensor, hole: BoolArray, size: Size) -> Tensor:
    """(1, 1, h, w): the mean contrast around each pixel, of `image` as it is at `size`.

    As in Newson et al., 2014: without it textures are filled with what is as smooth as their mean.
    """
    import torch
    from scipy import ndimage

    sigma = AROUND * hole.shape[0] / size[0]
    grey, known = image[0].mean(dim=0).numpy().copy(), (~hole).astype(np.float32)
    grey[hole] = 0
    fine = max(0.0, sigma / AROUND - 1) / 2
    if fine:
        seen = ndimage.gaussian_filter(known, fine)
        grey = np.where(hole, 0, ndimage.gaussian_filter(grey, fine) / np.maximum(seen, 1e-6))
    both = known * (ndimage.minimum_filter(known, 3) > 0)
    contrast = ndimage.gaussian_gradient_magnitude(grey, 0.5 * sigma / AROUND) * both
    seen = ndimage.gaussian_filter(both, sigma)
    mean = ndimage.gaussian_filter(contrast, sigma) / np.maximum(seen, 1e-6)
    inside = mean[~hole]
    share = float(image[0][:, torch.from_numpy(~hole)].var(dim=1, correction=0).sum()) * TEXTURED
    usual = max(float(inside.std()), EVEN * float(inside.mean()), 0.01)
    mean = (mean - inside.mean()) * np.sqrt(share) / usual
    return torch.from_numpy(mean.astype(np.float32))[None, None]


def _level(image: Tensor, known: Tensor, size: Size) -> Known | None:
    """What is known at `size`; None if that are too few patches."""
    if min(size) < SIDE:
        return None
    colours, share = _reduced(image, known, size)
    level = Known(colours, share[0, 0].numpy() < 0.5)
    return level if len(level.places) >= LEAST_PATCHES else None


def _reduced(image: Tensor, known: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """`image` (1, c, h, w) at `size`, by what is `known` (1, 1, h, w) of it, and that."""
    from torch.nn import functional as F

    if size == image.shape[-2:]:
        return image, known
    share = F.interpolate(known, size=size, mode="area")
    colours = F.interpolate(image * known, size=size, mode="area") / share.clamp(min=1e-6)
    return colours, share


def _matched(levels: list[Known], generator: torch.Generator) -> Match:
    """The match at the last of the `levels`, of several begun at the first."""
    matches: list[Match] = []
    for index, level in enumerate(levels):
        count = TRIES[index] if index < len(TRIES) else 1
        rounds = LAST_ROUNDS if level is levels[-1] else ROUNDS
        if matches:
            begun = [match.carried_to(level) for match in matches[:count]]
        else:
            begun = [grown_inwards(level, generator) for _ in range(count)]
        matches = [_refined(match, rounds, generator) for match in begun]
        matches.sort(key=lambda match: match.misfit + match.seam)
    return matches[0]


def _refined(match: Match, rounds: int, generator: torch.Generator) -> Match:
    for _ in range(rounds):
        match = match.improved(generator)
    return match
