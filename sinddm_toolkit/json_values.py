"""Takes values out of JSON, or TOML, that anyone may have written.

Each function that takes a `value` gives it back if it is what is asked for; else it raises a
ValueError that says in words what `what` must be. Nothing of the value is in the text: it may be
long, or not printable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any

MOST_NESTED = 50
"""Lists and objects in each other, in what people write."""


def parsed(parse: Callable[[str], Any], text: str) -> Any:
    """What `parse` makes of a text. ValueError if it can't, or if that is nested too deep."""
    too_deep = ValueError(f"tables and lists may be nested {MOST_NESTED} deep")
    try:
        found = parse(text)
    except RecursionError:
        raise too_deep from None
    if is_deeper(found, MOST_NESTED):
        raise too_deep
    return found


def mapping(value: Any, what: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _refuse(what, "an object")


def listed(value: Any, what: str) -> list[Any]:
    return value if isinstance(value, list) else _refuse(what, "a list")


def text(value: Any, what: str) -> str:
    return value if isinstance(value, str) else _refuse(what, "a text")


def matching(value: Any, pattern: str, what: str, words: str) -> str:
    """A text that `pattern` matches, `words` say what that is."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        _refuse(what, words)
    return value


def sha256(value: Any, what: str) -> str:
    return matching(value, "[0-9a-f]{64}", what, "a SHA-256")


def whole(value: Any, least: int, most: int, what: str) -> int:
    """A whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _refuse(what, f"a whole number from {least} to {most}")
    return value


def positive(value: Any, what: str) -> float:
    """A number above 0 that is finite."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        found = float(value) if is_number else 0.0
    except OverflowError:  # an integer that no float holds
        found = math.inf
    return found if 0 < found < math.inf else _refuse(what, "a number above 0")


def members(value: Any, what: str, needed: Collection[str]) -> dict[str, Any]:
    """An object that has the keys that are `needed`, others too."""
    found = mapping(value, what)
    for key in needed:
        if key not in found:
            raise ValueError(f"{what}.{key} is missing")
    return found


def is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than `most` deep."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _refuse(what: str, words: str) -> Any:
    raise ValueError(f"{what} must be {words}")
