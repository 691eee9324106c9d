"""Files that version 0.1 wrote go on working: models, records, presets, batches and their state."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FILES = Path(__file__).parent / "version_0_1"
KEY = "cc0400069693fc73"


@pytest.fixture(autouse=True)
def files(home, tiny):
    """A copy of them in the working folder; its model is in the store."""
    shutil.copytree(FILES, Path.cwd(), dirs_exist_ok=True)
    shutil.copytree(FILES / "home", home, dirs_exist_ok=True)


def levels(path):
    return np.asarray(Image.open(path)).astype(float)


def test_its_model_is_listed_and_used(command):
    code, out, _ = command("models", "list", "--json")
    assert code == 0
    (model,) = json.loads(out)
    assert (model["model"], model["name"], model["updates"]) == (KEY, "bg.png", 30)
    words = ("run", "sample", "--image", "bg.png", "--train-time", 0, "--seed", 1, "--json")
    code, out, err = command(*words)
    assert code == 0, err
    assert json.loads(out)["model"] == KEY


@pytest.mark.parametrize("name", ["made.png", "joined.jpg"])
def test_its_pictures_are_replayed(command, name):
    code, out, err = command("replay", name, "--out", f"again-{name}", "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == KEY
    # Other machines round otherwise.
    assert np.abs(levels(f"again-{name}") - levels(name)).mean() < 12


def test_its_pictures_become_presets(command):
    code, _, err = command("presets", "save", "mine", "made.png")
    assert code == 0, err
    code, out, _ = command("presets", "show", "mine", "--json")
    assert ("harmonize.start-step", "9") in [
        (one["option"], one["value"]) for one in json.loads(out)
    ]


def test_its_presets_are_read(command):
    words = ("run", "--preset", "look.toml", "--bg", "bg.png", "--composite", "c.png", "--explain")
    code, out, err = command(*words)
    assert code == 0, err
    assert any(line.split()[:2] == ["harmonize.feather", "3.5"] for line in out.splitlines())


def test_its_batch_is_gone_on_with(command):
    """Done rows are not done again, and what is missing is."""
    paths = [Path("3-c.png"), *Path("edits-results").glob("*.png")]
    before = {path: path.read_bytes() for path in paths}
    Path("edits-results/c-harmonize-6.png").unlink()
    code, out, err = command("batch", "edits.toml", "--device", "cpu", "--json")
    assert code == 0, err
    counts = json.loads(out)
    assert (counts["done"], counts["kept"], counts["failed"]) == (1, 2, 0)
    for path, content in before.items():
        if path.name != "c-harmonize-6.png":
            assert path.read_bytes() == content
    assert Path("edits-results/c-harmonize-6.png").exists()
