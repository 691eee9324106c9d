"""What the tasks guided by a text have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import sinddm_toolkit.api as st
from sinddm_toolkit.api import (
    InputFile,
    NameOrFile,
    OutputFile,
    Picture,
    Task,
    hookimpl,
    option,
)

from .losses import Point, joined, plot
from .prompts import HIGH_RESOLUTION, LOW_RESOLUTION, Prompt, direction, parse_all

if TYPE_CHECKING:
    import torch

    from sinddm_toolkit.api import Edit, Outcome, Plan, Result, Run, Stage, Step, TextEncoder

JUDGED_PIXELS = 250_000
"""An encoder sees some 200×200 pixels at once: what is finer than this it never looks at."""

UNGUIDED_STEPS = 3
"""The last steps of the finest scale, which blend what the text made into the picture (§3.3)."""


class TextTask(Task):
    """The options of all, the encoder, and the record of the loss."""

    learns_from = "image"
    most_pixels = JUDGED_PIXELS

    image: Picture = option("the picture to learn from")
    text: list[str] = option(
        "what you want to see, as TEXT or TEXT:WEIGHT; with a weight below 0: what you do not"
    )
    clip: NameOrFile | None = option(
        "the CLIP model, NAME[:PRETRAINED] of open_clip or a configuration file; SINDDM_TK_CLIP or "
        "ViT-B-32-quickgelu:openai if not given",
        default=None,
        suffixes=(".json",),
    )
    clip_weights: InputFile | None = option(
        "a file with the weights of that model", default=None, rarely=True
    )
    views: int = option(
        "random views that each step is judged by: fewer are quicker and less reliable",
        default=16,
        minimum=1,
        maximum=256,
        rarely=True,
    )
    save_loss: OutputFile | None = option(
        "also write a plot of the loss there: how far the picture still is from the text",
        default=None,
        rarely=True,
    )

    def check(self) -> None:
        self._points: list[list[Point]] = []
        self.prompts()
        self.encoder()

    def prompts(self) -> list[Prompt]:
        """What the encoder is asked for. UserError for bad prompts."""
        return parse_all(self.text)

    def encoder(self, device: torch.device | None = None) -> TextEncoder:
        """UserError if its weights are not at hand."""
        import torch

        weights = None if self.clip_weights is None else Path(self.clip_weights)
        device = device or torch.device("cpu")
        encoder: TextEncoder = st.service("text-encoder", self.clip, weights=weights, device=device)
        return encoder

    def comparisons(self, plan: Plan) -> float:
        """How many steps of a sample are compared with the text."""
        raise NotImplementedError

    def own_seconds(self, plan: Plan, device: torch.device) -> float:
        from .guidance import seconds_of_a_comparison

        count = self.comparisons(plan)
        if not count:
            return 0.0
        return count * seconds_of_a_comparison(self.encoder(device), self.views, device)

    def note(self, stage: str, step: int, losses: list[float]) -> None:
        """Keep the losses of a step for the plot."""
        self._points[-1].append(Point(stage, step, tuple(losses)))

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._points.append([])

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        for told in result.metadata:
            told["text_encoder"] = self.encoder(run.device).name

    @hookimpl
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        if self.save_loss is not None and outcome.error is None:
            outcome.extras[self.save_loss] = plot(joined(self._points), ", ".join(self.text))


class GuidedTask(TextTask, ABC):
    """Guides the steps of the reverse process."""

    guide_every: int = option(
        "guide each so many steps only: quicker, and weaker",
        default=1,
        minimum=1,
        maximum=100,
    )

    momentum: ClassVar[float]
    """λ: the share of each new x̂0 that enters the running one inside the mask."""

    @abstractmethod
    def extent(self) -> tuple[float, float]:
        """Strength η and fill factor f."""

    @abstractmethod
    def guides(self, scale: int, finest: int) -> bool:
        """Whether a scale is guided."""

    def comparisons(self, plan: Plan) -> float:
        if self.extent()[0] == 0:
            return 0
        finest = plan.stages[-1].s
        guided = [stage for stage in plan.stages if self.guides(stage.s, finest)]
        last = sum(min(stage.steps, UNGUIDED_STEPS) for stage in guided if stage.s == finest)
        return (sum(stage.steps for stage in guided) - last) / self.guide_every

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        from .guidance import Guidance, TextLoss

        super().before_sampling(run)
        encoder = self.encoder(run.device)
        strength, fill = self.extent()
        self._guidance = Guidance(
            TextLoss(encoder, self.views, run.generators),
            strength=strength,
            fill=fill,
            momentum=self.momentum,
        )
        # x̂0 of a coarse scale is a small picture, and is to be judged as one.
        self._coarse = direction(encoder, self.prompts(), LOW_RESOLUTION)
        self._fine = direction(encoder, self.prompts(), HIGH_RESOLUTION)
        self._steps = 0

    @hookimpl
    def modify_x0(self, run: Run, step: Step) -> None:
        scale, finest = step.s, run.pyramid.count - 1
        is_last = scale == finest and step.t < UNGUIDED_STEPS
        # Without strength nothing may change; momentum alone would still smooth.
        if self.extent()[0] == 0 or is_last or not self.guides(scale, finest):
            return
        if self._steps % self.guide_every == 0:
            wanted = self._fine if scale == finest else self._coarse
            step.x0, losses = self._guidance.guided(step.x0, wanted)
            self.note(f"scale {scale}", step.t, losses)
        else:
            step.x0 = self._guidance.held(step.x0)
        self._steps += 1


def with_random_steps(stage: Stage) -> None:
    """No blur mixing and DDPM's random steps, as text guidance has them (App. E).

    All of them: a step of guidance goes with each.
    """
    stage.blur, stage.ddpm, stage.visits = False, True, None
