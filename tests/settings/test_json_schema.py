"""The schema by which editors check presets."""

import json
import tomllib

import jsonschema

from sinddm_toolkit.settings import presets as preset_files


def test_the_schema_accepts_what_is_accepted_and_nothing_else(command, look):
    schema = json.loads(command("presets", "schema")[1])
    validator = jsonschema.Draft7Validator(schema)
    for _, path in preset_files.available().values():
        assert validator.is_valid(tomllib.loads(path.read_text())), path
    good = (
        {"task": "roi", "source": ["1,2,3,4"], "size": "2x1"},
        {"task": [{"name": "outpaint", "right": "50%"}, {"name": "roi"}], "seed": 3},
        {"extends": "look", "feather": 3},
        {"quality": "standard", "train-time": "5m"},
        {"task": "sample", "image": ["a.png", "b.png"]},
        {"task": "sample", "image": "a.png"},
    )
    bad = (
        {"task": "harmonize", "start-step": 3.7},
        {"task": "harmonize", "start-step": 101},
        {"task": "harmonize", "size": "2x1"},
        {"task": "harmonise"},
        {"qualty": "draft"},
        {"quality": "drft"},
        {"start-step": 3},
        {"task": [{"right": "50%"}]},
        {"task": "sample", "image": []},
        {"task": "sample", "image": ["a.png", 3]},
        {"task": "outpaint", "image": ["a.png", "b.png"]},
    )
    assert [validator.is_valid(one) for one in good] == [True] * len(good)
    assert [validator.is_valid(one) for one in bad] == [False] * len(bad)
