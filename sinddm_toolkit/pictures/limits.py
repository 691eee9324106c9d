"""How large a picture may be."""

from __future__ import annotations

from pathlib import Path

from sinddm_toolkit.errors import UserError

MAX_PIXELS = 500_000_000
"""Of any picture that is read or made."""


def check_pixels(size: tuple[int, int], what: str) -> None:
    """UserError if a picture of `size` (h, w), called `what`, would be larger than any may be."""
    height, width = size
    if height * width > MAX_PIXELS:
        raise UserError(
            f"{what} would be {width}×{height} pixels: {MAX_PIXELS // 10**6} megapixels at most"
        )


def too_large(what: str | Path) -> UserError:
    """What is said of a file or picture that has more pixels than any may have."""
    limit = f"{MAX_PIXELS // 10**6} megapixels"
    return UserError(f"{what} has more than {limit}: make it smaller first")


def empty(name: str, width: int, height: int) -> UserError:
    """What is said of a picture without any pixel."""
    return UserError(f"{name} is empty: it has {width}×{height} pixels")
