"""Seconds of one guided step: 16 views through ViT-B/32, forward and backward.

    python benchmarks/clip_step.py [--views 16] [--size 250x200] [--repeat 3]

The weights are random, which takes the same time as any; they go through a file and the loader as
others would. OMP_NUM_THREADS says how many cores are used.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from sinddm_toolkit.plugins.text.guidance import TextLoss, stepped
from sinddm_toolkit.plugins.text.prompts import HIGH_RESOLUTION, Prompt, direction

from sinddm_toolkit.api import choose_compute, service

MODEL = "ViT-B-32-quickgelu"


def random_weights(folder: Path) -> Path:
    """A file with weights of the model as it is before any training."""
    file = folder / "random.safetensors"
    save_file(open_clip.create_model(MODEL).state_dict(), file)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=16)
    parser.add_argument("--size", default="250x200")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    compute = choose_compute()
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(Path(folder))
        started = time.monotonic()
        encoder = service("text-encoder", MODEL, weights=weights, device=compute.device)
        wanted = direction(encoder, [Prompt("stars in the night sky")], HIGH_RESOLUTION)
        loaded = time.monotonic() - started
    facts = compute.environment()
    print(f"{platform.machine()}, {facts['device']}, {facts['precision']}")
    print(f"threads {torch.get_num_threads()}, views {given.views}, picture {given.size}")
    print(f"loading and encoding the text: {loaded:.1f} s")
    loss = TextLoss(encoder, given.views, [torch.Generator().manual_seed(1)])
    x0 = torch.rand(1, 3, height, width, device=compute.device) * 2 - 1
    times = []
    for _ in range(given.repeat + 1):
        started = time.monotonic()
        ascent, _ = loss.ascent(x0, wanted)
        x0 = stepped(x0, ascent, torch.ones_like(x0[:, :1]), 0.3)
        float(x0.sum())  # waits for a GPU
        times.append(time.monotonic() - started)
    print(f"a guided step: {min(times[1:]):.2f} s (best of {given.repeat})")


if __name__ == "__main__":
    main()
