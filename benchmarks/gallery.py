"""Runs the commands of docs/tasks.md and docs/text.md, makes their pictures and times them.

    python benchmarks/gallery.py [TASK ...]

And those of docs/presets.md, each beside what the task does without the preset:

    python benchmarks/gallery.py presets [PRESET ...]

Small pictures of these, which lie beside the presets, for lists to choose from, are
cut out of the pictures that are there:

    python benchmarks/gallery.py thumbnails

The inputs are two paintings in the public domain (docs/images), pictures that come with
scikit-image, and what is drawn here. Prints a table: seconds of training and of sampling.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sinddm_toolkit.plugins.demo import composite
from skimage import data

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images"
CLIP = ROOT / "tests" / "small_clip" / "small_clip.json"
HEIGHT = 300
"""Pixels of each picture in a strip, at most."""
GAP = 8
"""White pixels between two of them."""
THUMBNAIL = (240, 144)
"""(w, h) at most."""

COMMANDS = {
    "roi": (
        "roi --image seascape.png --source 140,130,100,50 --target 10,110,100,50 "
        "--target 250,60,120,60 --size 1.5x1",
        ["seascape.png"],
    ),
    "mix": (
        "sample --image seascape.png --image starry_night.png --size 2x1",
        ["seascape.png", "starry_night.png"],
    ),
    "outpaint": ("outpaint --image seascape.png --right 50% --bottom 20%", ["seascape.png"]),
    "inpaint": ("inpaint --image seascape.png --mask 105,90,60,50", ["seascape.png"]),
    "paint": ("paint --image seascape.png --painting painting.png", ["painting.png"]),
    "paint-edit": (
        "paint --image seascape.png --painting edited.png --mask 0,110,110,80 --start-scale 2",
        ["edited.png"],
    ),
    "super-resolve": ("super-resolve --image detail.png --factor 3", ["detail.png"]),
    "style-transfer": (
        "style-transfer --style starry_night.png --content coffee.png",
        ["starry_night.png", "coffee.png"],
    ),
    "retarget": ("retarget --image starry_night.png --size 1.6x1", ["starry_night.png"]),
    "analogy": (
        "analogy --style starry_night.png --labels labels.png --to map.png",
        ["starry_night.png", "labels.png", "map.png"],
    ),
    "analogy-content": (
        "analogy --style starry_night.png --content seascape.png",
        ["starry_night.png", "seascape.png"],
    ),
    "together": (
        "outpaint --image seascape.png --right 120 --structure free "
        "+ roi --source 140,130,100,50 --target 262,100,100,50",
        ["seascape.png"],
    ),
    "seamless": (
        "seamless --image starry_night.png --keep --check-sheet sheet.png",
        ["sheet.png"],
    ),
    "seamless-new": ("seamless --image seascape.png --check-sheet sheet.png", ["sheet.png"]),
    "symmetric": (
        "symmetric --image starry_night.png --symmetry kaleidoscope",
        ["starry_night.png"],
    ),
    "wallpaper": (
        "symmetric --image starry_night.png --symmetry kaleidoscope "
        "+ seamless --check-sheet sheet.png",
        ["sheet.png"],
    ),
    "symmetric-kept": (
        "symmetric --image starry_night.png --start-scale -2",
        ["starry_night.png"],
    ),
    "text-content": (
        f"text-content --image seascape.png --text fire --strength 0.1 --clip {CLIP}",
        ["seascape.png"],
    ),
    "text-style": (
        f"text-style --image seascape.png --text 'night sky' --of-image --strength 0.06 "
        f"--clip {CLIP}",
        ["seascape.png"],
    ),
    "text-roi": (
        f"text-roi --image seascape.png --text sunset --region 120,20,110,60 --start-step 20 "
        f"--strength 0.06 --clip {CLIP}",
        ["seascape.png"],
    ),
}
"""Picture's name → command line behind `sinddm-tk run`, and the inputs shown beside the result."""

FILMS = {
    "animate": "sample --image seascape.png + animate --to animate.webp",
    "walk": "sample --image seascape.png --samples 24 + walk --stop 5 --stop 6 --to walk.webp",
}
"""Film's name → command line that makes it, as a WebP of that name."""

PASTED = "--bg starry_night.png --composite pasted.png --max-pixels 60000"
SEASCAPE = "--image seascape.png"
PAINTED = f"{SEASCAPE} --painting painting.png"
COFFEE = "--style starry_night.png --content coffee.png --max-pixels 60000"
PLACED = f"{SEASCAPE} --source 140,130,100,50 --target 10,110,100,50"
ASIDE = "+ roi --source 140,130,100,50 --target 262,100,100,50"
WORDS = f"{SEASCAPE} --clip {CLIP} --strength 0.06"
LOOKS = {
    "keep-detail": ("harmonize", PASTED, ["pasted.png"]),
    "painted-in": ("harmonize", PASTED, ["pasted.png"]),
    "panorama": ("sample", SEASCAPE, ["seascape.png"]),
    "light-touch": ("style-transfer", COFFEE, ["coffee.png"]),
    "heavy-brush": ("style-transfer", COFFEE, ["coffee.png"]),
    "poster": ("super-resolve", "--image detail.png", ["detail.png"]),
    "free-detail": ("super-resolve", "--image detail.png --factor 3", ["detail.png"]),
    "wide-scene": ("", PLACED, ["seascape.png"]),
    "more-room": ("", SEASCAPE, ["seascape.png"]),
    "clean-removal": ("", f"{SEASCAPE} --mask 112,98,46,44", ["seascape.png"]),
    "true-to-sketch": ("paint", PAINTED, ["painting.png"]),
    "quick-words": ("text-content", f"{WORDS} --text fire", ["seascape.png"]),
    "repaint-in-words": ("text-style", f"{WORDS} --text 'night sky'", ["seascape.png"]),
    "plainer-words": (
        "text-roi",
        f"{WORDS} --text sunset --region 120,20,110,60",
        ["seascape.png"],
    ),
    "wide-with-more": ("", f"{SEASCAPE} {ASIDE}", ["seascape.png"]),
    "frieze": ("seamless", SEASCAPE, ["seascape.png"]),
    "rosette": ("symmetric", "--image starry_night.png", ["starry_night.png"]),
    "restroked": ("retarget", f"{SEASCAPE} --size 1.5x1", ["seascape.png"]),
    "loosely-followed": (
        "analogy",
        "--style starry_night.png --content painting.png",
        ["painting.png"],
    ),
}
"""Preset → the task it changes (none: the preset alone is shown), the rest of the line, inputs."""


def make_inputs(folder: Path) -> None:
    """All pictures that the commands name."""
    for name in ("seascape.png", "starry_night.png"):
        Image.open(PICTURES / name).convert("RGB").save(folder / name)
    Image.fromarray(data.coffee()).save(folder / "coffee.png")
    composite().save(folder / "pasted.png")
    seascape = Image.open(folder / "seascape.png")
    seascape.crop((40, 40, 190, 160)).save(folder / "detail.png")
    painting = Image.new("RGB", seascape.size, (240, 220, 160))
    draw = ImageDraw.Draw(painting)
    draw.rectangle((0, 110, 249, 200), fill=(90, 130, 60))
    draw.polygon([(60, 110), (130, 40), (200, 110)], fill=(70, 100, 70))
    draw.rectangle((140, 90, 249, 125), fill=(150, 190, 170))
    draw.rectangle((100, 150, 160, 170), fill=(200, 160, 30))
    painting.save(folder / "painting.png")
    ImageDraw.Draw(seascape).rectangle((20, 140, 80, 160), fill=(200, 160, 30))
    seascape.save(folder / "edited.png")
    make_maps(folder, Image.open(folder / "starry_night.png").size)


def make_maps(folder: Path, size: tuple[int, int]) -> None:
    """What is where in The Starry Night, and where else it could be."""
    sky, hills, village, cypress, moon = "#466ebe", "#283282", "#5a643c", "#142814", "#f0d23c"

    def draw(name: str, shapes: list[tuple[str, str]], disc: tuple[int, int, int, int]) -> None:
        """shapes: colours, and their corners in percent."""
        image = Image.new("RGB", size, sky)
        pen = ImageDraw.Draw(image)
        for colour, corners in shapes:
            places = [tuple(map(int, corner.split(","))) for corner in corners.split()]
            pen.polygon([(x * size[0] // 100, y * size[1] // 100) for x, y in places], fill=colour)
        pen.ellipse([side * size[k % 2] // 100 for k, side in enumerate(disc)], fill=moon)
        image.save(folder / name)

    draw(
        "labels.png",
        [
            (hills, "0,75 25,77 50,68 72,62 88,50 100,44 100,100 0,100"),
            (village, "0,80 50,80 75,74 100,72 100,100 0,100"),
            (cypress, "12,100 14,62 17,34 19,5 22,5 23,33 26,60 30,56 36,76 44,100"),
        ],
        (80, 2, 98, 32),
    )
    draw(
        "map.png",
        [
            (hills, "0,50 22,42 55,62 100,72 100,100 0,100"),
            (village, "0,80 50,74 100,84 100,100 0,100"),
            (cypress, "66,100 70,66 74,40 77,14 80,14 82,42 85,66 94,100"),
        ],
        (38, 6, 56, 36),
    )


def strip(pictures: list[Path], out: Path) -> None:
    """The pictures side by side."""
    images = [Image.open(path).convert("RGB") for path in pictures]
    images = [
        image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.BICUBIC)
        for image in images
    ]
    joined = np.full((HEIGHT, sum(i.width for i in images) + GAP * (len(images) - 1), 3), 255)
    left = 0
    for image in images:
        joined[:, left : left + image.width] = np.asarray(image)
        left += image.width + GAP
    Image.fromarray(joined.astype(np.uint8)).save(out, optimize=True, quality=85)


def run(words: str, folder: Path, out: str) -> None:
    """One command into the picture `out`; prints how long it took."""
    command = [sys.executable, "-m", "sinddm_toolkit.cli", "run", *shlex.split(words)]
    command += ["--out", out, "--seed", "1", "--overwrite", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr}")
    seconds = json.loads(done.stdout)["seconds"]
    label = words.partition(" --image")[0][:40]
    print(f"| {label} | {seconds['training']:.1f} s | {seconds['sampling']:.1f} s |", flush=True)


def tasks(wanted: list[str], folder: Path) -> None:
    """The pictures of the tasks: inputs, result."""
    for label in wanted or [*COMMANDS, *FILMS]:
        if label in FILMS:
            run(FILMS[label], folder, "result.png")
            shutil.copy(folder / f"{label}.webp", PICTURES)
            continue
        words, inputs = COMMANDS[label]
        run(words, folder, "result.png")
        shown = [folder / one for one in inputs] + [folder / "result.png"]
        strip(shown, PICTURES / f"{label}.png")


def looks(wanted: list[str], folder: Path) -> None:
    """The pictures of the presets: input, what the task does by itself, with the preset."""
    for label in wanted or list(LOOKS):
        task, words, inputs = LOOKS[label]
        shown = [folder / one for one in inputs]
        plain = f"plain-{task}-{hash(words)}.png"
        if task and not (folder / plain).exists():
            run(f"{task} {words}", folder, plain)
        shown += [folder / plain] if task else []
        run(f"--preset {label} {words}", folder, "result.png")
        strip([*shown, folder / "result.png"], PICTURES / "presets" / f"{label}.jpg")


def last_of(strip: Image.Image) -> Image.Image:
    """The picture on the right of a strip, which is what a preset makes."""
    from scipy import ndimage

    white = np.quantile(np.asarray(strip.convert("L")), 0.1, axis=0) > 245
    gaps = ndimage.binary_opening(
        white, np.ones(GAP // 2, bool)
    )  # of a JPEG, whose edges are blurred
    begins = int(np.flatnonzero(gaps[: strip.width - GAP])[-1]) + GAP // 4
    return strip.crop((begins, 0, strip.width, strip.height))


def thumbnails() -> None:
    """Beside each preset that has a picture, a small one of what it makes."""
    for path in sorted((PICTURES / "presets").glob("*.jpg")):
        image = last_of(Image.open(path).convert("RGB"))
        image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
        image.save(ROOT / "presets" / path.name, optimize=True, quality=80)


def main() -> None:
    wanted = sys.argv[1:]
    if wanted == ["thumbnails"]:
        return thumbnails()
    print("| picture | training | sampling |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        make_inputs(Path(name))
        if wanted[:1] == ["presets"]:
            looks(wanted[1:], Path(name))
        else:
            tasks(wanted, Path(name))
    return None


if __name__ == "__main__":
    main()
