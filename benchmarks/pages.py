"""Makes the pictures of docs/tutorial.md and docs/gallery.md by the commands on these pages.

    python benchmarks/pages.py tutorial
    python benchmarks/pages.py gallery [PICTURE ...]

A page is what is followed: a picture `images/PAGE/NAME` shows what the `sinddm-tk` line above it
was given and what it has made. The tutorial's lines are carried out one after the other, in the
folder that `sinddm-tk demo` makes; each of the gallery's stands for itself, with the inputs drawn
or cut out here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gallery import GAP, PICTURES, ROOT, make_inputs
from PIL import Image
from sinddm_toolkit.plugins.demo import BACKGROUND, cut_out
from skimage import data

LINE = re.compile(r"^(?:    |\$ )sinddm-tk (?P<words>.+)|^!\[[^]]*\]\((?P<picture>[^)]+)\)$", re.M)
HEIGHT, WIDTH = 360, 1100
"""Pixels of a row of pictures at most."""


@dataclass(frozen=True)
class Shown:
    """A line of a page behind `sinddm-tk`, and the picture that shows what it makes."""

    words: str
    picture: str | None = None
    """Relative to docs/images, None if there is none."""


def lines_of(page: str) -> list[Shown]:
    """The lines of docs/`page`.md in their order."""
    lines: list[Shown] = []
    for found in LINE.finditer((ROOT / "docs" / f"{page}.md").read_text()):
        if found["words"]:
            lines.append(Shown(found["words"]))
        elif found["picture"].startswith(f"images/{page}/"):
            lines[-1] = Shown(lines[-1].words, found["picture"].removeprefix("images/"))
    return lines


def make_more_inputs(folder: Path) -> None:
    """What the gallery's lines name, all of it free of rights."""
    make_inputs(folder)
    Image.open(BACKGROUND).convert("RGB").save(folder / "night.png")
    cut_out(150).save(folder / "shuttle.png")
    seascape = Image.open(folder / "seascape.png")
    seascape.crop((7, 3, 244, 196)).save(folder / "cliff.png")  # without its painted frame
    cat = Image.fromarray(data.chelsea())
    cat.save(folder / "cat.png")
    cat.crop((150, 60, 290, 160)).save(folder / "eye.png")
    hubble = Image.fromarray(data.hubble_deep_field())
    hubble.crop((0, 0, 800, 600)).resize((400, 300)).save(folder / "galaxies.png")
    gravel = Image.fromarray(data.gravel()).convert("RGB").resize((256, 256))
    gravel.crop((40, 40, 200, 200)).save(folder / "gravel.png")
    night = Image.open(folder / "night.png")
    night.crop((90, 25, 190, 115)).save(folder / "swirl.png")


def carry_out(words: str, folder: Path) -> Path | None:
    """Run one line in `folder` → what shows best what it has made: a sheet, a film, a picture."""
    run = words.startswith("run ")
    extra = ["--json", "--overwrite"] if run else []
    line = [sys.executable, "-m", "sinddm_toolkit.cli", *shlex.split(words), *extra]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")
    if not run:
        return None
    told = json.loads(done.stdout)
    print(words, told["seconds"], flush=True)
    further = re.search(r"--check-sheet (\S+)|--to (\S+\.webp)", words)
    asked = next(filter(None, further.groups())) if further else None
    return folder / str(asked or told["sheet"] or told["outputs"][0])


def row(pictures: list[Path], out: Path) -> None:
    """The pictures side by side, as high as the lowest of them and no wider than a page."""
    images = [Image.open(path).convert("RGBA") for path in pictures]
    height = min(HEIGHT, max(image.height for image in images) * 2)
    wide = sum(image.width / image.height for image in images)
    height = min(height, round((WIDTH - GAP * (len(images) - 1)) / wide))
    images = [
        one.resize((round(one.width * height / one.height), height), Image.Resampling.BICUBIC)
        for one in images
    ]
    size = (sum(image.width for image in images) + GAP * (len(images) - 1), height)
    joined, left = Image.new("RGB", size, "white"), 0
    for image in images:
        joined.paste(image, (left, 0), image)
        left += image.width + GAP
    joined.save(out, optimize=True, quality=88)


def make(shown: Shown, folder: Path) -> None:
    """Carry out a line, and make its picture: the inputs that it names, and the result.

    A sheet of samples stands by itself: there is no room beside it.
    """
    named = dict.fromkeys(re.findall(r"[\w-]+\.png", re.sub(r"--(out|to) \S+", "", shown.words)))
    inputs = [folder / name for name in named if (folder / name).exists()]
    made = carry_out(shown.words, folder)
    if shown.picture is None or made is None:
        return
    out = PICTURES / shown.picture
    out.parent.mkdir(parents=True, exist_ok=True)
    if made.suffix == ".webp":
        shutil.copy(made, out)
    elif "--samples" in shown.words:
        row([made], out)
    else:
        row([*(path for path in inputs if path != made), made], out)


def main() -> None:
    page, *wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if page == "tutorial":
            os.environ["SINDDM_TK_HOME"] = str(folder / "home")  # where it saves a preset
            carry_out("demo .", folder)
        else:
            make_more_inputs(folder)
        for shown in lines_of(page):
            asked_for = not wanted or not shown.picture or Path(shown.picture).stem in wanted
            if asked_for and not shown.words.startswith(("studio", "demo")):
                make(shown, folder)


if __name__ == "__main__":
    main()
