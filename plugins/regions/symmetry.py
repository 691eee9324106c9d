"""Symmetries of a canvas, and pictures made to have them, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Move = Callable[["Tensor"], "Tensor"]
Size = tuple[int, int]

BLEND = 1.0
"""Pixels to both sides of the border of a part, over which it passes into its neighbours."""


def _turned(quarters: int, mirrored: bool = False) -> Move:
    """Rotates (…, h, w) by quarter turns, of its mirror image if wanted."""

    def move(x: Tensor) -> Tensor:
        return (x.flip(-1) if mirrored else x).rot90(quarters, (-2, -1))

    return move


MOVES: dict[str, tuple[Move, ...]] = {
    "left-right": (_turned(0), _turned(0, True)),
    "top-bottom": (_turned(0), _turned(2, True)),
    "four-way": (_turned(0), _turned(0, True), _turned(2), _turned(2, True)),
    "half-turn": (_turned(0), _turned(2)),
    "quarter-turn": tuple(map(_turned, range(4))),
    "kaleidoscope": tuple(_turned(k, mirrored) for mirrored in (False, True) for k in range(4)),
}
"""By its name, a symmetry's group: what may be done to a picture that has it."""

SQUARE = ("quarter-turn", "kaleidoscope")
"""Those that only squares have."""


class Symmetry:
    """One symmetry: a part of the canvas of which all of it is made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._moves = MOVES[name]
        self._latest: Tensor | None = None

    def of(self, x: Tensor) -> Tensor:
        """x (n, c, h, w) with each part of the canvas like the first one, exactly.

        Where parts meet their means are taken, over few pixels, so that no edge is there.
        """
        import torch

        share = self._share((x.shape[-2], x.shape[-1])).to(x.device)
        weighted = x * share
        whole = sum(move(weighted) for move in self._moves)
        assert isinstance(whole, torch.Tensor)
        return self._exact(whole)

    def part(self, size: Size) -> Tensor:
        """(1, 1, h, w) in [0, 1]: 1 in the part that is made, where it is the mean of several too.

        It holds the middle of the upper border, or the left of it.
        """
        return (self._share(size) > 0).float()

    def _share(self, size: Size) -> Tensor:
        """(1, 1, h, w): what each pixel counts of all those that it is carried to by a move.

        Over those it sums to 1.
        """
        if self._latest is None or self._latest.shape[-2:] != size:
            ramp = (_depth(self.name, size) / (2 * BLEND) + 0.5).clamp(0, 1)
            total = sum(move(ramp) for move in self._moves)
            self._latest = (ramp / total)[None, None]
        return self._latest

    def _exact(self, x: Tensor) -> Tensor:
        """x, symmetrical but for rounding, with one number for all pixels that are to be alike."""
        import torch

        h, w = x.shape[-2:]
        order = torch.arange(h * w, device=x.device).view(h, w)
        first = order
        for move in self._moves[1:]:
            # The first of all pixels that are alike gives its number to them.
            earlier = move(order) < first
            first = torch.where(earlier, move(order), first)
        return x.flatten(-2)[..., first.flatten()].view_as(x)


def _depth(name: str, size: Size) -> Tensor:
    """(h, w): how far inside the part a pixel is, in pixels; outside it is negative."""
    import torch

    up, left = ((n - 1) / 2 - torch.arange(n, dtype=torch.float32) for n in size)
    up, left = torch.broadcast_tensors(up[:, None], left[None, :])
    if name == "left-right":
        return left
    if name in ("top-bottom", "half-turn"):
        return up
    if name == "four-way":
        return torch.minimum(up, left)
    wedge = (up - left.abs()) / math.sqrt(2)
    return wedge if name == "quarter-turn" else torch.minimum(wedge, left)
