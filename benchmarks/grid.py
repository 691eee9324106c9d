"""The error of a denoiser: mean L1 of the predicted noise on a fixed grid of scales and timesteps.

    python benchmarks/grid.py MODEL PICTURE

prints that of a stored model. It needs little of the toolkit, so that earlier versions of it can be
measured too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.pyramid import Pyramid, build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.run import NoisePredictor
from sinddm_toolkit.engine.schedule import cosine_alphas_cumprod, sigmas_of
from sinddm_toolkit.pictures.reading import read_picture

CPU = torch.device("cpu")

GRID_STEPS = (2, 5, 10, 20, 30, 40, 60, 80)
GRID_STARTS = (100, 55, 44, 33, 24)
"""T[s] of the measure, whatever the schedule of the model."""


@torch.no_grad()
def grid_error(predict: NoisePredictor, pyramid: Pyramid, device: torch.device = CPU) -> float:
    """Mean L1 of the predicted noise, over t, then over the scales; the noise is always the same.

    γ_t^s = clamp(σ_t / σ_T[s], 0, 1) with `GRID_STARTS`. `device` is where `predict` works.
    """
    alphas = cosine_alphas_cumprod()
    sigmas = sigmas_of(alphas)
    generator = torch.Generator().manual_seed(1234)
    errors = []
    pairs = zip(pyramid.scales, pyramid.blurred, GRID_STARTS, strict=False)
    for s, (sharp, blurred, start) in enumerate(pairs):
        of_scale = []
        for t in (t for t in GRID_STEPS if t < start):
            noise = torch.randn(sharp.shape, generator=generator)
            gamma = 0.0 if s == 0 else min(1.0, float(sigmas[t] / sigmas[start]))
            clean = gamma * blurred + (1 - gamma) * sharp
            x = float(alphas[t] ** 0.5) * clean + float((1 - alphas[t]) ** 0.5) * noise
            predicted = predict(x.to(device), t, s).cpu()
            of_scale.append(float((predicted - noise).abs().mean()))
        errors.append(sum(of_scale) / len(of_scale))
    return sum(errors) / len(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("picture", type=Path, help="at the size that it was learnt at")
    asked = parser.parse_args()
    predict = NetworkPredictor(load_model(asked.model).network, choose_compute("cpu"))
    pyramid = build_pyramid(tensor_from_rgb(read_picture(asked.picture).rgb()))
    print(grid_error(predict, pyramid))


if __name__ == "__main__":
    main()
