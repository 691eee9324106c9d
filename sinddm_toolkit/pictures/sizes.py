"""Sizes and places as people write them: pixels, factors or percent, width first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from sinddm_toolkit.errors import UserError

FACTOR_LIMIT = 16
"""A bare number below this is a factor: no picture is that small."""

LARGEST = 1e12
"""What larger numbers count as: too many pixels too, and finite whatever they are applied to."""

_SIDE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%?)")


@dataclass(frozen=True)
class CanvasSize:
    """`400x300` (pixels), `2x1` (factors) or `150%x100%`, width × height."""

    text: str
    """As it was written."""
    width: tuple[float, bool]
    """The number, and whether it is a factor, not pixels."""
    height: tuple[float, bool]
    """The same."""

    @classmethod
    def parse(cls, text: str) -> CanvasSize:
        """ValueError if `text` is no size, UserError if one side is a factor and one is not."""
        sides = re.split("[x×]", text.strip().lower())
        if len(sides) != 2:
            raise ValueError(text)
        width, height = map(_side, sides)
        if width[1] != height[1]:
            raise UserError(
                f"the size {text:.60} has a factor and pixels in it (a number below {FACTOR_LIMIT} "
                "is a factor): write 4x1.5 or 400%x150% for factors, 400x300 for pixels"
            )
        return cls(text.strip(), width, height)

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) when applied to a picture of `size` (h, w)."""

        def pixels(side: tuple[float, bool], whole: int) -> int:
            number, is_factor = side
            return max(1, round(number * whole if is_factor else number))

        return pixels(self.height, size[0]), pixels(self.width, size[1])

    def __str__(self) -> str:
        return self.text


def _side(text: str) -> tuple[float, bool]:
    number, is_percent = _number(text)
    if not number:
        raise ValueError(text)
    if is_percent:
        return number / 100, True
    if number < FACTOR_LIMIT:
        return number, True
    if number != int(number):
        raise ValueError(text)
    return number, False


def _number(text: str) -> tuple[float, bool]:
    """The number that `text` begins with, and whether a percent sign follows."""
    match = _SIDE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return min(float(match[1]), LARGEST), bool(match[2])


@dataclass(frozen=True)
class Length:
    """`120` (pixels) or `25%` (of a side)."""

    number: float
    """Pixels or percent."""
    is_percent: bool
    """Which of the two."""

    @classmethod
    def parse(cls, text: str) -> Length:
        """ValueError if `text` is no length."""
        return cls(*_number(text))

    @classmethod
    def of_value(cls, value: object) -> Length:
        """A length, its text or a number of pixels."""
        return value if isinstance(value, Length) else cls.parse(str(value))

    def of(self, side: int) -> float:
        """Pixels, of a `side` of so many."""
        return self.number * side / 100 if self.is_percent else self.number

    def __str__(self) -> str:
        whole = self.number.is_integer()
        digits = str(int(self.number)) if whole else f"{Decimal(repr(self.number)):f}"
        return digits + ("%" if self.is_percent else "")


@dataclass(frozen=True)
class Point:
    """`X,Y`, each in pixels of a picture or in percent of its side, from the left and the top."""

    x: Length
    """From the left."""
    y: Length
    """From the top."""

    @classmethod
    def parse(cls, text: str) -> Point:
        """ValueError if `text` is no point."""
        x, y = (Length.parse(part) for part in text.split(","))
        return cls(x, y)

    @classmethod
    def of_value(cls, value: object) -> Point:
        """A point, its text or two lengths."""
        if isinstance(value, Point):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if not isinstance(value, (tuple, list)):
            raise ValueError
        x, y = (Length.of_value(part) for part in value)
        return cls(x, y)

    def of(self, size: tuple[int, int]) -> tuple[float, float]:
        """(y, x) in the pixels of a picture of `size` (h, w)."""
        return self.y.of(size[0]), self.x.of(size[1])

    def __str__(self) -> str:
        return f"{self.x},{self.y}"
