"""Error and likeness against training time, for several qualities on one picture, in one run.

    python benchmarks/time_to_quality.py PICTURE [--budgets 10,60,300] [--paper 600] [--out FOLDER]

The denoiser that needs no training comes first. Each quality is trained anew for each budget
(seconds, wall clock), from random weights and from the shipped ones; `paper` is trained
once for `--paper` seconds and measured on the way. Writes a table, a plot and a sheet of samples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import torch
from grid import grid_error
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

from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.quality import QUALITIES, Quality
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.engine.training import TrainingReport
from sinddm_toolkit.host.services import service

SAMPLES = 8

Subject = tuple[Pyramid, Schedule]


@dataclass
class Point:
    """One measurement."""

    label: str
    seconds: float
    updates: int
    error: float
    samples: torch.Tensor | None = None


def measure(
    label: str, quality: Quality, init: str, seconds: float, subject: Subject, marks: list[float]
) -> Iterator[Point]:
    """Train for `seconds`, measuring after each of `marks` (unaveraged weights) and at the end."""
    training = begin(quality, init, subject)
    predict, phase, device = training.predictor(), training.phase, training.compute.device
    begun = time.monotonic()
    points, paused = [], 0.0

    def watch(report: TrainingReport) -> None:
        nonlocal paused
        now = time.monotonic()
        if marks and now - begun - paused >= marks[0]:
            marks.pop(0)
            error = grid_error(predict, subject[0], device)
            points.append(Point(label, now - begun - paused, phase.made, error))
            paused += time.monotonic() - now

    training.run(time_limit=seconds, report=watch)
    taken = time.monotonic() - begun - paused
    yield from points
    error = grid_error(predict, subject[0], device)
    visits = quality.sampling_steps
    samples, _ = make_samples(predict, *subject, range(SAMPLES), visits)
    yield Point(label, taken, phase.made, error, samples)


def untrained(subject: Subject) -> Iterator[Point]:
    """The denoiser that is computed from the picture's patches; what it costs is its sampling."""
    pyramid, schedule = subject
    device = choose_compute().device
    about = {"pyramid": pyramid, "schedule": schedule, "device": device}
    predict = service("denoiser", "closed-form", **about)
    error = grid_error(predict, pyramid, device)
    started = time.monotonic()
    visits = QUALITIES["draft"].sampling_steps
    samples, _ = make_samples(predict, pyramid, schedule, range(SAMPLES), visits)
    print(f"closed-form: {(time.monotonic() - started) / SAMPLES:.1f} s a sample")
    yield Point("closed-form", 0.0, 0, error, samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--budgets", default="10,60,300")
    parser.add_argument("--paper", type=float, default=600)
    parser.add_argument("--qualities", default="draft,standard")
    parser.add_argument("--init", default="random,prior")
    parser.add_argument("--out", type=Path, default=Path("time-to-quality"))
    asked = parser.parse_args()
    asked.out.mkdir(exist_ok=True)
    subject = load_subject(asked.picture)
    picture = subject[0].scales[-1]
    print(machine(), "\n")
    untrained_points = list(untrained(subject))
    print("| quality | seconds | updates | error | patches 1, 1/2, 1/4 | diversity |")
    print("|---|---|---|---|---|---|", flush=True)
    points, rows = [], [picture]

    def add(found: Iterator[Point]) -> None:
        for point in found:
            points.append(point)
            line = f"| {point.label} | {point.seconds:.1f} | {point.updates} | {point.error:.4f} |"
            if point.samples is not None:
                distances = ", ".join(f"{d:.3f}" for d in patch_distance(point.samples, picture))
                line += f" {distances} | {diversity(point.samples, picture):.2f} |"
                rows.append(point.samples[:4])
            print(line, flush=True)

    add(iter(untrained_points))
    for budget in map(float, asked.budgets.split(",")):
        for name in filter(None, asked.qualities.split(",")):
            quality = QUALITIES[name]
            for init in asked.init.split(","):
                if init == "random" or priors.fingerprint(str(quality.network), quality.width):
                    label = f"{name}, {init}"
                    add(measure(label, quality, init, budget, subject, []))
    if asked.paper:
        marks = [asked.paper / 10, asked.paper / 4, asked.paper / 2]
        add(measure("paper", QUALITIES["paper"], "random", asked.paper, subject, marks))

    save_sheet(asked.out / "samples.png", rows)
    for label in dict.fromkeys(point.label for point in points if point.seconds):
        of = [point for point in points if point.label == label]
        pyplot.plot([p.seconds for p in of], [p.error for p in of], "o-", label=label)
    pyplot.xscale("log")
    pyplot.xlabel("seconds of training")
    pyplot.ylabel("mean L1 error of the noise")
    pyplot.legend()
    pyplot.savefig(asked.out / "error.png", dpi=120)


if __name__ == "__main__":
    main()
