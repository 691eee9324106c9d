"""How far an object's colours may change while it is redrawn.

The network has never learnt colours that the background lacks: it turns cream pink and flecks a
brown coat with red and green. Where little is redrawn, in photographs, that is all that it does to
colours, so the object keeps most of its own and changes in lightness. In a painting they are what
the strokes are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .grain import PAINTING_STEP, PHOTOGRAPH_STEP

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SHARE = 0.3
"""Of the change in colour that counts, at the start step of photographs; all of it does at that of
paintings."""


def share_of_change(start: int) -> float:
    """How much of a change in colour counts if that is the start step."""
    freedom = (start - PHOTOGRAPH_STEP) / (PAINTING_STEP - PHOTOGRAPH_STEP)
    return LEAST_SHARE + (1 - LEAST_SHARE) * min(1.0, max(0.0, freedom))


def with_own_colours(x0: Tensor, begun: Tensor, share: float) -> Tensor:
    """x0 with no more than a `share` of how its colours differ from those that it has `begun` from.

    Both are (n, 3, h, w). Lightness, the mean of the channels, is that of x0.
    """
    change = x0 - begun
    lightness = change.mean(dim=1, keepdim=True)
    return begun + lightness + share * (change - lightness)
