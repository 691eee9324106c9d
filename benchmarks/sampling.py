"""Network evaluations and seconds against likeness: how many timesteps have to be visited.

    python benchmarks/sampling.py PICTURE [--train 60] [--out sampling.png]

Trains `draft` once for so many seconds, then samples with the same seeds and fewer and fewer
timesteps a scale. Prints a table and writes a sheet of the samples.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from measures import (
    diversity,
    load_subject,
    machine,
    make_samples,
    new_network,
    patch_distance,
    save_sheet,
)

from sinddm_toolkit.devices import choose_compute
from sinddm_toolkit.recipes import RECIPES
from sinddm_toolkit.sampler import NetworkPredictor
from sinddm_toolkit.training import plan_phase, train

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
    recipe = replace(RECIPES["draft"], steps_per_scale=1_000_000)
    compute = choose_compute()
    network = new_network(recipe, "prior").to(compute.device)
    cells = dict(enumerate(schedule.starts))
    phase = plan_phase(cells, [], recipe, schedule, 0, recipe.prior_rate)
    assert phase is not None
    train(network, pyramid, schedule, recipe, phase, compute, time_limit=asked.train)
    predict = NetworkPredictor(network, compute)
    print(machine(), "\n")
    print("| timesteps a scale | evaluations | s a sample | patches 1, 1/2, 1/4 | diversity |")
    print("|---|---|---|---|---|", flush=True)
    rows = [picture]
    for visits in VISITS:
        started = time.monotonic()
        samples, evaluations = make_samples(predict, pyramid, schedule, range(SAMPLES), visits)
        seconds = (time.monotonic() - started) / SAMPLES
        distances = ", ".join(f"{d:.3f}" for d in patch_distance(samples, picture))
        print(
            f"| {visits or 'all'} | {evaluations // SAMPLES} | {seconds:.2f} | {distances} | "
            f"{diversity(samples, picture):.2f} |",
            flush=True,
        )
        rows.append(samples[:4])
    save_sheet(asked.out, rows)


if __name__ == "__main__":
    main()
