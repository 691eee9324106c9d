"""A thousand requests by chance: all are answered, none fails inside or writes outside."""

import random
import string

import pytest

from tests.studio.conftest import DRAWN

REQUESTS = 1000
METHODS = ("GET", "POST", "DELETE", "PUT", "HEAD", "PATCH", "OPTIONS")
PARTS = (
    *("api", "pictures", "edits", "events", "levels", "results", "file", "cancel", "static"),
    *("0", "0-0.png", "-1", "99999999999999999999", "index.html", "tasks", "presets", "models"),
    *("..", "%2e%2e", "%2f", "%00", "%ff", "etc", "passwd", "..%2f..%2fetc%2fpasswd", "~", ""),
    *("a" * 24, "c:", "\\\\host", "%0d%0aX-Y:z", "é", "💥", "selections", "composites", "explain"),
)
VALUES = (
    *(None, True, -1, 0, 1, 1.5, 10**30, "", "0", "x" * 5000, "\0", "é💥", "../../x.png"),
    *("/etc/passwd", "http://127.0.0.1:1/x.png", "file:///etc/passwd", "{out}", "{out}/../x"),
    *("a" * 24, [], {}, [[]], [[[1]]], {"a": {"b": 1}}, "10,10,20,20", "-5,0,1,1", "50%", "1e999"),
    *("<script>", "$(touch /tmp/x)", "out.png", "out.exe", "NUL", "a.png", "--out", "inpaint"),
)
RAW = (
    *(b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"task": NaN}', b'{"task": "\\ud800"}', b"1e999"),
    *(b'{"task": "sample", "seed": 1e999}', b"[" * 5000, b'{"a":' * 500 + b"1" + b"}" * 500),
    *(b'{"seed": ' + b"9" * 5000 + b"}", b'{"task": "sample", "task": []}', bytes(1000)),
)
KEYS = (
    *("task", "image", "mask", "bg", "composite", "out", "seed", "samples", "quality", "model"),
    *("preset", "denoiser", "save-mask", "sampling_steps", "group", "strength", "name", "device"),
    *("inpaint.mask", "sample", "__class__", "", ".", "a.b.c", "overwrite", "max-pixels"),
)


@pytest.fixture
def dice():
    return random.Random(20)


def path(dice, ids):
    if dice.random() < 0.3:
        kind, given = dice.choice(ids)
        rest = dice.choice(("", "/file", "/levels/0/0-0.png", "/cancel", "/results/a.png", "/x"))
        return f"/api/{kind}/{given}{rest}"
    if dice.random() < 0.4:
        return "/api/" + dice.choice(("pictures", "edits", "composites", "explain", "presets"))
    return "/" + "/".join(dice.choices(PARTS, k=dice.randint(0, 5)))


def edit(dice, image):
    """One that might do, changed by chance; it needs no training, whatever else it needs."""
    made = {"task": "sample", "image": image, "sampling_steps": 1}
    for _ in range(dice.choice((0, 1, 1, 2, 4))):
        made[dice.choice(KEYS)] = dice.choice(VALUES)
    if dice.random() < 0.3:
        made["task"] = [{"name": "sample", **made}, dice.choice(VALUES)]
    return {**made, "denoiser": "closed-form", "max_pixels": 1024}


def body(dice, image):
    """How a request goes on: JSON, bytes, a form, noise."""
    kind = dice.randrange(5)
    if kind == 0:
        return {"json": edit(dice, image)}
    if kind == 1:
        return {"content": dice.choice(RAW), "headers": {"Content-Type": "application/json"}}
    if kind == 2:
        data = bytearray(DRAWN)
        for _ in range(dice.choice((0, 3, 300))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        name = "".join(dice.choices(string.printable, k=dice.randint(0, 30)))
        field = dice.choice(("file", "edit", "image", "../x"))
        return {"files": {field: (name, bytes(data))}, "data": {"edit": dice.choice(("{}", "x"))}}
    if kind == 3:
        form = {"Content-Type": dice.choice(("multipart/form-data; boundary=a", "multipart/x", ""))}
        return {"content": dice.randbytes(dice.randint(0, 200)), "headers": form}
    names = ("limit", "before", "search", "download", "token")
    return {"params": {dice.choice(names): str(dice.choice(VALUES))[:200]}}


def files_outside(server):
    """All but what the studio keeps and the log."""
    kept = (server.home / "studio", server.folder / "log")
    found = (one for one in server.folder.rglob("*") if one.is_file())
    return {one: one.stat().st_mtime_ns for one in found if not any(map(one.is_relative_to, kept))}


def test_a_thousand_requests_by_chance(server, dice):
    image = server.send()
    quick = {"task": "sample", "denoiser": "closed-form", "sampling_steps": 1, "image": image}
    ids = [("pictures", image), ("edits", server.ask(**quick)["id"])]
    before, seen = files_outside(server), set()
    for _ in range(REQUESTS):
        method = dice.choice(METHODS) if dice.random() < 0.5 else "POST"
        asked = {} if method in ("GET", "HEAD", "OPTIONS") else body(dice, image)
        try:
            request = server.client.build_request(method, path(dice, ids), **asked)
        except ValueError:  # there are addresses that not even the client can write
            continue
        answer = server.client.send(request, stream=True)
        seen.add(answer.status_code)
        assert answer.status_code < 500, (method, request.url, asked)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            assert b"Traceback" not in answer.read()
        answer.close()
        if answer.status_code == 202:
            server.client.post(f"/api/edits/{answer.json()['id']}/cancel")
    assert {200, 202, 400, 404, 405, 422} <= seen
    assert files_outside(server) == before
    assert "Traceback" not in server.log()
    assert server.over(server.ask(**{**quick, "image": server.send()}))["state"] == "done"
