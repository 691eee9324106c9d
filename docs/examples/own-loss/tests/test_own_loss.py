import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from sinddm_own_loss import FOLDER_VARIABLE, OwnLoss, stepped, strongest

from sinddm_toolkit.api import Task, UserError, hookimpl

RED = """
def loss(x0):
    return -(x0[:, 0] - x0[:, 1:].mean(dim=1)).mean(dim=(1, 2))

def right(x0):
    return loss(x0[..., x0.shape[-1] // 2 :])

def smooth(x0):
    return (x0[..., 1:] - x0[..., :-1]).square().mean(dim=(1, 2, 3))

def content(x0):
    return 0 * x0.sum(dim=(1, 2, 3))
"""

ALONE = {"layouts": 0, "likeness": 0.0}
"""A random picture that the network makes at all scales, which the loss then changes."""


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """That of the losses."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


@pytest.fixture
def red(tmp_path):
    """A file of losses that ask for red."""
    path = tmp_path / "red.py"
    path.write_text(RED)
    return path


def redness(picture):
    """Of each pixel, how much more red than green and blue it is."""
    pixels = picture.pixels.astype(float)
    return pixels[..., 0] - pixels[..., 1:].mean(axis=2)


class Watch(Task):
    """Keeps what each step made of x̂0."""

    name = "watch"
    summary = "keep what the steps make"
    learns_from = None

    seen: ClassVar[dict] = {}

    @hookimpl
    def after_step(self, run, step):
        self.seen[step.s, step.t] = step.x0, run.pyramid.scales[step.s]


def test_a_step_goes_against_the_gradient_and_no_further_than_it_is_told(red, sinddm_run):
    # The oracle always predicts the picture itself: a step can be worked out by hand.
    sinddm_run(OwnLoss, oracle=True, loss=red, strength=0.1, also={Watch: {}})
    moved, x = Watch.seen[max(Watch.seen)]  # the first of the finest scale
    ascent = torch.tensor([1, -0.5, -0.5]).view(1, 3, 1, 1).expand_as(x)
    expected = (x + 0.1 * x.norm() / ascent.norm() * ascent).clamp(-1, 1)
    assert torch.allclose(moved, expected, atol=1e-3)
    untouched, x = Watch.seen[0, 0]  # the layout is not guided
    assert torch.allclose(untouched, x, atol=1e-3)


def test_the_last_steps_are_the_models(red, sinddm_run, sinddm_picture):
    pixels = sinddm_run(OwnLoss, oracle=True, loss=red, strength=1).picture.pixels
    assert np.abs(pixels.astype(int) - sinddm_picture.pixels).max() <= 1


@pytest.mark.parametrize("through", [False, True])
def test_it_joins_random_pictures(through, red, sinddm_run):
    plain = sinddm_run("sample", **ALONE, samples=2)
    guided = sinddm_run(
        "sample", **ALONE, samples=2, also={OwnLoss: {"loss": red, "through": through}}
    )
    for before, after, record in zip(plain.pictures, guided.pictures, guided.records, strict=True):
        assert redness(after).mean() > redness(before).mean() + 5
        told = record["metadata"]["own-loss"]["loss"]
        assert told["last"] < told["first"]
        assert record["tasks"][1]["options"]["loss"]["sha256"]


def test_a_sample_is_the_same_in_any_pass(red, sinddm_run, monkeypatch):
    together = sinddm_run("sample", **ALONE, samples=2, also={OwnLoss: {"loss": red}})
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)
    apart = sinddm_run("sample", **ALONE, samples=2, also={OwnLoss: {"loss": red}})
    assert together.records == apart.records
    for one, other in zip(together.pictures, apart.pictures, strict=True):
        assert np.array_equal(one.pixels, other.pixels)


def test_only_where_the_gradient_is_strongest(red, sinddm_run):
    plain = sinddm_run("sample", **ALONE, seed=3).picture
    asked = {"loss": red, "function": "right", "fill": 0.5}
    guided = sinddm_run("sample", **ALONE, seed=3, also={OwnLoss: asked}).picture
    more = redness(guided) - redness(plain)
    # To the left of the middle is what the network makes of it, a few pixels further each step.
    assert more[:, 44:].mean() > 5 and np.abs(more[:, :20].mean()) < 1


def test_what_another_task_holds_fast_stays(red, sinddm_run, sinddm_picture):
    edit = {"image": sinddm_picture, "right": 40, "feather": 0}
    plain = sinddm_run("outpaint", **edit).picture
    asked = {"loss": red, "function": "smooth", "strength": 0.2}
    guided = sinddm_run("outpaint", **edit, also={OwnLoss: asked}).picture
    assert np.array_equal(guided.pixels[:, :80], sinddm_picture.pixels)
    before, after = (np.diff(one.rgb()[:, 80:], axis=1).std() for one in (plain, guided))
    assert after < 0.9 * before


def test_it_joins_tasks_that_repaint(red, sinddm_run, sinddm_picture):
    composite = sinddm_picture.pixels.copy()
    composite[20:35, 30:50] = 128
    edit = {"bg": sinddm_picture, "composite": composite}
    plain = sinddm_run("harmonize", **edit).picture
    guided = sinddm_run("harmonize", **edit, also={OwnLoss: {"loss": red}}).picture
    assert (redness(guided) - redness(plain))[20:35, 30:50].mean() > 1
    assert np.array_equal(guided.pixels[:, :8], sinddm_picture.pixels[:, :8])


def test_without_strength_or_gradient_nothing_changes(red, sinddm_run):
    plain = sinddm_run("sample", **ALONE).picture.pixels
    for asked in ({"strength": 0}, {"function": "content"}):
        guided = sinddm_run("sample", **ALONE, also={OwnLoss: {"loss": red, **asked}})
        assert np.array_equal(guided.picture.pixels, plain)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "No such file"),
        ("def loss(x0:", "was never closed"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("loss = 3", "there is no function loss in it; give --function"),
        ("def loss(x0): return x0.nothing", "loss(x0) failed: AttributeError: 'Tensor' object"),
        ("def loss(x0): return 1.0", "gives float: it must give a tensor with a loss a sample"),
        ("def loss(x0): return x0.mean()", "of shape (): it must give a tensor with a loss a"),
        ("def loss(x0): return x0.detach().sum((1, 2, 3))", "in a way that has gradients"),
        ("def loss(x0): return x0.sum((1, 2, 3)) / 0", "losses must be finite"),
    ],
)
def test_what_is_no_loss_is_refused(code, said, sinddm_run, tmp_path):
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(UserError) as raised:
        sinddm_run(OwnLoss, oracle=True, loss=path)
    text = str(raised.value)
    assert text.startswith(f"--loss {path}: ") and said in text and "\n" not in text


def test_the_share_of_the_strongest():
    gradient = torch.zeros(2, 3, 4, 5)
    gradient[0, :, 1, 2], gradient[1, :, 3] = 2, 1
    mask = strongest(gradient, 0.25)
    assert mask[0].sum() == 1 and mask[0, 0, 1, 2] == 1
    assert mask[1].sum() == 5 and mask[1, 0, 3].all()
    x0 = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 0.1
    moved = stepped(x0, gradient, mask, 0.5)
    step = (moved - x0).flatten(1).norm(dim=1)
    assert torch.allclose(step, 0.5 * (x0 * mask).flatten(1).norm(dim=1))


def test_it_is_installed(sinddm_run, red, tmp_path):
    out = tmp_path / "o.png"
    result = sinddm_run("sample", **ALONE, out=out, oracle=True, also={"own-loss": {"loss": red}})
    assert result.outputs == [out] and json.dumps(result.records)


def test_only_what_lies_in_the_folder_of_losses_is_run(sinddm_run, red, tmp_path, monkeypatch):
    """A preset or a record may name a stranger's program beside it."""
    strange = tmp_path / "strange" / "loss.py"
    strange.parent.mkdir()
    strange.write_text(f"open({str(tmp_path / 'done')!r}, 'w')\n{RED}")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "link.py").symlink_to(strange)
    for folder in (str(tmp_path / "own"), ""):
        monkeypatch.setenv(FOLDER_VARIABLE, folder)
        for path in (strange, tmp_path / "own" / "link.py", red):
            with pytest.raises(UserError, match=FOLDER_VARIABLE):
                sinddm_run(OwnLoss, oracle=True, loss=path)
    assert not (tmp_path / "done").exists()


def test_the_loss_of_the_guide_warms_the_lower_part(sinddm_run, monkeypatch):
    dawn = Path(__file__).parents[1] / "dawn.py"
    monkeypatch.setenv(FOLDER_VARIABLE, str(dawn.parent))
    plain = sinddm_run("sample", **ALONE).picture.rgb()
    guided = sinddm_run("sample", **ALONE, also={OwnLoss: {"loss": dawn}}).picture.rgb()
    above, below = np.split(guided - plain, 2)
    assert (below[..., 0] - below[..., 2]).mean() > 2 * (above[..., 0] - above[..., 2]).mean() > 0
