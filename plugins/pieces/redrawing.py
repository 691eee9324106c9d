"""What the tasks have in common: pieces are put together, and the model redraws them a little."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Task, UserError, hookimpl, option

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sinddm_toolkit.api import Picture, Plan, Pyramid, Result, Run, Step

REDRAWN_FROM = 4
"""Of the finest scale: pieces keep their shapes, and where they meet get strokes or grain."""

REDRAWN_PIXELS = 250_000
"""A larger picture's finest scale knows grain alone, which pieces of it have of their own."""

CRISP = 0.5
"""How far each step that redraws goes to the picture's own variety of small patches."""

ARRANGING_SECONDS = 4.0
"""Of a result of whatever size, as large ones are put together smaller: on a core of a Xeon."""

LEAST_SIDE = 33
"""What the network sees at once: a smaller canvas would be all border."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Pieces:
    """What was put together."""

    image: Tensor
    """(1, 3, h, w) in [-1, 1]."""
    misfit: float
    """How badly the pieces fit."""
    held: Tensor | None = None
    """(1, 1, h, w), boolean: what of it is not to be redrawn."""


class PiecesTask(Task):
    """Calls `begin` in its `plan_edit`, and says in `arranged` what goes where."""

    layouts: int = option(
        "so many layouts are tried for each result, and the best goes on",
        default=12,
        minimum=1,
        maximum=64,
        rarely=True,
    )
    start_step: int | None = option(
        "higher: the pieces are redrawn more freely; 0: they stay as they are, and nothing is "
        "learnt; by the size of the result if not given",
        default=None,
        minimum=0,
        maximum=100,
        rarely=True,
    )

    @abstractmethod
    def arranged(self, run: Run, size: Size, generator: torch.Generator) -> Pieces:
        """The pieces together on a canvas of that size (h, w)."""

    def begin(self, plan: Plan, pyramid: Pyramid, picture: Picture, size: Size) -> None:
        """The result is (h, w) large, where pieces of `picture`, which is learnt, are as large as
        in it."""
        if min(size) < LEAST_SIDE:
            raise UserError(
                f"the result would be {size[1]}x{size[0]} pixels: it needs at least {LEAST_SIDE} a "
                "side"
            )
        by = pyramid.sizes[-1][0] / picture.size[0]
        plan.set_canvas((max(1, round(size[0] * by)), max(1, round(size[1] * by))))
        plan.enlarge(size)
        stage = plan.stages[-1]
        start = self.start_step
        if start is None:
            start = REDRAWN_FROM if size[0] * size[1] <= REDRAWN_PIXELS else 0
        import torch

        # What is put together follows from each sample's random numbers: it takes this one's place.
        blank = torch.zeros(1).expand(1, 3, *size)
        plan.inject(blank, at=stage, start=max(1, start), option="--start-step")
        if start == 0:
            stage.visits = 0

    def own_seconds(self, plan: Plan, device: torch.device) -> float:
        return ARRANGING_SECONDS

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        import torch

        self._guidance = st.service("patch-guidance", pyramid=run.pyramid, device=run.device)
        size = run.plan.stages[0].size
        made: list[Pieces] = []
        for k, generator in enumerate(run.generators):
            run.report("arranging", k + 1, run.samples)
            made.append(self.arranged(run, size, generator))
        self._misfits = [one.misfit for one in made]
        self._held = [None if one.held is None else (one.held, one.image) for one in made]
        run.start_image = torch.cat([one.image for one in made]) if len(made) > 1 else made[0].image

    @hookimpl(trylast=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        """Strokes and grain as strong as the picture's, where redrawing would soften them."""
        import torch

        x0 = step.x0
        if step.t > 0:  # patches are moved on a lattice, a mesh that the last step smooths
            x0 = self._guidance.moved(x0, step.s, run.generators, strength=CRISP)
        step.x0 = torch.cat(
            [
                one if held is None else torch.where(held[0].to(one.device), held[1].to(one), one)
                for one, held in zip(x0.split(1), self._held, strict=True)
            ]
        )

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        for told, misfit in zip(result.metadata, self._misfits, strict=True):
            told["misfit"] = round(misfit, 4)
