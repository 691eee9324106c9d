"""Requests: the tasks of one run, and what does not go together."""

from pathlib import Path

import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options import kinds
from sinddm_toolkit.settings.layers import COMMAND_LINE, PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import texture

LOOK = 'task = "harmonize"\nstart-step = 8\nquality = "standard"\n'


@pytest.fixture
def look(pasted):
    Path("look.toml").write_text(LOOK)
    return "look.toml"


@pytest.fixture
def decoded(monkeypatch):
    """The files that pictures are decoded from."""
    paths = []
    real = kinds.picture_from

    def noted(source):
        if isinstance(source, (str, Path)):
            paths.append(str(source))
        return real(source)

    monkeypatch.setattr(kinds, "picture_from", noted)
    return paths


def made(*parts, origin=PYTHON):
    return make_tasks(one_run(parts, origin))


def test_values_go_over_presets(look):
    pictures = {"bg": "bg.png", "composite": "c.png"}
    (task,), options = made(Part("harmonize", {**pictures, "feather": 2, "seed": 5}, [look]))
    assert (task.start_step, task.feather) == (8, 2.0)
    assert (options.quality, options.seed) == ("standard", 5)
    (task,), options = made(Part(None, {**pictures, "start_step": 9}, [look]))
    assert (task.name, task.start_step, options.seed) == ("harmonize", 9, None)


def test_none_is_the_default_whatever_a_preset_says(look):
    given = {"bg": "bg.png", "composite": "c.png", "start_step": None, "quality": None}
    (task,), options = made(Part("harmonize", given, [look]))
    assert task.start_step == task.schema()["start_step"].default
    assert options.quality == "draft"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([Part(None)], "name a task"),
        ([Part("nothing")], "there is no task 'nothing'"),
        ([Part("roi", {}, ["look.toml"])], "preset look.toml is for harmonize, not for roi"),
        ([Part("sample"), Part("roi"), Part("sample")], "sample is asked for twice in one run"),
        ([Part(None, {}, ["look.toml"]), Part("harmonize")], "asked for twice"),
        ([Part("sample", {"image": "bg.png", "sede": 3})], "unknown option sede, did you mean"),
        ([Part("harmonize", {"bg": "bg.png"})], "missing --composite"),
        ([Part("harmonize", {"bg": None, "composite": "c.png"})], "missing --bg"),
    ],
)
def test_what_is_refused(parts, said, look):
    with pytest.raises(UserError, match=said):
        made(*parts)


def test_one_run_learns_one_picture(pasted):
    other = {"image": texture(60, 80, seed=3)}
    first = Part("sample", {"image": "bg.png"})
    tasks, _ = made(first, Part("super-resolve"))
    assert tasks[1].image is tasks[0].image  # taken over
    tasks, _ = made(first, Part("super-resolve", {"image": pasted * 0 + texture(60, 80)}))
    assert tasks[1].image.content_hash() == tasks[0].image.content_hash()
    with pytest.raises(UserError, match=r"--image of super-resolve: a run learns one picture"):
        made(first, Part("super-resolve", other))


def test_options_of_the_run_may_stand_with_any_task(pasted):
    parts = [Part("sample", {"image": "bg.png", "seed": 1}), Part("super-resolve", {"samples": 2})]
    _, options = made(*parts)
    assert (options.seed, options.samples) == (1, 2)


def test_each_picture_is_decoded_once(decoded, pasted):
    texts = {"bg": "bg.png", "composite": "c.png", "mask": "c.png", "start_step": "8"}
    (task,), _ = made(Part("harmonize", texts, is_text=True), origin=COMMAND_LINE)
    assert sorted(decoded) == ["bg.png", "c.png", "c.png"] and task.start_step == 8


@pytest.mark.parametrize(
    "more",
    [
        {"start_step": "0"},
        {"start_step": "8.5"},
        {"quality": "drft"},
        {"bg": None},
    ],
)
def test_no_picture_is_decoded_before_all_else_has_been_checked(decoded, pasted, more):
    given = {"bg": "bg.png", "composite": "c.png", **more}
    texts = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(UserError):
        made(Part("harmonize", texts, is_text=True), origin=COMMAND_LINE)
    with pytest.raises(UserError):
        made(
            Part("harmonize", {"bg": "bg.png", "composite": "c.png"}),
            Part("super-resolve", {"factor": 99.0}),
        )
    assert decoded == []


def test_a_line_is_refused_before_its_pictures_are_read(command, pasted):
    Path("text.png").write_text("no picture")
    words = ("run", "harmonize", "--bg", "text.png", "--composite", "c.png")
    code, _, err = command(*words, "--start-step", 0)
    assert code == 2 and err.startswith("sinddm-tk: --start-step: 0 is not allowed")
    code, _, err = command(*words, "+", "super-resolve", "--factor", "much")
    assert code == 2 and err.startswith("sinddm-tk: --factor: much is not allowed")
    code, _, err = command("run", "harmonize", "--bg", "text.png")
    assert code == 2 and err.startswith("sinddm-tk: missing --composite")
    code, _, err = command(*words)
    assert code == 2 and "text.png" in err and len(err.splitlines()) == 1
