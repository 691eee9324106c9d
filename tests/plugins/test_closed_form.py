import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.closed_form import memory as memories
from sinddm_toolkit.plugins.closed_form.blend import FREE_BELOW
from sinddm_toolkit.plugins.closed_form.denoiser import ClosedFormDenoiser, mean_of_patches
from sinddm_toolkit.plugins.closed_form.layout import LayoutDenoiser
from sinddm_toolkit.plugins.closed_form.memory import JointMemory, PatchMemory

from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, downsample, tensor_from_rgb, upsample
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.engine.steps import ScaleState, Step
from tests.conftest import texture

CPU = torch.device("cpu")
LINE = ("run", "sample", "--image", "bg.png", "--seed", "1", "--denoiser", "closed-form")


def picture(h, w):
    return tensor_from_rgb(texture(h, w).astype(np.float32) / 127.5 - 1)


def all_patches(m, side):
    h, w = m.shape[-2:]
    return torch.stack(
        [
            m[0, :, y : y + side, x : x + side].flatten()
            for y in range(h - side + 1)
            for x in range(w - side + 1)
        ]
    )


@pytest.mark.parametrize("sigma", [0.05, 0.4, 3.0])
def test_the_posterior_mean_of_a_patch_is_that_of_its_definition(sigma):
    m = picture(20, 24).double()
    patches = all_patches(m, 5)
    noisy = patches[[3, 77, 200]] + sigma * torch.randn(3, 75, dtype=torch.double)
    expected = []
    for one in noisy:
        logits = torch.tensor([-float((one - p).square().sum()) / (2 * sigma**2) for p in patches])
        weights = (logits - logits.max()).double().exp()
        expected.append((weights[:, None] * patches).sum(dim=0) / weights.sum())
    found = PatchMemory(m, None, 5).posterior_mean(noisy, sigma)
    assert torch.allclose(found, torch.stack(expected), atol=1e-6)


def test_the_search_finds_what_comparing_with_all_finds(monkeypatch):
    m = picture(110, 130)
    searched = PatchMemory(m, None, 5)
    assert not searched._is_dense
    monkeypatch.setattr(memories, "DENSE", 10**9)
    everything = PatchMemory(m, None, 5)
    chosen = all_patches(m, 5)[::97]
    noisy = chosen + 0.1 * torch.randn(chosen.shape, generator=torch.Generator().manual_seed(0))
    error = (searched.posterior_mean(noisy, 0.1) - chosen).square().mean().sqrt()
    exact = (everything.posterior_mean(noisy, 0.1) - chosen).square().mean().sqrt()
    guess = (chosen - chosen.mean(dim=0)).square().mean().sqrt()
    assert exact < 0.1 * guess
    assert error < 0.3 * guess


def test_without_noise_the_picture_comes_back():
    m = picture(30, 40)
    assert torch.allclose(mean_of_patches(m[0], PatchMemory(m, None, 5), 0.01), m[0], atol=1e-3)


def test_what_is_hidden_is_never_used():
    m = picture(40, 50)
    known = torch.ones(1, 1, 40, 50)
    m[..., 10:22, 20:34] = torch.tensor([9.0, -9.0, -9.0]).view(3, 1, 1)
    known[..., 10:22, 20:34] = 0
    assert float(mean_of_patches(m[0], PatchMemory(m, None, 7), 0.3).max()) > 8
    assert float(mean_of_patches(m[0], PatchMemory(m, known, 7), 0.3).abs().max()) <= 1


def test_a_large_picture_keeps_a_bounded_number_of_patches(monkeypatch):
    monkeypatch.setattr(memories, "MOST_PATCHES", 2000)
    memory = PatchMemory(picture(100, 120), None, 5)
    assert len(memory._patches) <= 2000


@pytest.mark.parametrize("size", [(16, 7000), (7000, 16), (18, 3000)])
def test_patches_are_found_in_a_picture_hardly_wider_than_they_are(size):
    memory = PatchMemory(picture(*size), None, 16)
    assert not memory._is_dense and 1000 < len(memory._lattice) <= memories.LATTICE
    chosen = memory._patches[::97]
    error = (memory.posterior_mean(chosen, 0.1) - chosen).square().mean().sqrt()
    assert error < 0.3 * (chosen - chosen.mean(dim=0)).square().mean().sqrt()


def test_a_picture_that_is_worked_on_too_large_is_refused(command, pasted, monkeypatch):
    from sinddm_toolkit.plugins.closed_form import denoiser

    monkeypatch.setattr(denoiser, "MOST_PIXELS", 4100)
    code, _, err = command(*LINE, "--out", "a.png")
    assert code == 2 and not Path("a.png").exists()
    told = "takes at most 0.0041 megapixels, and this picture is worked on at 80×60: crop it"
    assert len(err.splitlines()) == 1 and told in err
    assert command(*LINE, "--out", "a.png", "--max-pixels", 4000)[0] == 0


def test_any_canvas_and_needless_pixels():
    pyramid = build_pyramid(picture(60, 80))
    denoise = ClosedFormDenoiser(pyramid, make_schedule(pyramid.details, pyramid.factor), CPU)
    x = torch.randn(2, 3, 70, 45)
    whole = denoise(x, 10, 1)
    assert whole.shape == x.shape and bool(torch.isfinite(whole).all())
    needless = torch.zeros(70, 45, dtype=torch.bool)
    needless[:, :20] = True
    part = denoise(x, 10, 1, needless)
    assert torch.allclose(part[..., 20:], whole[..., 20:], atol=1e-5)
    assert not torch.allclose(part[..., :10], whole[..., :10], atol=1e-2)


def test_it_predicts_the_noise_in_its_picture_and_has_gradients():
    pyramid = build_pyramid(picture(60, 80))
    schedule = make_schedule(pyramid.details, pyramid.factor)
    denoise = ClosedFormDenoiser(pyramid, schedule, CPU)
    noise = torch.randn(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    for t in (5, 30):
        alpha, gamma = schedule.alpha_bar(t), schedule.gamma(1, t)
        clean = torch.lerp(pyramid.scales[1], pyramid.blurred[1], gamma)
        x = (alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise).requires_grad_()
        predicted = denoise(x, t, 1)
        assert float((predicted.detach() - noise).abs().mean()) < 0.2
        predicted.square().sum().backward()
        assert float(x.grad.abs().sum()) > 0


def test_the_coarsest_of_several_scales_is_a_layout():
    x = torch.randn(1, 3, 42, 70, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for size, is_layout in (((60, 80), True), ((40, 50), False)):
        pyramid = build_pyramid(picture(*size))
        assert (pyramid.count > 1) == is_layout
        schedule = make_schedule(pyramid.details, pyramid.factor)
        predicted = ClosedFormDenoiser(pyramid, schedule, CPU)(x, 80, 0)
        layout = LayoutDenoiser(pyramid, schedule, CPU)(x, 80, 0)
        assert torch.equal(predicted, layout) == is_layout
        (gradient,) = torch.autograd.grad(predicted.square().sum(), x)
        assert float(gradient.abs().sum()) > 0


@pytest.fixture
def held():
    """The hook of the denoiser, and a step of scale 1 whose x̂0 is noise."""
    pyramid = build_pyramid(picture(60, 80))
    schedule = make_schedule(pyramid.details, pyramid.factor)
    denoise = ClosedFormDenoiser(pyramid, schedule, CPU)
    plan = Plan(pyramid, schedule)
    run = Run(plan, pyramid, schedule, (0,), CPU, denoise)
    scale = ScaleState(plan.stages[1], 1, pyramid.blurred[1], denoise, schedule)
    noise = torch.randn(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))

    def stepped(t_next):
        step = Step(scale, t_next + 4, t_next, noise, noise)
        denoise.modify_x0(run, step)
        return step.x0, downsample(step.x0 - scale.input, (21, 28))

    return stepped, scale, noise


def test_what_the_coarser_scale_has_made_is_kept_while_there_is_noise(held):
    stepped, _, noise = held
    made, away = stepped(20)
    assert not torch.equal(made, noise)
    assert float(away.square().mean()) < 0.01 * float(downsample(noise, (21, 28)).square().mean())
    # What can't be seen at the scale below is as it was predicted.
    fine = [x - upsample(downsample(x, (42, 56)), (60, 80)) for x in (made, noise)]
    assert float((fine[0] - fine[1]).square().mean()) < 0.2 * float(fine[1].square().mean())
    assert float(fine[1].square().mean()) > 0.3
    free, _ = stepped(FREE_BELOW - 1)
    assert torch.equal(free, noise)


def test_what_is_held_fast_is_not_moved(held):
    stepped, scale, noise = held
    where = torch.zeros(1, 1, 60, 80, dtype=torch.bool)
    where[..., :40] = True
    scale.fix(noise, where)
    made, _ = stepped(20)
    assert torch.equal(made[..., :40], noise[..., :40])
    assert not torch.equal(made[..., 40:], noise[..., 40:])


@pytest.mark.slow
def test_a_run_trains_nothing_and_replays(command, pasted):
    code, out, err = command(*LINE, "--out", "a.png", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["model"], facts["denoiser"], facts["training_steps"]) == (None, "closed-form", 0)
    assert not list(default_store().keys())
    code, _, err = command("replay", "a.png", "--out", "b.png")
    assert code == 0 and "model" not in err.replace("in place of a model", "")
    assert "denoiser closed-form in place of a model, sampling" in err
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_an_edit_keeps_what_it_must(command, pasted):
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--out", "h.png")
    assert command(*words, "--denoiser", "closed-form")[0] == 0


def test_wrong_names_and_useless_options_are_refused(command, pasted):
    code, _, err = command(*LINE[:-1], "closed-from")
    assert code == 2 and "no plugin makes the denoiser closed-from: `sinddm-tk plugins list`" in err
    for more in (("--retrain",), ("--train-time", "3"), ("--init", "random")):
        code, _, err = command(*LINE, *more)
        assert code == 2 and f"--denoiser and {more[0]}: nothing is trained" in err
    assert not list(default_store().keys())


@pytest.mark.slow
def test_rows_of_a_batch_need_no_training(command, pasted):
    Path("edits.toml").write_text(
        '[[row]]\ntask = "sample"\nimage = "bg.png"\ndenoiser = "closed-form"\nseed = 1\n'
        'out = "row.png"\n'
    )
    code, _, err = command("batch", "edits.toml", "--jobs", 1)
    assert code == 0, err
    assert not list(default_store().keys())
    (line,) = Path().rglob("report.jsonl")
    assert {"model": None, "denoiser": "closed-form"}.items() <= json.loads(
        line.read_text()
    ).items()
    assert command(*LINE, "--out", "a.png")[0] == 0
    (row,) = Path().rglob("row.png")
    assert np.array_equal(np.asarray(Image.open("a.png")), np.asarray(Image.open(row)))


@pytest.mark.parametrize("sigma", [0.4, 3.0])
def test_of_several_pictures_a_patch_may_be_of_any(sigma):
    parts = [picture(20, 24).double(), picture(14, 30).double().flip(-1) * 0.7]
    patches = torch.cat([all_patches(m, 5) for m in parts])
    noisy = patches[[3, 77, 400]] + sigma * torch.randn(3, 75, dtype=torch.double)
    weights = torch.softmax(-torch.cdist(noisy, patches).square() / (2 * sigma**2), dim=1)
    joint = JointMemory([PatchMemory(m, None, 5) for m in parts])
    assert torch.allclose(joint.posterior_mean(noisy, sigma), weights @ patches, atol=1e-6)


def test_the_denoiser_of_several_pictures_knows_them_all():
    """Of each it makes out what is below the noise, as the denoiser of one does of that alone."""
    first, second = picture(60, 80), picture(80, 60).flip(1) * 0.5
    both = build_pyramid(first, others=[second])
    schedule = make_schedule(both.details, both.factor)
    denoise = ClosedFormDenoiser(both, schedule, CPU)
    alone = ClosedFormDenoiser(build_pyramid(first), schedule, CPU)
    t, generator = 12, torch.Generator().manual_seed(1)

    def error(denoiser, m):
        epsilon = torch.randn(m.shape, generator=generator)
        alpha = schedule.alpha_bar(t)
        x = math.sqrt(alpha) * m + math.sqrt(1 - alpha) * epsilon
        return float((denoiser(x, t, 0) - epsilon).square().mean())

    errors = [error(denoise, m) for m in (both.scales[0], both.others[0].scales[0])]
    assert max(errors) < 0.25 * error(alone, both.others[0].scales[0])
