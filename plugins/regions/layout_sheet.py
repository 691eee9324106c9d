"""A sheet of numbered layouts to choose from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 4
SIDE = 240
"""Pixels of the longer side of each."""

GAP = 6
LETTERS = 20
"""Pixels of the line with the number."""


def sheet_of(layouts: Sequence[tuple[int, Tensor]], canvas: tuple[int, int]) -> Picture:
    """All of them, (1, 3, h, w) each with its number, in the proportions of the canvas (h, w)."""
    from PIL import Image, ImageDraw, ImageFont

    by = SIDE / max(canvas)
    size = (max(1, round(canvas[0] * by)), max(1, round(canvas[1] * by)))
    columns = min(COLUMNS, len(layouts))
    rows = math.ceil(len(layouts) / max(1, columns))
    cell = (size[0] + LETTERS + GAP, size[1] + GAP)
    sheet = Image.new("RGB", (columns * cell[1] + GAP, rows * cell[0] + GAP), "white")
    font = ImageFont.load_default(14)
    for k, (number, image) in enumerate(layouts):
        rgb = st.rgb_from_tensor(st.upsample(image, size).clamp(-1, 1))
        tile = Image.fromarray(((rgb + 1) * 127.5).round().astype(np.uint8))
        top, left = GAP + k // columns * cell[0], GAP + k % columns * cell[1]
        sheet.paste(tile, (left, top + LETTERS))
        ImageDraw.Draw(sheet).text((left, top), str(number), fill="black", font=font)
    return Picture(np.asarray(sheet))
