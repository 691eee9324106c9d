"""The paper's figures and its table, as scripts and as notebooks of the same cells."""

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

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
    assert Image.open("figure5.png").size == (4 * 92 + 6, 2 * (47 + 26) + 6)


@pytest.mark.slow
def test_figure_6_shows_strength_against_fill(script):
    script("figure6.py", "--clip", CLIP, "--text", "red", "--strength", 0.3, "--fill", 0.2, 1)
    sheet = Image.open("figure6.png")
    one, other = (sheet.crop((x, 26, x + 80, 86)) for x in (6, 6 + (sheet.width - 6) // 2))
    assert one.tobytes() != other.tobytes()


def test_table_1_is_measured(script):
    told = dict(
        line.rsplit(maxsplit=1) for line in script("table1.py", "--samples", 3).splitlines()
    )
    assert 0.1 < float(told["pixel diversity"]) < 2
    assert 0 < float(told["patch distance"]) < 0.5
    assert told["NIQE"].endswith("small") or "NIQE" not in told


def test_the_page_for_researchers_runs(known, monkeypatch, tmp_path):
    """Its Python, one block after another."""
