"""How a model is trained: the quality levels, as numbers of updates and never of seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sinddm_toolkit.json_values import listed, positive, whole

NETWORKS = ("paper", "half")
"""Those of the toolkit, by name; any other name is a plugin's."""


@dataclass(frozen=True)
class Quality:
    """Everything about a training that the picture does not decide."""

    name: str
    """What `--quality` calls it."""
    summary: str
    """How long it takes, in words."""
    width: int
    """Channels of the network."""
    steps_per_scale: int
    """Updates of each scale."""
    guided_steps_per_scale: int
    """Where a task's guidance by the picture's own patches makes good what is missing."""
    max_pixels: int
    """Working size of the picture when nothing else is asked for."""
    network: str | None = "half"
    """Which of `NETWORKS`; None is the paper's."""
    optimizer: str = "muon"
    """`muon` (Muon on the kernels, Adam on the rest) or `adam`."""
    batch: int = 4
    """Crops of an update, each with a timestep of its own."""
    crop: int | None = 64
    """Side of the squares trained on, without their halo; None is the whole picture."""
    all_cells: bool = False
    """Train every scale and every t < T, whatever the edit visits."""
    early_steps: float | None = 10.0
    """Timesteps are drawn with probabilities ∝ 1 / (t + this): the early ones, where noise is hard
    to tell from detail, are the slowest to be learnt. None draws all alike, as the coarsest scale
    always does."""
    ema_decay: float = 0.99
    """Of the moving average of the weights, which is what is kept."""
    ema_every: int = 1
    """Updates from one step of the average to the next."""
    ema_from: int = 0
    """The update from which on weights are averaged."""
    decay_share: float = 0.9
    """Share of the updates, the last ones, over which the learning rate falls linearly to zero."""
    prior_rate: float = 0.75
    """The highest learning rate of a training that starts from weights made beforehand, as a share
    of the usual one."""
    sampling_steps: int | None = None
    """Timesteps visited of each scale when nothing else is asked for; None is all."""
    milestones: tuple[float, ...] | None = None
    """Shares of the updates after each of which the rate is halved, in place of `decay_share`."""

    def rate(self, *, from_prior: bool) -> float:
        """The highest learning rate of a training, as a share of the usual one."""
        return self.prior_rate if from_prior else 1.0


def _share(value: Any, what: str) -> float:
    """A number from 0 to 1."""
    if value != 0 and not positive(value, what) <= 1:
        raise ValueError(f"{what} must be a number from 0 to 1")
    return float(value)


def _optimizer(value: Any, what: str) -> str:
    if value not in ("muon", "adam"):
        raise ValueError(f"{what} must be muon or adam")
    return str(value)


def _truth(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} must be true or false")
    return value


def _milestones(value: Any, what: str) -> tuple[float, ...]:
    return tuple(_share(share, what) for share in listed(list(value), what))


def _count(least: int, most: int) -> Callable[[Any, str], int]:
    return lambda value, what: whole(value, least, most, what)


CHANGEABLE: dict[str, Callable[[Any, str], Any]] = {
    "steps_per_scale": _count(1, 100_000),
    "guided_steps_per_scale": _count(1, 100_000),
    "optimizer": _optimizer,
    "batch": _count(1, 256),
    "crop": _count(16, 4096),
    "all_cells": _truth,
    "early_steps": positive,
    "ema_decay": _share,
    "ema_every": _count(1, 1_000_000),
    "ema_from": _count(0, 1_000_000),
    "decay_share": _share,
    "prior_rate": positive,
    "milestones": _milestones,
}
"""Fields of a `Quality` that a training may have otherwise → what checks a value."""

MAY_BE_NONE = ("crop", "early_steps", "milestones")


def checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` of a `Quality`, in the order of their names. ValueError, in words, if one isn't."""
    found = {}
    for name, value in sorted(changes.items()):
        if name not in CHANGEABLE:
            raise ValueError(f"{name!r:.40} is none of {', '.join(CHANGEABLE)}")
        is_none = value is None and name in MAY_BE_NONE
        found[name] = None if is_none else CHANGEABLE[name](value, name)
    return found


def changed(quality: Quality, changes: Mapping[str, Any]) -> Quality:
    """`quality` with other values, as `checked_changes` gives them."""
    return replace(quality, **changes)


QUALITIES = {
    quality.name: quality
    for quality in (
        Quality(
            "draft",
            "seconds to a minute on two CPU cores",
            width=48,
            steps_per_scale=200,
            guided_steps_per_scale=80,
            max_pixels=12_500_000,
            sampling_steps=6,
        ),
        Quality(
            "standard",
            "one to ten minutes on two CPU cores",
            width=64,
            batch=8,
            steps_per_scale=1000,
            guided_steps_per_scale=500,
            max_pixels=12_500_000,
            sampling_steps=10,
        ),
        Quality(
            "paper",
            "network and training as published: hours on a GPU",
            width=160,
            steps_per_scale=24_000,
            guided_steps_per_scale=24_000,
            max_pixels=50_000,
            network=None,
            optimizer="adam",
            early_steps=None,
            batch=32,
            crop=None,
            all_cells=True,
            ema_decay=0.995,
            ema_every=10,
            ema_from=2000,
            milestones=tuple(k / 120 for k in (20, 40, 70, 80, 90, 110)),
        ),
    )
}
