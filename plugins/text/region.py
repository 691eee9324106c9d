"""What a text names, in a region of the picture (paper §4, Fig. 2 and S3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinddm_toolkit.api import (
    Picture,
    Region,
    UserError,
    bounds,
    hookimpl,
    option,
    softened,
)

from .prompts import LOW_RESOLUTION, direction
from .task import TextTask, with_random_steps

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Plan, Pyramid, Run

SMALLEST_SIDE = 8
"""Pixels of a region at the working size: no encoder sees anything in less."""


class TextRoi(TextTask):
    """The region is moved towards the text by itself, then made one with the picture by the model.

    Everything outside the region stays as it is, bit for bit, but for a soft border.
    """

    name = "text-roi"
    summary = "change a region of your picture into what you say"
    also_called = (
        "prompt",
        "replace",
        "turn into",
        "describe",
    )

    region: Region = option("where: a box X,Y,W,H in pixels or percent, or a mask picture")
    strength: float = option(
        "higher: further towards the text in each step", default=0.1, minimum=0, maximum=1
    )
    steps: int = option(
        "steps towards the text: more make it plainer", default=100, minimum=1, maximum=10_000
    )
    start_step: int = option(
        "higher: more of the picture's own texture in the region, less of the text",
        default=10,
        minimum=1,
        maximum=100,
        rarely=True,
    )
    feather: float = option(
        "softness of the region's border, in pixels of the working picture",
        default=5.0,
        minimum=0,
        maximum=100,
        rarely=True,
    )

    def check(self) -> None:
        self.region.check_covers(self.image, "--region")
        super().check()

    def notices(self) -> list[str]:
        return self.region.notices(self.image, "--region")

    def comparisons(self, plan: Plan) -> float:
        return self.steps if self.strength > 0 else 0

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        size = pyramid.sizes[-1]
        inside = Picture.from_mask(self.region.inside(self.image.size), size)
        self._inside = inside.rgb()[..., 0] > 0
        self._box = bounds(self._inside) if self._inside.any() else (0, 0, 0, 0)
        height, width = self._box[2] - self._box[0], self._box[3] - self._box[1]
        if min(height, width) < SMALLEST_SIDE:
            raise UserError(
                f"--region {self.region} is {width}×{height} pixels of the {size[1]}×{size[0]} "
                f"that the model works at: give at least {SMALLEST_SIDE}×{SMALLEST_SIDE}, or more "
                "--max-pixels"
            )
        plan.set_canvas(size)
        plan.repaint(
            self.image,
            weight=softened(self._inside, 0, self.feather),
            at=plan.stage(None),
            image=pyramid.scales[-1],
            start=self.start_step,
            option="--start-step",
        )
        with_random_steps(plan.stages[0])

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        super().before_sampling(run)
        y0, x0, y1, x1 = self._box
        image = run.pyramid.scales[-1].to(run.device).repeat(run.samples, 1, 1, 1)
        image[..., y0:y1, x0:x1] = self._moved(run, image[..., y0:y1, x0:x1])
        run.start_image = image

    def _moved(self, run: Run, crop: Tensor) -> Tensor:
        """crop (n, 3, h, w) after all steps towards the text, inside the region."""
        import torch

        from .guidance import TextLoss, stepped

        encoder = self.encoder(run.device)
        wanted = direction(encoder, self.prompts(), LOW_RESOLUTION)
        loss = TextLoss(encoder, self.views, run.generators)
        y0, x0, y1, x1 = self._box
        mask = torch.from_numpy(self._inside[y0:y1, x0:x1]).to(crop)[None, None]
        for step in range(self.steps if self.strength > 0 else 0):
            ascent, losses = loss.ascent(crop, wanted)
            crop = stepped(crop, ascent, mask, self.strength)
            self.note("steps on the region", step, losses)
            run.report("moving the region", step + 1, self.steps)
        return crop
