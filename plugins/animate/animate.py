"""An animation of the diffusion: an observer, which goes with any task."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import OutputFile, hookimpl, option

from .film import SUFFIXES, FilmTask, image_of

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from sinddm_toolkit.api import Edit, Outcome, Result, Run, ScaleState, Stage, Step

MOST_FRAMES = 120
"""If nobody says which steps are shown."""

Box = tuple[int, int, int, int]


@dataclass
class Frame:
    """What is seen of the picture at a step."""

    part: Image.Image
    box: Box
    """(left, top, right, bottom) in the frame: a large picture is not redrawn as a whole."""


@dataclass
class Attempt:
    """An attempt at a stage, of which it is not yet known whether it goes on."""

    frames: list[Frame] = field(default_factory=list)
    made: Tensor | None = None
    """(1, 3, h, w): what it came to."""


class Animate(FilmTask):
    """Nothing of the picture is changed. All frames have one size; the last one is the result.

    Of several samples the first is shown; of several attempts at a stage, the one that went on.
    """

    name = "animate"
    summary = "watch a picture come into being: GIF, APNG, WebP or MP4"
    also_called = (
        "film",
        "movie",
        "video",
        "moving",
    )
    learns_from = None

    to: OutputFile = option(
        "where the animation goes; {out} is the name of the result without its extension",
        default="{out}-steps.gif",
        suffixes=SUFFIXES,
    )
    every: int | None = option(
        f"steps from one frame to the next; so that there are at most {MOST_FRAMES} if not given",
        default=None,
        minimum=1,
    )
    show: str = option(
        "the noisy picture, or the clean one that it is taken for",
        default="clean",
        choices=("clean", "noisy"),
    )

    def check(self) -> None:
        self.check_film(self.to)

    @hookimpl
    def begin_edit(self, edit: Edit) -> None:
        steps = [stage.steps_of_one for stage in edit.plan.stages]
        self._gap = self.every or max(1, math.ceil(sum(steps) / MOST_FRAMES))
        frames = 1 + sum(1 + math.ceil(count / self._gap) for count in steps)
        self._size = self.frame_size(_whole_size(edit.plan.stages[-1]), frames)
        self._passes = 0
        self._frames: list[Frame] = []
        self._attempts: dict[int, Attempt] = {}
        self._last: Image.Image | None = None

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._passes += 1  # of an edit of many samples the first pass is shown

    @hookimpl(tryfirst=True)
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._steps = 0
        if self._passes == 1 and scale.input is not None:
            self._settle(scale.index - 1, scale.input)

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        if self._passes > 1:
            return
        frames, attempt = self._frames, None
        if step.scale.attempt is not None:
            self._stage = step.scale.index
            attempt = self._attempts.setdefault(step.scale.attempt, Attempt())
            frames = attempt.frames
        is_last = step.t_next < 0
        if is_last or self._steps % self._gap == 0:
            x = step.x0 if is_last or self.show == "clean" else step.x_t
            frames.append(self._frame(x, step.scale.stage))
        if is_last and attempt is not None:
            attempt.made = step.x0[:1].clone()
        self._steps += 1

    @hookimpl(trylast=True)
    def compose_output(self, run: Run, result: Result) -> None:
        if self._passes == 1:
            self._settle(len(run.plan.stages) - 1, result.samples)
            self._last = image_of(result.pictures[0], self._size)

    @hookimpl
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        if outcome.error is None and self._last is not None:
            # Where a step has not looked, the picture is as it stays.
            images = [self._shown(frame, self._last) for frame in self._frames]
            images.append(self._last)
            outcome.extras[self.to] = self.film(images, [len(images) - 1], self.to)

    def _settle(self, stage: int, image: Tensor) -> None:
        """Keep, of the attempts at `stage`, the frames of the one that became `image`."""
        if not self._attempts or self._stage != stage:
            return

        def away(attempt: Attempt) -> float:
            if attempt.made is None:
                return math.inf
            size = (attempt.made.shape[-2], attempt.made.shape[-1])
            there = image[:1].to(attempt.made.device)
            return float((st.downsample(there, size) - attempt.made).square().mean())

        self._frames += min(self._attempts.values(), key=away).frames
        self._attempts = {}

    def _frame(self, x: Tensor, stage: Stage) -> Frame:
        """The first of the samples (n, 3, h, w) in [-1, 1]."""
        from PIL import Image

        height, width = self._size
        box = (0, 0, width, height)
        if stage.level is not None:
            window = stage.level.window
            down, across = height / window.size[0], width / window.size[1]
            y0, x0, y1, x1 = window.box
            box = (round(x0 * across), round(y0 * down), round(x1 * across), round(y1 * down))
        pixels = ((st.rgb_from_tensor(x[:1]) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        # Noise is as coarse as it is; a clean picture is a blurred one.
        by = Image.Resampling.NEAREST if self.show == "noisy" else Image.Resampling.BICUBIC
        size = (max(1, box[2] - box[0]), max(1, box[3] - box[1]))
        return Frame(Image.fromarray(pixels).resize(size, by), box)

    def _shown(self, frame: Frame, around: Image.Image) -> Image.Image:
        if frame.part.size == around.size:
            return frame.part
        image = around.copy()
        image.paste(frame.part, frame.box[:2])
        return image


def _whole_size(stage: Stage) -> tuple[int, int]:
    """(h, w) of the canvas at a stage that may look at a part of it only."""
    return stage.size if stage.level is None else stage.level.window.size
