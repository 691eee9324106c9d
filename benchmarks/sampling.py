"""Network evaluations and seconds against likeness: how many timesteps have to be visited.

    python benchmarks/sampling.py PICTURE [--train 60] [--out sampling.png]

Trains `draft` once for so many seconds, then samples with the same seeds and fewer and fewer
timesteps a scale. Prints a table; writes a plot (sampling-plot.png) and a sheet of the samples.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot
from measures import (
    diversity,
    load_subject,
    machine,
    make_samples,
    patch_distance,
    save_sheet,
)
from trainings import begin

from sinddm_toolkit.engine.quality import QUALITIES

VISITS = (None, 20, 10, 6, 4, 3, 2)
SAMPLES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--train", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("sampling.png"))
    asked = parser.parse_args()
    pyramid, schedule = load_subject(asked.picture)
    picture = pyramid.scales[-1]
    predict = begin(QUALITIES["draft"], "prior", (pyramid, schedule)).run(time_limit=asked.train)
    print(machine(), "\n")
    print("| timesteps a scale | evaluations | s a sample | patches 1, 1/2, 1/4 | diversity |")
    print("|---|---|---|---|---|", flush=True)
    rows, points = [picture], []
    for visits in VISITS:
        started = time.monotonic()
        samples, evaluations = make_samples(predict, pyramid, schedule, range(SAMPLES), visits)
        seconds = (time.monotonic() - started) / SAMPLES
        found = patch_distance(samples, picture)
        points.append((evaluations // SAMPLES, *found))
        distances = ", ".join(f"{d:.3f}" for d in found)
        print(
            f"| {visits or 'all'} | {evaluations // SAMPLES} | {seconds:.2f} | {distances} | "
            f"{diversity(samples, picture):.2f} |",
            flush=True,
        )
        rows.append(samples[:4])
    save_sheet(asked.out, rows)
    for k, size in enumerate(("full", "half", "quarter"), 1):
        pyplot.plot([p[0] for p in points], [p[k] for p in points], "o-", label=f"{size} size")
    pyplot.xscale("log")
    pyplot.ylim(0, None)
    pyplot.xlabel("network evaluations of a sample")
    pyplot.ylabel("sliced Wasserstein distance of patches")
    pyplot.legend()
    pyplot.savefig(asked.out.with_stem(f"{asked.out.stem}-plot"), dpi=100)


if __name__ == "__main__":
    main()
