"""A person's own defaults: `config.toml`, and the command `config`."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import sinddm_toolkit as st
from sinddm_toolkit import home as place
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.reading import read_record
from sinddm_toolkit.settings.presets import load
from sinddm_toolkit.studio.requests import layer_of
from tests.conftest import SHORT

SAMPLE = ("run", "sample", "--image", "bg.png")


@pytest.fixture
def written():
    """Writes the file."""

    def write(text):
        path = place.home() / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_it_lies_above_the_defaults_and_below_all_else(written, look, explained, command):
    path = written('# always\nquality = "paper"\nmax_pixels = 4000\nsamples = 3\n')
    rows = explained(*SAMPLE)
    assert rows["quality"] == ("paper", f"config ({path}, line 2)")
    assert rows["max-pixels"][0] == "4000" and rows["seed"] == ("-", "default")
    rows = explained(*SAMPLE, "--preset", "thorough", "--samples", 1)
    assert rows["max-pixels"] == ("90000", f"preset thorough ({look / 'thorough.toml'}, line 2)")
    assert rows["samples"] == ("1", "command line") and rows["device"] == ("auto", "default")
    # The same in a batch and over HTTP.
    Path("rows.csv").write_text("task,image,samples\nsample,bg.png,2\n")
    rows = explained("batch", "rows.csv")
    assert rows["quality"][0] == "paper" and rows["samples"] == ("2", "row 1 (rows.csv, line 2)")
    layer = layer_of({"task": "sample", "samples": 2}, str)
    assert (layer.run["quality"].value, layer.run["samples"].value) == ("paper", 2)
    # It is in no preset that is saved, but where that is asked for.
    for keep in ([], ["--keep", "quality"]):
        assert command("presets", "save", "--overwrite", *keep, "mine", *SAMPLE[1:])[0] == 0
        assert [*load("mine").layer.run] == [one for one in keep if one == "quality"]


def test_it_yields_to_a_model_or_a_denoiser_that_decides(written, explained):
    written('quality = "paper"\ntrain-time = 9\ndevice = "cpu"\n')
    rows = explained(*SAMPLE, "--model", "ab")
    assert (rows["quality"][0], rows["train-time"][0]) == ("draft", "9.0")
    rows = explained(*SAMPLE, "--denoiser", "closed-form")
    assert (rows["quality"][0], rows["train-time"][0], rows["device"][0]) == ("paper", "-", "cpu")


def test_edits_from_python_and_trainings_have_it_and_replays_do_not(
    written, known, command, monkeypatch
):
    written("max-pixels = 2000\nsamples = 2\n")
    options = {"image": "bg.png", "painting": "bg.png", "start_step": 3, "seed": 1}
    made = st.run("paint", **options)
    assert len(made.pictures) == 2 and made.records[0]["options"]["max_pixels"] == 2000
    with st.Session(samples=1, model=made.model_key) as session:  # what it has goes before
        again = session.run("paint", **options)
    assert np.array_equal(again.image, made.image) and len(again.pictures) == 1
    assert st.train("bg.png", train_time=0, progress=False).key == made.model_key
    code, out, _ = command("train", "bg.png", "--train-time", 0, "--json")
    facts = json.loads(command("models", "show", json.loads(out)["model"], "--json")[1])
    height, width = facts["config"]["size"]
    assert code == 0 and (height, width) == (39, 52)
    monkeypatch.setenv("SINDDM_TK_CONFIG", "none")
    assert command(*SHORT, "--seed", 1, "--out", "a.png")[0] == 0
    monkeypatch.delenv("SINDDM_TK_CONFIG")
    assert command("replay", "a.png", "--out", "b.png")[0] == 0
    assert json.loads(read_record("b.png"))["options"]["max_pixels"] is None


def test_setting_keeps_all_else_that_is_in_the_file(written, command):
    path = written('# mine\ndevice = "cpu"  # slow\nno-plugin = [\n  "text",\n]\n# end')
    assert command("config", "set", "quality", "standard")[0] == 0
    assert command("config", "set", "no-plugin", "clip", "demo")[0] == 0
    assert command("config", "unset", "device")[0] == 0
    text = path.read_text()
    assert text.startswith("# mine\n") and "# end\n" in text and "cpu" not in text
    facts = json.loads(command("config", "list", "--json")[1])
    assert facts == {"no-plugin": ["clip", "demo"], "quality": "standard"}
    assert command("config", "get", "quality")[1] == "standard\n"
    assert command("config", "get", "device")[1] == "auto\n"  # the toolkit's
    assert command("config", "path")[1] == f"{path}\n"
    assert "line 7" in command("config", "list")[1]
    assert not {"clip", "demo"} & {record.name for record in registry.discover().records}


def test_what_is_wrong_is_told_and_nothing_is_written(command):
    for words, told in (
        (("set", "quality", "standrd"), "quality: standrd is not allowed"),
        (("set", "qualty", "draft"), "qualty: nothing is called so here, did you mean quality?"),
        (("set", "seed", "1"), "seed: that is said for each edit"),
        (("set", "samples", "1", "2"), "samples: give one value"),
        (("unset", "device"), "device is not set in"),
        (("get", "size"), "size: nothing is called so here"),
    ):
        code, out, err = command("config", *words)
        assert (code, out) == (2, "") and told in err and len(err.splitlines()) == 1
    assert not (place.home() / "config.toml").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("quality = 3", "line 1: quality: 3 is not allowed, give one of draft"),
        ("\nquolity = 3", "line 2: quolity: nothing is called so here, did you mean quality?"),
        ("quality = ", "is not TOML"),
        ("plugins-dir = 'p'", "plugins-dir: 'p' is not allowed, give a list of texts"),
        ("plugins-dir = ['nowhere']", "plugins-dir: there is no folder"),
        ("no-plugin = [1]", "no-plugin: [1] is not allowed"),
    ],
)
def test_a_broken_file_is_told_by_one_line(text, told, written, pasted, command):
    path = written(text)
    for words in (SAMPLE, ("train", "bg.png")):
        code, out, err = command(*words)
        assert (code, out) == (2, "") and err.startswith(f"sinddm-tk: {path}") and told in err
        assert len(err.splitlines()) == 1
    with pytest.raises(UserError, match=r"config\.toml"):
        st.run("sample", image="bg.png")
    assert command("config", "path")[:2] == (0, f"{path}\n")


def test_the_lines_and_the_file_of_the_guide(written, command, monkeypatch, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    lines = re.findall(r"^    sinddm-tk (config .*)$", text, re.M)
    assert len(lines) == 5
    for line in lines:
        assert command(*line.split())[0] == 0, line
    assert json.loads(command("config", "list", "--json")[1]) == {"quality": "standard"}
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sinddm-plugins").mkdir()
    written(re.search(r"```toml\n(.*?)```", text, re.S)[1])
    assert command("config", "list")[0] == 0 and command("plugins", "list")[0] == 0


def test_another_file_or_none(home, explained, command, monkeypatch, tmp_path):
    home.mkdir()
    (home / "config.toml").write_text("samples = 3\n")
    other = tmp_path / "other.toml"
    monkeypatch.setenv("SINDDM_TK_CONFIG", str(other))
    code, _, err = command(*SAMPLE, "--explain")
    assert (code, err) == (2, f"sinddm-tk: SINDDM_TK_CONFIG: there is no file {other}\n")
    assert command("config", "set", "samples", 2)[0] == 0
    assert explained(*SAMPLE)["samples"] == ("2", f"config ({other}, line 1)")
    for none in ("none", ""):
        monkeypatch.setenv("SINDDM_TK_CONFIG", none)
        assert explained(*SAMPLE)["samples"] == ("1", "default")
    code, _, err = command("config", "set", "samples", 2)
    assert code == 2 and "SINDDM_TK_CONFIG says that there is no config" in err
    monkeypatch.setenv("SINDDM_TK_CONFIG", str(tmp_path))
    code, _, err = command(*SAMPLE)
    assert code == 2 and "is a folder" in err and len(err.splitlines()) == 1


def test_plugins_of_its_folders_are_there(written, command):
    folder = place.home() / "mine"
    folder.mkdir(parents=True)
    (folder / "extra.py").write_text('__version__ = "7"\n')
    written('plugins-dir = ["mine"]\nno-plugin = ["text"]\n')  # from where the file is
    names = {record.name for record in registry.discover().records}
    assert "extra" in names and "text" not in names and "clip" in names
