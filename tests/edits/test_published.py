"""Checkpoints of the published implementation: random ones in its layout, and its formulas."""

import json
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from sinddm_toolkit.edits.models import load_model, save_model
from sinddm_toolkit.edits.published import import_checkpoint, seems_known
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.phases import trained_cells
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.run import Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.pictures.reading import picture_from
from tests.conftest import texture

FIVE_SCALES = (1.19, 0.84, 0.59, 0.41)
TWO_SCALES = (1.19,)


# A random checkpoint in the published layout


def cosine_bar(steps=100):
    """ᾱ_t by the formula of Nichol & Dhariwal, eq. 17, in plain loops."""
    f = [math.cos((k / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(steps + 1)]
    bar, product = [], 1.0
    for t in range(steps):
        product *= 1 - min(1 - f[t + 1] / f[t], 0.999)
        bar.append(product)
    return bar


def tables(c_s):
    """The tables of the diffusion as float32 tensors, from ᾱ in double precision."""
    bar = torch.tensor(cosine_bar(), dtype=torch.double)
    before = torch.cat([torch.ones(1, dtype=torch.double), bar[:-1]])
    betas = 1 - bar / before
    variance = betas * (1 - before) / (1 - bar)
    sigmas = ((1 - bar) / bar).sqrt()
    found = {
        "betas": betas,
        "alphas_cumprod": bar,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": bar.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - bar).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - bar).log(),
        "sqrt_recip_alphas_cumprod": (1 / bar).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / bar - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - bar),
        "posterior_mean_coef2": (1 - before) * (1 - betas).sqrt() / (1 - bar),
        "gammas": torch.stack([(sigmas / c).clamp(0, 1) for c in c_s]),
    }
    return {name: table.float() for name, table in found.items()}


def layers(width):
    """Name → shape of the weight; the bias is as long as its first side."""
    half = width // 2
    found = {"time_mlp.0": (128, 64), "time_mlp.2": (32, 128)}
    channels = [3, half, width, width, half]
    for k in range(4):
        a, b = channels[k], channels[k + 1]
        block = {
            "mlp.1": (32, 32),
            "time_reshape": (a, 32, 1, 1),
            "ds_conv": (a, 1, 5, 5),
            "net.0": (b, a, 3, 3),
            "net.2": (b, b, 3, 3),
        }
        if a != b:
            block["res_conv"] = (b, a, 1, 1)
        found.update({f"l{k + 1}.{name}": shape for name, shape in block.items()})
    return {**found, "final_conv.0": (3, half, 1, 1)}


def random_checkpoint(width=16, c_s=TWO_SCALES, seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = {}
    for kind in ("model", "ema"):
        states[kind] = tables(c_s)
        for name, shape in layers(width).items():
            scale = 0.75 / math.sqrt(math.prod(shape[1:]))
            weight = torch.randn(shape, generator=generator) * scale
            states[kind][f"denoise_fn.{name}.weight"] = weight
            states[kind][f"denoise_fn.{name}.bias"] = (
                torch.randn(shape[0], generator=generator) * 0.1
            )
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20_000, 40_000], 0.5).state_dict()
    rest = {"sched": sched, "running_loss": [0.1, 0.2], "running_scale": [0, 1]}
    return {"step": 120_000, **states, **rest}


# The published formulas, transcribed slowly


def literal_epsilon(ema, x, t, s):
    """The network on the checkpoint's own keys."""
    w = {key.removeprefix("denoise_fn."): value for key, value in ema.items()}

    def linear(h, name):
        return h @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def conv(h, name, padding, groups=1):
        return F.conv2d(h, w[f"{name}.weight"], w[f"{name}.bias"], padding=padding, groups=groups)

    def embedding(number):
        angles = [number * math.exp(-k * math.log(10000) / 15) for k in range(16)]
        return [math.sin(a) for a in angles] + [math.cos(a) for a in angles]

    c = torch.tensor([embedding(t) + embedding(s)])
    c = linear(F.gelu(linear(c, "time_mlp.0")), "time_mlp.2")
    for name in ("l1", "l2", "l3", "l4"):
        condition = linear(F.gelu(c), f"{name}.mlp.1")[:, :, None, None]
        h = conv(x, f"{name}.ds_conv", 2, groups=x.shape[1])
        h = h + conv(condition, f"{name}.time_reshape", 0)
        h = conv(F.gelu(conv(h, f"{name}.net.0", 1)), f"{name}.net.2", 1)
        x = h + (conv(x, f"{name}.res_conv", 0) if f"{name}.res_conv.weight" in w else x)
    return conv(x, "final_conv.0", 0)


def literal_step(ema, x, epsilon, t, s, z, blurred=None):
    """(x̂0, x_{t-1}); deterministic with the `blurred` picture mixed in, or the DDPM posterior."""
    mix = ema["sqrt_recip_alphas_cumprod"][t] * x - ema["sqrt_recipm1_alphas_cumprod"][t] * epsilon
    if blurred is None:
        x0 = mix.clamp(-1, 1)
        mean = ema["posterior_mean_coef1"][t] * x0 + ema["posterior_mean_coef2"][t] * x
        deviation = (ema["posterior_log_variance_clipped"][t] / 2).exp()
        return x0, mean + deviation * z if t else mean
    gamma, gamma_before = (ema["gammas"][s - 1][max(k, 0)].clamp(max=0.55) for k in (t, t - 1))
    if t == 0:
        gamma_before = torch.zeros(())
    x0 = (mix - gamma * blurred) / (1 - gamma)
    mix_before = gamma_before * blurred + (1 - gamma_before) * x0
    direction = x - ema["sqrt_alphas_cumprod"][t] * mix
    direction = direction / ema["sqrt_one_minus_alphas_cumprod"][t]
    before = ema["alphas_cumprod_prev"][t]
    return x0, before.sqrt() * mix_before + (1 - before).sqrt() * direction


class Watch:
    """What the sampler did at every step."""

    def __init__(self):
        self.inputs, self.steps = {}, []

    @hookimpl
    def before_scale(self, run, scale):
        self.inputs[scale.s] = scale.input

    @hookimpl
    def after_step(self, run, step):
        self.steps.append(step)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint of the published width with five scales, and its model."""
    content = random_checkpoint(160, FIVE_SCALES)
    path = tmp_path_factory.mktemp("published") / "model-12.pt"
    torch.save(content, path)
    picture = picture_from(texture(200, 250))
    return content["ema"], import_checkpoint(path, picture), picture


def watched_run(model, picture, *, text_guidance, seed):
    pyramid = build_pyramid(tensor_from_rgb(picture.rgb()), upsampling=model.config.upsampling)
    plan = Plan(pyramid, model.schedule)
    plan.set_canvas((24, 30))
    if text_guidance:
        for stage in plan.stages:
            stage.blur, stage.ddpm = False, True
    predict = NetworkPredictor(model.network, Compute(torch.device("cpu"), torch.float32))
    epsilons = []

    def noting(x, t, scale):
        epsilons.append(predict(x, t, scale))
        return epsilons[-1]

    watch = Watch()
    run = Run(plan, pyramid, model.schedule, [seed], torch.device("cpu"), noting)
    result = sample(run, RunHooks([], [watch]))
    return plan, watch, epsilons, result


@pytest.mark.slow
@pytest.mark.parametrize("text_guidance", [False, True], ids=["blur", "no blur, DDPM"])
def test_every_step_is_the_published_one(published, text_guidance):
    ema, model, picture = published
    plan, watch, epsilons, result = watched_run(model, picture, text_guidance=text_guidance, seed=3)
    generator = torch.Generator().manual_seed(3)
    steps = iter(zip(watch.steps, epsilons, strict=True))
    x0 = None
    with torch.no_grad():
        for s, stage in enumerate(plan.stages):
            start = 100 if s == 0 else first_above(FIVE_SCALES[s - 1])
            z = torch.randn(3, *stage.size, generator=generator)[None]
            blurred, x = None, z
            if s > 0:
                blurred = F.interpolate(x0, stage.size, mode="bilinear", align_corners=False)
                assert close(watch.inputs[s], blurred)
                x = ema["sqrt_alphas_cumprod"][start - 1] * blurred
                x = x + ema["sqrt_one_minus_alphas_cumprod"][start - 1] * z
            for t in range(start - 1, -1, -1):
                step, epsilon = next(steps)
                assert (step.s, step.t) == (s, t)
                assert close(step.x_t, x), (s, t)
                expected = literal_epsilon(ema, step.x_t, t, s)
                assert close(epsilon, expected), (s, t)
                is_ddpm = s == 0 or text_guidance
                if is_ddpm and t:
                    z = torch.randn(3, *stage.size, generator=generator)[None]
                mixed_in = None if is_ddpm else watch.inputs[s]
                x0, x = literal_step(ema, step.x_t, expected, t, s, z, mixed_in)
                assert close(step.x0, x0), (s, t, float((step.x0 - x0).abs().max()))
    assert close(result, x) and next(steps, None) is None
    assert float(torch.cat([e.flatten() for e in epsilons]).std()) > 0.1


@pytest.mark.parametrize("t", [99, 98, 50, 1, 0])
def test_x0_is_the_published_one_where_rounding_is_magnified(published, t):
    """At t = 99 by 2000, which clamping hides unless ε is all but x_t, as trained networks say."""
    ema, model, _ = published
    x = torch.randn(2, 3, 42, 55, generator=torch.Generator().manual_seed(t))
    epsilon = ema["sqrt_one_minus_alphas_cumprod"][t] * x
    expected, _ = literal_step(ema, x, epsilon, t, 0, 0.0)
    x0 = model.schedule.clean(x, epsilon, t).clamp(-1, 1)
    assert close(x0, expected)
    assert float((x0.abs() < 1).float().mean()) > 0.1


def close(a, b):
    return a.shape == b.shape and float((a - b).abs().max()) <= 1e-4


def first_above(c):
    return next(t for t, bar in enumerate(cosine_bar()) if math.sqrt((1 - bar) / bar) > c)


# What is read


def test_the_gammas_are_kept_and_say_where_each_scale_starts(published):
    ema, model, _ = published
    assert model.schedule.starts == (100, *map(first_above, FIVE_SCALES))
    assert np.array_equal(np.float32(model.schedule.gammas[1:]), ema["gammas"].numpy())
    assert set(model.schedule.gammas[0]) == {0.0}
    assert np.allclose(model.schedule.alphas_cumprod, cosine_bar(), rtol=1e-12)


def test_other_tables_are_kept_as_they_are(tmp_path):
    content = random_checkpoint()
    content["ema"]["alphas_cumprod"] = torch.linspace(0.99, 0.01, 100)
    torch.save(content, tmp_path / "m.pt")
    model = import_checkpoint(tmp_path / "m.pt", picture_from(texture(60, 80)))
    found = np.float32(model.schedule.alphas_cumprod)
    assert np.array_equal(found, content["ema"]["alphas_cumprod"].numpy())


def test_the_model_survives_its_file(published, tmp_path):
    _, model, _ = published
    assert sum(p.numel() for p in model.network.parameters()) == 1_106_772
    assert trained_cells(model.history) == dict.fromkeys(range(5), 100)
    assert model.steps == 120_000
    save_model(tmp_path / "m.safetensors", model)
    loaded = load_model(tmp_path / "m.safetensors")
    assert (loaded.config, loaded.schedule) == (model.config, model.schedule)
    assert loaded.facts == model.facts
    assert loaded.weights_hash() == model.weights_hash()
    assert isinstance(loaded.schedule, Schedule)


def test_a_model_tells_its_picture_from_others(published):
    """By an oracle of one picture, which finds the noise whatever the picture is not."""
    _, model, picture = published
    x = build_pyramid(tensor_from_rgb(picture.rgb())).scales[0]
    other = tensor_from_rgb(picture_from(texture(*x.shape[-2:], seed=4)).rgb()).roll(9, -1)

    def oracle(noisy, t, scale):
        alpha = model.schedule.alpha_bar(t)
        return (noisy - math.sqrt(alpha) * x) / math.sqrt(1 - alpha)

    assert seems_known(oracle, model.schedule, x)
    assert not seems_known(oracle, model.schedule, other)
    assert not seems_known(oracle, model.schedule, x.flip(-1))


# On the command line


@pytest.fixture
def imported(pasted, command):
    """The key of a small imported model of bg.png."""
    torch.save(random_checkpoint(), "model-12.pt")
    code, out, err = command("models", "import", "model-12.pt", "--image", "bg.png")
    assert code == 0, err
    key = out.strip()
    assert "no better than its mirror image" in err  # as its weights are random
    assert f"use it: sinddm-tk run sample --image bg.png --model {key}" in err
    return key


def pixels(path):
    return np.asarray(Image.open(path))


def test_tasks_use_an_imported_model(imported, command):
    listed = json.loads(command("models", "list", "--json")[1])
    assert [(m["model"], m["name"], m["quality"]) for m in listed] == [
        (imported, "bg.png", "imported")
    ]
    assert listed[0]["imported_from"] == "model-12.pt"
    assert "from model-12.pt" in command("models", "list")[1]
    assert "\nfrom      " in command("models", "show", imported[:6])[1]
    shown = json.loads(command("models", "show", imported[:6], "--json")[1])
    assert shown["trained"] == {"0": 100, "1": 100} and len(shown["config"]["checkpoint"]) == 64
    for words in (
        ("sample", "--image", "bg.png", "--layouts", 1, "--out", "s.png"),
        ("harmonize", "--bg", "bg.png", "--composite", "c.png", "--out", "h.png"),
    ):
        code, out, err = command("run", *words, "--model", imported[:6], "--seed", 1, "--json")
        assert code == 0, err
        facts = json.loads(out)
        assert (facts["model"], facts["training_steps"]) == (imported, 120_000)
    assert [m["model"] for m in json.loads(command("models", "list", "--json")[1])] == [imported]
    assert pixels("s.png").shape == pixels("h.png").shape == (60, 80, 3)


@pytest.mark.slow
def test_hidden_parts_are_no_obstacle(imported, command):
    words = ("--image", "bg.png", "--mask", "30,20,10,10", "--model", imported)
    words += ("--structure", "free", "--layouts", 0)
    code, _, err = command("run", "inpaint", *words)
    assert code == 0, err
    assert "has learnt the whole picture" in err


def test_replay_finds_an_imported_model_by_its_weights(imported, command):
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--model", imported)
    assert command(*words, "--out", "h.png")[0] == 0
    assert command("models", "remove", imported)[0] == 0
    code, _, err = command("replay", "h.png", "--out", "again.png")
    assert code == 2 and imported in err and "can't be trained again" in err
    # The same weights in another file: the model has another key.
    torch.save({**random_checkpoint(), "running_loss": []}, "other.pt")
    code, other, _ = command("models", "import", "other.pt", "--image", "bg.png")
    assert code == 0 and other.strip() != imported
    assert command("replay", "h.png", "--out", "again.png")[0] == 0
    assert np.array_equal(pixels("again.png"), pixels("h.png"))
    assert command("replay", "again.png", "--out", "thrice.png")[0] == 0
    assert np.array_equal(pixels("thrice.png"), pixels("h.png"))


def test_model_names_a_trained_one_too(command, pasted, tiny):
    trained = json.loads(command("train", "bg.png", "--max-pixels", 2000, "--json")[1])
    sample = ("run", "sample", "--image", "bg.png", "--seed", 1)
    assert command(*sample, "--max-pixels", 2000, "--out", "a.png")[0] == 0
    code, out, err = command(*sample, "--model", trained["model"][:8], "--out", "b.png", "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == trained["model"]
    assert json.loads(out)["training_steps"] == trained["training_steps"]
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    command("models", "remove", "--all")
    code, _, err = command("replay", "b.png", "--out", "c2.png")
    assert code == 0, err
    assert np.array_equal(pixels("a.png"), pixels("c2.png"))


# What is refused


class Trap:
    """Unpickled by pickle, it makes a folder."""

    def __reduce__(self):
        return Path.mkdir, (Path("sprung"),)


def refuse(content):
    torch.save(content, "bad.pt")
    with pytest.raises(UserError) as refusal:
        import_checkpoint(Path("bad.pt"), picture_from(texture(60, 80), "b.png"))
    text = str(refusal.value)
    assert "bad.pt" in text and "\n" not in text
    return text


def test_nothing_in_a_checkpoint_is_executed(command, pasted):
    torch.save({**random_checkpoint(), "sched": Trap()}, "trap.pt")
    Path("plain.pt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "plain.pt"):
        code, _, err = command("models", "import", name, "--image", "bg.png")
        assert code == 2 and "is not a checkpoint" in err and len(err.splitlines()) == 1
        assert not Path("sprung").exists()
    pickle.loads(Path("plain.pt").read_bytes())
    assert Path("sprung").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04" + b"\x00" * 99])
def test_what_is_no_checkpoint_is_refused(content, command, pasted):
    Path("bad.pt").write_bytes(content)
    code, _, err = command("models", "import", "bad.pt", "--image", "bg.png")
    assert code == 2 and "bad.pt is not a checkpoint" in err and len(err.splitlines()) == 1


def test_what_is_no_file_is_refused_at_once(command, pasted):
    os.mkfifo("pipe.pt")
    Path("zero.pt").symlink_to("/dev/zero")
    Path("folder").mkdir()
    words = {"pipe.pt": "is no ordinary file", "zero.pt": "is no ordinary file"}
    for name, reason in {**words, "folder": "is a folder: give a file"}.items():
        code, _, err = command("models", "import", name, "--image", "bg.png")
        assert code == 2 and err == f"sinddm-tk: {name} {reason}\n"


def test_missing_files_are_named(command, pasted):
    code, _, err = command("models", "import", "gone.pt", "--image", "bg.png")
    assert code == 2 and "gone.pt" in err
    torch.save(random_checkpoint(), "model-12.pt")
    code, _, err = command("models", "import", "model-12.pt", "--image", "gone.png")
    assert code == 2 and "gone.png" in err


@pytest.mark.parametrize(
    "key", ["denoise_fn.l3.net.0.bias", "denoise_fn.final_conv.0.weight", "gammas"]
)
def test_missing_keys_are_named(key):
    content = random_checkpoint()
    del content["ema"][key]
    assert f"there is no {key}" in refuse(content)


@pytest.mark.parametrize("key", ["ema", "step"])
def test_missing_entries_are_named(key):
    content = random_checkpoint()
    del content[key]
    assert f"there is no {key}" in refuse(content)
    assert "there is no step" in refuse([1, 2]) or "there is no ema" in refuse([1, 2])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("denoise_fn.l2.net.0.weight", torch.zeros(12, 8, 3, 3), "must be (16, 8, 3, 3), here it"),
        ("denoise_fn.l1.time_reshape.weight", torch.zeros(3, 32), "must be (3, 32, 1, 1)"),
        ("denoise_fn.final_conv.0.weight", torch.zeros(3), "must be (3, width / 2, 1, 1)"),
        ("denoise_fn.l1.net.0.bias", torch.full((8,), math.nan), "not finite"),
        ("denoise_fn.l1.net.0.bias", [0.0] * 8, "must be a tensor"),
        ("denoise_fn.l5.net.0.bias", torch.zeros(8), "belongs to another network"),
        ("gammas", torch.rand(1, 99), "gammas must be (scales - 1, 100)"),
        ("gammas", torch.zeros(1, 100), "gammas must rise"),
        ("alphas_cumprod", torch.ones(100), "100 numbers that fall"),
    ],
)
def test_what_does_not_fit_is_named(key, value, words):
    content = random_checkpoint()
    content["ema"][key] = value
    assert words in refuse(content)


def test_untrained_checkpoints_are_refused():
    assert "`step` is 0" in refuse({**random_checkpoint(), "step": 0})
    assert "`ema` must hold tensors" in refuse({**random_checkpoint(), "ema": torch.ones(2)})


def test_a_picture_with_other_scales_is_refused():
    text = refuse(random_checkpoint(c_s=FIVE_SCALES))
    assert "has 5 scales and b.png, at 80×60 pixels, gives 2" in text


def test_models_that_can_not_be_used_are_refused(imported, command):
    sample = ("run", "sample", "--image", "bg.png", "--out", "o.png")
    Image.fromarray(texture(60, 80, seed=9)).save("other.png")
    cases = [
        ((*sample, "--model", "zz"), "begin with 'zz'"),
        ((*sample, "--model", imported, "--max-pixels", 2000), "--model and --max-pixels"),
        ((*sample, "--model", imported, "--retrain"), "--model and --retrain"),
        ((*sample, "--model", imported, "--quality", "paper"), "--model and --quality"),
        (
            ("run", "sample", "--image", "other.png", "--out", "o.png", "--model", imported),
            f"--model {imported} knows bg.png, and other.png is another picture",
        ),
    ]
    for words, expected in cases:
        code, _, err = command(*words)
        assert code == 2 and expected in err, err
    assert not Path("o.png").exists()
