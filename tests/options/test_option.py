from pathlib import Path

import numpy as np
import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.schema import Options, option
from sinddm_toolkit.options.values import InputFile, NameOrFile, Seconds
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.sizes import CanvasSize


class Example(Options):
    picture: Picture = option("a picture")
    count: int = option("how many", default=3, minimum=1, maximum=9)
    amount: float | None = option("how much", default=None, minimum=0)
    mode: str = option("which", default="fast", choices=("fast", "slow"))
    loud: bool = option("noise", default=False)
    limit: Seconds | None = option("time", default=None)
    size: CanvasSize | None = option("size", default=None)


PICTURE = np.zeros((4, 5, 3), np.uint8)


def test_values_and_defaults():
    example = Example(picture=PICTURE, amount=2, limit="5m", size=(40, 30))
    assert example.picture.size == (4, 5)
    assert (example.count, example.amount, example.mode) == (3, 2.0, "fast")
    assert example.limit == 300
    assert example.size.of((10, 10)) == (30, 40)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 3.7}, "--count: 3.7 is not allowed, give a whole number from 1 to 9"),
        ({"count": True}, "--count: true is not allowed"),
        ({"count": 10}, "from 1 to 9"),
        ({"amount": True}, "a number, at least 0"),
        ({"amount": float("nan")}, "a number"),
        ({"loud": 1}, "true or false"),
        ({"mode": "slwo"}, r"one of fast, slow \(did you mean slow\?\)"),
        ({"limit": "soon"}, "a time such as"),
        ({"size": "big"}, "a size such as"),
        ({"cuont": 3}, "unknown option cuont, did you mean count?"),
        ({"picture": None}, "missing --picture: a picture"),
    ],
)
def test_bad_values_say_what_is_allowed(values, message):
    with pytest.raises(UserError, match=message) as caught:
        Example(**{"picture": PICTURE, **values})
    assert "\n" not in str(caught.value)


def test_text_is_read_strictly():
    schema = Example.schema()
    assert schema["count"].from_text("4") == 4
    assert schema["loud"].from_text("yes") is True
    assert [schema["amount"].from_text(text) for text in ("2", ".5", "3.", "1e-2")] == [
        2,
        0.5,
        3,
        0.01,
    ]
    assert schema["limit"].from_text("1.5m") == 90
    for name, text in [("count", "4.0"), ("amount", "much"), ("loud", "maybe")]:
        with pytest.raises(UserError):
            schema[name].from_text(text)


@pytest.mark.parametrize("name", ["count", "amount", "limit"])
@pytest.mark.parametrize("text", ["٣", "５", "0_3", " 3 ", "3\n", "inf", "nan", "0x3", ""])
def test_numbers_are_written_in_ascii_digits(name, text):
    with pytest.raises(UserError, match="is not allowed") as caught:
        Example.schema()[name].from_text(text)
    assert "give a" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("400x300", (300, 400)),
        ("2x1", (100, 400)),
        ("150%x100%", (100, 300)),
        ("15x100%", (100, 3000)),
    ],
)
def test_sizes_are_pixels_factors_or_percent(text, expected):
    assert CanvasSize.parse(text).of((100, 200)) == expected


@pytest.mark.parametrize("text", ["10x20", "400x2", "150%x300", "16x15.5"])
def test_a_size_does_not_mix_factors_and_pixels(text):
    with pytest.raises(UserError) as caught:
        CanvasSize.parse(text)
    said = str(caught.value)
    assert text in said and all(way in said for way in ("4x1.5", "400%x150%", "400x300"))


@pytest.mark.parametrize(
    "text", ["", "10", "0x5", "ax4", "-3x4", "1x2x3", "40.5x30", "٤٠x٣٠", "4_0x30"]
)
def test_bad_sizes(text):
    with pytest.raises(ValueError):
        CanvasSize.parse(text)


class Many(Options):
    source: list[str] = option("a source")
    target: list[list[int]] = option("a target", default=None, follows="source", maximum=9)
    tag: list[str] = option("a tag", default=None)


def test_repeated_options_are_lists():
    assert Many(source="a").source == ["a"]
    assert Many(source=["a", "b"]).tag == []
    assert Many.schema()["source"].read(["x", "y"], "here", is_text=True) == ["x", "y"]
    with pytest.raises(UserError, match="--source: 3 is not allowed"):
        Many(source=["a", 3])


def test_options_that_follow_another_are_grouped():
    assert Many(source="a", target=[1, 2]).target == [[1, 2]]
    assert Many(source=["a", "b"], target=[1, 2]).target == [[1], [2]]
    assert Many(source=["a", "b"], target=[[1, 2], [3]]).target == [[1, 2], [3]]
    assert Many(source=["a", "b"], target=[[1, 2]]).target == [[1, 2], []]
    with pytest.raises(UserError, match="one for each --source"):
        Many(source=["a", "b"], target=[1, 2, 3])
    with pytest.raises(UserError, match="--target: 10 is not allowed"):
        Many(source=["a"], target=[[10]])


class Named(Options):
    look: NameOrFile | None = option("a look", default=None, suffixes=(".toml",))


def test_a_name_or_a_file_is_told_by_its_suffix(tmp_path):
    item = Named.schema()["look"]
    name, file = Named(look="plain:x.toml.gz").look, Named(look=tmp_path / "own.TOML").look
    assert type(name) is str and isinstance(file, InputFile)
    assert item.from_text("own.toml") == InputFile("own.toml")
    assert item.read("own.toml", "here", tmp_path) == str(tmp_path / "own.toml")
    assert item.read("plain", "here", tmp_path) == "plain"
    Path(file).write_text("x = 1")
    assert item.record(name, tmp_path) == name
    assert item.record(file, tmp_path)["file"] == "own.TOML"
    with pytest.raises(UserError, match=r"a name, or that of a file, ending with \.toml"):
        Named(look=3)


class Either(Options):
    left: int | None = option("a number", unless="right", minimum=1)
    right: str | None = option("a word", default=None)


def test_one_of_two_is_required_and_not_both():
    assert (Either(left=3).left, Either(left=3).right) == (3, None)
    assert (Either(right="x").left, Either(right="x").right) == (None, "x")
    with pytest.raises(UserError, match="missing --left: a number"):
        Either()
    with pytest.raises(UserError, match="give --left or --right, not both"):
        Either(left=3, right="x")
    with pytest.raises(UserError, match="--left: 0 is not allowed"):
        Either(left=0)


class OneOrMore(Options):
    numbers: int | list[int] | None = option("whole numbers", default=None, minimum=0)
    picture: Picture | list[Picture] | None = option("pictures", default=None)


@pytest.mark.parametrize(
    ("given", "held"),
    [(3, 3), ([3], 3), ((3,), 3), ([3, 4], [3, 4]), ((3, 4), [3, 4]), (None, None)],
)
def test_what_is_given_once_is_no_list(given, held):
    item = OneOrMore.schema()["numbers"]
    assert OneOrMore(numbers=given).numbers == held
    assert item.read(list(given) if isinstance(given, tuple) else given, "numbers") == held


def test_texts_of_one_or_several():
    numbers, pictures = OneOrMore.schema()["numbers"], OneOrMore.schema()["picture"]
    assert numbers.read(["3"], "numbers", is_text=True) == 3
    assert numbers.read(["3", "4"], "numbers", is_text=True) == [3, 4]
    folder = Path("folder")
    several = pictures.read(' ["a.png", "b.png"]', "picture", folder, is_text=True)
    assert several == [str(folder / "a.png"), str(folder / "b.png")]
    assert pictures.read('["a.png"]', "picture", folder, is_text=True) == str(folder / "a.png")
    one = pictures.read("[1] a.png", "picture", folder, is_text=True)
    assert one == str(folder / "[1] a.png")  # the name of a file


def test_of_one_or_several_there_is_one_at_least_and_each_is_checked():
    for bad in ([], [3, -1], [3, "x"]):
        with pytest.raises(UserError, match=r"--numbers: .* is not allowed"):
            OneOrMore(numbers=bad)
        with pytest.raises(UserError, match=r"numbers: .* is not allowed"):
            OneOrMore.schema()["numbers"].read(bad, "numbers")
