"""What hooks see of a scale and of its steps."""

from __future__ import annotations

import torch
from torch import Tensor

from sinddm_toolkit.engine.guards import Guarded, check_finite, check_tensor
from sinddm_toolkit.engine.run import NoisePredictor
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.engine.stage import Stage


class ScaleState(Guarded):
    """A stage about to be sampled: the scale `s` of the network at one size of the canvas."""

    __slots__ = (
        *("_input", "_open", "_predict", "_schedule", "_start"),
        *("attempt", "fixed", "index", "stage"),
    )
    _settled = frozenset({"stage", "index", "attempt"})

    stage: Stage
    """As the plan has it."""
    index: int
    """Which of the plan's stages this is."""
    attempt: int | None
    """Which of the stage's `attempts`; None if there is but one."""
    fixed: tuple[Tensor, Tensor] | None
    """Image (1 or samples, 3, h, w) and mask (1, 1, h, w) that `fix` was given."""

    def __init__(
        self,
        stage: Stage,
        index: int,
        image: Tensor | None,
        predict: NoisePredictor,
        schedule: Schedule,
        attempt: int | None = None,
    ) -> None:
        self.stage = stage
        self.index = index
        self.attempt = attempt
        self._schedule = schedule
        self._input = image
        self._start = stage.start
        self._predict = predict
        self._open = True
        self.fixed = None

    @property
    def s(self) -> int:
        """The number of the scale, as the network knows it: 0 is the coarsest."""
        return self.stage.s

    @property
    def predict(self) -> NoisePredictor:
        """What predicts the noise at this scale.

        In `before_scale` assign a function of the same arguments to guide it, or to put another
        denoiser in its place for this scale; to call the one that was there before makes it a
        wrapper. What it gives is checked as what is assigned is.
        """
        return self._predict

    @predict.setter
    def predict(self, predict: NoisePredictor) -> None:
        self._check_open("predict")
        if not callable(predict):
            raise TypeError(f"scale.predict must be callable, not {type(predict).__name__}")
        self._predict = predict

    @property
    def input(self) -> Tensor | None:
        """The clean picture x̃^s that noise is added to, (samples, 3, h, w) in about [-1, 1].

        None is pure noise. Can be replaced in `before_scale`.
        """
        return self._input

    @input.setter
    def input(self, image: Tensor) -> None:
        if self._input is None:
            raise ValueError("this scale starts from pure noise: it has no input to replace")
        self._check_open("input")
        check_tensor(image, self._input, "scale.input")
        self._input = image

    def fix(self, image: Tensor, where: Tensor) -> None:
        """x̂0 is `image` (1 or samples, 3, h, w) `where` that is true (1, 1, h, w), at every step.

        Nothing is predicted where a whole tile is so: a large canvas costs what is left of it.
        """
        self._check_open("fix")
        size = self.stage.size
        if image.shape[-2:] != size or where.shape != (1, 1, *size) or where.dtype != torch.bool:
            raise ValueError(f"fix needs an image and a boolean mask of size {size}")
        check_finite(image, "the image to fix")
        self.fixed = image, where

    def clean(self, x: Tensor, epsilon: Tensor, t: int) -> Tensor:
        """x̂0 by the noise ε predicted in x_t, as the sampler takes it (Algorithm 2, lines 6 and 7).

        All are (n, 3, h, w). The blur of `input` has been taken out; there are gradients if they
        are on. What is fixed is no part of it, nor that random steps hold x̂0 in [-1, 1].
        """
        x0 = self._schedule.clean(x, epsilon, t)
        gamma = self.gamma(t)
        if self._input is None or gamma == 0:
            return x0
        return x0.sub_(self._input, alpha=gamma).div_(1 - gamma)

    def gamma(self, t: int) -> float:
        """γ_t^s: how much of x̂0 in x_t is `input`, at most `stage.gamma_max`; 0 where it is none.

        t = -1 is the clean picture, 0 too.
        """
        if not self.stage.blur or self._input is None:
            return 0.0
        return self._schedule.sampling_gamma(self.s, t, self.stage.gamma_max)

    @property
    def start(self) -> int:
        """The steps t = start-1 … 0 are made. Can be lowered: more was not trained for."""
        return self._start

    @start.setter
    def start(self, start: int) -> None:
        self._check_open("start")
        if not 1 <= start <= self.stage.start:
            raise ValueError(f"scale.start must be from 1 to {self.stage.start}, not {start}")
        self._start = start

    def close(self) -> None:
        """The steps of the scale begin: all about it is settled."""
        self._open = False

    def _check_open(self, name: str) -> None:
        if not self._open:
            raise AttributeError(f"scale.{name} is for before_scale alone")


class Step(Guarded):
    """One step of the reverse process; x0 and shift can be assigned in `modify_x0`."""

    __slots__ = ("_open", "_shift", "_versions", "_x0", "is_changed", "scale", "t", "t_next", "x_t")
    _settled = frozenset({"scale", "t", "t_next", "x_t"})

    scale: ScaleState
    """The scale that the step belongs to."""
    t: int
    """The timestep, from T[s]-1 down to 0."""
    t_next: int
    """The timestep that follows; -1 after the last."""
    x_t: Tensor
    """The noisy picture before the step, (samples, 3, h, w)."""
    is_changed: bool
    """Whether x0 is no longer what the network predicted."""

    def __init__(
        self,
        scale: ScaleState,
        t: int,
        t_next: int,
        x_t: Tensor,
        x0: Tensor,
        *,
        is_changed: bool = False,
    ) -> None:
        self.scale = scale
        self.t = t
        self.t_next = t_next
        self.x_t = x_t
        self._x0 = x0
        self._shift: Tensor | None = None
        self._open = True
        self.is_changed = is_changed
        self._versions = self._counted()

    @property
    def x0(self) -> Tensor:
        """x̂0, the predicted clean picture, (samples, 3, h, w) float32 in about [-1, 1].

        The blur of Algorithm 2 has been taken out. Can be replaced in `modify_x0`.
        """
        return self._x0

    @x0.setter
    def x0(self, x0: Tensor) -> None:
        if not self._open:
            raise AttributeError("x0 can only be changed in modify_x0")
        check_tensor(x0, self._x0, "step.x0")
        self._x0 = x0
        self.is_changed = True
        self._versions["step.x0"] = x0._version

    @property
    def s(self) -> int:
        """The number of the scale, as the network knows it: 0 is the coarsest."""
        return self.scale.s

    @property
    def shift(self) -> Tensor | None:
        """What is added to x of the next timestep, (samples, 3, h, w); None is nothing.

        Can be assigned in `modify_x0`; None takes back what a hook before has assigned.

        The way of guidance that moves the mean of p(x_{t-1} | x_t) and leaves x̂0 as it is
        (Dhariwal & Nichol, *Diffusion Models Beat GANs*, 2021, Algorithm 1). There is none after
        the last step.
        """
        return self._shift

    @shift.setter
    def shift(self, shift: Tensor | None) -> None:
        if not self._open:
            raise AttributeError("shift can only be changed in modify_x0")
        if shift is not None:
            check_tensor(shift, self._x0, "step.shift")
        self._shift = shift

    def close(self) -> None:
        """Nothing may be changed from here on."""
        self._open = False

    def changed_in_place(self) -> str | None:
        """What has been changed but not by assigning it: torch counts that, for every tensor."""
        now = self._counted()
        return next((name for name, count in self._versions.items() if now[name] != count), None)

    def _counted(self) -> dict[str, int]:
        tensors = {"step.x0": self._x0, "step.x_t": self.x_t, "scale.input": self.scale.input}
        return {name: x._version for name, x in tensors.items() if x is not None}
