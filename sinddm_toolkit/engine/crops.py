"""What is drawn for an update: crops of one scale, their timesteps and their noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sinddm_toolkit.engine.networks import (
    CELL,
    HALO,
    WHOLE,
    Corner,
    Frame,
    with_halo,
    without_halo,
)
from sinddm_toolkit.engine.pyramid import Pyramid, Size
from sinddm_toolkit.engine.quality import Quality
from sinddm_toolkit.engine.schedule import Schedule

CHUNK_PIXELS = 400_000
"""Pixels that gradients are computed of at once; those of larger batches are added up."""


@dataclass(frozen=True)
class Batch:
    """Crops of one scale, or all of it several times, with a timestep and noise for each."""

    sharp: Tensor
    """x^s, (n, 3, h, w) with the frame's halo."""
    blurred: Tensor
    """x̃^s = x^{s-1} ↑ r, as `sharp`."""
    t: Tensor
    """(n,)."""
    alpha: Tensor
    """ᾱ_t, (n, 1, 1, 1)."""
    gamma: Tensor
    """γ_t^s, as `alpha`; zero at scale 0."""
    noise: Tensor
    """ε, as `sharp`."""
    frame: Frame
    known: Tensor | None
    """(n or 1, 1, h, w) without the halo: 0 where nothing is to be learnt; None is everything."""

    def chunks(self) -> Iterator[Batch]:
        """The same in parts of at most `CHUNK_PIXELS`, but at least one picture each."""
        n, _, h, w = self.sharp.shape
        size = max(1, CHUNK_PIXELS // (h * w))
        if size >= n:
            yield self
            return
        for k in range(0, n, size):
            yield self._part(slice(k, k + size))

    def _part(self, part: slice) -> Batch:
        known, inside = self.known, self.frame.inside
        if known is not None and len(known) == len(self.t):
            known = known[part]
        if inside is not None and len(inside) == len(self.t):
            inside = inside[part]
        return Batch(
            self.sharp[part],
            self.blurred[part],
            self.t[part],
            self.alpha[part],
            self.gamma[part],
            self.noise[part],
            Frame(halo=self.frame.halo, inside=inside),
            known,
        )


_Cut = tuple[Tensor, Tensor, Tensor | None, Frame]
"""`sharp`, `blurred`, `known` and `frame` of a batch."""


@dataclass(frozen=True)
class _Scale:
    """One scale of a picture that is learnt, on the device."""

    sharp: Tensor
    """x^s, (1, 3, h, w)."""
    blurred: Tensor
    """x̃^s, as `sharp`."""
    known: Tensor | None
    """(1, 1, h, w), 0 where nothing is to be learnt."""
    places_known: Tensor | None
    """(k, 2) row and column of the pixels that `known` says are."""

    @property
    def size(self) -> Size:
        """(h, w)."""
        return self.sharp.shape[-2], self.sharp.shape[-1]


class Batches:
    """Draws what a denoiser learns from, all on the device."""

    def __init__(
        self,
        pyramid: Pyramid,
        schedule: Schedule,
        quality: Quality,
        device: torch.device,
        seed: int,
    ) -> None:
        self.quality = quality
        self._sources = pyramid.sources
        self._scales: dict[tuple[int, int], _Scale] = {}
        self.alphas = torch.tensor(schedule.alphas_cumprod, dtype=torch.float32, device=device)
        self.gammas = torch.tensor(schedule.gammas, dtype=torch.float32, device=device)
        self.places = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.device = device

    def draw(self, scale: int, t_end: int) -> Batch:
        """A batch of that scale, with timesteps from 0 to t_end-1."""
        t = self._timesteps(scale, t_end).to(self.device, non_blocking=True)
        what = self._scale(self._source(), scale)
        cut = self._whole(what) if self._is_whole(what) else self._crops(what)
        sharp, blurred, known, frame = cut
        noise = torch.randn(sharp.shape, generator=self.noise, device=self.device)
        alpha = self.alphas[t].view(-1, 1, 1, 1)
        gamma = self.gammas[scale, t].view(-1, 1, 1, 1)
        return Batch(sharp, blurred, t, alpha, gamma, noise, frame, known)

    def _timesteps(self, scale: int, t_end: int) -> Tensor:
        """(batch,) of 0 … t_end-1, on the CPU."""
        n, early = self.quality.batch, self.quality.early_steps
        # The layout is made by the last timesteps of the coarsest scale: too little of them, and
        # samples have more of what most of the picture is.
        if early is None or scale == 0:
            return torch.randint(t_end, (n,), generator=self.places)
        shares = 1 / (torch.arange(t_end) + early)
        return torch.multinomial(shares, n, replacement=True, generator=self.places)

    def _source(self) -> int:
        """Which picture a batch is of: of several each as often as the others."""
        count = len(self._sources)
        return int(torch.randint(count, (), generator=self.places)) if count > 1 else 0

    def _is_whole(self, what: _Scale) -> bool:
        """Whether crops of this scale would be dearer than all of it, with their halo."""
        if self.quality.crop is None:
            return True
        h, w = what.size
        side = self.quality.crop
        return h * w <= (min(h, side) + 2 * HALO) * (min(w, side) + 2 * HALO)

    def _whole(self, what: _Scale) -> _Cut:
        y, x0 = self._spared(what.size)
        sharp, blurred = (
            x[..., y:, x0:].expand(self.quality.batch, -1, -1, -1)
            for x in (what.sharp, what.blurred)
        )
        known = None if what.known is None else what.known[..., y:, x0:]
        return sharp, blurred, known, WHOLE

    def _crops(self, what: _Scale) -> _Cut:
        side = self.quality.crop or 0
        h, w = (
            min(side, length) - spared
            for length, spared in zip(what.size, self._spared(what.size), strict=True)
        )
        corners = self._corners(what, (h, w))

        def cut(x: Tensor) -> Tensor:
            return with_halo(x, corners, (h, w))

        frame = Frame.of_crops(corners, (h, w), what.size, self.device)
        known = None if what.known is None else without_halo(cut(what.known))
        return cut(what.sharp), cut(what.blurred), known, frame

    def _scale(self, source: int, scale: int) -> _Scale:
        """What there is at `scale` of a picture; only scales that are trained take up memory."""
        if (source, scale) not in self._scales:
            pyramid = self._sources[source]
            known = None if pyramid.known is None else pyramid.known[scale]
            self._scales[source, scale] = _Scale(
                pyramid.scales[scale].to(self.device),
                pyramid.blurred[scale].to(self.device),
                None if known is None else known.to(self.device),
                None if known is None else known[0, 0].nonzero(),
            )
        return self._scales[source, scale]

    def _spared(self, size: Size) -> tuple[int, int]:
        """How many rows and columns less than usual are learnt from.

        A canvas may end within a cell: so must what is learnt from, as often as not. Without crops
        it is always the whole picture.
        """
        if self.quality.crop is None:
            return 0, 0
        rows, columns = (
            int(torch.randint(min(CELL, length), (), generator=self.places)) for length in size
        )
        return rows, columns

    def _corners(self, what: _Scale, size: Size) -> list[Corner]:
        """Corners of the crops. They are drawn from a frame half a crop wider than the picture
        and moved inside, so that the borders are seen as often as the middle."""
        corners = []
        for _ in range(self.quality.batch):
            top, left = (
                min(max(centre - side // 2, 0), length - side)
                for centre, side, length in zip(self._centre(what), size, what.size, strict=True)
            )
            corners.append((top, left))
        return corners

    def _centre(self, what: _Scale) -> tuple[int, ...]:
        """(y, x) of the middle of a crop: any pixel that there is something to learn at."""
        places = what.places_known
        if places is None:
            return tuple(
                int(torch.randint(length, (), generator=self.places)) for length in what.size
            )
        chosen = int(torch.randint(len(places), (), generator=self.places))
        return tuple(int(k) for k in places[chosen])
