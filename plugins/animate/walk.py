"""A walk from result to result: every sample of the run is a place on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sinddm_toolkit.api import OutputFile, UserError, hookimpl, option

from .film import SUFFIXES, FilmTask, image_of

if TYPE_CHECKING:
    from PIL import Image

    from sinddm_toolkit.api import Edit, Outcome, Plan, Pyramid, Result, Run


class Walk(FilmTask):
    """The noise of the run goes on a great circle from that of one seed to that of the next.

    A mixture of two independent noises a and b that stays noise is cos θ a + sin θ b (spherical
    interpolation; Shoemake, *Animating Rotation with Quaternion Curves*, 1985). The sample of the
    seed k is the place k modulo `--steps`, so that each can be made again by itself.
    """

    name = "walk"
    summary = "samples along a walk from seed to seed, and a film of it"
    also_called = (
        "interpolate",
        "morph",
        "film",
        "video",
        "loop",
    )
    learns_from = None

    stop: list[int] = option(
        "a seed to walk by, at least two; the first one given again at the end closes a loop",
        default=None,
        minimum=0,
        maximum=2**63 - 1,
    )
    steps: int = option("places on the walk", default=24, minimum=2, maximum=10_000)
    to: OutputFile | None = option(
        "film the walk there and back; it takes as many --samples as --steps",
        default=None,
        suffixes=SUFFIXES,
    )

    def check(self) -> None:
        if len(self.stop) < 2:
            raise UserError("walk needs two seeds to walk between: --stop 3 --stop 7")
        if self.to is not None:
            self.check_film(self.to)

    @hookimpl(trylast=True)
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        for stage in plan.stages:
            if len(stage.attempts) > 1:  # neighbours must not choose differently
                stage.attempts = stage.attempts[:1]

    @hookimpl
    def begin_edit(self, edit: Edit) -> None:
        self._places: dict[int, Image.Image] = {}
        if self.to is None:
            return
        if len(edit.seeds) != self.steps:
            raise UserError(
                f"--to of walk: a film of {self.steps} --steps takes as many --samples, not "
                f"{len(edit.seeds)}"
            )
        self._size = self.frame_size(edit.plan.canvas, self.steps)

    @hookimpl(tryfirst=True)
    def before_sampling(self, run: Run) -> None:
        run.mixes = [mix_at(seed % self.steps, self.steps, self.stop) for seed in run.seeds]

    @hookimpl(trylast=True)
    def compose_output(self, run: Run, result: Result) -> None:
        for told, seed in zip(result.metadata, run.seeds, strict=True):
            told["place"] = seed % self.steps
        if self.to is not None:
            for seed, picture in zip(run.seeds, result.pictures, strict=True):
                self._places[seed % self.steps] = image_of(picture, self._size)

    @hookimpl
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        if outcome.error is None and self.to is not None:
            there = [self._places[k] for k in range(self.steps)]
            last = self.steps - 1
            if self.stop[0] == self.stop[-1]:  # the last place is the first
                outcome.extras[self.to] = self.film(there[:-1], [0], self.to)
            else:
                outcome.extras[self.to] = self.film(there + there[-2:0:-1], [0, last], self.to)


def mix_at(place: int, steps: int, stops: Sequence[int]) -> list[tuple[int, float]]:
    """(seed, weight) of each stop, at a place from 0, the first stop, to steps - 1, the last.

    Every seed keeps its number in the list, so that what is drawn of the first one only stays the
    same all the way.
    """
    legs = len(stops) - 1
    leg = min(place * legs // (steps - 1), legs - 1)
    angle = (place * legs / (steps - 1) - leg) * math.pi / 2
    seeds = list(dict.fromkeys(stops))
    weights = dict.fromkeys(seeds, 0.0)
    weights[stops[leg]] += math.cos(angle)
    weights[stops[leg + 1]] += math.sin(angle)
    return list(weights.items())
