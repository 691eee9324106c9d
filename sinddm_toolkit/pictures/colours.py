"""Colours as people write them."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ImageColor


@dataclass(frozen=True)
class Colour:
    """`#ff8800`, `#f80`, `orange` or `rgb(255, 136, 0)`: an opaque colour, as CSS writes it."""

    red: int
    """0 to 255."""
    green: int
    """The same."""
    blue: int
    """The same."""

    @classmethod
    def parse(cls, text: str) -> Colour:
        """ValueError if `text` is no colour, or one that can be seen through."""
        found = ImageColor.getrgb(text.strip())
        if len(found) != 3:
            raise ValueError(text)
        return cls.of_value(found)

    @classmethod
    def of_value(cls, value: object) -> Colour:
        """A colour, its text or three whole numbers from 0 to 255."""
        if isinstance(value, Colour):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if not isinstance(value, (tuple, list)) or len(value) != 3:
            raise ValueError
        if not all(type(part) is int and 0 <= part <= 255 for part in value):
            raise ValueError
        return cls(*value)

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue in [-1, 1], as pictures are in tensors."""
        return self.red / 127.5 - 1, self.green / 127.5 - 1, self.blue / 127.5 - 1

    def __str__(self) -> str:
        """As `#rrggbb`."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"
