"""Layers of settings: what goes over what, and where each value was given."""

from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.settings.layers import (
    COMMAND_LINE,
    PYTHON,
    Layer,
    LocatedError,
    Origin,
    Setting,
    layer_of,
)
from tests.conftest import texture

FILE = Origin("preset p", lambda keys: f"p.toml at {'.'.join(map(str, keys))}")


def values(layer):
    """(task or None, option) → (value, in what it was given)."""
    parts = [*layer.tasks.items(), (None, layer.run)]
    return {
        (task, name): (setting.value, setting.origin.what)
        for task, settings in parts
        for name, setting in settings.items()
    }


def option_of(task, name):
    return registry.current().task(task).schema()[name]


def test_what_a_layer_does_not_set_shows_through():
    low = layer_of("outpaint", {"left": 5, "seed": 1}, PYTHON)
    high = layer_of("outpaint", {"left": 7, "quality": "paper"}, COMMAND_LINE)
    left = option_of("outpaint", "left")
    assert {key: (str(v), o) for key, (v, o) in values(high.over(low)).items()} == {
        ("outpaint", "left"): ("7", "command line"),
        (None, "seed"): ("1", "Python"),
        (None, "quality"): ("paper", "command line"),
    }
    assert left.plain(values(low)["outpaint", "left"][0]) == "5"  # and the lower is as it was


def test_the_first_task_of_the_lower_layer_leads():
    low, high = layer_of("outpaint", {}, PYTHON), layer_of("roi", {"strength": 0.5}, PYTHON)
    whole = high.over(low)
    assert list(whole.tasks) == ["outpaint", "roi"] and whole.lead == "outpaint"
    assert Layer().lead is None and Layer().over(whole) == whole


def test_values_are_checked_where_they_come_in_and_files_stay_paths():
    texts = {"source": ("1,2,3,4", "m.png"), "strength": "0.5", "image": "no.png", "seed": "7"}
    found = values(layer_of("roi", texts, COMMAND_LINE, is_text=True))
    (box, mask), _ = found["roi", "source"]
    assert isinstance(box, Region) and mask == "m.png"
    assert found["roi", "strength"][0] == 0.5 and found[None, "seed"][0] == 7
    assert found["roi", "image"][0] == "no.png"
    found = values(layer_of("sample", {"image": texture(8, 8), "size": (9, 8)}, PYTHON))
    assert isinstance(found["sample", "image"][0], Picture)
    assert found["sample", "size"][0].of((1, 1)) == (8, 9)


@pytest.mark.parametrize(
    ("given", "is_text", "said"),
    [
        ({"strength": 2}, False, "--strength: 2.0 is not allowed, give a number from 0 to 1"),
        ({"strength": "0.5"}, False, "--strength: 0.5 is not allowed"),
        ({"strength": "much"}, True, "--strength: much is not allowed"),
        ({"source": ("1,2,3",)}, True, "--source: 1,2,3 is not allowed"),
        ({"image": ""}, True, '--image: "" is not allowed, give a picture'),
        ({"seed": -1}, False, "--seed: -1 is not allowed"),
        ({"strenth": 1}, False, "unknown option strenth, did you mean strength"),
    ],
)
def test_what_is_refused(given, is_text, said):
    with pytest.raises(UserError) as caught:
        layer_of("roi", given, PYTHON, is_text=is_text)
    assert str(caught.value).startswith(said)


def test_errors_say_where_a_value_was_given():
    item = option_of("roi", "strength")
    with pytest.raises(LocatedError, match=r"^p\.toml at strength: strength: 2.0 is not allowed"):
        Setting.read(item, 2, FILE.at("strength"), "strength")
    image = Setting.read(option_of("roi", "image"), "no.png", FILE.at("image"), "image")
    with pytest.raises(LocatedError, match=r"^p\.toml at image: image: no\.png: there is no"):
        image.opened(option_of("roi", "image"))
    with pytest.raises(UserError, match=r"^no\.png: there is no such file"):
        Setting.read(option_of("roi", "image"), "no.png", PYTHON, "--image").opened(
            option_of("roi", "image")
        )


def test_files_are_opened_and_no_other_values():
    Image.fromarray(texture(8, 9)).save("in.png")
    source, image = option_of("roi", "source"), option_of("roi", "image")
    assert Setting.read(image, "in.png", PYTHON, "image").opened(image).size == (8, 9)
    box, mask = Setting.read(source, ["1,2,3,4", "in.png"], PYTHON, "source").opened(source)
    assert box.mask is None and mask.mask.size == (8, 9)
    picture = Setting.read(image, texture(4, 4), PYTHON, "image")
    assert picture.opened(image) is picture.value


def test_paths_are_relative_to_the_folder_of_their_file():
    item = option_of("harmonize", "save_mask")
    for given, expected in (("m.png", "looks/m.png"), ("{out}-m.png", "{out}-m.png")):
        assert Setting.read(item, given, FILE, "save-mask", Path("looks")).value == expected
        assert Setting.read(item, given, PYTHON, "save-mask").value == given


def test_explained():
    layer = layer_of("harmonize", {"fit": "true", "bg": "in.png"}, COMMAND_LINE, is_text=True)
    rows = {option: (value, origin) for option, value, origin in layer.explained()}
    assert rows["harmonize.bg"] == ("in.png", "command line")
    assert rows["harmonize.composite"] == ("", "missing")
    assert rows["seed"] == ("-", "default") and rows["retrain"] == ("false", "default")
    low = Layer({}, {"seed": Setting(3, FILE.at("seed"), "seed")})
    assert layer.over(low).explained()[-1][2] == "default"
    assert ("seed", "3", "preset p (p.toml at seed)") in layer.over(low).explained()


def test_keys_that_stand_elsewhere():
    origin = Origin("row 2", FILE.place, ("row", 1), moved={"step": ("row", 1, "grid", "step")})
    assert str(origin.at("step")) == "row 2 (p.toml at row.1.grid.step)"
    assert str(origin.at("bg")) == "row 2 (p.toml at row.1.bg)"
    assert str(COMMAND_LINE.at("bg")) == "command line"
