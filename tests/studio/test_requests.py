"""What may be asked for over HTTP: all that a preset file may say, but no file by its path."""

from pathlib import Path

import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.kinds import NameOrFileKind, OutputFileKind, TextKind
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.studio.requests import (
    default_out,
    distinct_names,
    ids_in,
    layer_of,
)
from tests.pictures.examples import noise, refusal

A, B = "a" * 24, "b" * 24
PLACES = [
    "here.png",
    "./here.png",
    "../here.png",
    "/etc/passwd",
    "~/here.png",
    "http://127.0.0.1/here.png",
    "file:///etc/passwd",
    "\\\\host\\share\\here.png",
    "C:\\here.png",
    "hf-hub:org/model",
    "weights.safetensors",
    "\0",
    "",
    "a" * 23,
    A.upper(),
]


def stands(given):
    return f"<{given}>"


def test_pictures_stand_by_their_ids_wherever_they_may_be():
    edit = {
        "task": [
            {"name": "harmonize", "composite": B, "bg": A},
            {"name": "inpaint", "mask": "1,2,3,4"},
        ],
        "harmonize.mask": A,
    }
    layer = layer_of(edit, stands)
    assert layer.tasks["harmonize"]["composite"].value == stands(B)
    assert layer.tasks["harmonize"]["mask"].value == stands(A)
    assert layer.tasks["inpaint"]["mask"].value.text == "1,2,3,4"
    assert ids_in(edit) == [B, A]


def test_lists_of_lists_of_pictures_have_ids_too():
    layer = layer_of({"task": "sample", "image": [A, B]}, stands)
    assert layer.tasks["sample"]["image"].value == [stands(A), stands(B)]


@pytest.mark.parametrize("place", PLACES)
def test_no_option_of_any_task_takes_a_path_or_an_address(home, place):
    write_picture("here.png", Picture(noise(3)))  # it could be read
    taken = []
    for name, task in registry.current().tasks.items():
        for item in (*task.schema().values(), *RunOptions.schema().values()):
            if isinstance(item.kind, TextKind) and not item.choices:
                continue  # it names nothing
            for given in (place, [place]):
                for key in (item.name, f"{name}.{item.name}"):
                    try:
                        layer_of({"task": name, key: given}, stands)
                    except UserError as error:
                        assert "\n" not in str(error)
                    else:
                        taken.append((item.name, type(item.kind)))
    # What is left are bare names: of files to write beside the result, and of what a plugin offers.
    assert {kind for _, kind in taken} <= {OutputFileKind, NameOrFileKind}
    assert not taken or Path(place).name == str(Path(place))


@pytest.mark.parametrize(
    "name",
    ["../x.png", "/x.png", "a/b.png", ".x.png", "{out}.png", "x.png ", "x\n.png", "-x.png", "x/"],
)
def test_a_result_has_a_bare_name(name):
    told = refusal(layer_of, {"task": "sample", "image": A, "out": name}, stands)
    assert told.startswith("out: ")


@pytest.mark.parametrize("name", ["{out}/../x.png", "{out}/x.png", "/x.png", "../x.png"])
def test_what_is_written_beside_a_result_stays_beside_it(name):
    edit = {"task": "harmonize", "bg": A, "composite": B, "save-mask": name}
    assert refusal(layer_of, edit, stands).startswith("save-mask: ")


def test_names_of_files_to_write_may_begin_with_the_results():
    edit = {"task": "harmonize", "bg": A, "composite": B, "save-mask": "{out}-mask.png"}
    assert layer_of(edit, stands).tasks["harmonize"]["save_mask"].value == "{out}-mask.png"


@pytest.mark.parametrize(
    "preset",
    ["./look.toml", "look.toml", "../look", "/look", "a\\b", "Look", "", 3, [3], {}, ["a"] * 21],
)
def test_a_preset_is_a_name_and_never_a_path(look, preset):
    if preset == "" or preset == {}:
        preset = [preset]
    told = refusal(layer_of, {"preset": preset, "bg": A, "composite": B}, stands)
    assert "preset" in told


def test_values_go_over_those_of_presets(look):
    edit = {"preset": "look", "bg": A, "composite": B, "quality": "draft"}
    layer = layer_of(edit, stands)
    assert layer.lead == "harmonize"
    assert layer.tasks["harmonize"]["start_step"].value == 8
    assert layer.run["quality"].value == "draft"


def test_a_preset_of_ones_own_may_read_files_but_not_write_elsewhere(look):
    write_picture(look / "m.png", Picture(noise(1)))
    (look / "masked.toml").write_text('task = "harmonize"\nmask = "m.png"\n')
    layer = layer_of({"preset": "masked", "bg": A, "composite": B}, stands)
    assert layer.tasks["harmonize"]["mask"].value == str(look / "m.png")
    (look / "writes.toml").write_text('task = "harmonize"\nsave-mask = "m.png"\n')
    told = refusal(layer_of, {"preset": "writes", "bg": A, "composite": B}, stands)
    assert "give a bare name" in told


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({}, "name a task"),
        ({"task": "nothing"}, "there is no task"),
        ({"task": []}, "give the name of a task"),
        ({"task": {"name": "sample"}}, "give the name of a task"),
        ({"task": "sample", "imagee": A}, "unknown option imagee, did you mean image?"),
        ({"task": "sample", "image": {"id": A}}, "image is no task of this edit"),
        ({"task": "sample", "image": 7}, "image: 7 is not allowed, give a picture"),
        ({"task": "sample", "image": A, "samples": 0}, "samples: 0 is not allowed"),
        ({"task": "sample", "image": A, "samples": True}, "samples: true is not allowed"),
        ({"task": "sample", "image": A, "seed": 10**400}, "seed: "),
        ({"task": "sample", "image": A, "quality": "best"}, "quality: best is not allowed"),
        ({"task": "sample", "image": A, "harmonize.mask": B}, "harmonize is no task of this edit"),
    ],
)
def test_what_is_wrong_is_said_as_the_command_line_says_it(edit, said):
    assert said in refusal(layer_of, edit, stands)


def test_no_two_pictures_of_an_edit_have_one_name():
    names = [("1", "a.png"), ("2", "A.png"), ("3", "a.png"), ("4", "a-2.png"), ("5", "o.png")]
    found = distinct_names(names, ["o.png"])
    assert found == {"1": "a.png", "2": "A-2.png", "3": "a-3.png", "4": "a-2-2.png", "5": "o-2.png"}


def test_a_result_is_called_after_the_picture_and_the_task():
    edit = {"task": "harmonize", "bg": A, "composite": B}
    layer = layer_of(edit, lambda one: one)
    assert default_out(layer, {A: "sea.png", B: "boat: ü.png"}) == "boat_ _-harmonize.png"
