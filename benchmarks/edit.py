"""Time and peak memory of every task, as whole commands: from nothing and with the model at hand.

    python benchmarks/edit.py [--data FOLDER] [--only WORD ...] [--out edit.png]

Prints a table and draws a plot. `--data` names a folder with the paper's pictures (seascape/,
forest/), which are not part of this repository; without it only pictures that come with the
dependencies are used. The tasks guided by text run with the small CLIP of the tests: what a full
one costs a step is measured by `clip_step.py`.
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
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[1]
PAINTING = str(ROOT / "plugins" / "demo" / "starry_night.png")
SMALL_CLIP = ROOT / "tests" / "small_clip"


def cases(folder: Path, shared: Path | None) -> dict[str, list[str]]:
    """What is measured → its command line, without output and seed."""
    found = {}
    if shared is not None:
        sea = shared / "seascape"
        found["harmonize, seascape 249×200"] = [
            *("harmonize", "--fit", "--bg", str(sea / "seascape.png")),
            *("--composite", str(sea / "tree_composite.jpg"), "--mask", str(sea / "tree_mask.jpg")),
        ]
        forest = str(shared / "forest" / "forest.png")
        found["sample, four 298×167 (forest)"] = ["sample", "--image", forest, "--samples", "4"]
    return (
        found
        | painting_cases(folder)
        | {
            "harmonize, 12 megapixels": harmonize_words(folder, 12_000_000),
            "outpaint by 30 %, 24 megapixels": outpaint_words(folder, 24_000_000),
        }
    )


def painting_cases(folder: Path) -> dict[str, list[str]]:
    """Every task on the demo's painting, 252×198 pixels; each begins with no model."""
    cat = folder / "cat.png"
    Image.fromarray(data.chelsea()).save(cat)
    image = ["--image", PAINTING]
    text = [
        *image,
        *("--text", "red", "--clip", str(SMALL_CLIP / "small_clip.json")),
        *("--clip-weights", str(SMALL_CLIP / "small_clip.safetensors")),
    ]
    return {
        "sample": ["sample", *image],
        "roi, 1.5×1": [
            *("roi", *image, "--source", "60%,10%,35%,40%", "--target", "10%,10%,30%,40%"),
            *("--size", "1.5x1"),
        ],
        "outpaint, 30 %": ["outpaint", *image, "--right", "30%"],
        "inpaint": ["inpaint", *image, "--mask", "60%,10%,25%,25%"],
        "paint": ["paint", *image, "--painting", PAINTING],
        "super-resolve, ×2": ["super-resolve", *image, "--factor", "2"],
        "style-transfer, content 451×300": [
            *("style-transfer", "--style", PAINTING, "--content", str(cat)),
        ],
        "text-content, small CLIP": ["text-content", *text],
        "text-style of the image, small CLIP": ["text-style", *text, "--of-image"],
        "text-roi, small CLIP": ["text-roi", *text, "--region", "20%,20%,50%,50%"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument(
        "--only", nargs="*", default=[""], help="parts of the names of what is measured"
    )
    parser.add_argument("--out", type=Path, default=Path("edit.png"))
    asked = parser.parse_args()
    print(machine(), "\n")
    print("| command | from nothing | with the model | peak memory |\n|---|---|---|---|")
    rows: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k, (label, words) in enumerate(cases(folder, asked.data).items()):
            if not any(part in label for part in asked.only):
                continue
            home = folder / f"home-{k}"
            cold, memory = measure(words, folder / "out.png", home)
            warm, _ = measure(words, folder / "out.png", home)
            rows[label] = cold, warm
            print(f"| {label} | {cold:.1f} s | {warm:.1f} s | {memory:.2f} GiB |", flush=True)
    figure, axis = pyplot.subplots(figsize=(8, 0.4 * len(rows) + 1))
    names = list(rows)[::-1]
    axis.barh(names, [rows[name][0] for name in names], label="from nothing")
    axis.barh(names, [rows[name][1] for name in names], label="with the model")
    axis.set_xlabel("seconds of the whole command")
    axis.legend()
    figure.tight_layout()
    figure.savefig(asked.out, dpi=100)


if __name__ == "__main__":
    main()
