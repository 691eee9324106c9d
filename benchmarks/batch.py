"""A batch of 200 rows over 10 pictures: in one process, in two, and killed five times at random.

    python benchmarks/batch.py [--rows 200] [--kills 5] [--seed 0]

Pictures come with scikit-image, or first from the folder --pictures (NAME/NAME.png). Each gets a
disc pasted in, which the rows harmonize with different settings at a small working size. Prints the
seconds of each run, their ratio, and whether the killed batch gave the same files as the one that
was left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

from sinddm_toolkit.batching.state import DONE, FOLDER, REPORT

PICTURES = (
    *("astronaut", "chelsea", "coffee", "rocket", "camera", "brick", "grass", "gravel"),
    *("page", "coins"),
)
SIZE = (240, 180)
SETTINGS = {"start-step": [5, 10, 15, 20, 25], "feather": [3, 6], "seed": [1, 2]}


def pictures(folder: Path | None) -> list[Image.Image]:
    """Ten pictures: those in the folder first, then scikit-image's."""
    paths = sorted(folder.glob("*/*.png")) if folder else []
    found: list[Image.Image] = [Image.open(path) for path in paths if path.stem == path.parent.name]
    found += [Image.fromarray(getattr(data, name)()) for name in PICTURES]
    return [image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS) for image in found[:10]]


def prepare(place: Path, folder: Path | None, rows: int) -> None:
    """Write the pictures and `edits.jsonl` into `place`."""
    rng = np.random.default_rng(0)
    lines = []
    for k, image in enumerate(pictures(folder)):
        image.save(place / f"bg{k}.png")
        x, y = (int(rng.integers(40, side - 40)) for side in SIZE)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        ImageDraw.Draw(image).ellipse((x - 24, y - 20, x + 24, y + 20), fill=colour)
        image.save(place / f"c{k}.png")
        row = {"task": "harmonize", "bg": f"bg{k}.png", "composite": f"c{k}.png"}
        lines.append(json.dumps({**row, "max-pixels": 1500, "grid": SETTINGS}))
    whole = len(lines) * int(np.prod([len(values) for values in SETTINGS.values()]))
    if rows > whole:
        raise SystemExit(f"at most {whole} rows")
    (place / "edits.jsonl").write_text("\n".join(lines[: max(1, rows * len(lines) // whole)]))


def start(place: Path, name: str, jobs: int) -> subprocess.Popen[bytes]:
    """The batch into a folder and a store of its own."""
    words = ["batch", "edits.jsonl", "--folder", name, "--jobs", str(jobs), "--quiet"]
    environment = {**os.environ, "SINDDM_TK_HOME": str(place / f"home-{name}")}
    line = [sys.executable, "-m", "sinddm_toolkit.cli", *words]
    return subprocess.Popen(line, cwd=place, env=environment)


def run(place: Path, name: str, jobs: int) -> float:
    """Seconds of an undisturbed run."""
    started = time.monotonic()
    if start(place, name, jobs).wait() != 0:
        raise SystemExit(f"{name} failed")
    return time.monotonic() - started


def run_killed(place: Path, name: str, jobs: int, kills: int, within: float) -> int:
    """Start again and again, killing without warning; the rows that were done at each kill."""
    for _ in range(kills):
        process = start(place, name, jobs)
        try:
            process.wait(random.uniform(0.3, 1) * within)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        print(f"  killed with {done(place / name)} rows done", flush=True)
    run(place, name, jobs)
    return done(place / name)


def done(folder: Path) -> int:
    """How many rows are."""
    files = [path for path in (folder / FOLDER).glob("*.json") if path.stem != REPORT]
    states = [json.loads(path.read_text()) for path in files]
    return sum(state["state"] == DONE for state in states)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.png")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, chosen.pictures, chosen.rows)
        one, two = run(place, "one", 1), run(place, "two", 2)
        print(f"--jobs 1: {one:.1f} s, --jobs 2: {two:.1f} s, ratio {one / two:.2f}", flush=True)
        count = run_killed(place, "killed", 2, chosen.kills, two / 2)
        expected, found = contents(place / "two"), contents(place / "killed")
        print(f"{count} rows done; the same files as without kills: {expected == found}")
        print(f"files of --jobs 1 and 2 equal: {contents(place / 'one') == expected}")


if __name__ == "__main__":
    main()
