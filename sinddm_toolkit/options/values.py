"""Types of options' values, beside Python's own and those of pictures."""

from __future__ import annotations

from pathlib import Path

RESULT = "{out}"
"""At the beginning of an `OutputFile`: the path of the result without its extension."""


class Seconds(float):
    """A length of time; as text with an optional unit: `90`, `90s`, `5m`, `1h`."""


class OutputFile(str):
    """The path of a file to be written beside the result; it is a `str`.

    `{out}` at its beginning stands for the path of the result without its extension.
    """

    def beside(self, result: Path) -> Path:
        """The path, of which `RESULT` is that of `result`. ValueError if it stands elsewhere."""
        name = str(self)
        if name.startswith(RESULT):
            name = str(result.with_suffix("")) + name.removeprefix(RESULT)
        if RESULT in name:
            raise ValueError
        return Path(name)


class InputFile(str):
    """The path of a file to be read, other than a picture; it is a `str`.

    The record of a picture holds the file's SHA-256: to make the picture again asks for the same
    content.
    """


class NameOrFile(str):
    """The type of an option that takes a name, a `str`, or the path of a file, an `InputFile`.

    A file is told by the option's `suffixes`.
    """


def at_strength(strength: float, usual: float, most: float, least: float = 0.0) -> float:
    """What a finer option is at a `strength`: `least` at 0, the `usual` at 0.5, `most` at 1,
    straight between."""
    less, more = min(1.0, 2 * strength), max(0.0, 2 * strength - 1)
    return least + (usual - least) * less + (most - usual) * more
