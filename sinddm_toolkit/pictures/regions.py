"""Regions of a picture as people write them: a box in pixels or percent, or a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture, Size
from sinddm_toolkit.pictures.reading import picture_from
from sinddm_toolkit.pictures.sizes import Length


@dataclass(frozen=True)
class Region:
    """`X,Y,W,H`, each in pixels of a picture or in percent of its side, or a mask picture.

    The box is (left, top, width, height).
    """

    text: str
    """As it was written."""
    box: tuple[Length, Length, Length, Length] | None = None
    """Left, top, width, height; None if there is a mask."""
    mask: Picture | None = None
    """What is lighter than mid-grey is inside; None if there is a box."""

    @classmethod
    def parse(cls, text: str) -> Region:
        """ValueError if `text` is no box; a text without commas is the file of a mask."""
        parts = text.split(",")
        if len(parts) == 1:
            return cls(text, mask=picture_from(text))
        left, top, width, height = (Length.parse(part) for part in parts)
        if min(width.number, height.number) <= 0 or min(left.number, top.number) < 0:
            raise ValueError(text)
        return cls(text.strip(), (left, top, width, height))

    @classmethod
    def of_value(cls, value: Any) -> Region:
        """A region, a text, four numbers or a mask (path, PIL image or array)."""
        if isinstance(value, Region):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, (tuple, list)) and len(value) == 4:
            return cls.parse(",".join(str(part) for part in value))
        return cls("mask", mask=picture_from(value))

    def bounds(self, size: Size) -> tuple[float, float, float, float]:
        """(y0, x0, y1, x1) in the pixels of a picture of `size`; of a mask, around its white."""
        h, w = size
        if self.box is None:
            rows, columns = (np.flatnonzero(self.inside(size).any(axis=axis)) for axis in (1, 0))
            if not len(rows):
                return 0.0, 0.0, 0.0, 0.0
            return float(rows[0]), float(columns[0]), float(rows[-1] + 1), float(columns[-1] + 1)
        left, top, width, height = self.box
        x, y = left.of(w), top.of(h)
        return y, x, y + height.of(h), x + width.of(w)

    def inside(self, size: Size) -> npt.NDArray[np.bool_]:
        """(h, w), true on the region in a picture of `size`."""
        found = np.zeros(size, np.bool_)
        if self.mask is not None:
            found = self.mask.resized(size).rgb().mean(axis=2) > 0
        else:
            y0, x0, y1, x1 = (round(edge) for edge in self.bounds(size))
            found[max(0, y0) : y1, max(0, x0) : x1] = True
        return found

    def check_covers(self, picture: Picture, flag: str) -> None:
        """UserError, naming `flag`, if nothing of `picture` is inside, or if a mask doesn't fit."""
        h, w = picture.size
        if self.mask is not None and self.mask.size != picture.size:
            mask_h, mask_w = self.mask.size
            raise UserError(
                f"{self.mask.name} is {mask_w}×{mask_h} and {picture.name} {w}×{h} pixels: "
                "a mask must have the size of its picture"
            )
        if not self.inside(picture.size).any():
            raise UserError(
                f"{flag} {self} covers nothing of {picture.name}, which is {w}×{h} pixels"
            )

    def notices(self, picture: Picture, flag: str) -> list[str]:
        """For `Task.notices`, naming `flag`: a line if part of a box is outside `picture`, which
        may be of another size than was thought."""
        h, w = picture.size
        _, _, y1, x1 = self.bounds(picture.size)
        if round(y1) <= h and round(x1) <= w:
            return []
        return [
            f"{flag} {self} reaches beyond {picture.name}, which is {w}×{h} pixels: what is beyond "
            "is left out"
        ]

    def __str__(self) -> str:
        return self.text
