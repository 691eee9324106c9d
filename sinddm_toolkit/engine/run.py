"""What hooks see of a pass: the samples that go through the sampler together. It dies with it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.engine.caller import caller
from sinddm_toolkit.engine.guards import Guarded, check_tensor
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid, Size
from sinddm_toolkit.engine.schedule import Schedule

Mix = Sequence[tuple[int, float]]
"""Seeds, and how much each one's noise counts."""


class NoisePredictor(Protocol):
    """ε_θ(x_t, t, s): x (n, 3, h, w), t and s plain numbers → (n, 3, h, w) float32.

    Where `needless` (h, w) is true, any number will do. Differentiable with respect to x.
    """

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = ..., /) -> Tensor: ...


class Run(Guarded):
    """One pass of the reverse process: the samples that go through it together.

    An edit of many samples takes several passes; its tasks are the same objects in all of them.
    """

    __slots__ = (
        *("plan", "pyramid", "schedule", "seeds", "device", "predict", "report", "evaluations"),
        *("attempt", "_mixes", "_own", "_plugins", "_start_image", "_open"),
    )
    _settled = frozenset({"plan", "pyramid", "schedule", "seeds", "device", "predict"})

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
    attempt: int | None
    """Which of the stage's `attempts` is being made; the sampler says that."""
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
        self._mixes: tuple[Mix, ...] = tuple(((seed, 1.0),) for seed in seeds)
        self._own: list[list[torch.Generator]] | None = None
        self.attempt = None
        self._plugins: dict[str, list[list[torch.Generator]]] = {}
        self._start_image = plan.start_image
        self._open = True
        self.report = lambda what, done, steps: None
        self.evaluations = 0

    @property
    def samples(self) -> int:
        """How many go through this pass."""
        return len(self.seeds)

    @property
    def mixes(self) -> tuple[Mix, ...]:
        """What each sample's noise is mixed of; at first its own seed alone, ((seed, 1.0),).

        Others, one a sample, can be assigned in `before_sampling`, before anything is drawn. The
        noise of the sampler and of every plugin is then the sum of what would have been drawn for
        those seeds, so that it changes with the weights as smoothly as they do. Generators can't
        be mixed: `generators` are those of the first seed.
        """
        return self._mixes

    @mixes.setter
    def mixes(self, mixes: Sequence[Mix]) -> None:
        if not self._open or self._own is not None or self._plugins:
            raise AttributeError("mixes can only be changed in before_sampling, before any noise")
        if len(mixes) != self.samples:
            raise ValueError(f"mixes must be {self.samples}, one a sample, not {len(mixes)}")
        for mix in mixes:
            if not math.isclose(sum(weight**2 for _, weight in mix), 1, abs_tol=1e-6):
                raise ValueError(f"the squares of the weights of a mix must sum to 1: {mix}")
        self._mixes = tuple(tuple(mix) for mix in mixes)

    @property
    def generators(self) -> list[torch.Generator]:
        """Random numbers for the plugin that asks, one generator a sample, on the CPU.

        They follow from the sample's seed and the task's name: what one draws changes nothing
        for the sampler or another task, and a sample has the same ones in any pass.
        """
        return [first for first, *_ in self._generators_of(caller())]

    def _generators_of(self, name: str) -> list[list[torch.Generator]]:
        """Those of a plugin, one for each seed of a mix. Each attempt at a stage has its own: it
        comes out the same, however many others are made."""
        key = name if self.attempt is None else f"{name}, attempt {self.attempt}"
        if key not in self._plugins:
            self._plugins[key] = [
                [plugin_generator(seed, key) for seed, _ in mix] for mix in self.mixes
            ]
        return self._plugins[key]

    def noise(self, size: Size) -> Tensor:
        """(samples, 3, h, w) standard normal for `size` (h, w), by the plugin's `generators`."""
        return self._drawn(self._generators_of(caller()), size)

    def sampler_noise(self, size: Size) -> Tensor:
        """The same by those of the sampler, which alone may call it."""
        if self.attempt is not None:
            return self._drawn(self._generators_of(""), size)
        if self._own is None:
            self._own = [
                [torch.Generator().manual_seed(seed) for seed, _ in mix] for mix in self.mixes
            ]
        return self._drawn(self._own, size)

    def _drawn(self, generators: Sequence[Sequence[torch.Generator]], size: Size) -> Tensor:
        drawn = [
            _mixed(mix, parts, size) for mix, parts in zip(self.mixes, generators, strict=True)
        ]
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
        check_tensor(image, self._start_image, "start_image", batch=self.samples)
        self._start_image = image

    def close(self) -> None:
        """Sampling begins: the start is settled."""
        self._open = False

    def expanded_start(self) -> Tensor | None:
        """`start_image` on the device, for every sample."""
        if self._start_image is None:
            return None
        return self._start_image.to(self.device).expand(self.samples, -1, -1, -1)


def _mixed(mix: Mix, generators: Sequence[torch.Generator], size: Size) -> Tensor:
    """(3, h, w): what the generators draw, each with its weight."""
    parts = [
        torch.randn(3, *size, generator=generator).mul_(weight)
        for generator, (_, weight) in zip(generators, mix, strict=True)
    ]
    return sum(parts[1:], parts[0])


def plugin_generator(seed: int, name: str) -> torch.Generator:
    """The random numbers that the plugin `name` has for the sample of that seed."""
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 32 | int(words[1]))
