"""Every bundled task gives the pictures that it has always given."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.golden import edits
from tests.golden.edits import EDITS, ENVIRONMENT, HASHES, PICTURES


@pytest.fixture(scope="session")
def same_machine(tmp_path_factory):
    """Whether this is where the hashes were made: other machines and versions round otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        edits.with_models(tmp_path_factory.mktemp("golden"), patch)
        return edits.environment() == json.loads(ENVIRONMENT.read_text())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.endswith("-large") else ())
        for name in EDITS
    ],
)
def test_the_picture_is_what_it_was(name, tmp_path, monkeypatch, same_machine):
    edits.with_models(tmp_path / "home", monkeypatch)
    known = json.loads(HASHES.read_text())
    made = dict(EDITS[name].pictures())
    assert {name + suffix for suffix in made} == {k for k in known if k.rsplit("-", 1)[0] == name}
    for suffix, pixels in made.items():
        if same_machine:
            assert edits.content(pixels) == known[name + suffix]
        before = np.atleast_3d(np.asarray(Image.open(PICTURES / f"{name}{suffix}.png")))
        now = pixels // (257 if pixels.dtype == np.uint16 else 1)
        assert np.abs(now.astype(float) - before).mean() < EDITS[name].near
