"""Records of pictures."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import texture
from tests.edits.records import QUICK, record_in

BY_THE_NETWORK = (
    *("run", "sample", "--image", "bg.png"),
    *("--layouts", 0, "--likeness", 0),
)
"""What needs all scales to be learnt, and nothing else."""


@pytest.fixture
def pasted_record(command, pasted):
    """Of a picture made by two pictures, a mask and no training, and of one more task."""
    mask = texture(60, 80) * 0
    mask[18:38, 28:52] = 255
    Image.fromarray(mask).save("m.png")
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--mask", "m.png")
    code, _, err = command(*words, *QUICK, "--seed", 1, "--out", "h.png")
    assert code == 0, err
    return record_in("h.png")


@pytest.fixture(scope="session")
def kept():
    """Files that are as well made once, by their names."""
    return {}


@pytest.fixture
def trained_record(command, pasted, tiny, kept):
    """Of a picture made by a model trained for it, all scales, which is no longer there."""
    if "o.png" not in kept:
        code, _, err = command(*BY_THE_NETWORK, "--seed", 1, "--out", "o.png")
        assert code == 0, err
        assert command("models", "remove", "--all")[0] == 0
        kept["o.png"] = Path("o.png").read_bytes()
    Path("o.png").write_bytes(kept["o.png"])
    return record_in("o.png")
