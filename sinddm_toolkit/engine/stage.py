"""One scale as the plan visits it: which timesteps, at what size, by which way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sinddm_toolkit.engine.pyramid import FLAT, Size, Upsampling, Wraps, upsample
from sinddm_toolkit.engine.repaint import Level
from sinddm_toolkit.engine.schedule import SAMPLING_GAMMA_MAX

if TYPE_CHECKING:
    from sinddm_toolkit.engine.steps import ScaleState

RANDOM_STEPS = 8
"""DDPM steps that do as well as one of DDIM."""

Route = Callable[[Sequence[int]], Sequence[int]]
"""Timesteps to be visited, falling → those that x goes through, which may also rise in between."""


@dataclass(eq=False)
class Stage:
    """One scale as the plan visits it.

    Several stages may use the same scale of the model: repeating the finest one at larger sizes
    goes past the size that was trained on.
    """

    s: int
    """The scale, as the network knows it."""
    size: Size
    """(h, w) of the canvas at this stage."""
    start: int
    """T[s]: the steps t = start-1 … 0 are made."""
    blur: bool
    """Whether the blurred picture below is mixed in (γ of Algorithm 2); never at scale 0."""
    ddpm: bool
    """DDPM's random posterior instead of deterministic DDIM."""
    gamma_max: float = SAMPLING_GAMMA_MAX
    """γ is held at this: to take the blur out raises the network's errors 1 / (1 - γ) times."""
    visits: int | None = None
    """How many of the timesteps are visited at most, evenly spread over them; None is all.

    0 is none: the stage ends with what it begins with, and nothing is learnt for it. With DDPM's
    random steps it is `RANDOM_STEPS` times as many: noise that is added in a step has to be taken
    out again in those that follow.
    """
    level: Level | None = None
    """The part of a repainted picture that this is; see `Plan.repaint`."""
    route: Route | None = None
    """The way through the timesteps that are visited; None is straight down. Where it rises from t
    to t', noise is added until x is as noisy as at t' (Lugmayr et al., *RePaint*, 2022). It must
    begin and end as what it is given."""
    learnt: bool = True
    """Whether the network is asked here; where it isn't, nothing is trained for this stage: a hook
    must put another predictor in its place (`scale.predict`)."""
    guided: bool = False
    """Whether x̂0 is corrected here by what else is known of the picture: the network then has to
    know this scale less well, and is trained in fewer updates."""
    attempts: Sequence[int] = ()
    """Numbers of several attempts at this stage, each with noise of its own (the same number, the
    same noise): the one of the lowest `score` goes on. None: a single one."""
    score: Callable[[ScaleState, Tensor], Tensor] | None = None
    """What an attempt is worth: the scale, with the number of its `attempt`, and what was made of
    it, (n, 3, h, w) → (n,), the lower the better. Needed for several attempts."""

    def __setattr__(self, name: str, value: Any) -> None:
        if "is_closed" in self.__dict__:
            raise already_settled(f"the plan's {name}")
        if name not in self.__dataclass_fields__ and name != "is_closed":
            raise AttributeError(f"a stage has no {name}")
        super().__setattr__(name, value)

    def begun_from(
        self, below: Stage, image: Tensor, upsampling: Upsampling, wraps: Wraps = FLAT
    ) -> Tensor:
        """x̃^s of what the stage `below` has made, (n, 3, h, w): what this one begins with."""
        if self.level is not None and below.level is not None:
            return self.level.begun_from(below.level, image)
        return upsample(image, self.size, upsampling, wraps)

    @property
    def refines(self) -> bool:
        """Whether it only redraws, of a repainted picture, what the stage below could not show."""
        return self.level is not None and self.level.settled is not None

    def timesteps(self, start: int) -> list[int]:
        """The timesteps visited from `start`-1 down to 0 (Song et al., DDIM, 2021, §4.2)."""
        count = start
        if self.visits is not None:
            count = min(start, self.visits * (RANDOM_STEPS if self.ddpm else 1))
        gaps = max(1, count - 1)
        return [round((start - 1) * (gaps - k) / gaps) for k in range(count)]

    def moves(self, start: int) -> list[tuple[int, int]]:
        """From which timestep to which x is brought below `start`, in order; -1 is clean.

        To a lower one by a step of the reverse process, to a higher one by adding noise.
        """
        visited: Sequence[int] = self.timesteps(start)
        if not visited:
            return []
        if self.route is not None:
            visited = _checked_route(self.route(visited), visited)
        return list(pairwise([*visited, -1]))

    @property
    def steps(self) -> int:
        """Evaluations of its predictor that it takes."""
        return self.steps_of_one * max(1, len(self.attempts))

    @property
    def steps_of_one(self) -> int:
        """Those of one attempt."""
        return sum(following < t for t, following in self.moves(self.start))


def _checked_route(route: Any, visited: Sequence[int]) -> Sequence[int]:
    """ValueError unless `route` goes from the first to the last of `visited` by way of those."""
    way = [*route]
    if not set(way) <= set(visited) or way[:1] != [visited[0]] or way[-1] != visited[-1]:
        raise ValueError(
            f"a stage's route must go from {visited[0]} to {visited[-1]} by way of the timesteps "
            f"that it is given, not {way}"
        )
    return way


def already_settled(what: str) -> AttributeError:
    """What to raise where `what` is changed of a plan that is closed."""
    return AttributeError(f"{what} is settled: it can only be changed in plan_edit")
