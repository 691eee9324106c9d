"""Masks that tasks propose, explanations, presets saved: what is asked about an edit beforehand."""

import tomllib

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.api import Picture, Task, option
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.presets import user_folder


@pytest.fixture
def ids(pasted, studio):
    """The ids of bg.png and c.png."""
    names = ("bg.png", "c.png")
    return [studio.pictures.add_picture(read_picture(name), name).id for name in names]


def test_what_a_task_would_choose_is_shown(client, studio, ids):
    bg, composite = ids
    edit = {"task": "harmonize", "bg": bg, "composite": composite}
    square = np.zeros((60, 80), bool)
    square[20:35, 30:50] = True
    for name in ("mask", "harmonize.mask", "--mask"):
        answer = client.post("/api/proposals", json={**edit, "option": name})
        assert answer.status_code == 201, answer.text
        mask = studio.pictures.read(answer.json()["id"]).pixels[..., 0] > 0
        assert (mask == square).mean() > 0.98
    same = {**edit, "composite": bg, "option": "mask"}
    assert client.post("/api/proposals", json=same).json() == {"picture": None}


def test_without_torch(client, ids):
    """The server answers at once: what takes seconds to load is left to another process."""
    import subprocess
    import sys

    code = (
        "import sys, sinddm_toolkit.studio.app\n"
        "from sinddm_toolkit.host import registry\n"
        "task = registry.current().task('harmonize')(bg='bg.png', composite='c.png')\n"
        "assert task.proposed('mask') is not None\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("change", "status", "said", "flag"),
    [
        ({"option": "tone.mask"}, 400, "option: 'tone.mask' is none of this edit", None),
        ({"option": 5}, 400, "option must be text", None),
        ({"composite": None}, 422, "missing --composite", "--composite"),
        ({"tone": 7}, 422, "tone: 7.0 is not allowed", "--tone"),
    ],
)
def test_what_is_wrong_is_told(client, ids, change, status, said, flag):
    edit = {"task": "harmonize", "bg": ids[0], "composite": ids[1], "option": "mask"}
    answer = client.post("/api/proposals", json={**edit, **change})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"] and answer.json()["option"] == flag


class Odd(Task):
    """Proposes what is none."""

    name = "odd"
    summary = "proposes no picture"
    learns_from = "image"
    image: Picture = option("the picture")
    mask: Picture | None = option("a mask", default=None)

    def proposed(self, name):
        return np.zeros((3, 3))


def test_a_plugin_that_fails_is_named(client, ids, sinddm_registry):
    sinddm_registry(Odd)
    answer = client.post("/api/proposals", json={"task": "odd", "image": ids[0], "option": "mask"})
    assert answer.status_code == 500
    assert answer.json()["error"] == (
        "plugin odd failed in proposed: TypeError: it gave ndarray, not a picture"
    )


# Explained


def test_each_value_says_where_it_comes_from(client, ids, look):
    edit = {"task": "harmonize", "preset": "look", "bg": ids[0], "tone": 0}
    rows = {row["option"]: row for row in client.post("/api/explain", json=edit).json()}
    assert (rows["harmonize.tone"]["value"], rows["harmonize.tone"]["from"]) == ("0.0", "request")
    assert rows["harmonize.start-step"]["from"].startswith("preset look")
    assert rows["harmonize.bg"]["value"] == "bg.png"
    assert rows["harmonize.composite"]["from"] == "missing"
    assert rows["quality"]["value"] == "standard" and rows["seed"]["from"] == "default"


# Saved


def test_the_look_of_an_edit_is_kept_without_its_pictures(client, ids):
    edit = {
        "task": [
            {"name": "harmonize", "bg": ids[0], "composite": ids[1], "mask": ids[1], "tone": 0.25},
            {"name": "symmetric", "image": ids[0]},
        ],
        "seed": 5,
        "out": "o.png",
        "quality": "standard",
    }
    body = {"name": "mine", "summary": "as I like it", "edit": edit}
    answer = client.post("/api/presets", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["values"] == {"tone": 0.25, "quality": "standard", "symmetric": {}}
    assert tomllib.loads((user_folder() / "mine.toml").read_text()) == {
        "summary": "as I like it",
        "quality": "standard",
        "task": [{"name": "harmonize", "tone": 0.25}, {"name": "symmetric"}],
    }
    (found,) = [one for one in client.get("/api/presets").json() if one["own"]]
    assert found == answer.json()


def test_a_preset_is_replaced_only_if_that_is_asked_for(client):
    body = {"name": "mine", "summary": "", "edit": {"task": "harmonize", "tone": 0.5}}
    assert client.post("/api/presets", json=body).status_code == 201
    body["edit"] = {"task": "harmonize", "tone": 0.75}
    answer = client.post("/api/presets", json=body)
    assert answer.status_code == 409 and "mine already" in answer.json()["error"]
    assert "0.5" in (user_folder() / "mine.toml").read_text()
    assert client.post("/api/presets", json={**body, "overwrite": True}).status_code == 201
    assert "0.75" in (user_folder() / "mine.toml").read_text()


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "A", "x" * 300, ".hidden", "a.toml"])
def test_a_name_is_no_path(client, home, name):
    body = {"name": name, "summary": "", "edit": {"task": "harmonize"}}
    answer = client.post("/api/presets", json=body)
    assert answer.status_code == 422, answer.text
    assert [*home.rglob("*.toml")] == []


def test_a_picture_over_http_is_an_id(client):
    Image.new("RGB", (60, 60)).save("secret.png")
    for value in ("secret.png", "/etc/passwd", "http://a/b.png"):
        edit = {"task": "harmonize", "mask": value}
        body = {"name": "mine", "summary": "", "edit": edit}
        for path, sent in (("presets", body), ("explain", edit)):
            answer = client.post(f"/api/{path}", json=sent)
            assert answer.status_code == 422 and "id of a picture" in answer.json()["error"]
