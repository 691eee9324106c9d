"""The plugin of open_clip's models."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.clip.weights import VARIABLE, Choice, choose, find, is_quick_gelu

from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.services import service
from tests.conftest import texture
from tests.plugins.conftest import CONFIG


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without weights: an environment for commands, with its home folder."""
    hidden = ("HF_", "HUGGING", "XDG_CACHE", VARIABLE)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    return environment | {"HOME": str(tmp_path)}


def text_encoder(name, weights=None):
    return service("text-encoder", name, weights=weights, device=torch.device("cpu"))


def sinddm_tk(*words, env):
    command = [sys.executable, "-m", "sinddm_toolkit.cli", *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def test_the_default_is_openai_s_with_its_own_activation():
    assert choose(None, None) == Choice("ViT-B-32-quickgelu", "openai")
    assert choose("ViT-B-32", None).tag == "openai"
    assert is_quick_gelu(choose("ViT-B-32:openai", None))
    assert not is_quick_gelu(choose("ViT-B-32:laion2b_s34b_b79k", None))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-33", "did you mean ViT-B-32"),
        ("ViT-B-32:opena", "laion2b_s34b_b79k"),
        ("nowhere.json", "no such file"),
    ],
)
def test_unknown_models_are_refused_with_what_there_is(name, message):
    with pytest.raises(UserError, match=message):
        choose(name, None)


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match=r"gone\.pt"):
        choose(None, Path("gone.pt"))
    Path("alone.json").write_text("{}")
    with pytest.raises(UserError, match="--clip-weights"):
        choose("alone.json", None)


def test_the_environment_names_a_model_or_a_file(monkeypatch):
    monkeypatch.setenv(VARIABLE, "RN50:openai")
    assert choose(None, None) == Choice("RN50", "openai")
    assert choose("RN101:openai", None).model == "RN101"
    Path("mine.pt").write_bytes(b"PK")
    monkeypatch.setenv(VARIABLE, "mine.pt")
    assert choose(None, None) == Choice("ViT-B-32-quickgelu", None, Path("mine.pt"))
    assert choose("RN50:openai", None).file is None


def test_without_weights_one_line_says_what_to_do(bare, tmp_path):
    Image.fromarray(texture(60, 80)).save("p.png")
    done = sinddm_tk("run", "text-content", "--image", "p.png", "--text", "stars", env=bare)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and not done.stdout
    for word in (
        "ViT-B-32-quickgelu:openai",
        "~/.cache/huggingface/hub/models--timm--vit_base_patch32_clip_224.openai",
        "~/.cache/clip/ViT-B-32.pt",
        "sinddm-tk clip fetch ViT-B-32-quickgelu:openai",
        "--clip-weights FILE",
    ):
        assert word in done.stderr


@pytest.mark.slow
def test_doctor_says_the_same_beforehand(bare):
    done = sinddm_tk("doctor", "--json", env=bare)
    facts = json.loads(done.stdout)
    assert "sinddm-tk clip fetch" in facts["CLIP weights"] and facts["open_clip"]
    done = sinddm_tk("clip", "path", env=bare)
    assert done.returncode == 2 and facts["CLIP weights"] in done.stderr


def test_fetching_without_a_network_fails(bare):
    # A port that nobody listens on, in case there is a network.
    environment = bare | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    done = sinddm_tk("clip", "fetch", env=environment)
    assert done.returncode == 2
    begun, failed = done.stderr.splitlines()
    assert begun.startswith("fetching ") and failed.startswith("sinddm-tk: cannot fetch ")


@pytest.mark.slow
def test_weights_are_found_where_open_clip_keeps_them(bare, tmp_path):
    legacy = tmp_path / ".cache" / "clip" / "ViT-B-32.pt"
    legacy.parent.mkdir(parents=True)
    legacy.write_bytes(b"PK")
    assert sinddm_tk("clip", "path", env=bare).stdout.strip() == str(legacy)
    hub = tmp_path / ".cache/huggingface/hub/models--timm--vit_base_patch32_clip_224.openai"
    (hub / "snapshots" / "abc").mkdir(parents=True)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("abc")
    cached = hub / "snapshots" / "abc" / "open_clip_model.safetensors"
    cached.write_bytes(b"")
    assert sinddm_tk("clip", "path", env=bare).stdout.strip() == str(cached)


def test_embeddings_are_open_clip_s_own(random_clip):
    import open_clip

    encoder = text_encoder(str(random_clip))
    model = open_clip.CLIP(**CONFIG).eval()
    open_clip.factory.load_checkpoint(model, str(random_clip.with_suffix(".safetensors")))
    images = torch.rand(3, 3, 32, 32)
    assert encoder.image_size == 32
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    with torch.no_grad():
        expected = model.encode_image((images - mean) / deviation, normalize=True)
        texts = model.encode_text(open_clip.tokenize(["a", "b c"], 16), normalize=True)
    if encoder._autocast().__class__.__name__ == "nullcontext":
        assert torch.allclose(encoder.encode_image(images), expected, atol=1e-5)
        assert torch.allclose(encoder.encode_text(["a", "b c"]), texts, atol=1e-5)
    assert torch.allclose(encoder.encode_image(images).norm(dim=1), torch.ones(3), atol=1e-5)


def test_pictures_get_gradients_and_weights_do_not(random_clip):
    encoder = text_encoder(str(random_clip))
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    encoder.encode_image(images).sum().backward()
    assert images.grad.abs().sum() > 0
    model = encoder._loaded[0]
    assert not model.training
    assert all(not p.requires_grad and p.grad is None for p in model.parameters())
    assert not encoder.encode_text(["stars"]).requires_grad


def test_an_encoder_is_made_once_a_process(random_clip):
    first = text_encoder(str(random_clip))
    assert text_encoder(str(random_clip)) is first
    weights = random_clip.with_suffix(".safetensors")
    assert text_encoder(str(random_clip), weights) is not first


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_weights_may_come_as_openai_s_programs(random_clip, tmp_path):
    import open_clip

    model = open_clip.CLIP(**CONFIG)
    open_clip.factory.load_checkpoint(model, str(random_clip.with_suffix(".safetensors")))

    class Program(torch.nn.Module):
        def forward(self, x: int) -> int:
            return x

    program = Program()
    for name, child in model.named_children():
        program.add_module(name, child)
    for name, parameter in model.named_parameters(recurse=False):
        program.register_parameter(name, parameter)
    file = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(program, torch.zeros(1)), file)
    images = torch.rand(1, 3, 32, 32)
    expected = text_encoder(str(random_clip)).encode_image(images)
    assert torch.equal(text_encoder(str(random_clip), file).encode_image(images), expected)


def test_damaged_and_foreign_weights_are_refused(random_clip, tmp_path):
    for name, content in (("a.pt", b"<html>"), ("b.safetensors", b""), ("c.safetensors", b"x" * 9)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="no file of weights"):
            text_encoder(str(random_clip), tmp_path / name)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="could not be loaded"):
        text_encoder(str(random_clip), tmp_path / "other.pt").encode_text(["stars"])


def test_a_vocabulary_lies_beside_its_configuration(tmp_path):
    import open_clip

    merges = "\n".join(["#version", "s t", "st a", "sta r</w>"])
    (tmp_path / "words.txt.gz").write_bytes(gzip.compress(merges.encode()))
    text_config = {**CONFIG["text_cfg"], "vocab_size": 512 + 3 + 2}
    state = open_clip.CLIP(**{**CONFIG, "text_cfg": text_config}).state_dict()
    torch.save(state, tmp_path / "own.pt")
    text_config["tokenizer_kwargs"] = {"bpe_path": "words.txt.gz"}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"model_cfg": {**CONFIG, "text_cfg": text_config}}))
    encoder = text_encoder(str(path))
    assert encoder.encode_text(["star"]).shape == (1, 32)
    assert encoder._loaded[1].vocab_size == 517


def test_a_file_that_is_no_configuration_is_refused(tmp_path, random_clip):
    path = tmp_path / "bad.json"
    weights = random_clip.with_suffix(".safetensors")
    for content in ("no json", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(UserError, match="no model configuration"):
            text_encoder(str(path), weights).encode_text(["stars"])


def test_other_plugins_can_make_encoders_and_their_errors_are_theirs():
    class Plugin:
        @hookimpl(tryfirst=True)
        def make_service(self, kind, name, about):
            assert kind == "text-encoder"
            return self if name == "mine" else 1 / 0 if name == "broken" else None

    registry.current().manager.register(plugin := Plugin())
    assert text_encoder("mine") is plugin
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        text_encoder("broken")


def test_without_a_plugin_there_is_no_encoder():
    registry.use(registry.discover(blocked=["clip"]))
    with pytest.raises(UserError, match="no plugin makes the text-encoder ViT-B-32:openai"):
        text_encoder("ViT-B-32:openai")


def test_find_gives_the_file_that_was_named(random_clip):
    assert find(choose(str(random_clip), None)) == random_clip.with_suffix(".safetensors")
