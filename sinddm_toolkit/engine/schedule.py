"""The diffusion schedule: ᾱ, the blur weights γ and where each scale starts (paper §3, App. D)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

TIMESTEPS = 100
"""T: diffusion steps of a scale."""

COSINE_OFFSET = 0.008
BETA_MAX = 0.999
"""The cosine schedule of Nichol & Dhariwal (2021), eq. 17."""

SAMPLING_GAMMA_MAX = 0.55
"""γ is held at this in sampling, where Algorithm 2 divides by 1 - γ (published implementation)."""

FIRST_SIGMA = 1.19
DETAIL_NOISE_RATIO = 2.0
"""The two constants of `start_sigmas`."""


def cosine_alphas_cumprod(timesteps: int = TIMESTEPS) -> npt.NDArray[np.float64]:
    """ᾱ_t for t = 0 … timesteps-1, float64, strictly falling inside (0, 1)."""
    u = np.arange(timesteps + 1) / timesteps
    f = np.cos((u + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2
    betas = np.minimum(1 - f[1:] / f[:-1], BETA_MAX)
    return np.cumprod(1 - betas)


def sigmas_of(alphas_cumprod: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """σ_t = √((1 - ᾱ_t) / ᾱ_t), the noise in units of the clean picture."""
    return np.sqrt((1 - alphas_cumprod) / alphas_cumprod)


def start_sigmas(details: Sequence[float], factor: float) -> list[float]:
    """c_s, the noise that scale s > 0 starts from, for s = 1 … N-1.

    `details` are RMSE(x^s, x̃^s) in [-1, 1] units, `factor` is r.

    The paper asks c_s² ∝ MSE(x^s, x̃^s) and names no constant. Taken literally with the true error
    (.02 to .18) and a constant of one, a scale would start after no more than a few steps and only
    sharpen what it was given: the samples stay blurry. Two things are asked of the noise instead:

    1. *It frees what this scale is there to redraw.* Natural pictures have amplitude spectra ∝ 1/f
       whatever their scale, so white noise of deviation c drowns the structures smaller than about
       λ ∝ c pixels, and λ / r^s of them in units of the picture. With c_s ∝ r^-s each scale
       redraws structures r² (twice) smaller than those of the scale before. `FIRST_SIGMA` is where
       the coarsest of them starts: at s = 1 nearly everything but the layout is free to move.
    2. *It covers the missing detail* (the paper's condition): c_s is never below
       `DETAIL_NOISE_RATIO` times the RMSE, so that blur can't be told from noise. It decides at
       the many fine scales of large pictures, where r^-s has become small.
    """
    return [
        max(FIRST_SIGMA * factor**-s, DETAIL_NOISE_RATIO * detail)
        for s, detail in enumerate(details)
    ]


def _first_above(sigmas: npt.NDArray[np.float64], c: float) -> int:
    """T[s]: the first t whose noise is more than c, at least 1."""
    return max(1, int(np.argmax(sigmas > c)))


def falls_within_0_and_1(values: npt.NDArray[np.float64]) -> bool:
    return bool(values[0] < 1 and values[-1] > 0 and (np.diff(values) < 0).all())


def start_step(gammas: npt.NDArray[np.float64]) -> int:
    """T[s] of a scale from its γ_t, (T,); 0 if they are no such row.

    γ_t = clamp(σ_t / c_s, 0, 1) and T[s] is the first t with σ_t > c_s, so it is the first t where
    γ_t has reached 1. (Were σ_t = c_s exactly it would be one further on; float32 can't tell.)
    """
    rising = gammas[0] > 0 and gammas[-1] == 1 and (np.diff(gammas) >= 0).all()
    return max(1, int(np.argmax(gammas >= 1))) if rising else 0


@dataclass(frozen=True)
class Schedule:
    """ᾱ_t with the start step T[s] and the blur weight γ_t^s of every scale.

    t goes from 0, hardly any noise, to `timesteps` - 1; σ are deviations in units of the picture,
    which goes from -1 to 1.
    """

    alphas_cumprod: tuple[float, ...]
    """ᾱ_t, strictly falling inside (0, 1)."""
    starts: tuple[int, ...]
    """T[s]: scale s visits t = T[s]-1 … 0."""
    gammas: tuple[tuple[float, ...], ...]
    """γ_t^s as `gammas[s][t]`, in [0, 1], zero at s = 0."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schedule:
        """The inverse of `asdict` after a trip through JSON.

        KeyError, TypeError or ValueError if `data` describes no schedule.
        """
        alphas = np.array(data["alphas_cumprod"], dtype=np.float64)
        gammas = np.array(data["gammas"], dtype=np.float64)
        if alphas.shape != (TIMESTEPS,) or not falls_within_0_and_1(alphas):
            raise ValueError(f"alphas_cumprod must be {TIMESTEPS} numbers that fall from 1 to 0")
        if gammas.ndim != 2 or gammas.shape[1] != TIMESTEPS or gammas[0].any():
            raise ValueError(f"gammas must be {TIMESTEPS} numbers a scale, zero at scale 0")
        starts = (TIMESTEPS, *map(start_step, gammas[1:]))
        if not all(starts) or list(starts) != data["starts"]:
            raise ValueError("starts are not those of gammas")
        rows = tuple(tuple(map(float, row)) for row in gammas)
        return cls(tuple(map(float, alphas)), starts, rows)

    @property
    def timesteps(self) -> int:
        """T: how many there are."""
        return len(self.alphas_cumprod)

    def start_for(self, detail: float) -> int:
        """T[s] of a scale that only has to add missing detail of that RMSE, in [-1, 1] units."""
        return self.start_above(DETAIL_NOISE_RATIO * detail)

    def start_above(self, sigma: float) -> int:
        """The start step whose noise has just about that deviation, in units of the picture."""
        return _first_above(sigmas_of(np.array(self.alphas_cumprod)), sigma)

    def start_sigma(self, start: int) -> float:
        """The deviation of the noise that a scale starts from at that step."""
        return float(sigmas_of(np.array(self.alphas_cumprod))[start - 1])

    def gamma(self, scale: int, t: int) -> float:
        """γ_t^s as training uses it."""
        return self.gammas[scale][t]

    def sampling_gamma(self, scale: int, t: int, most: float = SAMPLING_GAMMA_MAX) -> float:
        """γ_t^s as sampling uses it, held at `most`; t = -1 is the clean picture, without blur."""
        return min(self.gammas[scale][t], most) if t >= 0 else 0.0

    def alpha_bar(self, t: int) -> float:
        """ᾱ_t; t = -1 is the clean picture, ᾱ = 1."""
        return self.alphas_cumprod[t] if t >= 0 else 1.0

    def clean(self, x: Tensor, epsilon: Tensor, t: int) -> Tensor:
        """x̂0 by the noise ε predicted in x_t, with the blur of x_t in it (Algorithm 2, line 6).

        Both are (n, 3, h, w). `ScaleState.clean` takes the blur out.
        """
        alpha = self.alpha_bar(t)
        # Both factors are 2000 at t = 99: multiplied as in the published tables, even the rounding
        # is theirs.
        return (math.sqrt(1 / alpha) * x).sub_(math.sqrt(1 / alpha - 1) * epsilon)


def make_schedule(details: Sequence[float], factor: float) -> Schedule:
    """The schedule of a pyramid with N = len(details) + 1 scales (see `start_sigmas`)."""
    alphas = cosine_alphas_cumprod()
    sigmas = sigmas_of(alphas)
    starts, gammas = [TIMESTEPS], [np.zeros(TIMESTEPS)]
    for c in start_sigmas(details, factor):
        starts.append(_first_above(sigmas, c))
        gammas.append(np.clip(sigmas / c, 0, 1))
    return Schedule(
        tuple(map(float, alphas)), tuple(starts), tuple(tuple(map(float, g)) for g in gammas)
    )
