"""What an edit will do, settled before anything is trained."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from sinddm_toolkit.engine.caller import caller
from sinddm_toolkit.engine.phases import Cells, Need, united
from sinddm_toolkit.engine.pyramid import FLAT, Pyramid, Size, tensor_from_rgb
from sinddm_toolkit.engine.repaint import Blend, Composition, Repaint
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.engine.stage import Stage, already_settled
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.compositing import FloatArray
from sinddm_toolkit.pictures.limits import check_pixels
from sinddm_toolkit.pictures.picture import Picture


class Plan:
    """The stages of an edit, coarsest first, and the picture that it starts from, if any.

    Starts as the plan of a random sample of the picture's own size: every scale from noise.
    """

    schedule: Schedule
    """ᾱ_t, γ_t^s and T[s]."""
    stages: Sequence[Stage]
    """Coarsest first; the last one's size is the canvas."""
    start_image: Tensor | None
    """What was injected at the first stage, (1 or n, 3, h, w) in [-1, 1]; None is pure noise."""
    composition: Composition | None
    """How samples become pictures, as `repaint` and `blend_onto` set it; None: as they are."""
    transparent: bool
    """Whether the result will have transparent parts, which not every format holds."""
    wraps: tuple[bool, bool]
    """Whether the canvas goes on at its other side, (down, across): what the network sees beyond a
    border is then what is at the opposite one, also where it works in tiles, and so does what is
    made larger for the next scale. Can be assigned. Then sampling treats all places alike."""

    def __init__(self, pyramid: Pyramid, schedule: Schedule, visits: int | None = None) -> None:
        """`visits` is that of every stage."""
        self._sizes = pyramid.sizes
        self._factor = pyramid.factor
        self.schedule = schedule
        self.start_image = None
        self._injected_by: str | None = None
        self._canvas_owner: str | None = None
        self.composition = None
        self.transparent = False
        self.wraps = FLAT
        self.stages = [
            Stage(s, size, schedule.starts[s], blur=s > 0, ddpm=s == 0, visits=visits)
            for s, size in enumerate(self._sizes)
        ]
        self._seen_canvas = self.canvas

    def __setattr__(self, name: str, value: Any) -> None:
        if "is_closed" in self.__dict__:
            raise already_settled(f"the plan's {name.lstrip('_')}")
        super().__setattr__(name, value)

    def close(self) -> None:
        """Training and sampling go by the plan from here on: nothing of it can be changed."""
        self.stages = tuple(self.stages)
        for part in (self, *self.stages):
            part.__dict__["is_closed"] = True

    def copied(self) -> Plan:
        """The same stages in a plan that can be changed, whether or not this one is settled."""
        plan = copy.copy(self)
        plan.__dict__.pop("is_closed", None)
        plan.stages = [copy.copy(stage) for stage in self.stages]
        for stage in plan.stages:
            stage.__dict__.pop("is_closed", None)
        return plan

    @property
    def canvas(self) -> Size:
        """(h, w) of the result."""
        if not self.stages:
            raise ValueError("plan.stages is empty: an edit needs one stage at least")
        return self.stages[-1].size

    def set_canvas(self, size: Size) -> None:
        """Make the result (h, w) large: every stage grows or shrinks by the same factors.

        The task that does so owns the canvas. UserError if another one has set another size, or
        if it is larger than any picture may be.
        """
        check_pixels(size, "the result")
        self._claim_canvas(size)
        self._seen_canvas = size
        height, width = (new / old for new, old in zip(size, self.canvas, strict=True))
        for stage in self.stages:
            h, w = stage.size
            stage.size = (max(1, round(h * height)), max(1, round(w * width)))
        self.stages[-1].size = size

    def enlarge(self, size: Size, *, start: int | None = None) -> None:
        """Repeat the finest scale at larger and larger sizes, up to (h, w): past what was learnt.

        Each is at most r times the one before. `start` is T[s] of those stages, the finest scale's
        own if None. The task owns the canvas then, as with `set_canvas`. UserError as there.
        """
        check_pixels(size, "the result")
        self._claim_canvas(size)
        self._seen_canvas = size
        finest = self.stages[-1]
        growth = [new / old for new, old in zip(size, finest.size, strict=True)]
        count = max(0, math.ceil(math.log(max(*growth, 1.0)) / math.log(self._factor) - 1e-6))
        if start is None:
            start = self.schedule.starts[finest.s]
        for k in range(1, count + 1):
            height, width = (
                round(old * by ** (k / count)) for old, by in zip(finest.size, growth, strict=True)
            )
            more = Stage(finest.s, (height, width), start, blur=True, ddpm=False)
            more.visits = finest.visits
            self.stages = [*self.stages, more]
        self.stages[-1].size = size

    def _claim_canvas(self, size: Size) -> None:
        if self._canvas_owner not in (None, caller()) and size != self.canvas:
            raise self._two_owners()
        if self._canvas_owner is None:
            self._canvas_owner = caller()

    def check_canvas(self) -> None:
        """Let the caller own the canvas if it has changed since the last check, by whatever means.

        UserError if another task owns it.
        """
        if self.canvas == self._seen_canvas:
            return
        if self._canvas_owner not in (None, caller()):
            raise self._two_owners()
        self._canvas_owner, self._seen_canvas = caller(), self.canvas

    def check_routes(self) -> None:
        """ValueError if a stage's `route` can't be gone."""
        for stage in self.stages:
            stage.moves(stage.start)

    def check_wraps(self) -> None:
        """UserError if a picture is to be repainted in parts, which have no other side."""
        if any(self.wraps) and any(stage.level for stage in self.stages):
            raise UserError(
                "one task of this run repaints a part of a picture, and one wants borders that "
                "fit together: only one of both can be done"
            )

    def _two_owners(self) -> UserError:
        return UserError(
            f"{self._canvas_owner or 'one task'} and {caller() or 'another'} both set the size of "
            "the result: only one task of a run can"
        )

    def stage(self, s: int | None, *, option: str = "scale") -> Stage:
        """The first stage of the scale s, of the finest if None; -1 is the finest, -2 the next.

        UserError, which calls it by the `option` that it was asked for with, if there is none.
        """
        count = len(self._sizes)
        wanted = count - 1 if s is None else s
        for stage in self.stages:
            if stage.s in (wanted, wanted + count):
                return stage
        raise UserError(
            f"{option} {s}: this picture has the scales 0 (coarsest) to {count - 1} "
            f"at its working size; counted from the finest they are -1 to {-count}"
        )

    def inject(
        self, image: Tensor, *, at: Stage, start: int, blurred: bool = False, option: str = "step"
    ) -> None:
        """Start from `image` at the stage `at`, with the noise of step `start`.

        image: (1 or n, 3, h, w) in [-1, 1], of the size of that stage. The stages below are left
        out. At this one γ = 0, unless the image is `blurred` as one from the scale below would be:
        the blur mixture then takes that out. UserError if the step, asked for by `option`, doesn't
        exist, or if another task has given the picture to start from.
        """
        if self._injected_by is not None:
            raise UserError(
                f"{self._injected_by} and {caller() or 'another task'} both give the picture to "
                "start from: only one task of a run can"
            )
        if not 1 <= start <= self.schedule.timesteps:
            raise UserError(
                f"{option} {start}: give a whole number from 1 to {self.schedule.timesteps}"
            )
        if (image.shape[-2], image.shape[-1]) != at.size:
            raise ValueError(f"injected {tuple(image.shape)} into a stage of size {at.size}")
        at.start, at.blur, at.ddpm = start, blurred, False
        self.stages = self.stages[self.stages.index(at) :]
        self.start_image = image
        self._injected_by = caller() or "a task"

    def whole_stage(self, pixels: int, at_least: Stage | None = None) -> Stage:
        """The finest stage of at most `pixels`, or the coarsest if none is so small.

        Not coarser than `at_least`.
        """
        small = [one for one in self.stages if one.size[0] * one.size[1] <= pixels]
        stage = small[-1] if small else self.stages[0]
        return stage if at_least is None else max(stage, at_least, key=lambda one: one.s)

    def repaint(
        self,
        picture: Picture,
        *,
        at: Stage,
        start: int,
        first: Stage | None = None,
        image: Tensor | None = None,
        weight: FloatArray | None = None,
        onto: Picture | None = None,
        crop: bool = False,
        blurred: bool = False,
        option: str = "step",
    ) -> None:
        """Repaint an opaque `picture`, of the proportions of the canvas and any size.

        It is worked on as a whole up to the stage `at`; finer ones look only at the part where
        `weight` (h, w; everywhere if None) is above 0, and so does `at` with `crop`. What they
        change is carried up to `onto` (the picture itself if None), which keeps its own finest
        detail and, where the weight is 0, every bit: see `repaint`.

        Begins at the stage `first` (`at` if None) with the noise of step `start` (see `inject`) and
        `image`, (1, 3, h, w) of that stage's size, the picture itself if None.
        """
        first = first or at
        onto = onto or picture
        first.start = start
        finer = [stage for stage in self.stages if stage.s > at.s]
        for stage in finer:
            stage.blur = stage.ddpm = False
            stage.start = self._finer_start(at.start, stage.s - at.s)
        if weight is None:
            weight = np.ones(at.size, np.float32)
        repaint = Repaint(picture, onto, weight)
        at.level = repaint.add_level(at, crop=crop and first is at)
        settled = at.size
        for stage in finer:
            stage.level = repaint.add_level(stage, crop=True, settled=settled)
            settled = stage.size
        for stage in (at, *finer):
            if stage.level is not None:
                stage.size = stage.level.window.shape
        self.composition, self.transparent = repaint, onto.alpha() is not None
        if image is None:
            rgb = at.level.picture if first is at else picture.resized(first.size).rgb()
            image = tensor_from_rgb(rgb)
        self.inject(image, at=first, start=start, blurred=blurred, option=option)

    def _finer_start(self, start: int, scales: int) -> int:
        """The start step, so many scales further, of noise that falls off by r² with each.

        It drowns ever smaller structures: a scale only redraws what those before could not show.
        """
        sigma = self.schedule.start_sigma(start) * self._factor ** (-2 * scales)
        # The step below the first that is above it, as sigma itself is that of the step start-1.
        return min(start, self.schedule.start_above(sigma * (1 + 1e-6)))

    def blend_onto(self, picture: Picture, weight: FloatArray) -> None:
        """Put samples, resized to `picture`, in its place where `weight` (h, w) is above 0.

        The weight is in [0, 1]; where it is 0 the picture keeps every bit. Depth, profile and
        transparency of the results are the picture's.
        """
        self.composition, self.transparent = Blend(picture, weight), picture.alpha() is not None

    def cells(self) -> Cells:
        """The (scale, timestep) cells to be known, and how well.

        They are those that sampling visits, at an injection scale up to its own T[s] at least:
        that costs no further updates, and another start step then needs no further training.
        """
        starts = self.schedule.starts
        asked = [stage for stage in self.stages if stage.learnt and stage.steps]
        ends = (max(stage.start, starts[stage.s]) for stage in asked)
        return united(
            *({one.s: Need(end, not one.guided)} for one, end in zip(asked, ends, strict=True))
        )
