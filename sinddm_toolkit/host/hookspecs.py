"""The hooks: when each is called and what it may change.

Implementations assign (`step.x0 = …`), so that the next one sees what the one before it made;
`@hookimpl(tryfirst=True)` and `trylast` order them. The hooks of a run are called on its task
instances and observers only; those of discovery on every plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import click
    import torch
    from torch import Tensor

    from sinddm_toolkit.engine.plan import Plan
    from sinddm_toolkit.engine.pyramid import Pyramid
    from sinddm_toolkit.engine.run import Run, ScaleState, Step
    from sinddm_toolkit.engine.sampler import NoisePredictor
    from sinddm_toolkit.engine.schedule import Schedule
    from sinddm_toolkit.host.result import Result
    from sinddm_toolkit.options.option import Task

PROJECT = "sinddm_toolkit"

API_VERSION = 1
"""Grows when a plugin written for the version before may no longer work."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class TextEncoder(Protocol):
    """Embeds texts and pictures so that the cosine says how well they go together."""

    @property
    def name(self) -> str:
        """What it is and which weights it has, for records."""

    @property
    def image_size(self) -> int:
        """Side in pixels of the squares that `encode_image` takes."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """n texts → (n, d) float32 unit vectors, without gradients."""

    def encode_image(self, images: Tensor) -> Tensor:
        """(n, 3, image_size, image_size) in [0, 1] → (n, d) float32 unit vectors.

        Differentiable with respect to the images.
        """


class DiscoverySpecs:
    """Called on plugins, whether or not anything is run. Importing a plugin must be quick."""

    @hookspec
    def register_tasks(self) -> list[type[Task]]:  # type: ignore[empty-body]
        """The task classes that the plugin brings."""

    @hookspec
    def register_presets(self) -> list[Path]:  # type: ignore[empty-body]
        """Preset files that the plugin brings, or folders of them."""

    @hookspec
    def register_commands(self, cli: click.Group) -> None:
        """The command line is being built: add commands to `cli`."""

    @hookspec
    def describe_setup(self) -> dict[str, str]:  # type: ignore[empty-body]
        """What the plugin needs of this machine and whether it is there: lines of `doctor`.

        Label → a few words. Nothing may be fetched for it.
        """

    @hookspec(firstresult=True)
    def make_text_encoder(
        self, name: str | None, weights: Path | None, device: torch.device
    ) -> TextEncoder | None:
        """Somebody wants to compare pictures with texts. The first plugin that makes one does.

        `name` and `weights` (a file) are the user's, None if not given; a name that is another
        plugin's gives None. Quick, and without a network: UserError, in one line that says what to
        do, if the weights are not at hand. To load them may wait for the first use.
        """

    @hookspec(firstresult=True)
    def make_denoiser(
        self, name: str, pyramid: Pyramid, schedule: Schedule, device: torch.device
    ) -> NoisePredictor | None:
        """Somebody wants to sample with something else than the trained network: `--denoiser`.

        The first plugin that knows the `name` makes it; None for the name of another one. It is
        called with (x_t, t, scale, needless) like the network, at whatever size the canvas has, and
        gives the noise in x_t; `pyramid` is the picture to be made from, `pyramid.known` says which
        of its pixels may be used. Quick: nothing is trained, and to prepare may wait for the first
        call.
        """


class RunSpecs:
    """Called on the tasks of one run, in the order in which they stand here."""

    @hookspec
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        """Before any weights exist. May change `plan`: canvas, injection, stages.

        The plan says which (scale, timestep) cells will be visited; only those are trained.
        """

    @hookspec
    def before_sampling(self, run: Run) -> None:
        """Once, with the model at hand. May replace `run.start_image`."""

    @hookspec
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        """Before noise is added at a scale. May assign `scale.input` and `scale.start`."""

    @hookspec
    def modify_x0(self, run: Run, step: Step) -> None:
        """The clean picture x̂0 is predicted and not yet used. May assign `step.x0`."""

    @hookspec
    def after_step(self, run: Run, step: Step) -> None:
        """The step is done: for watching, nothing may be changed."""

    @hookspec
    def compose_output(self, run: Run, result: Result) -> None:
        """At the end. May assign `result.pictures`, add to `result.metadata` and `.extras`."""
