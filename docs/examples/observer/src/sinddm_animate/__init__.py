"""An animation of the diffusion: an observer, which goes with any task."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sinddm_toolkit.api import CanvasSize, OutputFile, Task, hookimpl, option

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from sinddm_toolkit.api import Edit, Outcome, Run, Step

API_VERSION = 2

LAST_FRAME = 1.5
"""Seconds for which the finished picture is shown."""


class Animate(Task):
    """Nothing of the picture is changed. All frames have one size; the last one is the result."""

    name = "animate"
    summary = "watch a picture come into being: GIF, APNG or WebP"
    learns_from = None

    to: OutputFile = option(
        "where the animation goes; {out} is the name of the result without its extension",
        default="{out}-steps.gif",
        suffixes=(".gif", ".png", ".webp"),
    )
    every: int = option("steps from one frame to the next", default=5, minimum=1)
    fps: float = option("frames a second", default=12.0, minimum=0.1, maximum=50)
    size: CanvasSize | None = option(
        "size of the frames: pixels, or times the result's as in 50%x50%; its own if not given",
        default=None,
    )
    show: str = option(
        "the noisy picture, or the clean one that it is taken for",
        default="noisy",
        choices=("noisy", "clean"),
    )

    @hookimpl
    def begin_edit(self, edit: Edit) -> None:
        self._frames: list[Image.Image] = []
        self._steps = 0
        self._passes = 0

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._passes += 1

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        if self._passes > 1:  # of an edit of many samples: the first one has been shown
            return
        is_last = step.t == 0
        if is_last or self._steps % self.every == 0:
            is_clean = is_last or self.show == "clean"
            self._frames.append(self._frame(run, step.x0 if is_clean else step.x_t))
        self._steps += 1

    @hookimpl
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        if outcome.error is None:
            outcome.extras[self.to] = self._encoded()

    def _frame(self, run: Run, x: Tensor) -> Image.Image:
        """The first of the samples (n, 3, h, w) in [-1, 1] as a frame."""
        from PIL import Image

        from sinddm_toolkit.api import rgb_from_tensor

        canvas = run.plan.canvas
        height, width = canvas if self.size is None else self.size.of(canvas)
        pixels = ((rgb_from_tensor(x[:1]) + 1) * 127.5).round().clip(0, 255).astype("uint8")
        # Coarse scales look as coarse as they are.
        return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)

    def _encoded(self) -> bytes:
        """The frames as a file of the kind that the name of `to` ends with, played for ever."""
        file = io.BytesIO()
        frame = 1000 / self.fps
        self._frames[0].save(
            file,
            self.to.rpartition(".")[2],
            save_all=True,
            append_images=self._frames[1:],
            duration=[round(frame)] * (len(self._frames) - 1) + [round(1000 * LAST_FRAME)],
            loop=0,
        )
        return file.getvalue()


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [Animate]
