"""The paper's figures and its table, as scripts and as notebooks of the same cells."""

import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.host import registry

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "examples" / "research"
CLIP = ROOT / "tests" / "small_clip" / "small_clip.json"
WRITER = runpy.run_path(str(FOLDER / "make_notebooks.py"))


@pytest.mark.parametrize("name", WRITER["SCRIPTS"])
def test_the_notebooks_are_the_scripts_which_are_short(name):
    text = (FOLDER / name).read_text()
    assert len(text.splitlines()) <= 40
    written = (FOLDER / name).with_suffix(".ipynb").read_text()
    assert WRITER["notebook"](text) == written, (
        "run python docs/examples/research/make_notebooks.py"
    )
    assert name in (ROOT / "docs" / "research.md").read_text()


@pytest.fixture
def script(known, monkeypatch, capsys):
    """Runs one in the working folder, on a small picture → what it prints."""

    def run(name, *words):
        words = ["--picture", "bg.png", *map(str, words)]
        monkeypatch.setattr(sys, "argv", [name, *words, "-f", "a-kernel-s.json"])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_figure_5_shows_a_model_without_blur_and_one_with_it(script):
    told = script("figure5.py", "--max-pixels", 3000).splitlines()
    assert told[0].startswith("without blur: <model ") and told[1].startswith("with blur: <model ")
    assert Image.open("figure5.png").size == (4 * 82 + 6, 2 * (47 + 26) + 6)


@pytest.mark.slow
def test_figure_6_shows_strength_against_fill(script):
    script(
        "figure6.py",
        "--clip",
        CLIP,
        "--text",
        "red",
        "--strength",
        0.3,
        "--fill",
        0.2,
        1,
        "--views",
        1,
    )
    sheet = Image.open("figure6.png")
    one, other = (sheet.crop((x, 26, x + 80, 86)) for x in (6, 6 + (sheet.width - 6) // 2))
    assert one.tobytes() != other.tobytes()


@pytest.mark.slow
def test_table_1_is_measured(script, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.engine.measures.PATCHES", 500)
    lines = script("table1.py", "--samples", 2).splitlines()
    told = {line[:18].strip(): line[18:] for line in lines}
    assert 0.1 < float(told["pixel diversity"]) < 2
    assert 0 < float(told["patch distance"]) < 0.5
    missing = "is not installed, which this measure needs: pip install 'sinddm-toolkit[measures]'"
    if not told["Fréchet distance"].endswith(missing):
        assert 0 < float(told["Fréchet distance"]) < 1e6
    assert told["NIQE"] == "too small" or told["NIQE"].endswith(missing)


@pytest.mark.slow
def test_the_page_for_researchers_runs(known, monkeypatch):
    """Its Python, one block after the other; the block with a plugin is the file it says it is."""
    page = (ROOT / "docs" / "research.md").read_text()
    shutil.copy("bg.png", "picture.png")
    Path("plugins").mkdir()
    monkeypatch.setattr(registry, "_current", None)
    place = {}
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.S | re.M):
        if "make_service" in code:
            Path("plugins", "plain.py").write_text(code)
        else:
            exec(code, place)
    model, adam, plain = place["model"], place["adam"], place["plain"]
    how = {"max_pixels": 24_000, "layouts": 0, "likeness": 0}
    by_task = st.run("sample", image="picture.png", seed=3, **how)
    made = st.sample(model, seed=3)
    assert made.images[0].tobytes() == by_task.image.tobytes()
    assert place["darker"].x.mean() < made.x.mean()
    assert (place["x0"] - model.pyramid.scales[1]).abs().mean() < 0.5
    others = [place["sharp"], place["other"], adam, plain]
    assert len({model.key, *(one.key for one in others)}) == 5
    table = re.findall(r"^\| (`.*?) \|", page, re.M)
    attributes = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert len(attributes) > 8 and all(hasattr(model, name) for name in attributes)
