"""The description of the interface: valid, complete, and true."""

import re

import jsonschema
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from sinddm_toolkit.api import Picture, Task, option
from sinddm_toolkit.studio.app import API
from sinddm_toolkit.studio.openapi import document

ID = "0" * 24


@pytest.fixture
def described(home):
    return document()


def check(value, name, described):
    """That `value` is as the schema `name` says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_it_is_openapi(client):
    found = client.get("/api/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    validate(found)


def test_every_address_is_described_and_no_other(described):
    served = {
        (method.lower(), re.sub(r":int", "", route.path))
        for route in API
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    told = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert served - {("get", "/api/plain.css")} == told


def test_what_is_answered_is_as_described(client, described, sent):
    about = client.get(f"/api/pictures/{sent()}").json()
    check(about, "Picture", described)
    for path, name in (("tasks", "Task"), ("run-options", "Option"), ("presets", "Preset")):
        found = client.get(f"/api/{path}").json()
        assert found
        for one in found:
            check(one, name, described)
    answer = client.post("/api/explain", json={"task": "harmonize", "bg": about["id"]})
    for one in answer.json():
        check(one, "Explained", described)
    check(client.get("/api/pictures/none").json(), "Error", described)


def test_a_done_edit_is_as_described(server, described):
    edit = server.ask(task="sample", image=server.send(), denoiser="closed-form", seed=1)
    check(edit, "State", described)
    done = server.over(edit)
    assert done["state"] == "done", done
    check(done, "State", described)


@pytest.mark.parametrize(
    "edit",
    [
        {"task": "harmonize", "bg": ID, "composite": ID, "start-step": 3, "seed": 5},
        {"task": [{"name": "sample", "image": ID}, {"name": "roi", "source": "1,2,3,4"}]},
        {"preset": "painted-in", "tone": 0.5},
        {"task": "sample", "preset": ["panorama"], "image": [ID, ID], "samples": 4, "group": "g"},
    ],
)
def test_what_can_be_asked_is_described(edit, described):
    check(edit, "Edit", described)


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"task": "nothing"},
        {"task": "harmonize", "tone": 2},
        {"task": "harmonize", "samples": "many"},
        {"task": [{"image": ID}]},
        {"task": []},
    ],
)
def test_what_can_not_be_asked_is_refused_by_the_schema_too(edit, described):
    with pytest.raises(jsonschema.ValidationError):
        check(edit, "Edit", described)


class Risky(Task):
    """Its words are no part of a page."""

    name = "risky"
    summary = "<script>alert(1)</script>"
    learns_from = "image"
    image: Picture = option("the <b>picture</b>")


def test_the_page_tells_of_every_task_and_escapes_its_words(client, sinddm_registry):
    page = client.get("/api/")
    assert page.headers["content-type"].startswith("text/html")
    for word in ("harmonize", "/api/edits/{id}/events", "strength"):
        assert word in page.text
    assert client.get("/api/plain.css").headers["content-type"].startswith("text/css")
    sinddm_registry(Risky)
    text = client.get("/api/").text
    assert "&lt;script&gt;" in text and "<script" not in text and "<b>picture" not in text
    validate(client.get("/api/openapi.json").json())
