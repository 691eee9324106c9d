"""Photographs of any size: one that comes with scikit-image, enlarged, with grain of its own."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

GRAIN = 9
"""Standard deviation, of 255."""


def photograph(pixels: int) -> Image.Image:
    """4:3, so many pixels."""
    height = round(math.sqrt(pixels * 3 / 4))
    width = round(height * 4 / 3)
    coffee = Image.fromarray(data.coffee()).crop((0, 0, 532, 399))
    enlarged = np.asarray(coffee.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    rng = np.random.default_rng(0)
    grain = rng.normal(0, GRAIN, enlarged.shape).astype(np.float32)
    return Image.fromarray(np.clip(enlarged + grain, 0, 255).astype(np.uint8))


def with_cat(photo: Image.Image, share: float) -> Image.Image:
    """A disc with a cat pasted in, its diameter that share of the photograph's height."""
    side = round(share * photo.height)
    cat = Image.fromarray(data.chelsea()).crop((100, 0, 400, 300)).resize((side, side))
    disc = Image.new("L", cat.size, 0)
    ImageDraw.Draw(disc).ellipse((1, 1, side - 2, side - 2), fill=255)
    pasted = photo.copy()
    pasted.paste(cat, (round(0.7 * photo.width), round(0.15 * photo.height)), disc)
    return pasted


def harmonize_words(folder: Path, pixels: int, share: float = 1 / 6) -> list[str]:
    """Writes a photograph and a composite → the command line."""
    photo = photograph(pixels)
    photo.save(folder / f"photo-{pixels}.jpg", quality=95)
    with_cat(photo, share).save(folder / f"pasted-{pixels}.png")
    return [
        *("harmonize", "--bg", str(folder / f"photo-{pixels}.jpg")),
        *("--composite", str(folder / f"pasted-{pixels}.png")),
    ]


def outpaint_words(folder: Path, pixels: int) -> list[str]:
    """Writes a photograph → the command line that makes it 30 % wider."""
    photograph(pixels).save(folder / f"photo-{pixels}.jpg", quality=95)
    return ["outpaint", "--image", str(folder / f"photo-{pixels}.jpg"), "--right", "30%"]
