"""Time and peak memory of whole commands, from nothing and with the model at hand.

    python benchmarks/edit.py [--data FOLDER]

Prints a table. `--data` names a folder with the paper's pictures (seascape/, forest/), which are
not part of this repository; without it only pictures that come with the dependencies are used.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

COMMAND = [sys.executable, "-m", "sinddm_toolkit.cli"]
BACKGROUND = Path(__file__).parents[1] / "plugins" / "demo" / "starry_night.png"


def large_photograph(folder: Path) -> list[str]:
    """A 12-megapixel photograph with grain, and a 500-pixel cat pasted in → command line."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(data.coffee()).resize((4500, 3000)).crop((0, 0, 4000, 3000))
    grain = rng.normal(0, 9, (3000, 4000, 3))
    photo = Image.fromarray(np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8))
    photo.save(folder / "photo.png")
    cat = Image.fromarray(data.chelsea()).crop((100, 0, 400, 300)).resize((500, 500))
    disc = Image.new("L", cat.size, 0)
    ImageDraw.Draw(disc).ellipse((5, 5, 495, 495), fill=255)
    photo.paste(cat, (2900, 400), disc)
    photo.save(folder / "pasted.png")
    return ["--bg", str(folder / "photo.png"), "--composite", str(folder / "pasted.png")]


def cases(folder: Path, shared: Path | None) -> dict[str, list[str]]:
    """What is measured → its command line, without output and seed."""
    found = {
        "harmonize, 4000×3000": ["harmonize", *large_photograph(folder)],
        "sample, four 252×198": ["sample", "--image", str(BACKGROUND), "--samples", "4"],
    }
    if shared is not None:
        sea = shared / "seascape"
        found["harmonize, seascape"] = [
            *("harmonize", "--fit", "--bg", str(sea / "seascape.png")),
            *("--composite", str(sea / "tree_composite.jpg"), "--mask", str(sea / "tree_mask.jpg")),
        ]
        forest = str(shared / "forest" / "forest.png")
        found["sample, four 298×167 (forest)"] = ["sample", "--image", forest, "--samples", "4"]
    return found


def measure(words: list[str], out: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak memory in GiB of one whole command."""
    started = time.monotonic()
    command = [*COMMAND, "run", *words, "--out", str(out), "--overwrite", "--seed", "1", "-q"]
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - started, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    shared = parser.parse_args().data
    print(f"{platform.machine()}, {os.cpu_count()} cores\n")
    print("| command | from nothing | with the model | peak memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "SINDDM_TK_HOME": str(folder / "home")}
        for label, words in cases(folder, shared).items():
            cold, memory = measure(words, folder / "out.png", environment)
            warm, _ = measure(words, folder / "out.png", environment)
            print(f"| {label} | {cold:.1f} s | {warm:.1f} s | {memory:.2f} GiB |", flush=True)


if __name__ == "__main__":
    main()
