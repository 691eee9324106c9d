"""Files of CLIP weights: the published layouts are read, and nothing that a file says is done."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sinddm_toolkit.plugins.clip.configs import register_config
from sinddm_toolkit.plugins.clip.tensors import read_tensors
from sinddm_toolkit.plugins.clip.weights import VARIABLE

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.services import service
from sinddm_toolkit.pictures.reading import picture_from, read_record
from sinddm_toolkit.pictures.writing import write_picture
from tests.conftest import texture
from tests.small_clip.make_small_clip import CONFIG, VOCABULARY, WEIGHTS

QUICK = ("--max-pixels", 1500, "--denoiser", "closed-form", "--sampling-steps", 1, "--views", 1)
RUN = ("run", "text-content", "--image", "p.png", "--text", "fire", *QUICK, "--seed", 1)


def text_encoder(name, weights):
    return service("text-encoder", name, weights=Path(weights), device=torch.device("cpu"))


@pytest.fixture(autouse=True)
def small_clip(home, monkeypatch):
    """p.png and small_clip.json with its vocabulary in the working folder, without weights."""
    monkeypatch.delenv(VARIABLE, raising=False)
    Image.fromarray(texture(60, 80)).save("p.png")
    for file in (CONFIG, VOCABULARY):
        shutil.copy(file, file.name)


@pytest.fixture
def state():
    """The small CLIP's weights in half precision, as OpenAI publishes its own."""
    return {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(WEIGHTS).items()
    }


# Published layouts


class Program(torch.nn.Module):
    """A module as any other, which programs are made of."""

    def __init__(self, tensors):
        super().__init__()
        children = {}
        for name, tensor in tensors.items():
            first, _, rest = name.partition(".")
            if rest:
                children.setdefault(first, {})[rest] = tensor
            elif tensor.is_floating_point():
                self.register_parameter(name, torch.nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)
        for name, inner in children.items():
            self.add_module(name, Program(inner))
        self.attn_mask = torch.zeros(2, 2)

    def forward(self, x):
        return x


def save_program(state, path):
    """As `torch.jit.save` wrote OpenAI's archives, with sizes and masks besides the weights."""
    sizes = {"input_resolution": 64, "context_length": 16, "vocab_size": 621}
    program = Program({**state, **{name: torch.tensor(size) for name, size in sizes.items()}})
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(torch.jit.trace(program, torch.zeros(1)), path)
    with zipfile.ZipFile(path) as archive:
        assert any(name.endswith("constants.pkl") for name in archive.namelist())


def save_of_training(state, path):
    whole = {"epoch": 3, "name": "x", "state_dict": {f"module.{k}": v for k, v in state.items()}}
    torch.save({**whole, "optimizer": {"state": {0: {"step": torch.ones(1)}}, "lr": 1e-3}}, path)


LAYOUTS = {
    "program.pt": save_program,
    "hub.bin": torch.save,
    "bare.pt": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
    "training.pt": save_of_training,
    "hub.safetensors": save_file,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_published_layouts_give_the_same_weights(name, state):
    LAYOUTS[name](state, name)
    found = text_encoder("small_clip.json", name)._loaded[0].state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value.to(found[key].dtype)) for key, value in state.items())


@pytest.mark.slow
def test_loading_says_nothing_and_leaves_logging_alone(state):
    save_file(state, "own.safetensors")
    script = (
        "import logging, pathlib, torch; from sinddm_toolkit.host.services import service\n"
        "about = {'weights': pathlib.Path('own.safetensors'), 'device': torch.device('cpu')}\n"
        "service('text-encoder', 'small_clip.json', **about).encode_text(['red'])\n"
        "root = logging.getLogger(); print(root.handlers, root.filters)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] []\n", "")


@pytest.mark.slow
def test_a_program_guides_as_the_same_weights_do(command, state):
    for name in ("program.pt", "hub.safetensors"):
        LAYOUTS[name](state, name)
        words = ("--clip", "small_clip.json", "--clip-weights", name, "--out", f"{name}.png")
        code, _, err = command(*RUN, *words)
        assert code == 0, err
    first, second = map(picture_from, ("program.pt.png", "hub.safetensors.png"))
    assert (first.pixels == second.pixels).all()


def test_views_and_shared_numbers_are_read_as_pytorch_does():
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"whole": whole, "turned": whole.T, "part": whole[1:, ::2], "none": torch.zeros(0, 3)}
    torch.save(state, "views.pt")
    found = read_tensors(Path("views.pt"))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_weights_of_another_model_are_refused(command, state):
    deeper = {**state, "transformer.resblocks.2.ln_1.weight": torch.ones(128)}
    save_program(deeper, "deeper.pt")
    del state["ln_final.weight"]
    torch.save(state, "less.pt")
    for name in ("deeper.pt", "less.pt"):
        refused(command, name, "could not be loaded")


# What must not happen


class Evil:
    """Unpickled by pickle, it makes a folder."""

    def __reduce__(self):
        return os.system, ("mkdir executed",)


def refused(command, weights, *words, name="small_clip.json"):
    """The command line with these weights ends with one short line, and leaves no trace."""
    before = sorted(Path().iterdir())
    code, _, err = command(*RUN, "--clip", name, "--clip-weights", weights, "--out", "o.png")
    assert code == 2, err
    assert len(err.splitlines()) == 1 and len(err) < 400
    assert "weights_only" not in err and "torch.load" not in err
    assert all(word in err for word in words), err
    assert sorted(Path().iterdir()) == before


def zipped(path, entries, **how):
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_an_archive_that_looks_like_a_program_is_not_executed(command):
    for other in ("sub/constants.pkl", "constants.pkl", "code/__torch__.py"):
        zipped("evil.pt", {"a/data.pkl": pickle.dumps(Evil(), 2), f"a/{other}": ""})
        refused(command, "evil.pt", "evil.pt", "posix.system", "nothing in the file was executed")


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_pickle_is_not_executed(command, protocol):
    Path("evil.bin").write_bytes(pickle.dumps({"weight": Evil()}, protocol))
    refused(command, "evil.bin", "evil.bin", "no file of weights")
    torch.save({"state_dict": Evil()}, "evil.pt", pickle_protocol=max(2, protocol))
    refused(command, "evil.pt", "nothing in the file was executed")


def test_the_environment_and_presets_are_no_way_around(command, monkeypatch):
    torch.save({"state_dict": Evil()}, "evil.pt")
    Path("look.toml").write_text(
        'task = "text-content"\nclip = "small_clip.json"\nclip-weights = "evil.pt"\n'
    )
    code, _, err = command(*RUN[:6], *QUICK, "--preset", "look.toml", "--out", "o.png")
    assert code == 2 and "evil.pt" in err
    monkeypatch.setenv(VARIABLE, "evil.pt")
    code, _, err = command(*RUN, "--out", "o.png")
    assert code == 2 and "evil.pt" in err
    assert not Path("executed").exists() and not Path("o.png").exists()


class Writer(torch.nn.Module):
    """Writes a file when the program that it is in is loaded."""

    def __init__(self):
        super().__init__()
        self.training = False

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return (torch.ones(1), self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        torch.save(state[0], "written")
        self.training = state[1]


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_program_is_read_without_running_it(command):
    torch.jit.save(torch.jit.script(Writer()), "writer.pt")
    torch.jit.load("writer.pt")
    Path("written").unlink()  # that was PyTorch, which runs it
    refused(command, "writer.pt", "could not be loaded")


def global_(name):
    return f"c{name}\n".encode()


LOOP = b"\x80\x02" + global_("__torch__\nA") + b")\x81q\x00}q\x01X\x01\x00\x00\x00ah\x00sb."
"""A module that holds itself."""

TREE = b"".join(
    [
        b"\x80\x02" + global_("__torch__\nA") + b"q\x00)\x81",
        *(
            b"q" + bytes([k]) + b"h\x00)\x81}X\x01\x00\x00\x00ah" + bytes([k])
            + b"sX\x01\x00\x00\x00bh" + bytes([k]) + b"sb"
            for k in range(1, 60)
        ),
        b".",
    ]
)  # fmt: skip
"""Sixty modules, each of which holds the one before it twice: 2^60 of them by name."""

KEY = b"\x80\x02}K\x01" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(1, 60)) + b"K\x01s."
"""A dictionary whose key is sixty pairs within each other, each the one before it twice."""

MEMO = b"\x80\x02Nr\xff\xff\xff\x7f."
"""An entry of a memo of two thousand million."""


def storage(count, key="0", kind="FloatStorage"):
    """A pickle's reference to numbers."""
    texts = [b"X" + len(t).to_bytes(4, "little") + t.encode() for t in ("storage", key, "cpu")]
    number = b"J" + count.to_bytes(4, "little")
    return b"(" + texts[0] + global_(f"torch\n{kind}") + texts[1] + texts[2] + number + b"tQ"


def tensor(numbers, size, name=b"ww"):
    """A pickle of a dictionary with a tensor of these sides, all of whose strides are 0."""
    sides = b"(" + b"".join(b"J" + n.to_bytes(4, "little") for n in size) + b"t"
    strides = b"(" + b"K\x00" * len(size) + b"t"
    made = global_("torch._utils\n_rebuild_tensor_v2") + b"(" + numbers + b"K\x00" + sides + strides
    return b"\x80\x02}X\x02\x00\x00\x00" + name + made + b"\x89NtRs."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LOOP, "without end"),
        (TREE, "without end"),
        (KEY, "makes no sense"),
        (MEMO, "no weights"),
        (b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.", "builtins.eval"),
        (b"\x80\x02c__torch__\nA\n(X\x01\x00\x00\x001tR.", "makes no sense"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}K\x01K\x01sb.", "no weights"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "SHORT_BINUNICODE"),
        (b"\x80\x02X\xff\xff\xff\xffabc", "damaged"),
        (tensor(storage(1), (2**31 - 1, 2**31 - 1)), "larger than its numbers"),
        (tensor(storage(2), (1,)), "cut short"),
        (tensor(storage(1, "../data.pkl"), (1,)), "damaged"),
        (b"", "damaged"),
    ],
    ids=str,
)
def test_pickles_made_to_harm_are_refused_at_once(command, content, words):
    zipped("evil.pt", {"a/data.pkl": content, "a/data/0": b"\0" * 4})
    refused(command, "evil.pt", words)


@pytest.mark.parametrize("entry", ["data.pkl", "data/0"])
def test_zip_bombs_are_not_unpacked(entry):
    length = 100_000_000
    entries = {"a/data.pkl": tensor(storage(length // 4), (1,)), "a/data/0": b"\0" * 4}
    zipped("bomb.pt", {**entries, f"a/{entry}": bytes(length)}, compression=zipfile.ZIP_DEFLATED)
    assert Path("bomb.pt").stat().st_size < length / 100
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="compressed or larger"):
            read_tensors(Path("bomb.pt"))
        assert tracemalloc.get_traced_memory()[1] < length / 10
    finally:
        tracemalloc.stop()


def test_entries_that_share_their_bytes_do_not_add_up(command):
    """The directory of this archive has one entry of 1 MB under a hundred names."""
    parts = [tensor(storage(250_000, str(k)), (1,), b"%02d" % k)[3:-1] for k in range(100)]
    with zipfile.ZipFile("bomb.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}" + b"".join(parts) + b".")
        archive.writestr("a/data/0", bytes(1_000_000))
        for k in range(1, 100):
            again = zipfile.ZipInfo(f"a/data/{k}")
            known = archive.getinfo("a/data/0")
            for name in ("header_offset", "file_size", "compress_size", "CRC", "create_system"):
                setattr(again, name, getattr(known, name))
            archive.filelist.append(again)
    refused(command, "bomb.pt", "nothing in")


def test_what_is_no_file_is_refused_at_once(command):
    os.mkfifo("pipe.pt")
    os.mkfifo("pipe.json")
    Path("folder.pt").mkdir()
    Path("zero.pt").symlink_to("/dev/zero")
    refused(command, "pipe.pt", "pipe.pt is no ordinary file")
    refused(command, "zero.pt", "zero.pt is no ordinary file")
    refused(command, "folder.pt", "folder.pt is a folder: give a file")
    refused(command, WEIGHTS, "pipe.json is no ordinary file", name="pipe.json")


# Configurations


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("text_cfg", {"hf_model_name": "./evil"}, "hf_model_name"),
        ("text_cfg", {"hf_tokenizer_name": "./evil"}, "hf_tokenizer_name"),
        ("vision_cfg", {"timm_model_name": "hf-hub:evil/evil"}, "timm_model_name"),
        ("vision_cfg", {"timm_model_name": "local-dir:evil"}, "timm_model_name"),
        ("text_cfg", {"tokenizer_kwargs": {"trust_remote_code": True}}, "trust_remote_code"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "../small_clip_bpe.txt.gz"}}, "bpe_path"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "/dev/zero"}}, "bpe_path"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "pipe"}}, "not beside it"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "bomb.gz"}}, "too large"),
        ("text_cfg", {"tokenizer_kwargs": {"bpe_path": "p.png"}}, "damaged"),
        ("text_cfg", {"layers": 10**9}, "layers"),
        ("vision_cfg", {"layers": [1, 1, 1, 10**9]}, "layers"),
        ("text_cfg", {"width": 10**6, "heads": 1}, "weights"),
        ("text_cfg", {"context_length": 10**6}, "weights"),
        ("text_cfg", {"width": "wide"}, "could not be loaded"),
    ],
)
def test_configurations_that_ask_for_too_much_are_refused(command, part, change, words):
    import gzip

    os.mkfifo("pipe")
    Path("bomb.gz").write_bytes(gzip.compress(bytes(60_000_000)))
    config = json.loads(CONFIG.read_text())
    config[part].update(change)
    Path("own.json").write_text(json.dumps(config))
    refused(command, WEIGHTS, words, name="own.json")


@pytest.mark.parametrize(
    "content", ["[" * 90_000, "{" + " " * 200_000 + "}", "3", '{"text_cfg": 1}']
)
def test_what_is_no_configuration_is_refused(command, content):
    Path("own.json").write_text(content)
    refused(command, WEIGHTS, "no model configuration", name="own.json")


@pytest.mark.parametrize("name", ["local-dir:x.json", "hf-hub:x.json", "siglip.json"])
def test_the_name_of_a_configuration_means_nothing(name):
    shutil.copy(CONFIG, name)
    assert register_config(Path(name)) == register_config(Path("small_clip.json"))


# Records


@pytest.fixture
def made(command):
    """o.png, made with own.json, and its record."""
    shutil.copy(CONFIG, "own.json")
    shutil.copy(WEIGHTS, "own.safetensors")
    code, _, err = command(*RUN, "--clip", "own.json", "--out", "o.png")
    assert code == 0, err
    return json.loads(read_record(Path("o.png")))


def test_a_record_holds_a_configuration_by_its_content(command, made, tmp_path, monkeypatch):
    clip = made["tasks"][0]["options"]["clip"]
    assert clip["file"] == "own.json" and len(clip["sha256"]) == 64
    here = Path.cwd()
    monkeypatch.chdir(tmp_path)
    code, _, err = command("replay", here / "o.png", "--out", "again.png")
    assert code == 0, err
    config = json.loads(CONFIG.read_text())
    (here / "own.json").write_text(json.dumps(config))
    code, _, err = command("replay", here / "o.png", "--out", "changed.png")
    assert code == 2 and "own.json has changed" in err
    (here / "own.json").unlink()
    code, _, err = command("replay", here / "o.png", "--out", "changed.png")
    assert code == 2 and "--input clip=FILE" in err


def test_a_record_with_a_file_as_plain_text_is_damaged(command, made):
    picture = picture_from("p.png")
    texts = {"clip": "own.json", "clip_weights": "own.safetensors", "image": "p.png"}
    for name, value in texts.items():
        record = json.loads(json.dumps(made))
        record["tasks"][0]["options"][name] = value
        write_picture("crafted.png", picture, overwrite=True, record=json.dumps(record))
        code, _, err = command("replay", "crafted.png", "--out", "r.png")
        assert code == 2 and "record in crafted.png is damaged" in err and name in err
        assert not Path("r.png").exists()


def test_a_record_with_the_name_of_a_model_goes_on_working(command, made):
    record = json.loads(json.dumps(made))
    record["tasks"][0]["options"]["clip"] = "ViT-B-32:openai"
    write_picture("named.png", picture_from("p.png"), record=json.dumps(record))
    code, _, err = command("replay", "named.png", "--out", "r.png")
    assert code == 2 and "sinddm-tk clip fetch ViT-B-32:openai" in err


@pytest.mark.slow
def test_a_preset_finds_a_configuration_beside_it(command, tmp_path):
    shutil.copy(CONFIG, tmp_path / "own.json")
    shutil.copy(WEIGHTS, tmp_path / "own.safetensors")
    shutil.copy(VOCABULARY, tmp_path)
    (tmp_path / "look.toml").write_text('task = "text-content"\nclip = "own.json"\n')
    line = ("run", "--preset", tmp_path / "look.toml", *RUN[2:])
    code, _, err = command(*line, "--out", "o.png")
    assert code == 0, err
