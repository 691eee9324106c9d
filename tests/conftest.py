"""Small pictures, small trainings, and a store of its own for every test."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from importlib import metadata

# Networks this small gain nothing from threads, and lose much where other programs want the cores.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.cli.progress import PlainEvents
from sinddm_toolkit.engine import training
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.host import registry
from sinddm_toolkit.testing import drawn_picture, make_trainings_tiny

# Started in the background or by nohup, a shell's children ignore these, and so would the commands
# under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def installed_are_looked_for_once():
    """Reading what is installed takes longer than most tests: done once for each search path."""
    looked_for, found = metadata.entry_points, {}

    def entry_points(**wanted):
        key = (*sys.path, *wanted.items())
        if key not in found:
            found[key] = looked_for(**wanted)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "entry_points", entry_points)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """An empty store, an empty working folder and a fresh registry."""
    root = tmp_path_factory.mktemp("place")
    monkeypatch.setenv("SINDDM_TK_HOME", str(root / "home"))
    monkeypatch.delenv("SINDDM_TK_PLUGINS_DIR", raising=False)
    monkeypatch.setattr(registry, "_current", None)
    work = root / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return root / "home"


@pytest.fixture
def tiny(monkeypatch):
    """Makes `draft` a training of a second."""
    make_trainings_tiny(monkeypatch)


@pytest.fixture
def coloured(monkeypatch):
    """Makes `draft` a training of two seconds, which is enough for large spots of colour."""
    quality = dataclasses.replace(
        QUALITIES["draft"], width=16, steps_per_scale=120, guided_steps_per_scale=120
    )
    monkeypatch.setitem(QUALITIES, "draft", quality)


@pytest.fixture
def small(monkeypatch):
    """Makes `draft` a training of some seconds, whose pictures look like what was learnt."""
    quality = dataclasses.replace(QUALITIES["draft"], width=32, steps_per_scale=120)
    monkeypatch.setitem(QUALITIES, "draft", quality)
    return quality


def texture(h: int, w: int, seed: int = 0) -> np.ndarray:
    """A striped picture (h, w, 3) uint8 with some grain."""
    return drawn_picture((h, w), seed).pixels


@pytest.fixture
def pasted(home):
    """bg.png and c.png in the working folder: 60×80, a red square at rows 20-35, columns 30-50."""
    background = texture(60, 80)
    composite = background.copy()
    composite[20:35, 30:50] = (250, 10, 10)
    Image.fromarray(background).save("bg.png")
    Image.fromarray(composite).save("c.png")
    return composite


@pytest.fixture
def known(home, sinddm_home, sinddm_picture):
    """bg.png in the working folder, a picture whose model is there already."""
    Image.fromarray(sinddm_picture.pixels).save("bg.png")
    return sinddm_picture


SHORT = ("run", "paint", "--image", "bg.png", "--painting", "bg.png", "--start-step", 3, "-q")
"""A run of three steps at scale 1, for what does not depend on how many there are."""


@pytest.fixture
def command(capfd):
    """Runs a command line in this process → (exit code, standard output, standard error)."""
    from sinddm_toolkit.cli.main import main

    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return int(exit_info.value.code or 0), out, err

    return run


@pytest.fixture
def fewer_steps(monkeypatch):
    """What the repeated steps of regions are for is seen by eye; here they only take time."""
    from sinddm_toolkit.plugins.regions import pinning

    monkeypatch.setattr(pinning, "LAYOUT_RESAMPLINGS", 1)


LOOK = 'summary = "softer"\ntask = "harmonize"\nstart-step = 8\nquality = "standard"\n'


@pytest.fixture
def look(home):
    """The folder of one's own presets: look, softer, which extends it, and thorough."""
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "look.toml").write_text(LOOK)
    (folder / "softer.toml").write_text('extends = "look"\nfeather = 9\n')
    (folder / "thorough.toml").write_text('quality = "paper"\nmax-pixels = 90000\n')
    return folder


@pytest.fixture
def explained(command):
    """Option → (value, origin) of a line."""

    def run(*words):
        code, out, err = command(*words, "--explain", "--json")
        assert code == 0, err
        return {row["option"]: (row["value"], row["from"]) for row in json.loads(out)}

    return run


class Power(BaseException):
    """Goes off: nothing is done any more."""


@pytest.fixture
def cut_off(command, monkeypatch):
    """Runs a command whose process dies when a training has made so many updates."""

    def run(made, *words):
        def report(events, report):
            if report.step == made:
                raise Power

        with monkeypatch.context() as patch:
            patch.setattr(training, "KEEP_EVERY", 0.0)
            patch.setattr(PlainEvents, "training", report)
            with pytest.raises(Power):
                command(*words)

    return run
