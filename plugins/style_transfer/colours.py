"""Colours of a picture that become those of another, and come back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

if TYPE_CHECKING:
    from torch import Tensor

    Size = tuple[int, int]

LEAST_VARIANCE = 1e-4
"""Added to those of the colours: a picture of one colour has none."""


def coloured(picture: Picture) -> Picture:
    """`picture` with three colour channels, also if it is grey: the style brings colours."""
    if not picture.is_grey:
        return picture
    grey, rest = picture.pixels[..., :1], picture.pixels[..., 1:]
    return replace(picture, pixels=np.concatenate([grey, grey, grey, rest], axis=2), icc=None)


def matched(x: Tensor, style: Tensor) -> Tensor:
    """x (1, 3, h, w) with mean and covariance of the colours of `style` (1, 3, h', w').

    By the linear map that moves colours least (Pitié & Kokaram, *The linear Monge-Kantorovitch
    colour mapping*, 2007): channels are not told apart, so hues don't change places. No channel
    goes further than the style's: a model has not learnt what to make of such colours.
    """
    mean, covariance = _moments(x)
    wanted_mean, wanted = _moments(style)
    root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    way = inverse @ _power(root @ wanted @ root, 0.5) @ inverse
    y = way @ (x[0].flatten(1).double() - mean) + wanted_mean
    low, high = (
        end.values[:, None] for end in (style[0].flatten(1).min(1), style[0].flatten(1).max(1))
    )
    return y.float().clamp(low, high).view_as(x[0])[None]


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3, 1) and covariance (3, 3) of the colours of x (1, 3, h, w), float64."""
    import torch

    colours = x[0].flatten(1).double()
    return (
        colours.mean(dim=1, keepdim=True),
        torch.cov(colours, correction=0) + LEAST_VARIANCE * torch.eye(3, dtype=torch.float64),
    )


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A symmetric positive `matrix` to the power of `exponent`."""
    import torch

    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=1e-12) ** exponent) @ vectors.T


def with_hues_of(x: Tensor, content: Tensor, share: float) -> Tensor:
    """x (n, 3, h, w) with a `share` of the hues of `content` (1, 3, h', w') in their place.

    `content` is small: only what is larger than its pixels changes its hue, and nothing its
    brightness, so strokes keep their own colours among one another.
    """
    if share == 0:
        return x
    size, small = (x.shape[-2], x.shape[-1]), (content.shape[-2], content.shape[-1])
    missing = _hues(content) - _hues(st.downsample(x, small))
    return x + share * st.upsample(missing, size)


def _hues(x: Tensor) -> Tensor:
    """Colours (n, 3, h, w) less their brightness."""
    red, green, blue = x.unbind(dim=1)
    return x - (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
