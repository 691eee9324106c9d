"""Every kind of value in every form that it takes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.kind import Kind, RecordedFile
from sinddm_toolkit.options.kinds import KINDS
from sinddm_toolkit.options.schema import Options, option
from sinddm_toolkit.options.values import InputFile, NameOrFile, OutputFile, Seconds
from sinddm_toolkit.pictures.colours import Colour
from sinddm_toolkit.pictures.files import content_of
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point

SUFFIXES = {NameOrFile: (".toml",)}

WRITTEN = {
    int: ["4", "-3", "+0"],
    float: ["2", ".5", "-1e-2"],
    bool: ["true", "no"],
    str: ["", "a, b/c", "bg.png"],
    Seconds: ["90", "90s", "1.5m", "1h"],
    Picture: ["in/bg.png"],
    OutputFile: ["in/new.png", "{out}-mask.png"],
    InputFile: ["in/look.toml"],
    NameOrFile: ["plain", "in/look.toml"],
    Region: ["1,2,3,4", "10%, 0,50%,5", "in/bg.png"],
    Length: ["120", "25%", "0.5"],
    Point: ["120,80", "25%,50.5%"],
    CanvasSize: ["400x300", "2x1", "150%x100%"],
    Colour: ["#ff8800", "#f80", "Orange", "rgb(255, 136,0)"],
}
"""Type → texts that stand for values of it."""
EVERY = [(annotated, text) for annotated, texts in WRITTEN.items() for text in texts]


def kind(annotated):
    return KINDS[annotated](SUFFIXES.get(annotated))


@pytest.fixture(autouse=True)
def files(home):
    Path("in").mkdir()
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3)).save("in/bg.png")
    Path("in/look.toml").write_text("x = 1")


def same(one, other):
    """Whether two checked values are the same: pictures are by what they show."""
    if isinstance(one, Picture):
        return one.content_hash() == other.content_hash()
    if isinstance(one, Region) and one.mask is not None:
        return same(one.mask, other.mask)
    return type(one) is type(other) and one == other


def content(path):
    return content_of(Path(path))


def test_each_kind_is_tried_here():
    assert KINDS.keys() == WRITTEN.keys()


@pytest.mark.parametrize(("annotated", "text"), EVERY)
def test_text_to_value_to_plain_and_back(annotated, text):
    kind_ = kind(annotated)
    value = kind_.check(kind_.from_text(text))
    assert same(kind_.check(value), value)
    plain = json.loads(json.dumps(kind_.plain(value)))
    assert type(kind_.plain(value)) in (int, float, bool, str)
    assert same(kind_.check(plain), value)
    assert kind_.plain(plain) == plain
    types = kind_.json if isinstance(kind_.json, tuple) else (kind_.json,)
    known = {int: "integer", float: "number", bool: "boolean", str: "string"}
    assert known[type(plain)] in types


# No picture depends on the name of a file to write.
@pytest.mark.parametrize(("annotated", "text"), [pair for pair in EVERY if pair[0] != OutputFile])
def test_value_to_record_and_back(annotated, text):
    kind_ = kind(annotated)
    value = kind_.check(kind_.from_text(text))
    data = json.loads(json.dumps(kind_.record(value, Path("in").resolve())))
    found = kind_.from_record(data, "it")
    if isinstance(found, RecordedFile):
        path = Path("in", found.place)
        held = read_picture(path).content_hash() if found.is_picture else content(path)
        assert found.sha256 == held
        found = str(path)
    assert same(kind_.check(found), value)


@pytest.mark.parametrize(("annotated", "text"), EVERY)
def test_what_a_file_is_called_says_nothing_of_it_and_its_content_all(annotated, text):
    kind_ = kind(annotated)
    value = kind_.check(kind_.from_text(text))
    named = text if kind_.is_file(text) else kind_.plain(value)
    before = kind_.fingerprint(named, content if annotated is not OutputFile else None)
    json.dumps(before)
    if not kind_.is_file(named) or annotated is OutputFile:
        assert before == kind_.plain(value)
        return
    moved = Path(text).rename(Path(text).with_stem("moved"))
    assert kind_.fingerprint(str(moved), content) == before
    moved.write_bytes(b"another")
    assert kind_.fingerprint(str(moved), content) != before


def test_pictures_from_no_file():
    picture, region = kind(Picture), kind(Region)
    array = np.full((4, 5), 255, np.uint8)
    value, mask = picture.check(array), region.check(array)
    for kind_, held in ((picture, value), (region, mask)):
        assert kind_.record(held, Path())["picture"] is None
        assert kind_.fingerprint(held, None) == value.content_hash()
        assert kind_.shown(held) == "picture"
        with pytest.raises(UserError, match="comes from no file"):
            kind_.plain(held)
    assert picture.in_name(value) == "picture"


@pytest.mark.parametrize(
    ("annotated", "value", "shown", "in_name"),
    [
        (int, 3, "3", "3"),
        (float, 2.0, "2.0", "2"),
        (bool, True, "true", "True"),
        (str, "a, b/c", "a, b/c", "a_b_c"),
        (str, "x" * 99, "x" * 99, "x" * 80),
        (Seconds, Seconds(90), "90.0", "90"),
        (Picture, "in/bg.png", "in/bg.png", "bg"),
        (OutputFile, OutputFile("{out}-m.png"), "{out}-m.png", "{out}-m"),
        (InputFile, "in/look.toml", "in/look.toml", "look"),
        (NameOrFile, "plain:x", "plain:x", "plain_x"),
        (NameOrFile, "in/look.toml", "in/look.toml", "look"),
        (Region, Region.parse("1,2,3,4"), "1,2,3,4", "1_2_3_4"),
        (Region, "in/bg.png", "in/bg.png", "bg"),
        (Length, Length.parse("25%"), "25%", "25%"),
        (Point, Point.parse("25%, 7"), "25%,7", "25%_7"),
        (Colour, Colour.of_value((255, 136, 0)), "#ff8800", "_ff8800"),
        (CanvasSize, CanvasSize.parse("2x1"), "2x1", "2x1"),
    ],
)
def test_words_and_parts_of_names(annotated, value, shown, in_name):
    assert kind(annotated).shown(value) == shown
    assert kind(annotated).in_name(value) == in_name


def test_a_picture_that_was_read_is_shown_and_plain_by_its_whole_path():
    path = Path("in/bg.png").resolve()
    for annotated in (Picture, Region):
        value = kind(annotated).check("in/bg.png")
        assert kind(annotated).shown(value) == kind(annotated).plain(value) == str(path)


@pytest.mark.parametrize(
    ("annotated", "path", "absolute"),
    [
        (Picture, "in/bg.png", "in/bg.png"),
        (Region, "in/bg.png", "in/bg.png"),
        (Region, "1,2,3,4", None),
        (NameOrFile, "plain", None),
        (InputFile, "in/look.toml", "in/look.toml"),
        (OutputFile, "m.png", "m.png"),
        (OutputFile, "{out}-m.png", None),
        (str, "in/bg.png", None),
    ],
)
def test_paths_are_placed_and_nothing_else(annotated, path, absolute):
    expected = path if absolute is None else str(Path.cwd() / absolute)
    assert kind(annotated).absolute(path) == expected


@pytest.mark.parametrize(
    ("annotated", "values"),
    [
        (int, [3.0, True, "3", None]),
        (float, [True, "3", float("nan"), float("inf"), 10**400]),
        (bool, [1, "true", None]),
        (str, [3, None, b"x"]),
        (Seconds, ["soon", True, float("inf"), "1e308h", ""]),
        (Picture, [3, None, [1, 2]]),
        (OutputFile, ["", "a\0b", 3, None]),
        (InputFile, ["", "a\0b", 3, None]),
        (NameOrFile, ["", "a\0b", 3, None]),
        (Region, ["1,2,3", "1,2,0,4", "-1,2,3,4", (1, 2, 3), 3, None]),
        (Length, ["", "-3", "x", None, True]),
        (Point, ["", "10", "1,2,3", "-1,2", "a,b", (1,), (1, 2, 3), 3, None]),
        (
            Colour,
            ["", "ff8800", "#ff88001", "#ff8800ff", "none", (1, 2), (1, 2, 256), (1, 2, 0.5), 3],
        ),
        (CanvasSize, ["", "10", (1, 2, 3), 3, None]),
    ],
)
def test_what_is_no_value(annotated, values):
    for value in values:
        with pytest.raises(ValueError):
            kind(annotated).check(value)


def test_names_of_files_end_as_asked_for():
    for annotated in (OutputFile, InputFile):
        kind_ = KINDS[annotated]((".gif",))
        assert kind_.check(Path("o.GIF")) == "o.GIF"
        with pytest.raises(ValueError):
            kind_.check("o.png")
    assert type(kind(NameOrFile).check("o.png")) is str


GOOD = {"picture": "bg.png", "file": "look.toml", "sha256": "0" * 64}


@pytest.mark.parametrize("annotated", [Picture, InputFile, NameOrFile, Region])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha256": "0"}, "it.sha256 must be a SHA-256"),
        ({"picture": 3, "file": 3}, "must be a text"),
        ({"picture": "/etc/passwd", "file": "/etc/passwd"}, "must be a path from the folder"),
    ],
)
def test_a_record_of_a_file_is_checked(annotated, changed, said):
    kind(annotated).from_record(GOOD, "it")
    with pytest.raises(ValueError, match=said):
        kind(annotated).from_record({**GOOD, **changed}, "it")


@pytest.mark.parametrize(
    ("annotated", "data"),
    [(Picture, "bg.png"), (InputFile, "x.toml"), (NameOrFile, "x.toml"), (Region, "bg.png")],
)
def test_a_record_names_no_file_without_its_content(annotated, data):
    with pytest.raises(ValueError, match="it must be an object"):
        kind(annotated).from_record(data, "it")


class Colour(tuple):
    """Of a plugin that brings a kind of its own."""


class ColourKind(Kind):
    metavar, words = "#RRGGBB", "a colour"

    def check(self, value):
        return Colour(bytes.fromhex(value.removeprefix("#"))) if isinstance(value, str) else value

    def plain(self, value):
        return f"#{bytes(self.check(value)).hex()}"


def test_the_table_is_open(monkeypatch):
    def declare():
        class Tint(Options):
            colour: Colour = option("a tint", default="#ff0000")

        return Tint

    with pytest.raises(TypeError, match=r"can't be of type .*Colour.*: known are int, float, bool"):
        declare().schema()
    monkeypatch.setitem(KINDS, Colour, ColourKind)
    item = declare().schema()["colour"]
    assert declare()().colour == (255, 0, 0)
    assert item.read("#00ff00", "here", is_text=True) == (0, 255, 0)
    assert item.plain(Colour((0, 0, 255))) == "#0000ff"
    with pytest.raises(UserError, match="--colour: green is not allowed, give a colour"):
        item.from_text("green")


def test_paths_of_python_are_paths():
    path = Path("in/look.toml")
    assert kind(InputFile).check(path) == str(path)
    assert kind(Picture).check(Path("in/bg.png")).size == (4, 5)
