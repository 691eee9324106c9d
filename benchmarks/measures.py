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

from sinddm_toolkit.engine.compute import choose_compute, device_name
from sinddm_toolkit.engine.measures import detail as detail
from sinddm_toolkit.engine.measures import diversity as diversity
from sinddm_toolkit.engine.measures import patch_distance as patch_distance
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid, build_pyramid, tensor_from_rgb, working_size
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.pictures.reading import read_picture

PAPER_PIXELS = 50_000


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


def save_sheet(path: Path, rows: Sequence[Tensor]) -> None:
    """Each row is (n, 3, h, w), all of one size: a picture of pictures."""
    lines = [np.concatenate([np.moveaxis(x.numpy(), 0, 2) for x in row], axis=1) for row in rows]
    width = max(line.shape[1] for line in lines)
    lines = [np.pad(line, ((0, 4), (0, width - line.shape[1]), (0, 0))) for line in lines]
    pixels = (np.concatenate(lines).clip(-1, 1) + 1) * 127.5
    Image.fromarray(pixels.round().astype(np.uint8)).save(path)
