"""Ourselves beside what people use instead: figures in a table, and sheets to be looked at.

    python benchmarks/peers.py [TASK ...] [--debian FOLDER] [--pixels N] [--only NAME,NAME]

Needs the extra `[bench]`, Debian's `gmic`, and Debian's packages of pictures unpacked in FOLDER
(`subjects.py`); what isn't there is named and left out. All that is made is kept in `--out`,
picture by picture: the same command goes on where an interrupted one stopped, and `--table` only
writes figures.json, figures.md and the sheets of what there is. Everything runs on one thread, and
seconds are the processor's: they say something even if the machine has other work to do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import others
import torch
from commands import COMMAND
from jobs import JOBS, Job, as_tensor
from likeness import copied, frechet, psnr
from measures import diversity, patch_distance
from PIL import Image, ImageDraw
from subjects import SUBJECTS, Subject, pictures

from sinddm_toolkit.engine.niqe import niqe

PIXELS = 50_000
LARGEST = 20_000_000
CELL = 200
"""Height of a picture on a sheet."""

Way = Callable[[Job, Path], list[Image.Image]]


@dataclass(frozen=True)
class Ours:
    """Our command, with the models of its own that `home` holds."""

    home: str = "default"
    more: str = ""

    def __call__(self, job: Job, folder: Path) -> list[Image.Image]:
        words = [*COMMAND, "run", *shlex.split(job.words), *shlex.split(self.more)]
        words += ["--out", "by-us.png", "--seed", "1", "--overwrite", "--json"]
        home = folder.parents[1] / "models" / self.home
        environment = {**os.environ, "SINDDM_TK_HOME": str(home)}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{folder}: {done.stderr}")
        told = json.loads(done.stdout)
        (folder / "told.json").write_text(json.dumps(told))
        return [Image.open(folder / path).convert("RGB") for path in told["outputs"]]


FILLERS: dict[str, Way] = {
    "ours": Ours(),
    "G'MIC": others.gmic_fill,
    "PatchMatch": others.patchmatch_fill,
    "Telea": others.telea_fill,
}
WAYS: dict[str, dict[str, Way]] = {
    "sample": {
        "ours": Ours(),
        "network alone": Ours("alone", "--layouts 0 --likeness 0"),
        "training-free": others.training_free_samples,
    },
    "inpaint": {**FILLERS, "biharmonic": others.biharmonic_fill},
    "outpaint": FILLERS,
    "harmonize": {
        "ours": Ours(),
        "seamlessClone": others.poisson_paste,
        "plain paste": others.plain_paste,
    },
    "style-transfer": {"ours": Ours(), "G'MIC": others.gmic_style},
    "super-resolve": {"ours": Ours(), "Lanczos": others.lanczos},
}
"""Task → what does it."""

COMPARED = {"sample": [["ours", "network alone"], ["ours", "training-free"]]}
"""Task → who stands in one table, where not all do."""


def make(way: Way, job: Job, folder: Path, label: str) -> None:
    """Runs it and writes its pictures, seconds and figures, unless they are there."""
    if not (folder / f"{label}.json").exists() and not run(way, job, folder, label):
        return
    figures = folder / f"{label}.figures.json"
    if not figures.exists():
        made = [Image.open(path).convert("RGB") for path in made_by(folder, label)]
        figures.write_text(json.dumps(judged(job, made), indent=1, ensure_ascii=False))


def made_by(folder: Path, label: str) -> list[Path]:
    return sorted(folder.glob(f"{label}-[0-9].png"))


def run(way: Way, job: Job, folder: Path, label: str) -> bool:
    """Writes its pictures and seconds; false if something that it needs isn't there."""
    for name, picture in job.inputs.items():
        picture.save(folder / name)
    (folder / "told.json").unlink(missing_ok=True)
    started, used = time.monotonic(), processor_seconds()
    try:
        made = way(job, folder)
    except others.Missing as problem:
        print(f"left out: {label}, which needs {problem}", flush=True)
        return False
    figures: dict[str, Any] = {
        "processor": processor_seconds() - used,
        "seconds": time.monotonic() - started,
    }
    if (folder / "told.json").exists():
        seconds = json.loads((folder / "told.json").read_text())["seconds"]
        figures["processor, model known"] = figures["processor"] * (
            1 - seconds["training"] / figures["seconds"]
        )
    for k, picture in enumerate(made):
        picture.save(folder / f"{label}-{k}.png")
    (folder / f"{label}.json").write_text(json.dumps(figures, indent=1))
    return True


def processor_seconds() -> float:
    """Of this process and of all it has started and seen end."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_utime for who in both)


def judged(job: Job, made: list[Image.Image]) -> dict[str, float]:
    """The figures that say something about this job."""
    parts = torch.cat([as_tensor(one.crop(job.judged) if job.judged else one) for one in made])
    reference = as_tensor(job.reference)
    distances = patch_distance(parts, reference)
    found = {
        "patches": statistics.mean(distances),
        "Fréchet, 7 px": frechet(parts, reference, 7),
        "Fréchet, 19 px": frechet(parts, reference, 19),
    }
    if job.truth is not None:
        found["PSNR"] = psnr(parts, reference)
        distance = niqe(made[0])
        if distance is not None:
            found["NIQE"] = distance
    if job.samples > 1:
        found["diversity"] = diversity(parts, reference)
        found["copied"] = copied(parts, reference)
    return found


def table(out: Path, tasks: list[str]) -> None:
    """figures.json, and figures.md: the means over the pictures that all have."""
    everything: dict[str, Any] = {}
    lines: list[str] = []
    for task in tasks:
        rows = {
            subject.name: {
                label: told(out / subject.name / task, label)
                for label in WAYS[task]
                if (out / subject.name / task / f"{label}.figures.json").exists()
            }
            for subject in SUBJECTS
        }
        whole = {name: row for name, row in rows.items() if row and "ours" in row}
        everything[task] = whole
        for labels in COMPARED.get(task, [list(WAYS[task])]):
            lines += means(task, labels, whole)
    (out / "figures.json").write_text(json.dumps(everything, indent=1, ensure_ascii=False))
    (out / "figures.md").write_text("\n".join(lines))
    print("\n".join(lines))


def told(folder: Path, label: str) -> dict[str, float]:
    """Seconds and figures."""
    files = (folder / f"{label}.json", folder / f"{label}.figures.json")
    return {key: value for file in files for key, value in json.loads(file.read_text()).items()}


def means(task: str, wanted: list[str], rows: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """The lines of one table; only pictures that every way has been through count."""
    labels = [label for label in wanted if any(label in row for row in rows.values())]
    counted = [row for row in rows.values() if all(label in row for label in labels)]
    if not counted:
        return []
    heads = list(dict.fromkeys(key for label in labels for key in counted[0][label]))
    heads = [head for head in heads if head != "seconds"]
    lines = [f"\n**{task}**, {len(counted)} pictures\n", f"| | {' | '.join(heads)} |"]
    lines.append("|---" * (len(heads) + 1) + "|")
    for label in labels:
        cells = [
            f"{statistics.mean(row[label][head] for row in counted):.3g}"
            if head in counted[0][label]
            else ""
            for head in heads
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def sheet(out: Path, task: str, subjects: list[Subject], cell: int) -> None:
    """A row for each picture: what was given, and what each has made of it."""
    rows = []
    for subject in subjects:
        folder = out / subject.name / task
        labels = [x for x in WAYS[task] if (folder / f"{x}.figures.json").exists()]
        if "ours" not in labels:
            continue
        given = next(
            folder / name
            for name in ("pasted.png", "content.png", "picture.png")
            if (folder / name).exists()
        )
        cells = [(f"{subject.name}, given", given)]
        for label in labels:
            cells += [(label, path) for path in made_by(folder, label)]
        rows.append([labelled(Image.open(path), text, cell) for text, path in cells])
    if not rows:
        return
    width = max(sum(one.width + 4 for one in row) for row in rows)
    whole = Image.new("RGB", (width, sum(row[0].height + 4 for row in rows)), "white")
    top = 0
    for row in rows:
        left = 0
        for one in row:
            whole.paste(one, (left, top))
            left += one.width + 4
        top += row[0].height + 4
    whole.save(out / f"{task}.jpg", quality=88)


def labelled(picture: Image.Image, text: str, cell: int) -> Image.Image:
    """So many pixels high, with a line of text above."""
    size = (round(picture.width * cell / picture.height), cell)
    shown = Image.new("RGB", (size[0], cell + 14), "white")
    shown.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), (0, 14))
    ImageDraw.Draw(shown).text((2, 1), text, fill="black")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(JOBS), metavar="TASK")
    parser.add_argument("--debian", type=Path, help="where Debian's packages were unpacked")
    parser.add_argument("--pixels", type=int, default=PIXELS, help="that pictures have at most")
    parser.add_argument("--only", default="", help="names of pictures, with commas between")
    parser.add_argument("--out", type=Path, default=Path("peers"))
    parser.add_argument("--without", default="", help="ways to leave out, with commas between")
    parser.add_argument("--height", type=int, default=CELL, help="of each picture on the sheets")
    parser.add_argument("--table", action="store_true", help="make nothing new")
    asked = parser.parse_args()
    unknown = [task for task in asked.tasks if task not in JOBS]
    if unknown:
        parser.error(f"unknown task {unknown[0]}: {', '.join(JOBS)}")
    names = asked.only.split(",") if asked.only else [subject.name for subject in SUBJECTS]
    chosen = tuple(subject for subject in SUBJECTS if subject.name in names)
    out = asked.out.resolve()
    os.environ["OMP_NUM_THREADS"] = "1"
    others.no_threads()
    if not asked.table:
        for subject, picture in pictures(chosen, asked.debian, LARGEST):
            for task in asked.tasks:
                job = JOBS[task](subject, picture, asked.pixels)
                folder = out / subject.name / task
                folder.mkdir(parents=True, exist_ok=True)
                for label, way in WAYS[task].items():
                    if label not in asked.without.split(","):
                        make(way, job, folder, label)
                        print(subject.name, task, label, flush=True)
    table(out, asked.tasks)
    for task in asked.tasks:
        sheet(out, task, list(chosen), asked.height)


if __name__ == "__main__":
    main()
