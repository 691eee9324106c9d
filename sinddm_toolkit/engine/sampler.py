"""The reverse multi-scale diffusion (paper Algorithm 2)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from sinddm_toolkit.engine.compute import undisturbed
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.steps import ScaleState, Step


class Hooks(Protocol):
    """What the sampler calls at each point of a pass."""

    def before_sampling(self, run: Run) -> None: ...
    def before_scale(self, run: Run, scale: ScaleState) -> None: ...
    def modify_x0(self, run: Run, step: Step) -> None: ...
    def after_step(self, run: Run, step: Step) -> None: ...


@undisturbed()
@torch.no_grad()
def sample(run: Run, hooks: Hooks) -> Tensor:
    """Algorithm 2 over the stages of `run.plan` → (samples, 3, h, w), the clean finest picture.

    x_t is `x`, x̃^s is `blurred`, γ_t^s is `scale.gamma`; timesteps are one less than the paper's,
    and -1 is the clean picture. What hooks may change stands where they are called. A tensor is let
    go of as soon as it has been used: each may be a third of a gigabyte.
    """
    hooks.before_sampling(run)
    run.close()
    image = run.expanded_start()
    stages = run.plan.stages
    for index, stage in enumerate(stages):  # line 1
        if image is not None and index > 0:
            mode, wraps = run.pyramid.upsampling, run.plan.wraps
            image = stage.begun_from(stages[index - 1], image, mode, wraps)  # line 14
        best = None
        for attempt in stage.attempts or (None,):
            run.attempt = attempt
            scale = ScaleState(stage, index, image, run.predict, run.schedule, attempt)
            if not stage.attempts:
                image = None
            hooks.before_scale(run, scale)
            scale.close()
            moves = stage.moves(scale.start)
            if not moves:
                best = _better(scale, best, _as_it_is(scale))
                continue
            x, blurred = _noised_start(run, scale)  # lines 2 to 4, 15 and 16
            fixed, needless = _fixed(run, scale)
            for (t, t_next), (_, after) in pairwise([*moves, (-1, -1)]):  # line 5
                if t_next > t:
                    continue  # noise was added when the step before it was made
                epsilon = scale.predict(x, t, stage.s, *needless)
                run.evaluations += run.samples
                x0 = scale.clean(x, epsilon, t)  # lines 6 and 7
                if stage.ddpm:
                    x0 = x0.clamp_(-1, 1)  # as Ho et al. (2020) do
                if stage.level is not None:
                    x0 = stage.level.redrawn(x0, blurred, run.schedule.start_sigma(scale.start))
                if fixed is not None:
                    x0 = torch.where(fixed[1], fixed[0], x0, out=x0)
                step = Step(scale, t, t_next, x, x0, is_changed=fixed is not None or stage.refines)
                del x, x0
                hooks.modify_x0(run, step)
                step.close()
                move = random_step if stage.ddpm else deterministic_step
                x = move(run, step, epsilon, blurred)  # lines 8 to 11
                if step.shift is not None and t_next >= 0:
                    x = x + step.shift
                hooks.after_step(run, step)
                if after > t_next:
                    x = _noised_again(run, step, after, x, blurred)
                del epsilon, step
            best = _better(scale, best, x)
            del x, blurred, fixed
        image = best and best[0]
        del best
    if image is None:
        raise ValueError("the plan has no stages")
    return image


def _better(
    scale: ScaleState, best: tuple[Tensor, Tensor] | None, x: Tensor
) -> tuple[Tensor, Tensor]:
    """Of each sample the best attempt so far, (n, 3, h, w), and its score, (n,)."""
    score = scale.stage.score
    if not scale.stage.attempts or score is None:
        return x, x.new_zeros(len(x))
    worth = score(scale, x)
    if best is None:
        return x, worth
    is_better = worth < best[1]
    where = is_better.view(-1, 1, 1, 1)
    return torch.where(where, x, best[0]), torch.where(is_better, worth, best[1])


def _as_it_is(scale: ScaleState) -> Tensor:
    """What a scale without steps begins with, and ends with."""
    if scale.input is None:
        raise ValueError("the first stage has no steps, and no picture was injected")
    return scale.input


def _noised_start(run: Run, scale: ScaleState) -> tuple[Tensor, Tensor]:
    """x of the first timestep, noise alone or added to x̃^s, and x̃^s, which is not used if alone."""
    noise = run.sampler_noise(scale.stage.size)
    if scale.input is None:
        return noise, noise
    alpha = run.schedule.alpha_bar(scale.start - 1)
    x = noise.mul_(math.sqrt(1 - alpha)).add_(scale.input, alpha=math.sqrt(alpha))
    return x, scale.input


def _fixed(run: Run, scale: ScaleState) -> tuple[tuple[Tensor, Tensor] | None, tuple[Tensor, ...]]:
    """What is held fast and where, on the device, and what needs not be predicted therefore."""
    if scale.fixed is None:
        return None, ()
    image, where = (x.to(run.device) for x in scale.fixed)
    return (image, where), (where[0, 0],)


def deterministic_step(run: Run, step: Step, epsilon: Tensor, blurred: Tensor) -> Tensor:
    """x of the next timestep (lines 8 to 11 with σ = 0: DDIM).

    Where a hook has changed x̂0, the noise is what then remains of x_t: keeping the predicted one
    beside another x̂0 would let its errors grow from step to step.
    """
    if step.t_next < 0:
        return step.x0
    if step.is_changed:
        now = run.schedule.alpha_bar(step.t)
        mixed = _with_blur(step.x0, blurred, step.scale.gamma(step.t))
        epsilon = torch.sub(step.x_t, mixed, alpha=math.sqrt(now)).div_(math.sqrt(1 - now))
    alpha = run.schedule.alpha_bar(step.t_next)
    mixed = _with_blur(step.x0, blurred, step.scale.gamma(step.t_next))
    return (math.sqrt(alpha) * mixed).add_(epsilon, alpha=math.sqrt(1 - alpha))


def _with_blur(x0: Tensor, blurred: Tensor, gamma: float) -> Tensor:
    return torch.lerp(x0, blurred, gamma) if gamma > 0 else x0


def random_step(run: Run, step: Step, epsilon: Tensor, blurred: Tensor) -> Tensor:
    """x of the next timestep, drawn from q(x_next | x_t, x̂0) (lines 8 to 11 with the σ of DDPM).

    Ho et al. (2020, eq. 7) write it for a picture that stays the same. Here it is less and less
    blurred: what of the noise is kept goes from about the one to about the other.
    """
    if step.t_next < 0:
        return step.x0
    now, before = run.schedule.alpha_bar(step.t), run.schedule.alpha_bar(step.t_next)
    keep = math.sqrt(now / before) * (1 - before) / (1 - now)
    mixed = _with_blur(step.x0, blurred, step.scale.gamma(step.t))
    mean = torch.sub(step.x_t, mixed, alpha=math.sqrt(now)).mul_(keep)
    mixed = _with_blur(step.x0, blurred, step.scale.gamma(step.t_next))
    mean.add_(mixed, alpha=math.sqrt(before))
    deviation = math.sqrt((1 - now / before) * (1 - before) / (1 - now))
    return mean.add_(run.sampler_noise(step.scale.stage.size), alpha=deviation)


def _noised_again(run: Run, step: Step, t: int, x: Tensor, blurred: Tensor) -> Tensor:
    """x of the later timestep `t`, drawn from q(x_t | x_next), as blurred as x is at t.

    Ho et al., 2020, eq. 2.
    """
    now, before = run.schedule.alpha_bar(t), run.schedule.alpha_bar(step.t_next)
    noise = run.sampler_noise(step.scale.stage.size)
    x = math.sqrt(now / before) * x + math.sqrt(1 - now / before) * noise
    more = step.scale.gamma(t) - step.scale.gamma(step.t_next)
    return x.add_(blurred - step.x0, alpha=math.sqrt(now) * more) if more else x
