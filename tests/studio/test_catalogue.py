"""Tasks, presets and models as JSON."""

import json
from pathlib import Path

import pytest

from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.home import home
from sinddm_toolkit.options.kinds import KINDS
from sinddm_toolkit.settings import presets
from sinddm_toolkit.studio import catalogue


def test_every_kind_of_value_has_a_word_of_its_own():
    assert catalogue.KINDS.keys() == KINDS.keys()
    assert len(set(catalogue.KINDS.values())) == len(KINDS)


def test_a_form_begins_with_ones_own_defaults(client):
    def defaults():
        told = client.get("/api/run-options").json()
        return {one["name"]: one["default"] for one in told}

    assert (defaults()["quality"], defaults()["max_pixels"]) == ("draft", None)
    file = home() / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text('quality = "paper"\nmax-pixels = 5000\n')
    assert (defaults()["quality"], defaults()["max_pixels"]) == ("paper", 5000)
    file.write_text("quality = 1\n")
    assert defaults()["quality"] == "draft"
    told = client.post("/api/explain", json={"task": "sample"})
    assert told.status_code == 422 and "config.toml, line 1" in told.text


def test_a_task_says_all_that_a_form_needs(client):
    tasks = {task["name"]: task for task in client.get("/api/tasks").json()}
    task = tasks["harmonize"]
    assert (task["learns_from"], task["named_after"]) == ("bg", "composite")
    assert "denoised" in task["about"]
    options = {item["name"]: item for item in task["options"]}
    assert options["strength"] == {
        "name": "strength",
        "flag": "--strength",
        "kind": "number",
        "help": options["strength"]["help"],
        "words": "a number from 0 to 1",
        "default": 0.5,
        "required": False,
        "minimum": 0,
        "maximum": 1,
        "choices": None,
        "many": False,
        "or_one": False,
        "follows": None,
        "unless": None,
        "rarely": False,
        "suffixes": None,
    }
    assert options["composite"]["unless"] == "object" and options["composite"]["required"]
    assert options["at"]["kind"] == "point" and options["save_mask"]["kind"] == "file-out"
    assert tasks["inpaint"]["options"][0]["required"]


def test_the_options_of_every_run(client):
    options = {item["name"]: item for item in client.get("/api/run-options").json()}
    assert options["quality"]["choices"] == ["draft", "standard", "paper"]
    assert options["train_time"]["kind"] == "seconds" and options["train_time"]["rarely"]


def test_a_strangers_task_is_there_without_a_line_of_its_own(client, sinddm_registry):
    from sinddm_toolkit.api import Length, Picture, Task, option

    class Strange(Task):
        """Something new."""

        name = "strange"
        summary = "do what nobody did"
        learns_from = "image"
        image: Picture = option("the picture")
        margin: Length = option("a margin", default="25%")

    sinddm_registry(Strange)
    (task,) = client.get("/api/tasks").json()
    assert [item["kind"] for item in task["options"]] == ["picture", "length"]
    assert task["options"][1]["default"] == "25%"


def test_presets_come_with_what_they_set(client, look):
    (look / "broken.toml").write_text("quality = 7\n")
    found = {one["name"]: one for one in client.get("/api/presets").json()}
    assert found["softer"] == {
        "name": "softer",
        "own": True,
        "thumbnail": None,
        "summary": "",
        "tasks": ["harmonize"],
        "values": {"start_step": 8, "quality": "standard", "feather": 9.0},
    }
    assert "line 1" in found["broken"]["error"] and found["broken"]["values"] == {}
    assert not found["poster"]["own"] and found["poster"]["tasks"] == ["super-resolve"]


def test_all_that_a_preset_sets_can_be_asked_for(client):
    """As an edit: the values are read as those of a preset file are."""
    from sinddm_toolkit.settings.layers import PYTHON
    from sinddm_toolkit.settings.tables import read_table

    for one in client.get("/api/presets").json():
        task = {"task": [{"name": name} for name in one["tasks"]]} if one["tasks"] else {}
        layer = read_table({**task, **one["values"]}, PYTHON, None)
        _, path = presets.available()[one["name"]]
        expected = presets.load(str(path)).layer
        assert list(layer.tasks) == list(expected.tasks)
        for name, settings in expected.tasks.items():
            values = {key: setting.value for key, setting in settings.items()}
            assert {key: s.value for key, s in layer.tasks[name].items()} == values


def test_presets_that_the_guide_shows_have_a_small_picture(client):
    """`python benchmarks/gallery.py thumbnails` makes them."""
    found = client.get("/api/presets").json()
    shown = [one for one in found if one["thumbnail"]]
    pictures = Path(__file__).parents[2] / "docs" / "images" / "presets"
    assert {one["name"] for one in shown} == {path.stem for path in pictures.glob("*.jpg")}
    for one in shown:
        answer = client.get(one["thumbnail"])
        assert answer.headers["content-type"] == "image/jpeg"
        assert 1000 < len(answer.content) <= 12 * 1024


@pytest.mark.parametrize("name", ["none", "..%2Fpyproject", "%2e%2e", "every-step"])
def test_there_is_no_picture_of_other_things(client, name):
    assert client.get(f"/api/presets/{name}/thumbnail").status_code == 404


def test_models_are_listed_and_forgotten(client, known, command):
    (one,) = client.get("/api/models").json()
    assert [one] == json.loads(command("models", "list", "--json")[1])
    for key in ("none", one["model"][:6], "..%2Fmodels"):
        assert client.delete(f"/api/models/{key}").status_code == 404
    assert client.delete(f"/api/models/{one['model']}").status_code == 204
    assert default_store().keys() == [] and client.get("/api/models").json() == []
