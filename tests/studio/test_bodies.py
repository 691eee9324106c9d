"""Bodies that are nearly right: each is answered by a status and a line, none fails inside."""

import json
import random

import pytest

from sinddm_toolkit.settings.presets import user_folder
from tests.studio.test_fuzz import VALUES

ODD = [*VALUES, float("nan"), float("inf"), -1e308, 2**70, [[1, 2]] * 3, [[[5, 5]]], "mask", [{}]]


def bodies(given):
    """Path → a body that would do."""
    edit = {"task": "harmonize", "bg": given, "composite": given, "tone": 0.5}
    layer = {"picture": given, "x": 20, "y": 15, "scale": 1.5, "rotation": 10, "flip": True}
    outline = [[1, 1], [50, 2], [30, 40]]
    strokes = {"inside": [[[20, 20], [40, 30]]], "outside": [[[5, 5]]], "width": 5}
    return {
        "composites": {"background": given, "layers": [{**layer, "outline": outline}, layer]},
        "selections": {"picture": given, **strokes},
        "proposals": {**edit, "option": "mask"},
        "explain": {**edit, "preset": ["painted-in"]},
        "presets": {"name": "mine", "summary": "s", "edit": edit, "overwrite": True},
    }


def changed(value, dice):
    """The same with one value somewhere in it replaced, or left out."""
    places = list(value) if isinstance(value, dict) else range(len(value))
    if not places:
        return dice.choice(ODD)
    place = dice.choice(list(places))
    inner = value[place]
    found = value.copy()
    if isinstance(inner, (dict, list)) and dice.random() < 0.7:
        found[place] = changed(inner, dice)
    elif isinstance(value, dict) and dice.random() < 0.2:
        del found[place]
    else:
        found[place] = dice.choice(ODD)
    return found


@pytest.mark.parametrize("path", ["composites", "selections", "proposals", "explain", "presets"])
def test_what_is_nearly_right_is_answered_in_one_line(path, client, sent, home):
    dice = random.Random(path)
    body = bodies(sent())[path]
    statuses = set()
    for k in range(60):
        data = json.dumps(changed(body, dice) if k else body)
        answer = client.post(f"/api/{path}", content=data)
        statuses.add(answer.status_code)
        assert answer.status_code in (200, 201, 400, 404, 409, 422), (data, answer.text)
        if answer.status_code >= 400:
            assert "\n" not in answer.json()["error"], data
    assert statuses & {200, 201} and statuses & {400, 422}
    written = {file.name for file in home.rglob("*.toml")}
    assert written <= {f"{name}.toml" for name in ("mine", "0", *map(str, ODD))}
    assert all(file.parent == user_folder() for file in home.rglob("*.toml"))
