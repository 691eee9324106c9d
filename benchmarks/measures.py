"""What the benchmarks measure of a model: three numbers and a sheet of samples."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.engine.compute import choose_compute, device_name
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid, build_pyramid, tensor_from_rgb, working_size
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.pictures.reading import read_picture

PAPER_PIXELS = 50_000

PATCH = 7
PROJECTIONS = 128
PATCHES = 20_000


def machine() -> str:
    """A line that names what this ran on."""
    compute = choose_compute()
    return (
        f"{device_name(compute.device)}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def load_subject(path: Path, pixels: int = PAPER_PIXELS) -> tuple[Pyramid, Schedule]:
    picture = read_picture(path)
    small = picture.resized(working_size(picture.size, pixels))
    pyramid = build_pyramid(tensor_from_rgb(small.rgb()))
    return pyramid, make_schedule(pyramid.details, pyramid.factor)


def make_samples(
    predict: NoisePredictor,
    pyramid: Pyramid,
    schedule: Schedule,
    seeds: Sequence[int],
    visits: int | None = None,
) -> tuple[Tensor, int]:
    """(n, 3, h, w) random samples of the picture's own size, and the network evaluations."""
    plan = Plan(pyramid, schedule, visits)
    plan.close()
    run = Run(plan, pyramid, schedule, seeds, choose_compute().device, predict)
    return sample(run, RunHooks([])).float().cpu(), run.evaluations


def patch_distance(samples: Tensor, picture: Tensor) -> list[float]:
    """Sliced Wasserstein distances between their patch distributions, at 1, 1/2 and 1/4 size.

    Of 7×7 colour patches in [-1, 1], over 128 directions: the mean distance between the quantiles.
    """
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(3 * PATCH**2, PROJECTIONS, generator=generator)
    directions /= directions.norm(dim=0)
    found = []
    for factor in (1, 2, 4):
        projected = []
        for x in (samples, picture):
            small = F.avg_pool2d(x, factor) if factor > 1 else x
            patches = F.unfold(small, PATCH).transpose(1, 2).flatten(0, 1)
            chosen = torch.randint(len(patches), (PATCHES,), generator=generator)
            projected.append((patches[chosen] @ directions).sort(dim=0).values)
        found.append(float((projected[0] - projected[1]).abs().mean()))
    return found


def diversity(samples: Tensor, picture: Tensor) -> float:
    """Standard deviation of a pixel over the samples ÷ that of the picture's pixels."""
    return float(samples.std(dim=0).mean() / picture.std())


def detail(samples: Tensor, picture: Tensor) -> float:
    """Standard deviation of what a mean of 3×3 pixels takes away ÷ that of the picture's."""
    fine = [x - F.avg_pool2d(x, 3, stride=1, padding=1) for x in (samples, picture)]
    of_samples, of_picture = (float(x[..., 1:-1, 1:-1].std()) for x in fine)
    return of_samples / of_picture


def save_sheet(path: Path, rows: Sequence[Tensor]) -> None:
    """Each row is (n, 3, h, w), all of one size: a picture of pictures."""
    lines = [np.concatenate([np.moveaxis(x.numpy(), 0, 2) for x in row], axis=1) for row in rows]
    width = max(line.shape[1] for line in lines)
    lines = [np.pad(line, ((0, 4), (0, width - line.shape[1]), (0, 0))) for line in lines]
    pixels = (np.concatenate(lines).clip(-1, 1) + 1) * 127.5
    Image.fromarray(pixels.round().astype(np.uint8)).save(path)
