"""Time and peak memory of whole commands, from nothing, as the picture grows.

    python benchmarks/size.py [--out size.png] [--megapixels 0.05,0.25,1,4,12,24]

Harmonizes an object as high as a sixth of a photograph, and makes the photograph 30 % wider. Prints
a table and draws a plot.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from commands import measure
from matplotlib import pyplot
from measures import machine
from photographs import harmonize_words, outpaint_words

TASKS = {"harmonize": harmonize_words, "outpaint by 30 %": outpaint_words}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("size.png"))
    parser.add_argument("--megapixels", default="0.05,0.25,1,4,12,24")
    asked = parser.parse_args()
    sizes = [float(size) for size in asked.megapixels.split(",")]
    print(machine(), "\n")
    print("| megapixels | " + " | ".join(TASKS) + " |\n|---|" + "---|" * len(TASKS))
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in TASKS}
    for size in sizes:
        cells = []
        for name, words in TASKS.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                line = words(folder, round(size * 1e6))
                seconds, memory = measure(line, folder / "out.jpg", folder / "home")
            found[name].append((seconds, memory))
            cells.append(f"{seconds:.1f} s, {memory:.2f} GiB")
        print(f"| {size:g} | " + " | ".join(cells) + " |", flush=True)
    for axis, unit, index in zip(axes, ("seconds", "GiB"), (0, 1), strict=True):
        for name, values in found.items():
            axis.plot(sizes, [value[index] for value in values], "o-", label=name)
        axis.set(xlabel="megapixels", ylabel=unit, ylim=(0, None))
        axis.legend()
    figure.tight_layout()
    figure.savefig(asked.out, dpi=100)


if __name__ == "__main__":
    main()
