"""The kinds of values that options have, one class each, and the table of them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.json_values import members, sha256, text
from sinddm_toolkit.options.kind import Kind, RecordedFile, word
from sinddm_toolkit.options.values import RESULT, InputFile, NameOrFile, OutputFile, Seconds
from sinddm_toolkit.pictures.colours import Colour
from sinddm_toolkit.pictures.files import content_of, leads_away, way_to
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Numbers as texts. Python itself would take `1_000` and the digits of every script too."""


class IntKind(Kind):
    metavar, words, json = "N", "a whole number", "integer"

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError
        return value

    def from_text(self, written: str) -> int:
        if not WHOLE.fullmatch(written):
            raise ValueError
        return int(written)


class FloatKind(Kind):
    metavar, words = "X", "a number"
    json: ClassVar[str | tuple[str, ...]] = "number"

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError
        try:
            number = float(value)
        except OverflowError:
            raise ValueError from None
        if not math.isfinite(number):
            raise ValueError
        return number

    def from_text(self, written: str) -> float:
        if not DECIMAL.fullmatch(written):
            raise ValueError
        return float(written)

    def in_name(self, value: float) -> str:
        return word(f"{value:g}")


class BoolKind(Kind):
    metavar, words, json = "", "true or false", "boolean"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def from_text(self, written: str) -> bool:
        try:
            return {"true": True, "yes": True, "false": False, "no": False}[written.lower()]
        except KeyError:
            raise ValueError from None

    def shown(self, value: bool) -> str:
        return "true" if value else "false"


class TextKind(Kind):
    metavar, words = "TEXT", "text"

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        return value


class SecondsKind(FloatKind):
    metavar, words, json = "TIME", "a time such as 90s, 5m or 1h", ("number", "string")

    def check(self, value: Any) -> Seconds:
        return Seconds(super().check(self.from_text(value) if isinstance(value, str) else value))

    def from_text(self, written: str) -> Seconds:
        units = {"s": 1, "m": 60, "h": 3600}
        unit = units.get(written[-1:])
        number = written if unit is None else written[:-1]
        return Seconds(super().from_text(number) * (unit or 1))

    def plain(self, value: Any) -> float:
        return float(self.check(value))


class PictureKind(Kind):
    """A picture, or the path of one."""

    metavar, words = "PICTURE", "a picture"

    def check(self, value: Any) -> Picture:
        return picture_from(value)

    def is_file(self, value: Any) -> bool:
        return isinstance(value, str)

    def plain(self, value: Picture | str) -> str:
        if isinstance(value, str):
            return value
        if value.path is None:
            raise UserError(f"{value.name} comes from no file")
        return str(value.path)

    def record(self, value: Picture, folder: Path) -> dict[str, Any]:
        place = None if value.path is None else relative(value.path, folder)
        return {"picture": place, "sha256": value.content_hash()}

    def from_record(self, data: Any, what: str) -> RecordedFile:
        found = members(data, what, ("picture", "sha256"))
        place = found["picture"]
        if place is not None:
            place = _recorded_place(place, what, "picture")
        return RecordedFile(place, sha256(found["sha256"], f"{what}.sha256"), is_picture=True)

    def fingerprint(self, value: Picture | str, content: Callable[[str], str]) -> str:
        return content(value) if isinstance(value, str) else value.content_hash()

    def shown(self, value: Picture | str) -> str:
        return value if isinstance(value, str) else str(value.path or value.name)

    def in_name(self, value: Picture | str) -> str:
        return super().in_name(value) if isinstance(value, str) else word(value.name)


class _PathKind(Kind):
    """The path of a file that is no picture."""

    path_type: ClassVar[type[str]]

    def check(self, value: Any) -> str:
        path = _path(value)
        if self.suffixes is not None and not self.has_suffix(path):
            raise ValueError
        return self.path_type(path)

    def has_suffix(self, path: str) -> bool:
        return Path(path).suffix.lower() in (self.suffixes or ())

    def is_file(self, value: Any) -> bool:
        return isinstance(value, str)

    def plain(self, value: str) -> str:
        return str(value)


class OutputFileKind(_PathKind):
    metavar, words = "FILE", "the name of a file to write"
    path_type = OutputFile

    def placed(self, path: str, folder: Path) -> str:
        if path.startswith(RESULT):
            return path
        slash = "/" if path.endswith(("/", os.sep)) else ""  # it tells a folder
        return super().placed(path, folder) + slash

    def fingerprint(self, value: str, content: Callable[[str], str]) -> str:
        return self.plain(value)  # what is there now will be replaced


class InputFileKind(_PathKind):
    metavar, words = "FILE", "the name of a file"
    path_type = InputFile

    def record(self, value: str, folder: Path) -> Any:
        return {"file": relative(Path(value), folder), "sha256": content_of(Path(value))}

    def from_record(self, data: Any, what: str) -> Any:
        found = members(data, what, ("file", "sha256"))
        place = _recorded_place(found["file"], what, "file")
        return RecordedFile(place, sha256(found["sha256"], f"{what}.sha256"), is_picture=False)


class NameOrFileKind(InputFileKind):
    """A name, or the path of a file, which the suffixes tell."""

    metavar, words = "NAME|FILE", "a name, or that of a file"

    def check(self, value: Any) -> str:
        path = _path(value)
        return InputFile(path) if self.is_file(path) else path

    def is_file(self, value: Any) -> bool:
        return isinstance(value, str) and self.has_suffix(value)

    def record(self, value: str, folder: Path) -> Any:
        return super().record(value, folder) if self.is_file(value) else value

    def from_record(self, data: Any, what: str) -> Any:
        is_name = isinstance(data, str) and not self.is_file(data)
        return data if is_name else super().from_record(data, what)


class RegionKind(Kind):
    """A box, or a mask picture or the path of one, which has no comma."""

    metavar = "X,Y,W,H|MASK"
    words = "a box X,Y,W,H in pixels of the picture or percent of it, or a mask picture"
    json = ("string", "array")
    _masks = PictureKind()

    def check(self, value: Any) -> Region:
        return Region.of_value(value)

    def is_file(self, value: Any) -> bool:
        return isinstance(value, str) and "," not in value

    def plain(self, value: Any) -> Any:
        if not isinstance(value, Region):
            return value
        return value.text if value.mask is None else self._masks.plain(value.mask)

    def record(self, value: Region, folder: Path) -> Any:
        return value.text if value.mask is None else self._masks.record(value.mask, folder)

    def from_record(self, data: Any, what: str) -> Any:
        is_box = isinstance(data, str) and not self.is_file(data)
        return data if is_box else self._masks.from_record(data, what)

    def fingerprint(self, value: Any, content: Callable[[str], str]) -> Any:
        if isinstance(value, Region) and value.mask is not None:
            return self._masks.fingerprint(value.mask, content)
        return super().fingerprint(value, content)

    def shown(self, value: Any) -> str:
        if isinstance(value, Region) and value.mask is not None:
            return self._masks.shown(value.mask)
        return str(value)


class LengthKind(Kind):
    metavar, words = "N|N%", "a length such as 120 (pixels) or 25%"
    json = ("number", "string")

    def check(self, value: Any) -> Length:
        return Length.of_value(value)

    def plain(self, value: Any) -> str:
        return str(self.check(value))


class PointKind(Kind):
    metavar, words = "X,Y", "a point X,Y in pixels of the picture or percent of its sides"
    json = ("string", "array")

    def check(self, value: Any) -> Point:
        return Point.of_value(value)

    def plain(self, value: Any) -> str:
        return str(self.check(value))


class CanvasSizeKind(Kind):
    metavar, words = "WxH", "a size such as 400x300, 2x1 or 150%x100%"
    json = ("string", "array")

    def check(self, value: Any) -> CanvasSize:
        if isinstance(value, CanvasSize):
            return value
        if isinstance(value, (tuple, list)) and len(value) == 2:
            value = "x".join(str(side) for side in value)
        if not isinstance(value, str):
            raise ValueError
        return CanvasSize.parse(value)

    def plain(self, value: Any) -> str:
        return str(self.check(value))


class ColourKind(Kind):
    metavar, words = "COLOUR", "a colour such as #ff8800 or orange"
    json = ("string", "array")

    def check(self, value: Any) -> Colour:
        return Colour.of_value(value)

    def plain(self, value: Any) -> str:
        return str(self.check(value))


KINDS: dict[type, type[Kind]] = {
    int: IntKind,
    float: FloatKind,
    bool: BoolKind,
    str: TextKind,
    Seconds: SecondsKind,
    Picture: PictureKind,
    OutputFile: OutputFileKind,
    InputFile: InputFileKind,
    NameOrFile: NameOrFileKind,
    Region: RegionKind,
    Length: LengthKind,
    Point: PointKind,
    CanvasSize: CanvasSizeKind,
    Colour: ColourKind,
}
"""What an option may be annotated with, and the kind of its values."""


def relative(path: Path, folder: Path) -> str:
    """`path` as a record has it, from the folder of the picture."""
    return way_to(path, folder) or path.name  # by its content it is found beside the picture


def _recorded_place(place: Any, what: str, key: str) -> str:
    """A path from the folder of a picture. ValueError, in words, if it is none."""
    # On Windows even to look for an absolute one can tell a stranger's server who looks.
    if leads_away(text(place, f"{what}.{key}")):
        raise ValueError(f"{what} must be a path from the folder of the picture")
    return str(place)


def _path(value: Any) -> str:
    """A path as a text. ValueError for what no file can be called."""
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError
    path = str(os.fspath(value))
    if b"\0" in os.fsencode(path) or not path:  # the encoding raises a ValueError too
        raise ValueError
    return path
