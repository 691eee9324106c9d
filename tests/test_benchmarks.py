"""What the benchmarks are made of runs with the engine as it is."""

import importlib
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.settings.layers import COMMAND_LINE
from sinddm_toolkit.settings.request import make_tasks, one_run
from sinddm_toolkit.testing import oracle
from tests.conftest import texture

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Name → one of the scripts, as the others import it."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def subject(script, pasted):
    return script("measures").load_subject(Path("bg.png"))


def test_samples_of_a_denoiser_that_knows_the_picture_are_the_picture(script, subject):
    measures, picture = script("measures"), subject[0].scales[-1]
    samples, evaluations = measures.make_samples(oracle(Plan(*subject), *subject), *subject, (1, 2))
    assert torch.allclose(samples, picture.expand(2, -1, -1, -1), atol=1e-3)
    assert evaluations == 2 * sum(subject[1].starts)
    assert measures.diversity(samples, picture) < 1e-3
    assert max(measures.patch_distance(samples, picture)) < 0.02
    assert measures.detail(samples, picture) == pytest.approx(1, abs=1e-3)
    measures.save_sheet(Path("sheet.png"), [picture, samples])
    assert Image.open("sheet.png").size == (160, 128)


def test_the_error_is_that_of_what_is_predicted(script, subject):
    error = script("grid").grid_error
    assert error(lambda x, t, s: torch.zeros_like(x), subject[0]) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("init", ["random", "prior"])
def test_a_training_is_made_and_sampled(init, script, subject):
    quality = replace(QUALITIES["draft"], batch=1, crop=16)
    training = script("trainings").begin(quality, init, subject, updates_per_scale=2)
    before = [p.clone() for p in training.network.parameters()]
    predict = training.run()
    assert training.phase.made == 2 * subject[0].count
    assert not all(map(torch.equal, before, training.network.parameters()))
    samples, _ = script("measures").make_samples(predict, *subject, (1,), 1)
    assert samples.shape == (1, 3, 60, 80)


def test_a_prior_is_trained_and_an_interrupted_one_goes_on(script, home, monkeypatch):
    make_prior = script("make_prior")
    monkeypatch.setattr(make_prior, "CHECKPOINT_EVERY", 2)
    Image.fromarray(texture(120, 140)).save("p.png")
    views = make_prior.make_views(Path("p.png"), np.random.default_rng(0))
    assert len(views) == make_prior.VIEWS
    quality = replace(QUALITIES["draft"], width=8, batch=1, crop=16)
    first, again = (
        list(make_prior.train_prior(views[:1], quality, 2, Path("a.checkpoint")).parameters())
        for _ in range(2)
    )
    assert all(map(torch.equal, first, again))
    longer = make_prior.train_prior(views[:1], quality, 3, Path("a.checkpoint")).parameters()
    assert not all(map(torch.equal, first, longer))


def lines():
    """Picture → the command line that the gallery makes it by."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        gallery = importlib.import_module("gallery")
    tasks = {name: words for name, (words, _) in gallery.COMMANDS.items()}
    looks = {name: f"--preset {name} {words}" for name, (_, words, _) in gallery.LOOKS.items()}
    return {**tasks, **looks}


@pytest.mark.parametrize("name", lines())
def test_the_lines_of_the_gallery_are_understood(name, script, home):
    script("gallery").make_inputs(Path())
    parts = parts_of_line(shlex.split(lines()[name]))
    tasks, _ = make_tasks(one_run(parts, COMMAND_LINE))
    assert tasks
    for task in tasks:
        task.check()
