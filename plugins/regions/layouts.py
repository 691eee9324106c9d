"""Layouts of whole things, in the picture's own proportions: for tasks that make new ones.

The coarsest scale is denoised by the patches of the picture itself, several times; the layout that
fits best goes on. At all scales x̂0 is moved to where its patches are distributed as the picture's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import OutputFile, Task, hookimpl, option

from .layout_sheet import sheet_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, ScaleState, Step

VISITS = 2
"""Times as many timesteps are visited as at other scales: what is where is decided here."""

HELD = {1: 0.78, 2: 0.82}
"""Scale → how much of its usual start: whole things of the layout are not to be dissolved again."""

CLEAN_FROM = 3
"""Timesteps below it are the network's alone but at the coarsest scale: what patches have brought
into disorder is smoothed there."""

MOST_GUIDED = 6
"""Steps of a stage, evenly spread, that are guided: of many random ones each needs little of it."""

GUIDED_PIXELS = 1_000_000
"""Larger stages add grain, of which the network knows enough."""

SHARE_OF_ROWS = 0.5
"""Of the score of a layout: what is at the wrong height, beside how far its patches are."""

SHARE_OF_SEAM = 0.5
"""Of that score: how much stronger a layout changes than usual where its new parts begin."""


class LayoutTask(Task):
    """Calls `lay_out` in its `plan_edit`, once the size of the canvas is settled."""

    layout: float = option(
        "how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere",
        default=0.6,
        minimum=0,
        maximum=1,
    )
    layouts: int = option(
        "so many layouts are tried for each result, and the best goes on; 0 leaves the layout to "
        "the network, as the paper does",
        default=4,
        minimum=0,
        maximum=64,
        formerly=0,
        rarely=True,
    )
    layout_sheet: OutputFile | None = option(
        "write a sheet with the layouts of the first result there, numbered, to --pick from",
        default=None,
    )
    pick: int | None = option(
        "go on with the layout of that number, in place of the best",
        default=None,
        minimum=1,
        maximum=64,
    )
    likeness: float = option(
        "how much of the picture's own proportions and detail is asked for: 1 as much of each "
        "thing as the picture has, 0 what the network makes",
        default=1.0,
        minimum=0,
        maximum=1,
        formerly=0.0,
        rarely=True,
    )

    def lay_out(
        self,
        plan: Plan,
        pyramid: Pyramid,
        *,
        rows: tuple[float, float] = (0.0, 1.0),
        free: Tensor | None = None,
        drift: float = 0.0,
    ) -> None:
        """Settle how layouts are made.

        rows: where the picture's upper and lower edge are on the canvas, as shares of its height;
        free: (1, 1, h, w) in [0, 1], what of the canvas is new, all of it if None; drift: by how
        much of its height all may come higher or lower, another way in each layout.
        """
        self._rows, self._free, self._drift = rows, free, drift
        self._coarsest = [one.scales[0] for one in pyramid.sources]
        self._layouts: list[tuple[int, Tensor]] = []
        # A picture of one scale has no finer one that would make a picture of the layout; and of
        # several tasks the first one lays out.
        is_first = plan.stages[0].learnt and plan.start_image is None
        self._is_laid = self.is_laid and is_first and len(plan.stages) > 1
        if self._is_laid:
            first = plan.stages[0]
            first.learnt = first.ddpm = False
            first.route = None
            first.visits = None if first.visits is None else VISITS * first.visits
            first.attempts = range(self.layouts) if self.pick is None else (self.pick - 1,)
            first.score = self._score
        self._guides = set()
        for index, stage in enumerate(plan.stages[1:], 1):
            is_small = stage.size[0] * stage.size[1] <= GUIDED_PIXELS
            if self.likeness and is_small and not stage.guided:
                self._guides.add(index)
                stage.guided = True
                stage.start = round(HELD.get(stage.s, 1) * stage.start)

    @property
    def is_laid(self) -> bool:
        """Whether the layout is made of the picture's patches, as far as options tell."""
        return self.layouts > 0 or self.pick is not None

    def remembered(self, pyramid: Pyramid) -> Pyramid:
        """Whose patches may be seen again."""
        return pyramid

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._canvas_wraps = run.plan.wraps
        self._memory = self.remembered(run.pyramid)
        self._guidance = st.service("patch-guidance", pyramid=self._memory, device=run.device)
        self._layouts = []

    @hookimpl
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._visited = 0
        if scale.index == 0 and self._is_laid:
            self._drifts = self._drawn_drifts(run)
            scale.predict = self._layout = st.service(
                "layout-denoiser",
                pyramid=self._memory,
                schedule=run.schedule,
                device=run.device,
                boldness=self.layout,
                rows=self._rows,
                wraps=run.plan.wraps,
                drifts=self._drifts,
            )

    def _drawn_drifts(self, run: Run) -> list[float]:
        """Of each sample, evenly between the bounds, and as smooth along a walk as its noise."""
        if not self._drift:
            return [0.0] * run.samples
        normal = run.noise((1, 1))[:, 0, 0, 0].tolist()
        return [self._drift * math.erf(one / math.sqrt(2)) for one in normal]

    @hookimpl
    def modify_x0(self, run: Run, step: Step) -> None:
        self.guide(run, step)

    def guide(self, run: Run, step: Step) -> None:
        """Hold x̂0 to the layout and move it towards the picture's patches, where that is wanted."""
        if self._is_laid:
            self._layout.keep(run, step)
        stage = step.scale.stage
        is_laid_now = step.scale.index == 0 and self._is_laid
        self._visited += 1
        if self._visited % max(1, round(stage.steps_of_one / MOST_GUIDED)):
            return
        if is_laid_now or (step.scale.index in self._guides and step.t >= CLEAN_FROM):
            free = None if self._free is None else st.downsample(self._free, stage.size)
            step.x0 = self._guidance.moved(
                *(step.x0, step.s, run.generators),
                strength=self.likeness,
                free=free,
                wraps=self._canvas_wraps,
            )

    def _score(self, scale: ScaleState, x: Tensor) -> Tensor:
        """(n,) of layouts (n, 3, h, w): how far they are from the picture."""
        import torch

        if scale.attempt is not None and self.layout_sheet is not None:
            self._layouts.append((scale.attempt + 1, x[:1].cpu()))
        far = self._guidance.distance(x, scale.s, self._canvas_wraps)
        places = [(self._rows[0] - by, self._rows[1] - by) for by in self._drifts]
        wrong = torch.cat(
            [
                _out_of_place(one, self._coarsest, rows)
                for one, rows in zip(x.split(1), places, strict=True)
            ]
        )
        score = far + SHARE_OF_ROWS * (1 - self.layout) * wrong.to(far.device)
        if self._free is None:
            return score
        free = st.downsample(self._free, scale.stage.size).to(x.device)
        return score + SHARE_OF_SEAM * _seam(x, free).to(far.device)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        if self.layout_sheet is not None and self.layout_sheet not in result.extras:
            result.extras[self.layout_sheet] = sheet_of(self._layouts, run.plan.canvas)


def _seam(x: Tensor, free: Tensor) -> Tensor:
    """(n,): how much stronger than usual x (n, 3, h, w) changes where new parts of it begin.

    free: (1, 1, h, w), above a half where it is new. 0 if no part begins.
    """
    import torch

    new = (free > 0.5).float()
    changes = [x.diff(dim=axis).abs().mean(dim=1).flatten(1) for axis in (-2, -1)]
    begins = [(new.diff(dim=axis) != 0).flatten() for axis in (-2, -1)]
    change, begin = torch.cat(changes, dim=1), torch.cat(begins)
    if not begin.any():
        return change.new_zeros(len(x))
    return change[:, begin].mean(dim=1) - change.mean(dim=1)


def _out_of_place(x: Tensor, pictures: Sequence[Tensor], rows: tuple[float, float]) -> Tensor:
    """(n,): the mean difference between the mean colours of the rows of x (n, 3, h, w) and those of
    pictures, each (1, 3, h', w'), at the same height."""
    import torch

    h = x.shape[-2]
    places = (np.arange(h) + 0.5) / h
    heights = np.clip((places - rows[0]) / max(rows[1] - rows[0], 1e-6), 0, 1)
    wanted = torch.cat([_at_heights(m, heights) for m in pictures]).mean(dim=0)
    return (x.mean(dim=3).to(wanted.device) - wanted).abs().mean(dim=(1, 2))


def _at_heights(m: Tensor, heights: npt.NDArray[np.float64]) -> Tensor:
    """(1, 3, n): the mean colours of m (1, 3, h, w) at n heights, of 0 to 1."""
    there = (heights * (m.shape[-2] - 1)).round().astype(int)
    return m.mean(dim=3)[..., there]
