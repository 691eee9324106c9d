"""What the shipped weights do to samples: likeness, diversity, and whether their photographs show.

    python benchmarks/head_start.py PICTURE [--updates 1000] [--out head-start.png]

Trains `draft` from the shipped weights and from random ones, with equally many updates, and samples
both. For each photograph of scikit-image that the weights have seen, the mean distance from a
sample's patch to the nearest patch of the photograph (RMS of the values in [-1, 1]) is compared
with that of the samples whose model has never seen it. Prints tables and writes a sheet of samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from grid import grid_error
from measures import (
    diversity,
    load_subject,
    machine,
    make_samples,
    patch_distance,
    save_sheet,
)
from skimage import data
from torch import Tensor
from torch.nn import functional as F
from trainings import begin

from sinddm_toolkit.engine.pyramid import downsample, tensor_from_rgb, working_size
from sinddm_toolkit.engine.quality import QUALITIES

SEEN = ("astronaut", "chelsea", "rocket", "hubble_deep_field", "immunohistochemistry")
"""Photographs in `sinddm_toolkit/engine/priors/pictures.toml` that come with scikit-image."""

SAMPLES = 16
SIDE = 15
"""Of the patches, in pixels: as large as a thing that a person would recognise."""
PIXELS = 50_000
"""Size at which the photographs are looked through."""
PATCHES = 3000
"""Of the samples that are compared."""


def patches(x: Tensor) -> Tensor:
    """(n, 3, h, w) → (k, 3·SIDE²)."""
    return F.unfold(x, SIDE, stride=2).transpose(1, 2).flatten(0, 1)


def nearest(samples: Tensor, photograph: Tensor) -> float:
    """Mean distance from a patch of the samples to the nearest of the photograph or its mirror."""
    generator = torch.Generator().manual_seed(0)
    of_samples = patches(samples)
    chosen = of_samples[torch.randint(len(of_samples), (PATCHES,), generator=generator)]
    known = torch.cat([patches(photograph), patches(photograph.flip(-1))])
    found = torch.stack([torch.cdist(part, known).min(dim=1).values for part in chosen.split(500)])
    return float(found.mean()) / (3 * SIDE**2) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("head-start.png"))
    asked = parser.parse_args()
    subject = load_subject(asked.picture)
    picture = subject[0].scales[-1]
    print(machine(), "\n")
    print("| from | error | patches 1, 1/2, 1/4 | diversity |\n|---|---|---|---|", flush=True)
    made = {}
    for init in ("random", "prior"):
        training = begin(QUALITIES["draft"], init, subject, asked.updates // subject[0].count)
        predict = training.run()
        visits = training.quality.sampling_steps
        made[init], _ = make_samples(predict, *subject, range(SAMPLES), visits)
        distances = ", ".join(f"{d:.3f}" for d in patch_distance(made[init], picture))
        error = grid_error(predict, subject[0], training.compute.device)
        print(f"| {init} | {error:.4f} | {distances} | {diversity(made[init], picture):.2f} |")
    save_sheet(asked.out, [picture, *(samples[:4] for samples in made.values())])
    print("\n| photograph | nearest patch, random | prior | the picture's own |\n|---|---|---|---|")
    for name in SEEN:
        rgb = tensor_from_rgb(getattr(data, name)().astype("float32") / 127.5 - 1)
        small = downsample(rgb, working_size((rgb.shape[-2], rgb.shape[-1]), PIXELS)).clamp(-1, 1)
        row = [nearest(x, small) for x in (made["random"], made["prior"], picture)]
        print(f"| {name} | " + " | ".join(f"{distance:.4f}" for distance in row) + " |", flush=True)


if __name__ == "__main__":
    main()
