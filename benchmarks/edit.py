"""Time and peak memory of every task, as whole commands: from nothing and with the model at hand.

    python benchmarks/edit.py [--data FOLDER] [--only WORD]

Prints a table. `--data` names a folder with the paper's pictures (seascape/, forest/), which are
not part of this repository; without it only pictures that come with the dependencies are used. The
tasks guided by text run with the small CLIP of the tests: what a full one costs a step is measured
by `clip_step.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from commands import measure
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
    parser.add_argument("--only", default="", help="a part of the names of what is measured")
    asked = parser.parse_args()
    print(machine(), "\n")
    print("| command | from nothing | with the model | peak memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k, (label, words) in enumerate(cases(folder, asked.data).items()):
            if asked.only not in label:
                continue
            home = folder / f"home-{k}"
            cold, memory = measure(words, folder / "out.png", home)
            warm, _ = measure(words, folder / "out.png", home)
            print(f"| {label} | {cold:.1f} s | {warm:.1f} s | {memory:.2f} GiB |", flush=True)


if __name__ == "__main__":
    main()
