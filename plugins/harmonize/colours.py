"""How far an object's colours may change while it is redrawn.

The network has never learnt colours that the background lacks: it turns cream pink and flecks a
brown coat with red and green. Where little is redrawn, in photographs, that is all that it does to
colours, so the object keeps most of its own and changes in lightness. In a painting they are what
the strokes are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SHARE = 0.3
"""Of the change in colour that counts where little is redrawn."""

BOUND, FREE = 7, 25
"""Start steps: up to the first little is redrawn, from the second on all that the model likes."""


def freedom(start: int) -> float:
    """From 0, a photograph's object, to 1, one in bold strokes: by the start step."""
    return min(1.0, max(0.0, (start - BOUND) / (FREE - BOUND)))


def share_of_change(start: int) -> float:
    """How much of a change in colour counts if that is the start step."""
    return LEAST_SHARE + (1 - LEAST_SHARE) * freedom(start)


def with_own_colours(x0: Tensor, begun: Tensor, share: float) -> Tensor:
    """x0 with no more than a `share` of how its colours differ from those that it has `begun` from.

    Both are (n, 3, h, w). Lightness, the mean of the channels, is that of x0.
    """
    change = x0 - begun
    lightness = change.mean(dim=1, keepdim=True)
    return begun + lightness + share * (change - lightness)
