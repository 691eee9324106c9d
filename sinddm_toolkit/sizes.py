"""Sizes as people write them: pixels, factors or percent, width first."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

FACTOR_LIMIT = 16
"""A bare number below this is a factor: no picture is that small."""

_SIDE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


@dataclass(frozen=True)
class CanvasSize:
    """`400x300` (pixels), `2x1` (factors) or `150%x100%`, width × height."""

    text: str
    width: tuple[float, bool]
    """The number, and whether it is a factor."""
    height: tuple[float, bool]

    @classmethod
    def parse(cls, text: str) -> CanvasSize:
        """ValueError if `text` is no size."""
        sides = re.split("[x×]", text.strip().lower())
        if len(sides) != 2:
            raise ValueError(text)
        return cls(text.strip(), _side(sides[0]), _side(sides[1]))

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) when applied to a picture of `size` (h, w)."""

        def pixels(side: tuple[float, bool], whole: int) -> int:
            number, is_factor = side
            return max(1, round(number * whole if is_factor else number))

        return pixels(self.height, size[0]), pixels(self.width, size[1])

    def __str__(self) -> str:
        return self.text


def _side(text: str) -> tuple[float, bool]:
    match = _SIDE.fullmatch(text.strip())
    if match is None or not (number := float(match[1])) or not math.isfinite(number):
        raise ValueError(text)
    if match[2]:
        return number / 100, True
    if number < FACTOR_LIMIT:
        return number, True
    if number != int(number):
        raise ValueError(text)
    return number, False


@dataclass(frozen=True)
class Length:
    """`120` (pixels) or `25%` (of a side)."""

    number: float
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Length:
        """ValueError if `text` is no length."""
        match = _SIDE.fullmatch(text.strip())
        if match is None:
            raise ValueError(text)
        return cls(float(match[1]), bool(match[2]))

    @classmethod
    def of_value(cls, value: object) -> Length:
        """A length, its text or a number of pixels."""
        return value if isinstance(value, Length) else cls.parse(str(value))

    def of(self, side: int) -> float:
        """Pixels, of a `side` of so many."""
        return self.number * side / 100 if self.is_percent else self.number

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.is_percent else ''}"
