"""The diffusion schedule: ᾱ, the blur weights γ and where each scale starts (paper §3, App. D)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.json_values import whole

if TYPE_CHECKING:
    from torch import Tensor

TIMESTEPS = 100
"""T: diffusion steps of a scale, where nothing else is asked for."""

MOST_TIMESTEPS = 10_000

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


def _check_alphas(alphas: npt.NDArray[np.float64]) -> None:
    """ValueError, in words, unless these can be ᾱ_t."""
    if alphas.ndim != 1 or not 2 <= len(alphas) <= MOST_TIMESTEPS:
        raise ValueError(f"alphas_cumprod must be 2 to {MOST_TIMESTEPS} numbers")
    if not falls_within_0_and_1(alphas):
        raise ValueError(f"alphas_cumprod must be {len(alphas)} numbers that fall from 1 to 0")


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
        return cls.of(data["alphas_cumprod"], data["starts"], data["gammas"])

    @classmethod
    def of(
        cls,
        alphas_cumprod: Sequence[float],
        starts: Sequence[int],
        gammas: Sequence[Sequence[float]],
    ) -> Schedule:
        """A schedule of these numbers: ᾱ_t, (T,); T[s], (N,); γ_t^s, (N, T).

        TypeError or ValueError, in words, if they are none.
        """
        alphas = np.array(alphas_cumprod, dtype=np.float64)
        rows = np.array(gammas, dtype=np.float64)
        _check_alphas(alphas)
        count = len(alphas)
        if rows.ndim != 2 or rows.shape[1] != count or rows[0].any():
            raise ValueError(f"gammas must be {count} numbers a scale, zero at scale 0")
        if not ((rows >= 0) & (rows <= 1)).all():
            raise ValueError("gammas must be from 0 to 1")
        if len(starts) != len(rows) or starts[0] != count:
            raise ValueError(f"starts must be one a scale, {count} at scale 0")
        steps = tuple(whole(index(start), 1, count, "starts") for start in starts)
        return cls(
            tuple(map(float, alphas)),
            steps,
            tuple(tuple(map(float, row)) for row in rows),
        )

    @property
    def starts_follow_from_gammas(self) -> bool:
        """Whether every T[s] is where γ_t^s has reached 1, as in the paper."""
        return self.starts[1:] == tuple(start_step(np.array(row)) for row in self.gammas[1:])

    @property
    def fingerprint(self) -> str:
        """sha256 of the numbers: what tells this schedule from others."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()

    def without_blur(self) -> Schedule:
        """The same with γ = 0 at all scales: x_t^s is the sharp x^s and noise (Fig. 5, left)."""
        return replace(self, gammas=tuple((0.0,) * self.timesteps for _ in self.starts))

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

    def nearest(self, sigma: float) -> int:
        """The timestep whose noise is nearest to that deviation, by their ratio."""
        known = sigmas_of(np.array(self.alphas_cumprod))
        return int(np.abs(np.log(known / sigma)).argmin())

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


def make_schedule(
    details: Sequence[float], factor: float, alphas_cumprod: Sequence[float] | None = None
) -> Schedule:
    """The schedule of a pyramid with N = len(details) + 1 scales (see `start_sigmas`).

    `alphas_cumprod` are ᾱ_t, (T,), strictly falling inside (0, 1): the cosine schedule's if None.
    ValueError if they don't fall so, or not far enough for the coarsest scale to start from noise.
    """
    if alphas_cumprod is None:
        alphas = cosine_alphas_cumprod()
    else:
        alphas = np.array(alphas_cumprod, dtype=np.float64)
        _check_alphas(alphas)
    sigmas = sigmas_of(alphas)
    if details and sigmas[-1] <= max(start_sigmas(details, factor)):
        raise ValueError("alphas_cumprod must fall further: scale 1 starts from more noise")
    starts, gammas = [len(alphas)], [np.zeros(len(alphas))]
    for c in start_sigmas(details, factor):
        starts.append(_first_above(sigmas, c))
        gammas.append(np.clip(sigmas / c, 0, 1))
    return Schedule(
        tuple(map(float, alphas)), tuple(starts), tuple(tuple(map(float, g)) for g in gammas)
    )
