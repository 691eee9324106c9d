"""What an edit will do, settled before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sinddm_toolkit.engine.pyramid import Pyramid, Size
from sinddm_toolkit.engine.schedule import SAMPLING_GAMMA_MAX, Schedule
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.sizes import check_pixels

RANDOM_STEPS = 8
"""DDPM steps that do as well as one of DDIM."""


def _refuse(what: str) -> AttributeError:
    return AttributeError(f"{what} is settled: it can only be changed in plan_edit")


@dataclass(eq=False)
class Stage:
    """One scale of the reverse process.

    Several stages may use the same `scale` of the model: repeating the finest one at larger sizes
    goes past the size that was trained on.
    """

    scale: int
    """s, as the network knows it."""
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
    repeats: int = 1
    """How often each DDPM step is made, noise being added again in between: lets what is sampled
    agree with what hooks hold fast (the resampling of Lugmayr et al., RePaint, 2022)."""
    visits: int | None = None
    """How many of the timesteps are visited at most, evenly spread over them; None is all.

    With DDPM's random steps it is `RANDOM_STEPS` times as many: noise that is added in a step has
    to be taken out again in those that follow.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if "is_closed" in self.__dict__:
            raise _refuse(f"the plan's {name}")
        super().__setattr__(name, value)

    def timesteps(self, start: int) -> list[int]:
        """The timesteps visited from `start`-1 down to 0 (Song et al., DDIM, 2021, §4.2)."""
        count = start
        if self.visits is not None:
            count = min(start, self.visits * (RANDOM_STEPS if self.ddpm else 1))
        gaps = max(1, count - 1)
        return [round((start - 1) * (gaps - k) / gaps) for k in range(count)]

    @property
    def steps(self) -> int:
        """Network evaluations that it takes."""
        visited = len(self.timesteps(self.start))
        return visited + (self.repeats - 1) * (visited - 1) * self.ddpm


class Plan:
    """The stages of a run, coarsest first, and the picture that it starts from, if any.

    Starts as the plan of a random sample of the picture's own size: every scale from noise.
    """

    def __init__(self, pyramid: Pyramid, schedule: Schedule, visits: int | None = None) -> None:
        """`visits` is that of every stage."""
        self._sizes = pyramid.sizes
        self._factor = pyramid.factor
        self._schedule = schedule
        self.start_image: Tensor | None = None
        self._injected_by: str | None = None
        self._canvas_by: str | None = None
        self.transparent = False
        """Whether the result will have transparent parts, which not every format holds."""
        self.stages: Sequence[Stage] = [
            Stage(s, size, schedule.starts[s], blur=s > 0, ddpm=s == 0, visits=visits)
            for s, size in enumerate(self._sizes)
        ]

    def __setattr__(self, name: str, value: Any) -> None:
        if "is_closed" in self.__dict__:
            raise _refuse(f"the plan's {name.lstrip('_')}")
        super().__setattr__(name, value)

    def close(self) -> None:
        """Training and sampling go by the plan from here on: nothing of it can be changed."""
        self.stages = tuple(self.stages)
        for part in (self, *self.stages):
            part.__dict__["is_closed"] = True

    @property
    def canvas(self) -> Size:
        """(h, w) of the result."""
        return self.stages[-1].size

    def set_canvas(self, size: Size, *, by: str) -> None:
        """Make the result (h, w) large: every stage grows or shrinks by the same factors.

        `by` names the task. UserError if another one has set another size, or if it is larger than
        any picture may be.
        """
        check_pixels(size, "the result")
        if self._canvas_by not in (None, by) and size != self.canvas:
            raise UserError(
                f"{self._canvas_by} and {by} both set the size of the result: "
                "only one task of a run can"
            )
        height, width = (new / old for new, old in zip(size, self.canvas, strict=True))
        for stage in self.stages:
            h, w = stage.size
            stage.size = (max(1, round(h * height)), max(1, round(w * width)))
        self.stages[-1].size = size
        self._canvas_by = by

    def enlarge(self, size: Size, *, start: int | None = None) -> None:
        """Repeat the finest scale at larger and larger sizes, up to (h, w): past what was learnt.

        Each is at most r times the one before. `start` is T[s] of those stages, the finest scale's
        own if None. UserError if it is larger than any picture may be.
        """
        check_pixels(size, "the result")
        finest = self.stages[-1]
        growth = [new / old for new, old in zip(size, finest.size, strict=True)]
        count = max(0, math.ceil(math.log(max(*growth, 1.0)) / math.log(self._factor) - 1e-6))
        if start is None:
            start = self._schedule.starts[finest.scale]
        for k in range(1, count + 1):
            height, width = (
                round(old * by ** (k / count)) for old, by in zip(finest.size, growth, strict=True)
            )
            more = Stage(finest.scale, (height, width), start, blur=True, ddpm=False)
            more.visits = finest.visits
            self.stages = [*self.stages, more]
        self.stages[-1].size = size

    def finer_start(self, start: int, scales: int) -> int:
        """The start step, so many scales further, of noise that falls off by r² with each.

        It drowns ever smaller structures: a scale only redraws what those before could not show.
        """
        sigma = self._schedule.start_sigma(start) * self._factor ** (-2 * scales)
        # The step below the first that is above it, as sigma itself is that of the step start-1.
        return min(start, self._schedule.start_above(sigma * (1 + 1e-6)))

    def start_for(self, detail: float) -> int:
        """The start step of a stage that only has to add missing detail of that RMSE."""
        return self._schedule.start_for(detail)

    def stage(self, scale: int | None) -> Stage:
        """The first stage of `scale`, of the finest if None. UserError if there is none."""
        finest = len(self._sizes) - 1
        wanted = finest if scale is None else scale
        for stage in self.stages:
            if stage.scale == wanted:
                return stage
        raise UserError(
            f"--start-scale {scale}: this picture has the scales 0 (coarsest) to {finest} "
            "at its working size"
        )

    def inject(
        self, image: Tensor, *, at: Stage, start: int, by: str, blurred: bool = False
    ) -> None:
        """Start from `image` at the stage `at`, with the noise of step `start`.

        image: (1 or n, 3, h, w) in [-1, 1], of the size of that stage. The stages below are left
        out. At this one γ = 0, unless the image is `blurred` as one from the scale below would be:
        the blur mixture then takes that out. `by` names the task, for the message when two tasks
        inject. UserError if the step doesn't exist.
        """
        if self._injected_by is not None:
            raise UserError(
                f"{self._injected_by} and {by} both give the picture to start from: "
                "only one task of a run can"
            )
        if not 1 <= start <= self._schedule.timesteps:
            raise UserError(
                f"--start-step {start}: give a whole number from 1 to {self._schedule.timesteps}"
            )
        if (image.shape[-2], image.shape[-1]) != at.size:
            raise ValueError(f"injected {tuple(image.shape)} into a stage of size {at.size}")
        at.start, at.blur, at.ddpm = start, blurred, False
        self.stages = self.stages[self.stages.index(at) :]
        self.start_image = image
        self._injected_by = by

    def cells(self) -> dict[int, int]:
        """Scale → t_end of the (scale, timestep) cells to be known, t < t_end.

        They are those that sampling visits, at an injection scale up to its own T[s] at least:
        that costs no further updates, and another start step then needs no further training.
        """
        cells: dict[int, int] = {}
        for stage in self.stages:
            usual = self._schedule.starts[stage.scale]
            cells[stage.scale] = max(stage.start, usual, cells.get(stage.scale, 0))
        return cells
