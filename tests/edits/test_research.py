"""A model as an object: what it is asked, how it is sampled, what else can be trained."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.api import Task, hookimpl
from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.edits.research import TrainingOptions
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.crops import Batches
from sinddm_toolkit.engine.denoising import NetworkPredictor, OtherNoise
from sinddm_toolkit.engine.schedule import cosine_alphas_cumprod, make_schedule
from sinddm_toolkit.engine.training import noise_error
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import TRAINING_OPTIONS

PLAIN = {"layouts": 0, "likeness": 0}
"""The task's own extras are off: the paper's sampling."""


@pytest.fixture
def model(known):
    """That of bg.png, which is there already: nothing is trained."""
    return st.train("bg.png", device="cpu")


def test_sampled_directly_is_what_the_task_makes(model):
    assert model.losses == [] and model.cells == {0: 100, 1: 100}
    plan = model.plan(size=(60, 120), sampling_steps=2)
    direct = st.sample(model, plan=plan, seed=3, samples=2)
    how = {"size": "120x60", "samples": 2, "sampling_steps": 2, **PLAIN}
    result = st.run("sample", image="bg.png", seed=3, **how)
    assert (result.model_key, result.training_steps) == (model.key, 40)
    for one, other in zip(direct.pictures, result.pictures, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    assert direct.evaluations == result.network_evaluations
    assert direct.images[1].tobytes() == st.sample(model, plan=plan, seed=4).images[0].tobytes()
    plan.stages[0].size = (1, 1)  # the caller's own is still open


def test_it_predicts_what_the_sampler_does(model):
    """ε and x̂0 of every step, with and without blur, bit for bit."""
    seen = []

    def after_step(run, step):
        seen.append(step.s)
        clean = model.clean(step.x_t, step.t, step.s, step.scale.input)
        assert torch.equal(clean.clamp(-1, 1) if step.s == 0 else clean, step.x0)
        assert torch.equal(
            model.predict(step.x_t, step.t, step.s), run.predict(step.x_t, step.t, step.s)
        )

    st.sample(model, hooks=[after_step], sampling_steps=2)
    assert set(seen) == {0, 1}
    x = model.noisy(20, 1, torch.zeros(1, 3, 60, 80)).requires_grad_()
    model.clean(x, 20, 1, model.pyramid.blurred[1]).square().sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is not None for p in model.network.parameters())
    for t, s in ((100, 0), (-1, 0), (0, 2)):
        with pytest.raises(ValueError, match="there are scales 0 to 1 and timesteps 0 to 99"):
            model.predict(x, t, s)


def test_the_noisy_picture_is_what_is_trained_on(model):
    quality = dataclasses.replace(model.quality, crop=None)
    batch = Batches(model.pyramid, model.schedule, quality, model.device, 0).draw(1, 50)
    given = []

    def network(x, t, s, frame):
        given.append(x)
        return x

    noise_error(network, batch, 1, choose_compute("cpu"))
    for k, t in enumerate(batch.t.tolist()):
        x = model.noisy(t, 1, batch.noise[k : k + 1])
        assert torch.allclose(x[0], given[0][k], atol=1e-6)


def test_hooks_are_called_in_their_order_and_can_change_all_they_may(model):
    called = []

    def before_sampling(run):
        called.append("before_sampling")

    def before_scale(run, scale):
        called.append(f"before_scale {scale.s}")

    def modify_x0(run, step):
        called.append("darker")
        step.x0 = step.x0 - 0.05

    class Lighter(Task):
        name = "lighter"
        summary = "twice as much lighter"

        @hookimpl
        def plan_edit(self, plan, pyramid):
            plan.set_canvas((40, 50))

        @hookimpl
        def modify_x0(self, run, step):
            called.append("lighter")
            step.x0 = step.x0 + 0.1

    plain = st.sample(model, size=(40, 50))
    watched = st.sample(model, size=(40, 50), hooks=[before_sampling, before_scale])
    assert torch.equal(plain.x, watched.x)
    assert called == ["before_sampling", "before_scale 0", "before_scale 1"]
    called.clear()
    told = []
    lighter = st.sample(model, hooks=[modify_x0, Lighter()], progress=told.append)
    assert called[:4] == ["darker", "lighter"] * 2
    assert lighter.x.shape == (1, 3, 40, 50) and lighter.x.mean() > plain.x.mean() + 0.04
    assert told[-1].done == told[-1].steps == lighter.evaluations
    assert repr(lighter) == "<Samples: 1 picture of 50x40, seed 0>"

    def after_step(run, step):
        raise ZeroDivisionError

    with pytest.raises(PluginError, match="failed in after_step at scale 0, step 99: ZeroDiv"):
        st.sample(model, hooks=[after_step])
    with pytest.raises(UserError, match="is a class: give an object"):
        st.sample(model, hooks=[Lighter])


def test_a_plan_says_what_is_sampled(model):
    plan = model.plan(sampling_steps=3)
    assert [(stage.s, stage.size, stage.blur) for stage in plan.stages][1] == (1, (60, 80), True)
    sharp = model.plan(sampling_steps=3)
    sharp.stages[1].blur = False
    sharp.stages[1].start = 20
    one, other = st.sample(model, plan=plan), st.sample(model, plan=sharp)
    assert one.evaluations == other.evaluations == 24 + 3
    assert not torch.equal(one.x, other.x)
    sharp.stages = sharp.stages[1:]
    sharp.start_image = model.pyramid.scales[1]
    near = st.sample(model, plan=sharp)
    assert near.evaluations == 3 and (near.x - model.pyramid.scales[1]).abs().mean() < 0.3
    with pytest.raises(UserError, match=r"go into model\.plan"):
        st.sample(model, plan=plan, size=(40, 40))
    for wrong in ({"samples": 0}, {"seed": -1}, {"seed": 2**53 - 1, "samples": 2}):
        with pytest.raises(UserError, match=r"^seed .*from 0 to"):
            st.sample(model, **wrong)


@pytest.mark.slow
def test_only_what_is_known_is_sampled(pasted, tiny):
    model = st.train("bg.png")
    assert [report.step for report in model.losses] == [20, 40, 40]
    plan = model.plan()
    known = plan.stages[1].start
    assert model.cells == {0: 100, 1: known}
    plan.stages[1].start = known + 10
    with pytest.raises(UserError, match=f"starts at step {known + 10}, and {known} are known"):
        st.sample(model, plan=plan)
    more = st.train("bg.png", cells={1: known + 10})
    assert more.key == model.key and more.cells == {0: 100, 1: known + 10}
    st.sample(more, plan=plan)
    again = st.load_model(model.key[:6], "bg.png")
    assert again.cells == more.cells and again.history == more.history
    assert torch.equal(st.sample(again).x, st.sample(more).x)
    assert st.load_model(more.path, "bg.png").key == more.key
    with pytest.raises(UserError, match=r"knows bg\.png, and c\.png is another picture"):
        st.load_model(more.key, "c.png")


def test_type_checkers_know_the_options_of_a_training():
    assert TrainingOptions.__annotations__.keys() == set(TRAINING_OPTIONS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quallity": "draft"}, "unknown option quallity, did you mean quality"),
        ({"seed": 1}, "unknown option seed"),
        ({"changes": {"steps": 1}}, "changes: 'steps' is none of"),
        ({"changes": {"batch": 0}}, "changes: batch must be a whole number from 1 to 256"),
        ({"cells": {2: 5}}, "cells {2: 5}: there are scales 0 to 1, and 1 to 100"),
        ({"network": "tall"}, "no plugin makes the network tall"),
        ({"network": "paper", "init": "prior"}, "there are no weights to start"),
        ({"schedule": lambda pyramid: 3}, "schedule: it must be a Schedule, not int"),
        (
            {"schedule": make_schedule([], 1.4)},
            "schedule: it is of 1 scales, and the picture has 2",
        ),
        ({"schedule": lambda p: st.schedule_of(p, [0.9, 0.8])}, "fall further"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(wrong, said, known):
    with pytest.raises(UserError) as refusal:
        st.train("bg.png", retrain=True, **wrong)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def linear(pyramid):
    """The linear β of Ho et al. (2020), in 40 steps."""
    betas = np.linspace(1e-4, 0.02, 1000)
    return st.schedule_of(pyramid, np.cumprod(1 - betas)[::25])


@pytest.mark.slow
def test_other_schedules_are_trained_and_stay_with_the_model(pasted, tiny, command):
    usual = st.train("bg.png")
    sharp = st.train("bg.png", blur=False, changes={"steps_per_scale": 5})
    other = st.train("bg.png", schedule=linear, changes={"optimizer": "adam"})
    assert len({usual.key, sharp.key, other.key}) == 3
    assert sharp.history[0].planned == 10 and not np.any(sharp.schedule.gammas)
    assert sharp.schedule.starts == usual.schedule.starts
    assert other.schedule.timesteps == 40 and other.cells[0] == 40
    noise = torch.zeros(1, 3, *sharp.pyramid.sizes[1])
    alpha = sharp.schedule.alpha_bar(30)
    assert torch.allclose(sharp.noisy(30, 1, noise), math.sqrt(alpha) * sharp.pyramid.scales[1])
    told = command("models", "list")[1]
    assert "  without blur  " in told and "  steps_per_scale 5  " in told
    told = command("models", "show", other.key)[1]
    assert "quality   draft, optimizer adam, a schedule of its own, 40 updates\n" in told
    read = load_model(other.path)
    assert read.schedule == other.schedule and dict(read.config.changes) == {"optimizer": "adam"}
    direct = st.sample(other, seed=2)
    result = st.run("sample", image="bg.png", model=other.key, seed=2, out="a.png", **PLAIN)
    assert np.array_equal(direct.pictures[0].pixels, result.picture.pixels)
    code, _, err = command("replay", "a.png", "--out", "b.png", "-q")
    assert code == 0, err
    assert np.array_equal(*(np.asarray(Image.open(name)) for name in ("a.png", "b.png")))
    assert command("models", "remove", other.key)[0] == 0
    code, _, err = command("replay", "a.png", "--out", "c2.png", "-q")
    assert code == 2 and "with a schedule of its own" in err and err.count("\n") == 1


def test_another_schedule_asks_the_network_at_the_nearest_noise():
    learnt = make_schedule([0.1], 1.411)
    asked = make_schedule([0.1], 1.411, cosine_alphas_cumprod()[1::2])
    given = []

    def predict(x, t, s, needless=None):
        given.append((t, s))
        return x

    x = torch.randn(1, 3, 4, 5)
    other = OtherNoise(predict, learnt, asked)
    assert all(torch.equal(other(x, t, 1), x) for t in range(50))
    assert given == [(2 * t + 1, 1) for t in range(50)]
    louder = make_schedule([0.1], 1.411, cosine_alphas_cumprod(173))
    for t in range(1, 170):  # x̂0 of a picture without noise is that picture, however it is scaled
        picture = math.sqrt(louder.alpha_bar(t)) * x
        scaled = OtherNoise(predict, learnt, louder)(picture, t, 0)
        known = given[-1][0]
        assert torch.allclose(scaled, math.sqrt(learnt.alpha_bar(known)) * x, atol=1e-5)
        assert abs(math.log(learnt.start_sigma(known + 1) / louder.start_sigma(t + 1))) < 0.3


def test_another_schedule_can_be_sampled_by(model):
    """By that of half as many steps, the same as every second one of the usual."""
    half = cosine_alphas_cumprod()[1::2]
    plan = model.plan(schedule=lambda p: st.schedule_of(p, half), sampling_steps=99)
    assert [stage.start for stage in plan.stages] == [50, model.schedule.starts[1] // 2]
    made = st.sample(model, plan=plan, seed=1)
    assert made.evaluations == 50 + model.schedule.starts[1] // 2
    assert made.x.mean().sub(model.pyramid.scales[-1].mean()).abs() < 0.3


NETWORK = """
from torch import nn

from sinddm_toolkit.api import hookimpl

API_VERSION = 2


class Tall(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Linear(2, width)
        self.stem = nn.Conv2d(3, width, 5, padding=2)
        self.head = nn.Conv2d(width, 3, 5, padding=2)

    def forward(self, x, t, s):
        known = self.embed(torch.stack([t / 100, s / 5], dim=1).to(x.dtype))
        return {result}


@hookimpl
def make_service(kind, name, about):
    if (kind, name) == ("network", "tall"):
        return Tall({width})
"""
RESULT = "x + self.head((self.stem(x) + known[:, :, None, None]).relu())"


@pytest.fixture
def tall(tmp_path, monkeypatch):
    """Writes the plugin with other results, or other widths, and lets it be found afresh."""
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path / "plugins"))
    (tmp_path / "plugins").mkdir()

    def write(result=RESULT, width='about["width"]'):
        text = "import torch\n" + NETWORK.replace("{result}", result).replace("{width}", width)
        (tmp_path / "plugins" / "tall.py").write_text(text)
        registry._current = None

    write()
    return write


@pytest.mark.slow
def test_a_network_of_a_plugin_is_trained_and_asked_for_again(pasted, tiny, tall, monkeypatch):
    model = st.train("bg.png", network="tall")
    assert model.receptive_field is None and model.network.network.stem.out_channels == 16
    assert model.losses[-1].error < 0.7
    result = st.run("sample", image="bg.png", model=model.key, seed=2, **PLAIN)
    assert np.array_equal(st.sample(model, seed=2).pictures[0].pixels, result.picture.pixels)
    assert json.loads(json.dumps(result.records))[0]["model"]["config"]["network"] == "tall"
    again = st.train("bg.png", network="tall", retrain=True)
    assert again._model.weights_hash() == model._model.weights_hash()
    tiled = st.sample(model, size=(450, 60), sampling_steps=1)  # never in tiles
    assert tiled.x.shape == (1, 3, 450, 60)
    predict = NetworkPredictor(model.network, model.compute, wraps=(False, True))
    x = torch.randn(1, 3, 20, 30)
    rolled = predict(x.roll(7, dims=3), 5, 1)
    assert torch.allclose(rolled, predict(x, 5, 1).roll(7, dims=3), atol=1e-5)
    assert not torch.allclose(rolled, model.predict(x.roll(7, dims=3), 5, 1), atol=1e-3)
    tall(width="24")
    with pytest.raises(UserError, match="another version of the network tall"):
        st.load_model(model.key, "bg.png")
    tall(result="x[..., 1:]")
    with pytest.raises(PluginError, match=r"tall failed in its network: ValueError: the noise"):
        st.sample(st.load_model(model.key, "bg.png"))
    tall(width="None")
    with pytest.raises(PluginError, match="tall failed"):
        st.train("bg.png", network="tall", train_seed=1)
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", "")
    registry._current = None
    for ask in (
        lambda: st.load_model(model.key, "bg.png"),
        lambda: st.run("sample", image="bg.png", model=model.key),
    ):
        with pytest.raises(UserError, match="no plugin makes the network tall"):
            ask()


def test_what_can_not_be_sampled_is_refused_in_a_line(model):
    for values, told in (
        ({"sampling_steps": 0}, "sampling_steps is 0: give 1 or more"),
        ({"size": "3x3"}, "size is '3x3': give"),
    ):
        with pytest.raises(UserError, match=re.escape(told)):
            st.sample(model, **values)
    for name, value, told in (
        ("start", 200, "scale 0 starts at step 200: from 1 to 100"),
        ("start", -3, "scale 0 starts at step -3: from 1 to 100"),
        ("visits", -3, "scale 0 has -3 visits: give 0 or more"),
    ):
        plan = model.plan()
        setattr(plan.stages[0], name, value)
        with pytest.raises(UserError, match=re.escape(told)):
            st.sample(model, plan=plan)
    with pytest.raises(AttributeError, match="a stage has no strat"):
        plan.stages[0].strat = 5
