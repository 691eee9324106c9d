"""Tables of settings: which task each key belongs to, and where a wrong one stands."""

from pathlib import Path

import pytest

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.settings.layers import Layer, Origin
from sinddm_toolkit.settings.tables import read_table

FILE = Origin("preset p", lambda keys: f"p.toml at {'.'.join(map(str, keys))}")
FOLDER = Path("folder")


def plain(layer):
    """task or `run` → option → value, as it would be written into a file."""
    return {
        name: {option: str(setting.value) for option, setting in settings.items()}
        for name, settings in {**layer.tasks, "run": layer.run}.items()
    }


def read(table, **how):
    return plain(read_table(table, FILE, FOLDER, **how))


def test_keys_belong_to_the_task_or_to_the_run():
    table = {"task": "outpaint", "left": 5, "quality": "standard", "max-pixels": 2000}
    run = {"quality": "standard", "max_pixels": "2000"}
    assert read(table) == {"outpaint": {"left": "5"}, "run": run}
    assert read({"quality": "standard"}) == {"run": {"quality": "standard"}}


def test_several_tasks_have_theirs_with_their_names_or_under_them():
    outpaint, roi = {"name": "outpaint", "left": 5}, {"name": "roi", "strength": 0.5}
    expected = {"outpaint": {"left": "5"}, "roi": {"strength": "0.5"}, "run": {"seed": "3"}}
    assert read({"task": [outpaint, roi], "seed": 3}) == expected
    named = [{"name": "outpaint"}, {"name": "roi"}]
    for more in ({"roi": {"strength": 0.5}}, {"roi.strength": 0.5}):
        assert read({"task": named, "left": 5, "seed": 3, **more}) == expected
    assert list(read({"task": [roi, outpaint]})) == ["roi", "outpaint", "run"]


def test_a_table_goes_over_what_is_below_and_its_tasks():
    below = read_table({"task": "outpaint", "left": 5, "right": 6, "seed": 1}, FILE, FOLDER)
    before = plain(below)
    found = read({"left": 7, "quality": "draft"}, below=below)
    run = {"seed": "1", "quality": "draft"}
    assert found == {"outpaint": {"left": "7", "right": "6"}, "run": run}
    assert plain(below) == before


def test_what_is_none_is_not_given_and_texts_are_read_as_on_a_line():
    assert read({"task": "outpaint", "left": None, "seed": None}) == {"outpaint": {}, "run": {}}
    found = read({"task": "outpaint", "left": "5", "seed": "3"}, is_text=True)
    assert found == {"outpaint": {"left": "5"}, "run": {"seed": "3"}}


def test_paths_are_from_the_folder_of_the_file():
    assert read({"task": "outpaint", "image": "i.png"})["outpaint"] == {"image": "folder/i.png"}


OUTPAINT = Layer({"outpaint": {}})


@pytest.mark.parametrize(
    ("table", "below", "said"),
    [
        ({"task": "outpant"}, None, "at task: there is no task 'outpant', did you mean outpaint?"),
        ({"task": []}, None, "at task: task: give the name of a task, or tables with a name each"),
        ({"task": 3}, None, "at task: task: give the name of a task, or tables with a name each"),
        ({"task": [{"left": 3}]}, None, "at task.0: a task has no name"),
        ({"task": [{"name": "roi"}] * 2}, None, "at task.1.name: roi is named twice"),
        ({"task": "roi"}, OUTPAINT, "at task: task: what this rests on is for outpaint"),
        ({"task": "roi", "left": 3}, None, "at left: unknown option left"),
        ({"left": 3}, None, "at left: unknown option left"),
        ({"outpaint.left": 3}, None, "at outpaint.left: outpaint is no task of this edit: name"),
        ({"roi": {}}, OUTPAINT, "at roi: roi is no task of this edit: the tasks are outpaint"),
        ({"outpaint": {"lift": 3}}, OUTPAINT, "at outpaint.lift: unknown option outpaint.lift"),
        ({"left": "x"}, OUTPAINT, "at left: left: x is not allowed"),
        ({"seed": 1.5}, None, "at seed: seed: 1.5 is not allowed"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_its_place(table, below, said):
    with pytest.raises(UserError) as refused:
        read_table(table, FILE, FOLDER, below=below)
    assert f"p.toml {said}" in str(refused.value)
