"""Lines for a person to read, whatever the names and values are that they repeat."""

from __future__ import annotations

import unicodedata

MOST = 1000
"""Characters of a line: of a longer one the middle is left out."""


def readable(text: str) -> str:
    """`text` as one line of a terminal: what would move the cursor or hide something is escaped."""
    line = "".join(c if _is_visible(c) else repr(c)[1:-1] for c in text)
    return line if len(line) <= MOST else f"{line[: MOST // 2]} … {line[-MOST // 2 :]}"


def _is_visible(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"
