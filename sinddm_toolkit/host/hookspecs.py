"""The hooks: when each is called and what it may change.

Implementations assign (`step.x0 = …`), so that the next one sees what the one before it made;
`@hookimpl(tryfirst=True)` and `trylast` order them. The hooks of an edit are called on its task
instances only; those of discovery on every plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import click
    from torch import Tensor

    from sinddm_toolkit.engine.plan import Plan
    from sinddm_toolkit.engine.pyramid import Pyramid
    from sinddm_toolkit.engine.run import Run
    from sinddm_toolkit.engine.steps import ScaleState, Step
    from sinddm_toolkit.engine.training import TrainingReport
    from sinddm_toolkit.host.edit import Edit, Outcome
    from sinddm_toolkit.host.result import Result
    from sinddm_toolkit.options.task import Task

PROJECT = "sinddm_toolkit"

API_VERSION = 2
"""Grows when a plugin written for the version before may no longer work."""

MARK = f"{PROJECT}_impl"
"""The attribute that `hookimpl` gives to a method."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin, or a method of a task, as the hook of its name.

`@hookimpl(tryfirst=True)` is called before others, `@hookimpl(trylast=True)` after them.
"""


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
    def make_service(self, kind: str, name: str | None, about: Mapping[str, Any]) -> Any:
        """Somebody wants what a plugin can make on demand. The first plugin that makes it does.

        `kind` says what, `name` which one; None is the default of that kind. A plugin gives None
        for kinds and names that are not its own. Quick, and without a network: UserError, in one
        line that says what to do, if something is not at hand; to load it may wait for the first
        use. The kinds that the toolkit and its plugins ask for, with what is told `about` them:

        * `text-encoder`: a `TextEncoder`. `weights`, a file (Path) or None; `device`.
        * `denoiser`: a `NoisePredictor` in place of the trained network, `--denoiser NAME`. It is
          called at whatever size the canvas has. `pyramid` is the picture to be made from,
          `pyramid.known` says which of its pixels may be used, `pyramid.sources` are all if several
          are learnt together; `schedule`; `device`; `wraps`, on which axes the canvas goes on at
          its other side, as the plan has it. It may have hooks of an edit as its methods, from
          `begin_edit` on: they come before those of tasks.
        * `network`: a fresh `torch.nn.Module` to be trained, for `sinddm_toolkit.train(…,
          network=NAME)` and stored models that name it. It is called as network(x, t, s), x_t
          (n, 3, h, w) of whole pictures, t and s (n,) integers, and gives ε, as x. What it holds is
          float32; its first weights are drawn from torch's generator, which is seeded. `width`, as
          the quality has it; `schedule`.
        """


class RunSpecs:
    """Called on the tasks of one edit, in the order in which they stand here.

    The tasks are made afresh for every edit. Samples that go through the sampler together are a
    pass: an edit of many or of large ones takes several.
    """

    @hookspec
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        """Once an edit, before any weights exist. May change `plan`: canvas, injection, stages.

        The plan says which (scale, timestep) cells will be visited; only those are trained.
        """

    @hookspec
    def begin_edit(self, edit: Edit) -> None:
        """Once an edit, when its plan is settled, before anything is learnt for it.

        For files and memory of the plugin's own, which may last until `end_edit`.
        """

    @hookspec
    def during_training(self, edit: Edit, report: TrainingReport) -> None:
        """Every few updates of a training for this edit, and after the last: for watching only.

        Not called where nothing has to be learnt.
        """

    @hookspec
    def before_sampling(self, run: Run) -> None:
        """Once a pass, with the model at hand. May replace `run.start_image`."""

    @hookspec
    def before_scale(self, run: Run, scale: ScaleState) -> None:
        """Before noise is added at a scale.

        May assign `scale.input`, `scale.start` and `scale.predict`, and call `scale.fix`.
        """

    @hookspec
    def modify_x0(self, run: Run, step: Step) -> None:
        """The clean picture x̂0 is predicted and not yet used.

        May assign `step.x0` and `step.shift`. Gradients are off here as in all hooks:
        `with torch.enable_grad():` turns them on.
        """

    @hookspec
    def after_step(self, run: Run, step: Step) -> None:
        """The step is done: for watching, nothing may be changed."""

    @hookspec
    def compose_output(self, run: Run, result: Result) -> None:
        """Once a pass, for its samples.

        May assign `result.pictures`, add to `result.metadata` and `result.extras`.
        """

    @hookspec
    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        """Once an edit, also when it failed or was interrupted, in training or in `begin_edit`.

        `outcome.error` says so; it is called on every task, whichever has failed. May add to
        `outcome.extras`: nothing of that has been written yet.
        """
