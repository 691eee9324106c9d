"""What hooks see of a pass: the run, a scale, a step. It dies with the pass."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.engine.caller import caller
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid, Size
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.engine.stage import Stage


class NoisePredictor(Protocol):
    """ε_θ(x_t, t, s): x (n, 3, h, w), t and s plain numbers → (n, 3, h, w) float32.

    Where `needless` (h, w) is true, any number will do. Differentiable with respect to x.
    """

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = ..., /) -> Tensor: ...


class _Guarded:
    """Refuses attributes that there are not, and changes of those that are `settled`."""

    __slots__ = ()
    settled: ClassVar[frozenset[str]] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.settled and hasattr(self, name):
            raise AttributeError(f"{name} cannot be changed here")
        super().__setattr__(name, value)


class Run(_Guarded):
    """One pass of the reverse process: the samples that go through it together.

    An edit of many samples takes several passes; its tasks are the same objects in all of them.
    """

    __slots__ = (
        *("plan", "pyramid", "schedule", "seeds", "device", "predict", "report", "evaluations"),
        *("_own", "_plugins", "_start_image", "_open"),
    )
    settled = frozenset({"plan", "pyramid", "schedule", "seeds", "device", "predict"})

    plan: Plan
    """What is sampled: its stages, the size of the canvas."""
    pyramid: Pyramid
    """The scales of the picture that was learnt."""
    schedule: Schedule
    """ᾱ_t, γ_t^s and T[s]."""
    seeds: tuple[int, ...]
    """One a sample of this pass."""
    device: torch.device
    """Where the tensors of the steps are, and the network."""
    predict: NoisePredictor
    """ε_θ of the trained network, or of what stands in its place: (x_t, t, s) → ε, both
    (n, 3, h, w). Hooks are called without gradients; under `torch.enable_grad()` it has them with
    respect to x_t."""
    report: Callable[[str, int, int], None]
    """To be called during long work of a task's own, as `run.report("painting", 3, 20)`: what is
    done, how many steps of how many."""
    evaluations: int
    """Pictures that the sampler has sent through the network so far."""

    def __init__(
        self,
        plan: Plan,
        pyramid: Pyramid,
        schedule: Schedule,
        seeds: Sequence[int],
        device: torch.device,
        predict: NoisePredictor,
    ) -> None:
        self.plan = plan
        self.pyramid = pyramid
        self.schedule = schedule
        self.seeds = tuple(seeds)
        self.device = device
        self.predict = predict
        # Noise is drawn on the CPU, one generator a sample: a seed then means the same picture in
        # any batch, and the same noise on any device.
        self._own = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._plugins: dict[str, list[torch.Generator]] = {}
        self._start_image = plan.start_image
        self._open = True
        self.report = lambda what, done, steps: None
        self.evaluations = 0

    @property
    def samples(self) -> int:
        """How many go through this pass."""
        return len(self.seeds)

    @property
    def generators(self) -> list[torch.Generator]:
        """Random numbers for the plugin that asks, one generator a sample, on the CPU.

        They follow from the sample's seed and the task's name: what one draws changes nothing
        for the sampler or another task, and a sample has the same ones in any pass.
        """
        name = caller()
        if name not in self._plugins:
            self._plugins[name] = [plugin_generator(seed, name) for seed in self.seeds]
        return self._plugins[name]

    def noise(self, size: Size) -> Tensor:
        """(samples, 3, h, w) standard normal for `size` (h, w), by the plugin's `generators`."""
        return self._drawn(self.generators, size)

    def sampler_noise(self, size: Size) -> Tensor:
        """The same by those of the sampler, which alone may call it."""
        return self._drawn(self._own, size)

    def _drawn(self, generators: Sequence[torch.Generator], size: Size) -> Tensor:
        drawn = [torch.randn(3, *size, generator=generator) for generator in generators]
        return torch.stack(drawn).to(self.device)

    @property
    def start_image(self) -> Tensor | None:
        """The clean picture that the pass starts from, (1 or samples, 3, h, w) in about [-1, 1].

        None is pure noise. Can be replaced in `before_sampling` by one of that size.
        """
        return self._start_image

    @start_image.setter
    def start_image(self, image: Tensor) -> None:
        if self._start_image is None:
            raise ValueError("this run starts from noise: inject a picture in plan_edit")
        if not self._open:
            raise AttributeError("start_image can only be changed in before_sampling")
        _check(image, self._start_image, "start_image", batch=self.samples)
        self._start_image = image

    def close(self) -> None:
        """Sampling begins: the start is settled."""
        self._open = False

    def expanded_start(self) -> Tensor | None:
        """`start_image` on the device, for every sample."""
        if self._start_image is None:
            return None
        return self._start_image.to(self.device).expand(self.samples, -1, -1, -1)


def plugin_generator(seed: int, name: str) -> torch.Generator:
    """The random numbers that the plugin `name` has for the sample of that seed."""
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 32 | int(words[1]))


class ScaleState(_Guarded):
    """A stage about to be sampled: the scale `s` of the network at one size of the canvas."""

    __slots__ = ("_input", "_open", "_predict", "_start", "fixed", "index", "stage")
    settled = frozenset({"stage", "index"})

    stage: Stage
    """As the plan has it."""
    index: int
    """Which of the plan's stages this is."""
    fixed: tuple[Tensor, Tensor] | None
    """Image (1 or samples, 3, h, w) and mask (1, 1, h, w) that `fix` was given."""

    def __init__(
        self, stage: Stage, index: int, image: Tensor | None, predict: NoisePredictor
    ) -> None:
        self.stage = stage
        self.index = index
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
        _check(image, self._input, "scale.input")
        self._input = image

    def fix(self, image: Tensor, where: Tensor) -> None:
        """x̂0 is `image` (1 or samples, 3, h, w) `where` that is true (1, 1, h, w), at every step.

        Nothing is predicted where a whole tile is so: a large canvas costs what is left of it.
        """
        self._check_open("fix")
        size = self.stage.size
        if image.shape[-2:] != size or where.shape != (1, 1, *size) or where.dtype != torch.bool:
            raise ValueError(f"fix needs an image and a boolean mask of size {size}")
        _check_finite(image, "the image to fix")
        self.fixed = image, where

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


class Step(_Guarded):
    """One step of the reverse process; x0 and shift can be assigned in `modify_x0`."""

    __slots__ = ("_open", "_shift", "_versions", "_x0", "is_changed", "scale", "t", "t_next", "x_t")
    settled = frozenset({"scale", "t", "t_next", "x_t"})

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
        _check(x0, self._x0, "step.x0")
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

        Can be assigned in `modify_x0`.

        The way of guidance that moves the mean of p(x_{t-1} | x_t) and leaves x̂0 as it is
        (Dhariwal & Nichol, *Diffusion Models Beat GANs*, 2021, Algorithm 1). There is none after
        the last step.
        """
        return self._shift

    @shift.setter
    def shift(self, shift: Tensor) -> None:
        if not self._open:
            raise AttributeError("shift can only be changed in modify_x0")
        _check(shift, self._x0, "step.shift")
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


def _check(new: Tensor, old: Tensor, name: str, batch: int | None = None) -> None:
    """ValueError, raised where the assignment stands, unless `new` can take the place of `old`."""
    if not isinstance(new, Tensor):
        raise TypeError(f"{name} must be a tensor, not {type(new).__name__}")
    shapes = {tuple(old.shape), (batch or old.shape[0], *old.shape[1:])}
    if tuple(new.shape) not in shapes or new.dtype != old.dtype:
        raise ValueError(
            f"{name} must be {old.dtype} of shape {tuple(old.shape)}, "
            f"not {new.dtype} of shape {tuple(new.shape)}"
        )
    _check_finite(new, name)


def check_prediction(epsilon: Tensor, x: Tensor) -> None:
    """TypeError or ValueError unless `epsilon` can be the noise in `x`."""
    _check(epsilon, x, "the noise predicted")


def is_finite(x: Tensor) -> bool:
    """Whether all of x is neither infinite nor no number."""
    # The extremes are not finite if anything is not, and take no memory to find.
    return all(math.isfinite(float(extreme)) for extreme in torch.aminmax(x.detach()))


def _check_finite(x: Tensor, name: str) -> None:
    if not is_finite(x):
        raise ValueError(f"{name} has values that are not finite")
