"""A sheet of small pictures, each under a line of its own, to choose from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sinddm_toolkit.pictures.picture import Picture

SIDE = 240
"""Pixels of the longer side of each."""

LEAST_SIDE = 64
FULL = 100
"""Of more pictures than this each is shown smaller."""

COLUMNS = 4
"""At least; of many pictures there are as many columns as rows."""

GAP = 6
LETTERS = 14
LINE = 20
"""Pixels: between pictures, of the size of letters, of the line that they are in."""


def side_of(count: int) -> int:
    """The longer side of each of so many pictures on a sheet."""
    return max(LEAST_SIDE, round(SIDE * min(1.0, math.sqrt(FULL / max(1, count)))))


def small(picture: Picture, side: int) -> Picture:
    """RGB of 8 bits, no side longer than `side`, on white where it is transparent."""
    height, width = picture.size
    scale = side / max(height, width)
    if scale < 1:
        picture = picture.resized((max(1, round(height * scale)), max(1, round(width * scale))))
    rgb = ((picture.rgb() + 1) * 127.5).round().clip(0, 255)
    alpha = picture.alpha()
    if alpha is not None:
        rgb = rgb * alpha[..., None] + 255 * (1 - alpha[..., None])
    return Picture(rgb.astype(np.uint8))


def contact_sheet(pictures: Sequence[tuple[str, Picture]]) -> Picture:
    """All of them on white, row by row, each under its line of text; they should be `small`."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(LETTERS)
    widths = [max(one.size[1], math.ceil(font.getlength(line))) for line, one in pictures]
    height = max((one.size[0] for _, one in pictures), default=0) + LINE + GAP
    width = max(widths, default=0) + GAP
    columns = min(len(pictures), max(COLUMNS, math.ceil(math.sqrt(len(pictures)))))
    rows = math.ceil(len(pictures) / max(1, columns))
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    for k, (line, one) in enumerate(pictures):
        top, left = GAP + k // columns * height, GAP + k % columns * width
        sheet.paste(Image.fromarray(one.pixels), (left, top + LINE))
        ImageDraw.Draw(sheet).text((left, top), line, fill="black", font=font)
    return Picture(np.asarray(sheet))
