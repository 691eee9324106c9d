"""Edits by a server in a process of its own: asked for, watched, the same bytes as by a line."""

import base64
import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.studio.conftest import DRAWN, MASK, png, serving, until

QUICK = {"denoiser": "closed-form", "sampling_steps": 1, "max_pixels": 1024, "seed": 4}
"""Needs no training."""
SAMPLE = {"task": "sample", "layouts": 0}
LONG = {**SAMPLE, "quality": "standard", "max_pixels": 1024}
"""A training that is to be cut off."""


def line_of(edit):
    """The words of a line that asks for the same."""
    words = ["run", edit["task"]]
    for name, value in edit.items():
        if name != "task":
            words += [f"--{name.replace('_', '-')}", value]
    return words


@pytest.mark.slow
def test_a_result_is_that_of_the_command_line_byte_for_byte(server, command):
    Path("bg.png").write_bytes(DRAWN)
    Path("mask.png").write_bytes(png(MASK))
    edit = {"task": "inpaint", **QUICK, "samples": 2}
    found = server.ask(**edit, image=server.send(), mask=server.send(png(MASK), "mask.png"))
    over = server.over(found)
    assert (over["state"], over["error"]) == ("done", None)
    line = line_of({**edit, "image": "bg.png", "mask": "mask.png", "out": "o.png"})
    assert command(*line)[0] == 0
    for k, result in enumerate(over["results"], 1):
        assert result["seed"] == 3 + k
        assert result["name"] == f"bg-inpaint-{k}.png"
        made = server.client.get(f"/api/edits/{found['id']}/results/{result['name']}")
        assert made.headers["content-type"] == "image/png"
        assert made.content == Path(f"o-{k}.png").read_bytes()
        about = server.client.get(f"/api/pictures/{result['picture']}").json()
        assert (about["width"], about["height"]) == (result["width"], result["height"]) == (80, 60)
    assert over["sheet"] == "bg-inpaint-sheet.png"
    sheet = server.client.get(f"/api/edits/{found['id']}/results/{over['sheet']}?download=1")
    assert sheet.content == Path("o-sheet.png").read_bytes()
    assert sheet.headers["content-disposition"].startswith("attachment")


def test_a_result_that_was_taken_home_can_be_replayed(server, command):
    found = server.ask(**SAMPLE, image=server.send(name="home.png"), **QUICK)
    name = server.over(found)["results"][0]["name"]
    Path("home.png").write_bytes(DRAWN)
    made = server.client.get(f"/api/edits/{found['id']}/results/{name}").content
    Path(name).write_bytes(made)
    assert command("replay", name, "--out", "again.png")[0] == 0
    assert Path("again.png").read_bytes() == made


def test_pictures_can_come_with_the_edit(server):
    edit = {"task": "harmonize", "bg": "below", "composite": "above", "save-mask": "{out}-m.png"}
    composite = np.asarray(Image.open(io.BytesIO(DRAWN))).copy()
    composite[20:35, 30:50] = (250, 10, 10)
    files = {"below": ("sea.png", DRAWN), "above": ("boat.png", png(composite))}
    data = {"edit": json.dumps({**edit, **QUICK})}
    answer = server.client.post("/api/edits", data=data, files=files)
    assert answer.status_code == 202, answer.text
    over = server.over(answer.json())
    assert [one["name"] for one in over["results"]] == ["boat-harmonize.png"]
    (extra,) = over["extras"]
    assert extra["name"] == "boat-harmonize-m.png"
    assert server.client.get(f"/api/pictures/{extra['picture']}").json()["width"] == 80
    assert sorted(over["names"].values()) == ["boat.png", "sea.png"]
    strange = server.client.post("/api/edits", data=data, files={**files, "other": ("x", DRAWN)})
    assert (strange.status_code, "other" in strange.json()["error"]) == (400, True)


def test_what_the_plan_refuses_is_said_at_once_with_its_option(server):
    edit = {"task": "inpaint", "image": server.send(), "mask": "0,0,90,90"}
    answer = server.client.post("/api/edits", json=edit)
    assert answer.status_code == 422
    assert answer.json()["option"] == "--mask"
    assert "bg.png" in answer.json()["error"]
    small = {"task": "sample", "image": server.send(png(MASK[:8, :8]), "small.png")}
    answer = server.client.post("/api/edits", json=small)
    assert (answer.status_code, "small.png" in answer.json()["error"]) == (422, True)


def test_a_watcher_sees_the_picture_form(server):
    found = server.ask(**SAMPLE, image=server.send(), **{**QUICK, "sampling_steps": 4})
    told = list(server.events(found))
    assert told[0][0] == "state"
    assert told[-1][1]["state"] == "done"
    progress = [data for kind, data in told if kind == "progress"]
    assert progress[-1]["done"] == progress[-1]["steps"] > 0
    assert all(set(one) == PROGRESS for one in progress)
    (*_, last) = (data for kind, data in told if kind == "preview")
    url = last["pictures"][0].removeprefix("data:image/jpeg;base64,")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url)))).astype(float)
    name = told[-1][1]["results"][0]["name"]
    made = server.client.get(f"/api/edits/{found['id']}/results/{name}").content
    made = np.asarray(Image.open(io.BytesIO(made)).convert("RGB")).astype(float)
    assert shown.shape == made.shape
    assert abs(shown - made).mean() < 12  # the last step's, but for JPEG


PROGRESS = {"id", "what", "done", "steps", "detail", "error", "left"}


@pytest.mark.slow
def test_cancel_keeps_what_was_learnt_and_the_next_edit_goes_on(server):
    image = server.send(png(MASK + np.arange(80, dtype=np.uint8)), "learnt.png")
    found = server.ask(**LONG, image=image, seed=1)
    waits = server.ask(**SAMPLE, image=image, **QUICK)
    assert (waits["state"], waits["position"]) == ("waiting", 1)
    server.training(found)
    assert server.client.delete(f"/api/edits/{found['id']}").status_code == 409
    for _ in range(3):  # a hasty hand does not cut off what is being kept
        server.cancel(found)
    over = server.over(found)
    assert over["state"] == "cancelled"
    assert over["notes"] == ["what was learnt is kept: the next run goes on from there"]
    assert server.over(waits)["state"] == "done"
    models = json.loads(server.command("models", "list", "--json"))
    (model,) = [one for one in models if one["name"] == "learnt.png"]
    assert model["updates"] > 0
    server.cancel(waits)
    assert server.state(waits)["state"] == "done"  # there is nothing to cancel


def test_one_that_waits_is_cancelled_where_it_stands_and_forgotten(server):
    image = server.send()
    runs = server.ask(**LONG, image=image, seed=1)
    first, second = (server.ask(**SAMPLE, image=image, **QUICK, group="g") for _ in "ab")
    assert (first["position"], second["position"]) == (1, 2)
    assert server.cancel(first)["state"] == "cancelled"
    assert server.state(second)["position"] == 1
    assert server.client.delete(f"/api/edits/{second['id']}").status_code == 204
    assert server.client.get(f"/api/edits/{second['id']}").status_code == 404
    server.training(runs)
    server.cancel(runs)
    assert server.over(runs)["state"] == "cancelled"


def test_what_an_edit_has_made_goes_with_it_unless_another_uses_it(server):
    first = server.over(server.ask(**SAMPLE, image=server.send(), **QUICK, samples=2))
    used, unused = (one["picture"] for one in first["results"])
    second = server.over(server.ask(**SAMPLE, image=used, **QUICK))
    assert second["names"] == {used: "bg-sample-1.png"}
    assert server.client.delete(f"/api/edits/{first['id']}").status_code == 204
    assert server.client.get(f"/api/pictures/{unused}").status_code == 404
    assert server.client.get(f"/api/pictures/{used}").status_code == 200


def test_the_history_is_searched_and_paged(server):
    image = server.send(name="lighthouse.png")
    edits = [server.ask(**SAMPLE, image=image, **QUICK, group=f"g{k}") for k in range(3)]
    for edit in edits:
        server.over(edit)

    def listed(**query):
        return [one["id"] for one in server.client.get("/api/edits", params=query).json()]

    newest = [edit["id"] for edit in reversed(edits)]
    assert listed(search="LIGHTHOUSE sample") == newest
    assert listed(search="lighthouse g1") == [newest[1]]
    assert listed(search="lighthouse", limit=2) == newest[:2]
    assert listed(search="lighthouse", before=newest[1]) == newest[2:]
    assert listed(search="nothing like it") == []
    # By what the task says of itself, by what was asked for; but not by letters of an id.
    assert listed(search="variations lighthouse") == newest
    assert listed(search="sampling-steps lighthouse") == newest
    assert listed(search=f"lighthouse {image[:6]}") == []


@pytest.mark.slow
def test_a_worker_that_dies_fails_its_edit_and_another_takes_its_place(server):
    image = server.send()
    found = server.ask(**LONG, image=image, seed=1)
    server.training(found)
    os.kill(server.worker(), signal.SIGKILL)
    over = server.over(found)
    assert over["state"] == "failed"
    assert over["error"] == "the process that carried it out ended (is there enough memory?)"
    assert server.over(server.ask(**SAMPLE, image=image, **QUICK))["state"] == "done"


@pytest.mark.slow
def test_the_queue_outlives_the_server(tmp_path):
    with serving(tmp_path) as server:
        image = server.send()
        done = server.over(server.ask(**SAMPLE, image=image, **QUICK))
        runs = server.ask(**LONG, image=image, seed=1)
        waits = server.ask(**SAMPLE, image=image, **QUICK)
        server.training(runs)
        worker = server.worker()
        server.end(signal.SIGKILL)
        until(lambda: not Path(f"/proc/{worker}/cmdline").exists() or is_zombie(worker))
        server.start()
        assert server.state(done) == done
        assert server.state(runs)["state"] == "running"
        assert server.state(waits)["position"] == 1
        server.cancel(runs)  # long before the new worker can begin
        assert server.over(runs)["state"] == "cancelled"
        assert server.over(waits)["results"][0]["seed"] == 4
        assert server.end() == 0  # by Ctrl-C
        assert "Traceback" not in server.log()


def is_zombie(number):
    return "State:\tZ" in Path(f"/proc/{number}/status").read_text()
