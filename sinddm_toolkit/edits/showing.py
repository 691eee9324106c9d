"""Results as a person sees them in a notebook or at a prompt."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sinddm_toolkit.pictures.contact_sheet import contact_sheet, small
from sinddm_toolkit.pictures.picture import Picture, without_channel_axis
from sinddm_toolkit.pictures.thumbnails import thumbnail

if TYPE_CHECKING:
    from PIL import Image

MOST = 12
"""Pictures that are shown: of more the first."""

SIDE, SIDE_OF_ONE = 192, 320
"""Pixels of the longer side of each of several, and of a picture alone: a notebook keeps them."""


class Shown(Protocol):
    """A result with its pictures."""

    pictures: list[Picture]
    before: Picture | None

    @property
    def seeds(self) -> list[int]:
        """One a picture."""


def as_image(picture: Picture) -> Image.Image:
    """A PIL image with 8 bits a channel."""
    from PIL import Image

    pixels = picture.pixels
    if picture.maximum > 255:
        pixels = (pixels / 257).round().astype(np.uint8)
    return Image.fromarray(without_channel_axis(pixels))


def summary_of(result: Shown) -> str:
    """A line of text."""
    seeds = result.seeds
    count = f"{len(seeds)} picture{'s' if len(seeds) != 1 else ''}"
    sizes = {picture.size for picture in result.pictures}
    size = " of {1}x{0}".format(*sizes.pop()) if len(sizes) == 1 else ""
    span = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return f"<{type(result).__name__}: {count}{size}, {span}>"


def html_of(result: Shown) -> str:
    """Before and after, each variant with its seed, as small pictures with their text."""
    captioned = _captioned(result)
    side = SIDE if len(captioned) > 2 else SIDE_OF_ONE
    figures = [
        '<figure style="margin:0;text-align:center">'
        f'<img alt="{html.escape(text)}" src="data:image/jpeg;base64,{thumbnail(one, side)}">'
        f"<figcaption>{html.escape(text)}</figcaption></figure>"
        for text, one in captioned
    ]
    style = "display:flex;flex-wrap:wrap;gap:8px;align-items:flex-end"
    return f'<div style="{style}">{"".join(figures)}</div>{_left_out(result)}'


def png_of(result: Shown) -> bytes | None:
    """The same as one picture; None if there are no pictures."""
    if not result.pictures:
        return None
    captioned = _captioned(result)
    side = SIDE if len(captioned) <= 4 else SIDE // 2
    sheet = contact_sheet([(text, small(one, side)) for text, one in captioned])
    file = io.BytesIO()
    as_image(sheet).save(file, "PNG")
    return file.getvalue()


def _captioned(result: Shown) -> Sequence[tuple[str, Picture]]:
    pairs = zip(result.seeds, result.pictures, strict=False)  # of a batch they are in files alone
    shown = [(f"seed {seed}", picture) for seed, picture in pairs][:MOST]
    return shown if result.before is None else [("before", result.before), *shown]


def _left_out(result: Shown) -> str:
    more = len(result.pictures) - MOST
    return f"<p>and {more} more, in <code>.pictures</code></p>" if more > 0 else ""
