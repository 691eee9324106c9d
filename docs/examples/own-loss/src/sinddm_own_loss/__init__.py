"""Guidance by a loss of your own, a function in Python (SinDDM, §3.3): it joins any task."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sinddm_toolkit.api import InputFile, Task, UserError, hookimpl, option

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import Result, Run, Step

API_VERSION = 2

FOLDER_VARIABLE = "SINDDM_OWN_LOSSES"
"""Environment: the folder of your losses. No file elsewhere is run, whoever names it: a preset, a
batch or the record of a picture may be a stranger's, and so may the file beside it."""

UNGUIDED_STEPS = 3
"""The last steps of the finest scale, which blend what the loss made into the picture (§3.3)."""

Loss = Callable[["Tensor"], "Tensor"]
"""(n, 3, h, w) in about [-1, 1] → (n,), a loss a sample: lower is better."""


class OwnLoss(Task):
    """At each step x̂0 goes a little against the gradient of your loss, where that is strongest."""

    name = "own-loss"
    summary = "guide any task by a loss of your own: a function in Python"
    learns_from = None

    loss: InputFile = option(
        "a Python file, in the folder that SINDDM_OWN_LOSSES names, with the function: a tensor "
        "(n, 3, h, w) in [-1, 1] → n losses"
    )
    function: str = option("what the function is called there", default="loss")
    strength: float = option(
        "higher: more of what the loss asks for, less like your picture",
        default=0.05,
        minimum=0,
        maximum=1,
    )
    fill: float = option(
        "share of the picture that may change, where the gradient is strongest",
        default=1.0,
        minimum=0.001,
        maximum=1,
    )
    first_scale: int = option("0: the layout is guided too", default=1, minimum=0)
    through: bool = option(
        "take the gradient through the network: three times the work, but the change is one that "
        "the network goes along with",
        default=False,
    )

    def check(self) -> None:
        check_trusted(Path(self.loss))
        self._loss = load(Path(self.loss), self.function)

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        # An edit of many samples takes several passes, each with samples and a mask of its own.
        self._mask: Tensor | None = None
        self._losses: list[list[float]] = []

    @hookimpl
    def modify_x0(self, run: Run, step: Step) -> None:
        finest = run.pyramid.count - 1
        is_last = step.s == finest and step.t < UNGUIDED_STEPS
        if self.strength == 0 or is_last or step.s < min(self.first_scale, finest):
            return
        gradient = self._gradient(run, step)
        mask = self._mask_of(step, gradient)
        if bool(mask.any()):
            step.x0 = stepped(step.x0, gradient, mask, self.strength)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        for k, told in enumerate(result.metadata):
            if self._losses:
                told["loss"] = {"first": self._losses[0][k], "last": self._losses[-1][k]}

    def _gradient(self, run: Run, step: Step) -> Tensor:
        """∇L (n, 3, h, w), of x̂0 itself or by way of the network; 0 where x̂0 is held fast."""
        import torch

        x = (step.x_t if self.through else step.x0).detach().requires_grad_()
        with torch.enable_grad():  # hooks are called without gradients
            x0 = x
            if self.through:
                x0 = step.scale.clean(x, run.predict(x, step.t, step.s), step.t)
            losses = self._checked(x0)
            (gradient,) = torch.autograd.grad(losses.sum(), x)
        self._losses.append(losses.tolist())
        if step.scale.fixed is not None:
            gradient = gradient * ~step.scale.fixed[1].to(gradient.device)
        return gradient

    def _checked(self, x0: Tensor) -> Tensor:
        """The losses (n,) of x0. UserError if the function fails, or gives something else."""
        import torch

        where = f"--loss {self.loss}: {self.function}(x0)"
        try:
            losses = self._loss(x0)
        except Exception as error:
            raise UserError(f"{where} failed: {type(error).__name__}: {one_line(error)}") from error
        wanted = f"a tensor with a loss a sample, of shape ({len(x0)},)"
        if not isinstance(losses, torch.Tensor):
            raise UserError(f"{where} gives {type(losses).__name__}: it must give {wanted}")
        if losses.shape != (len(x0),):
            shape = tuple(losses.shape)
            raise UserError(f"{where} gives a tensor of shape {shape}: it must give {wanted}")
        if not losses.requires_grad:
            raise UserError(f"{where} does not depend on x0 in a way that has gradients")
        if not bool(losses.isfinite().all()):
            raise UserError(f"{where} gives {losses.tolist()}: losses must be finite")
        return losses

    def _mask_of(self, step: Step, gradient: Tensor) -> Tensor:
        """m (n, 1, h, w): that of the first guided step, enlarged with the scales.

        Large pictures are looked at through a window, another one at each scale: each then has its
        own.
        """
        from torch.nn import functional as F

        size = gradient.shape[-2:]
        is_window = step.scale.stage.level is not None
        if self._mask is None or (is_window and self._mask.shape[-2:] != size):
            mask = strongest(gradient, self.fill)
            # A loss that is content for now does not say where it will matter.
            self._mask = mask if bool(mask.flatten(1).any(dim=1).all()) else None
            return mask
        return F.interpolate(self._mask, size, mode="nearest")


def check_trusted(file: Path) -> None:
    """UserError unless `file` lies in the folder of losses: it is a program."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise UserError(
            f"--loss {file}: it is a program, and only those in the folder that {FOLDER_VARIABLE} "
            "names are run"
        )
    if not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder)):
        raise UserError(
            f"--loss {file}: it does not lie in {folder}, which {FOLDER_VARIABLE} names"
        )


def load(path: Path, name: str) -> Loss:
    """The function `name` of a Python file, which is run for that. UserError if it can't be had."""
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        raise UserError(f"--loss {path}: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        raise UserError(f"--loss {path}: {one_line(error)}") from error
    found: dict[str, object] = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(code, found)  # the user's own, who has named the file
    except Exception as error:
        raise UserError(f"--loss {path}: {type(error).__name__}: {one_line(error)}") from error
    function = found.get(name)
    if not callable(function):
        raise UserError(f"--loss {path}: there is no function {name} in it; give --function")
    return function


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def strongest(gradient: Tensor, fill: float) -> Tensor:
    """m (n, 1, h, w): 1 on the share `fill` of the pixels where the gradient is longest, else 0.

    Also 0 where there is none.
    """
    import torch

    length = torch.linalg.vector_norm(gradient, dim=1).flatten(1)
    count = max(1, round(fill * length.shape[1]))
    mask = torch.zeros_like(length).scatter_(1, length.topk(count, dim=1).indices, 1.0)
    mask *= length > 0
    return mask.view(len(gradient), 1, *gradient.shape[-2:])


def stepped(x0: Tensor, gradient: Tensor, mask: Tensor, strength: float) -> Tensor:
    """x̂0 - η·δ·m·∇L within [-1, 1], where δ = ‖x̂0·m‖ / ‖∇L·m‖ of each sample.

    Eq. 3 as it is meant: as printed, the step would take the place of the pixels.
    """
    import torch

    masked = gradient * mask
    reached = torch.linalg.vector_norm(x0 * mask, dim=(1, 2, 3), keepdim=True)
    pushed = torch.linalg.vector_norm(masked, dim=(1, 2, 3), keepdim=True)
    # Where the gradient vanishes there is nowhere to go.
    delta = torch.where(pushed > 0, reached / pushed.clamp(min=1e-30), 0.0)
    moved = (x0 - strength * delta * masked).clamp(-1, 1)
    return torch.where(pushed > 0, moved, x0)


@hookimpl
def register_tasks() -> list[type[Task]]:
    return [OwnLoss]
