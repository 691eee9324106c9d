"""This version beside an earlier one: seconds, the measures, and sheets to be looked at.

    python benchmarks/compare.py --before PYTHON [--quality draft] [--out FOLDER]

PYTHON is that of an environment in which the earlier version is installed. Both run the same
commands on two paintings in the public domain, each from nothing. Prints a table; a sheet of each
case goes to FOLDER, the earlier version above. The error is that of the stored model at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measures import detail, diversity, machine, patch_distance, save_sheet
from PIL import Image
from sinddm_toolkit.plugins.demo import composite
from torch import Tensor

ROOT = Path(__file__).parents[1]
PAINTINGS = ("seascape.png", "starry_night.png")
SEEDS = (1, 2)


@dataclass(frozen=True)
class Case:
    """One task, and where in its result to look for what it has made."""

    task: str
    words: tuple[str, ...]
    new: tuple[float, float, float, float] = (0, 0, 1, 1)
    """Left, top, right and bottom as shares of the result."""


def cases(painting: str) -> list[Case]:
    image = ("--image", painting)
    moved = ("--source", "40%,40%,40%,35%", "--target", "8%,50%,40%,35%")
    found = [
        Case("sample", (*image, "--samples", "4")),
        Case("outpaint", (*image, "--right", "50%"), (0.7, 0, 1, 1)),
        Case("roi", (*image, *moved, "--size", "1.5x1")),
    ]
    if painting == "starry_night.png":
        pasted = ("--bg", painting, "--composite", "pasted.png")
        found.append(Case("harmonize", pasted))
    return found


class Version:
    """One of the two, with a store of its own."""

    def __init__(self, python: str, name: str, folder: Path, quality: str) -> None:
        self.python, self.name, self.folder, self.quality = python, name, folder, quality
        self._environment = {**os.environ, "SINDDM_TK_HOME": str(folder / name)}

    def run(self, case: Case, seed: int) -> tuple[list[Image.Image], float]:
        """The pictures of one command, and its seconds."""
        out = self.folder / f"{self.name}-{case.task}.png"
        line = ["-m", "sinddm_toolkit.cli", "run", case.task, *case.words, "--seed", str(seed)]
        line += ["--quality", self.quality, "--out", str(out), "--overwrite", "-q"]
        started = time.monotonic()
        self._call(line)
        seconds = time.monotonic() - started
        made = [out] if out.exists() else sorted(self.folder.glob(f"{out.stem}-*.png"))
        pictures = [Image.open(path).convert("RGB") for path in made]
        for path in made:
            path.unlink()
        return pictures, seconds

    def error(self, painting: str) -> float:
        """Of the model that was stored last, on the measure's grid."""
        models = sorted(
            (self.folder / self.name).rglob("*.safetensors"), key=lambda path: path.stat().st_mtime
        )
        script = ROOT / "benchmarks" / "grid.py"
        return float(self._call([str(script), str(models[-1]), painting]))

    def _call(self, line: list[str]) -> str:
        done = subprocess.run(
            [self.python, *line],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout


def as_tensor(pictures: list[Image.Image]) -> Tensor:
    """(n, 3, h, w) in [-1, 1]."""
    pixels = np.stack([np.asarray(picture) for picture in pictures])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def cut(picture: Image.Image, share: tuple[float, float, float, float]) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = share
    box = (round(left * width), round(top * height), round(right * width), round(bottom * height))
    return picture.crop(box)


def measure(version: Version, painting: str, case: Case, original: Tensor) -> Tensor:
    """Prints the row of one case → its pictures, (n, 3, h, w)."""
    pictures, seconds = [], []
    for seed in SEEDS:
        made, took = version.run(case, seed)
        pictures += made
        seconds.append(took)
    made_up = as_tensor([cut(picture, case.new) for picture in pictures])
    distances = ", ".join(f"{value:.3f}" for value in patch_distance(made_up, original))
    others = f"{diversity(made_up, original):.2f} | {detail(made_up, original):.2f}"
    times = " / ".join(f"{value:.1f}" for value in seconds)
    label = f"{Path(painting).stem}, {case.task} | {version.name}"
    print(f"| {label} | {times} s | {distances} | {others} |", flush=True)
    return as_tensor(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="the python of the earlier version")
    parser.add_argument("--quality", default="draft")
    parser.add_argument("--out", type=Path, default=Path("comparison"))
    asked = parser.parse_args()
    asked.out.mkdir(exist_ok=True)
    print(machine(), "\n")
    heads = "picture, task | version | seconds, first / again | patches 1, 1/2, 1/4"
    print(f"| {heads} | diversity | detail |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        versions = [
            Version(asked.before, "before", folder, asked.quality),
            Version(sys.executable, "now", folder, asked.quality),
        ]
        composite().save(folder / "pasted.png")
        errors = []
        for painting in PAINTINGS:
            picture = Image.open(ROOT / "docs" / "images" / painting).convert("RGB")
            picture.save(folder / painting)
            for case in cases(painting):
                rows = [measure(v, painting, case, as_tensor([picture])) for v in versions]
                save_sheet(asked.out / f"{Path(painting).stem}-{case.task}.png", rows)
            errors += [f"{painting}, {v.name}: {v.error(painting):.3f}" for v in versions]
    print("\nerror:", "; ".join(errors))


if __name__ == "__main__":
    main()
