"""The reverse multi-scale diffusion (paper Algorithm 2), whole or in exact tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.networks import Denoiser
from sinddm_toolkit.engine.paper_network import CELL, HALO, WHOLE, Frame
from sinddm_toolkit.engine.plan import Stage
from sinddm_toolkit.engine.pyramid import upsample
from sinddm_toolkit.engine.run import Run, ScaleState, Step

TILE = 256
"""Side of the tiles that a larger canvas is denoised in, without their halo."""


class NoisePredictor(Protocol):
    """ε_θ(x_t, t, s): x (n, 3, h, w), t and s plain numbers → (n, 3, h, w) float32.

    Where `needless` (h, w) is true, any number will do. Differentiable with respect to x.
    """

    def __call__(self, x: Tensor, t: int, scale: int, needless: Tensor | None = None) -> Tensor: ...


class Hooks(Protocol):
    """What the sampler calls at each point of a run."""

    def before_sampling(self, run: Run) -> None: ...
    def before_scale(self, run: Run, scale: ScaleState) -> None: ...
    def modify_x0(self, run: Run, step: Step) -> None: ...
    def after_step(self, run: Run, step: Step) -> None: ...


class NetworkPredictor:
    """The trained network as a `NoisePredictor`, in tiles where the canvas is large.

    The halo makes tiles exact: the same as the whole canvas but for the rounding of the
    arithmetic. Memory stays that of one tile.
    """

    def __init__(self, network: Denoiser, compute: Compute, tile: int = TILE) -> None:
        self.network = network.eval()
        self.compute = compute
        self.tile = tile

    def __call__(self, x: Tensor, t: int, scale: int, needless: Tensor | None = None) -> Tensor:
        # On a CPU a batch is no quicker than its samples, and one by one each sample's rounding
        # does not depend on how many others there are.
        if self.compute.device.type == "cpu" and len(x) > 1:
            samples = [self._predict(sample, t, scale, needless) for sample in x.split(1)]
            return torch.cat(samples)
        return self._predict(x, t, scale, needless)

    def _predict(self, x: Tensor, t: int, scale: int, needless: Tensor | None) -> Tensor:
        if max(x.shape[-2:]) <= 1.5 * self.tile:
            return self._forward(x, t, scale, WHOLE)
        out = torch.zeros_like(x)
        for top, bottom in _spans(x.shape[-2], self.tile):
            for left, right in _spans(x.shape[-1], self.tile):
                if needless is not None and bool(needless[top:bottom, left:right].all()):
                    continue
                tile, frame = _with_halo(x, top, bottom, left, right)
                out[..., top:bottom, left:right] = self._forward(tile, t, scale, frame)
        return out

    def _forward(self, x: Tensor, t: int, scale: int, frame: Frame) -> Tensor:
        n = x.shape[0]
        x = x.contiguous(memory_format=torch.channels_last)
        with self.compute.autocast():
            predicted = self.network(
                x,
                torch.full((n,), t, device=x.device),
                torch.full((n,), scale, device=x.device),
                frame,
            )
        return predicted.to(x.dtype)


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    """Cuts 0 … length into about equal parts no longer than `tile` + 1, which begin at cells."""
    count = math.ceil(length / tile)
    cells = math.ceil(length / CELL)
    yield from pairwise(min(length, cells * k // count * CELL) for k in range(count + 1))


def _with_halo(x: Tensor, top: int, bottom: int, left: int, right: int) -> tuple[Tensor, Frame]:
    """The tile with `HALO` more pixels around it, zero where those lie beyond the canvas."""
    height, width = x.shape[-2:]
    beyond = (
        max(0, HALO - left),
        max(0, right + HALO - width),
        max(0, HALO - top),
        max(0, bottom + HALO - height),
    )
    rows = slice(max(0, top - HALO), bottom + HALO)
    columns = slice(max(0, left - HALO), right + HALO)
    tile = F.pad(x[..., rows, columns], beyond)
    if not any(beyond):
        return tile, Frame(halo=True)
    inside = F.pad(torch.ones_like(x[:, :1, rows, columns]), beyond)
    return tile, Frame(halo=True, inside=inside)


@torch.no_grad()
def sample(run: Run, predict: NoisePredictor, hooks: Hooks) -> Tensor:
    """Algorithm 2 over the stages of `run.plan` → (samples, 3, h, w), the clean finest picture."""
    hooks.before_sampling(run)
    run.close()
    image = run.start_image
    if image is not None:
        image = image.to(run.device).expand(run.samples, -1, -1, -1)
    for index, stage in enumerate(run.plan.stages):
        if image is not None:
            image = upsample(image, stage.size, run.pyramid.upsampling)
        scale = ScaleState(stage, index, image)
        image = None  # what a hook replaces can go
        hooks.before_scale(run, scale)
        scale.close()
        image = _sample_scale(run, scale, predict, hooks)
    if image is None:
        raise ValueError("the plan has no stages")
    return image


def _sample_scale(run: Run, scale: ScaleState, predict: NoisePredictor, hooks: Hooks) -> Tensor:
    """The steps from t = T[s]-1 down to 0 of one scale → its clean picture x̂0."""
    noise = run.noise(scale.stage.size)
    if scale.input is None:
        x = blurred = noise
    else:
        alpha = run.schedule.alpha_bar(scale.start - 1)
        blurred = scale.input
        x = noise.mul_(math.sqrt(1 - alpha)).add_(blurred, alpha=math.sqrt(alpha))
    del noise  # or the first x would be kept to the last step
    steps = _ScaleSteps(run, scale, predict, hooks, blurred)
    for t, t_next, again in _steps(scale):
        x = steps.advance(x, t, t_next, again)
    return x


class _ScaleSteps:
    """The steps of one scale.

    What one of them needs is gone before the next begins: each of its tensors may be a third of a
    gigabyte.
    """

    def __init__(
        self, run: Run, scale: ScaleState, predict: NoisePredictor, hooks: Hooks, blurred: Tensor
    ) -> None:
        self._run, self._scale, self._predict, self._hooks = run, scale, predict, hooks
        self._blurred = blurred
        self._fixed: tuple[Tensor, Tensor] | None = None
        self._guide: _Consistency | None = None
        if scale.fixed is not None:
            self._fixed = scale.fixed[0].to(run.device), scale.fixed[1].to(run.device)
            if scale.consistency > 0 and scale.stage.ddpm:
                self._guide = _Consistency(*self._fixed, scale.consistency)

    def advance(self, x: Tensor, t: int, t_next: int, again: bool) -> Tensor:
        """x_t → x of the next timestep, or another x_t from that if the step is made `again`."""
        run, stage = self._run, self._scale.stage
        epsilon, correction = self._noise(x, t)
        run.evaluations += run.samples
        step = self._predicted(x, epsilon, t, t_next)
        self._hooks.modify_x0(run, step)
        step.close()
        x = (ddpm_step if stage.ddpm else ddim_step)(step, epsilon, self._blurred, run)
        if correction is not None and t > 0:
            x = x - correction
        self._hooks.after_step(run, step)
        return _noised_again(x, step, self._blurred, run) if again else x

    def _noise(self, x: Tensor, t: int) -> tuple[Tensor, Tensor | None]:
        """ε, and what is to be taken from x of the next timestep, if anything."""
        scale = self._scale.stage.scale
        if self._guide is not None:
            return self._guide(x, t, scale, self._predict, self._run)
        needless = () if self._fixed is None else (self._fixed[1][0, 0],)
        return self._predict(x, t, scale, *needless), None

    def _predicted(self, x: Tensor, epsilon: Tensor, t: int, t_next: int) -> Step:
        """The step with x̂0 as it is before hooks change it."""
        x0 = predicted_x0(x, epsilon, self._blurred, t, self._run, self._scale.stage)
        if self._fixed is not None:
            x0 = torch.where(self._fixed[1], self._fixed[0], x0, out=x0)
        return Step(self._scale, t, t_next, x, x0, is_changed=self._fixed is not None)


def _steps(scale: ScaleState) -> Iterator[tuple[int, int, bool]]:
    """The timesteps of a scale, what follows each, and whether noise is added again after it."""
    for t, t_next in pairwise([*scale.stage.timesteps(scale.start), -1]):
        for k in reversed(range(scale.stage.repeats if scale.stage.ddpm and t > 0 else 1)):
            yield t, t_next, k > 0


class _Consistency:
    """Moves what is free to where the network would predict what is fixed beside it.

    By ζ ∇_x ‖x̂0 - image‖ over the fixed pixels whose prediction depends on free ones (Chung et
    al., 2023, Algorithm 1, with the norm as its weight).
    """

    def __init__(self, image: Tensor, fixed: Tensor, zeta: float) -> None:
        self._image = image
        self._zeta = zeta
        self._free = (~fixed).float()
        near = F.max_pool2d(F.pad(self._free, (HALO,) * 4), 2 * HALO + 1, stride=1)
        self._beside = near - self._free
        self._needless = (near == 0)[0, 0]

    def __call__(
        self, x: Tensor, t: int, scale: int, predict: NoisePredictor, run: Run
    ) -> tuple[Tensor, Tensor]:
        """ε, and what is to be taken from x_{t-1}."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            epsilon = predict(x, t, scale, self._needless)
            error = (_mixed_x0(x, epsilon, t, run) - self._image) * self._beside
            (gradient,) = torch.autograd.grad(error.flatten(1).norm(dim=1).sum(), x)
        return epsilon.detach(), self._zeta * gradient * self._free


def _gamma(run: Run, stage: Stage, t: int) -> float:
    if not stage.blur:
        return 0.0
    return run.schedule.sampling_gamma(stage.scale, t, stage.gamma_max)


def predicted_x0(
    x: Tensor, epsilon: Tensor, blurred: Tensor, t: int, run: Run, stage: Stage
) -> Tensor:
    """x̂0 from the predicted noise, with the blur taken out (Algorithm 2, lines 6 and 7).

    With DDPM steps it is clamped to [-1, 1] (Ho et al., 2020).
    """
    gamma = _gamma(run, stage, t)
    x0 = _mixed_x0(x, epsilon, t, run)
    if gamma > 0:
        x0 = x0.sub_(blurred, alpha=gamma).div_(1 - gamma)
    return x0.clamp_(-1, 1) if stage.ddpm else x0


def _mixed_x0(x: Tensor, epsilon: Tensor, t: int, run: Run) -> Tensor:
    """x̂0 with the blur still in it."""
    alpha = run.schedule.alpha_bar(t)
    # Both factors are 2000 at t = 99: multiplied as in the published tables, even the rounding is
    # theirs.
    return (math.sqrt(1 / alpha) * x).sub_(math.sqrt(1 / alpha - 1) * epsilon)


def ddim_step(step: Step, epsilon: Tensor, blurred: Tensor, run: Run) -> Tensor:
    """x of the next timestep, deterministically (Algorithm 2, lines 8 to 11 with σ = 0).

    Where a hook has changed x̂0, the noise is what then remains of x_t: keeping the predicted one
    beside another x̂0 would let its errors grow from step to step.
    """
    if step.t_next < 0:
        return step.x0
    stage = step.scale.stage
    if step.is_changed:
        now = run.schedule.alpha_bar(step.t)
        mixed = _with_blur(step.x0, blurred, _gamma(run, stage, step.t))
        epsilon = torch.sub(step.x_t, mixed, alpha=math.sqrt(now)).div_(math.sqrt(1 - now))
    alpha = run.schedule.alpha_bar(step.t_next)
    mixed = _with_blur(step.x0, blurred, _gamma(run, stage, step.t_next))
    return (math.sqrt(alpha) * mixed).add_(epsilon, alpha=math.sqrt(1 - alpha))


def _with_blur(x0: Tensor, blurred: Tensor, gamma: float) -> Tensor:
    return torch.lerp(x0, blurred, gamma) if gamma > 0 else x0


def ddpm_step(step: Step, epsilon: Tensor, blurred: Tensor, run: Run) -> Tensor:
    """x of the next timestep, drawn from q(x_next | x_t, x̂0) (Ho et al., 2020, eq. 7).

    That is written for a picture that stays the same. Here it is less and less blurred: what of
    the noise is kept goes from about the one to about the other.
    """
    if step.t_next < 0:
        return step.x0
    stage = step.scale.stage
    now, before = run.schedule.alpha_bar(step.t), run.schedule.alpha_bar(step.t_next)
    keep = math.sqrt(now / before) * (1 - before) / (1 - now)
    mixed = _with_blur(step.x0, blurred, _gamma(run, stage, step.t))
    mean = torch.sub(step.x_t, mixed, alpha=math.sqrt(now)).mul_(keep)
    mixed = _with_blur(step.x0, blurred, _gamma(run, stage, step.t_next))
    mean.add_(mixed, alpha=math.sqrt(before))
    deviation = math.sqrt((1 - now / before) * (1 - before) / (1 - now))
    return mean.add_(run.noise(stage.size), alpha=deviation)


def _noised_again(x: Tensor, step: Step, blurred: Tensor, run: Run) -> Tensor:
    """x_t drawn from q(x_t | x_next) (Ho et al., 2020, eq. 2), as blurred as it was."""
    stage = step.scale.stage
    now, before = run.schedule.alpha_bar(step.t), run.schedule.alpha_bar(step.t_next)
    x = math.sqrt(now / before) * x + math.sqrt(1 - now / before) * run.noise(stage.size)
    more = _gamma(run, stage, step.t) - _gamma(run, stage, step.t_next)
    return x.add_(blurred - step.x0, alpha=math.sqrt(now) * more) if more else x
