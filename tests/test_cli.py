import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save

import sinddm_toolkit as st
from sinddm_toolkit.cli.root import build_cli
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.options.run_options import SEED_MAX
from tests.conftest import texture

SAMPLE = ("run", "sample", "--image", "bg.png")


def pixels(path):
    return np.asarray(Image.open(path))


def test_help_is_quick_and_imports_no_torch():
    script = (
        "import sys; from sinddm_toolkit.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print('torch' in sys.modules, file=sys.stderr)"
    )
    for words in (["--help"], ["run", "--help"], ["run", "sample", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        assert done.stderr.strip() == "False"
    # Processor time: other programs must not make it fail.
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "sinddm_toolkit.cli", "--help"], check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.5


def commands(group, *words):
    """The words of every command of a group, of the groups in it too, and of `group` itself."""
    yield words
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *words, name)
        else:
            yield (*words, name)


def test_every_command_has_help(command):
    found = list(commands(build_cli()))
    assert {("run", "harmonize"), ("batch",), ("presets", "save"), ("clip", "fetch")} <= {*found}
    for words in found:
        code, out, err = command(*words, "--help")
        usage, _, told = out.partition("\n\n")
        assert (code, err) == (0, "") and usage.startswith("Usage: "), words
        assert not told.lstrip().startswith("Options:"), words  # what it is for comes first


def test_sample_json(command, pasted, tiny):
    code, out, err = command(*SAMPLE, "--samples", 2, "--seed", 5, "--json", "--size", "2x1")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["outputs"] == ["bg-sample-1.png", "bg-sample-2.png"]
    assert (facts["seed"], facts["device"]) == (5, "cpu")
    assert facts["network_evaluations"] == 2 * (48 + 6)
    assert set(facts["seconds"]) == {"training", "sampling"}
    assert facts["training_steps"] == 60
    assert pixels("bg-sample-1.png").shape == (60, 160, 3)
    assert not np.array_equal(pixels("bg-sample-1.png"), pixels("bg-sample-2.png"))
    assert command(*SAMPLE, "--seed", 6, "--size", "2x1", "--out", "alone.png")[0] == 0
    assert np.array_equal(pixels("alone.png"), pixels("bg-sample-2.png"))


def test_replay_is_bit_exact_also_without_the_model(command, pasted, tiny):
    assert command("run", "harmonize", "--bg", "bg.png", "--composite", "c.png")[0] == 0
    assert command(*SAMPLE, "--samples", 2, "--seed", 5)[0] == 0
    made = ["c-harmonize.png", "bg-sample-2.png"]
    for name in made:
        assert command("replay", name, "--out", f"kept-{name}")[0] == 0
    assert command("models", "remove", "--all")[0] == 0
    for name in made:
        assert command("replay", name, "--out", f"gone-{name}")[0] == 0
        for again in (f"kept-{name}", f"gone-{name}"):
            assert np.array_equal(pixels(again), pixels(name))


def test_replay_says_what_is_missing_or_changed(command, pasted, tiny):
    assert command(*SAMPLE, "--out", "s.png")[0] == 0
    Path("bg.png").rename("moved.png")
    code, _, err = command("replay", "s.png")
    assert code == 2 and "--input image=FILE" in err
    assert command("replay", "s.png", "--input", "image=moved.png")[0] == 0
    Image.fromarray(texture(60, 80, seed=9)).save("bg.png")
    code, _, err = command("replay", "s.png", "--overwrite")
    assert code == 2 and "has changed" in err
    code, _, err = command("replay", "moved.png")
    assert code == 2 and "carries no record" in err


def test_samples_beyond_the_largest_seed_are_refused(command, pasted):
    quick = ("--denoiser", "closed-form", "--sampling-steps", 1, "--max-pixels", 1500)
    words = (*SAMPLE, *quick, "--samples", 2, "--out", "o.png", "--seed")
    code, _, err = command(*words, SEED_MAX)
    assert code == 2 and f"{SEED_MAX - 1} at most" in err
    assert not list(Path().glob("o*.png"))
    assert command(*words, SEED_MAX - 1)[0] == 0
    assert command("replay", "o-2.png", "--out", "again.png")[0] == 0


def test_models_commands(command, pasted, tiny):
    code, out, err = command("models", "list")
    assert (code, out) == (0, "") and "no models yet" in err
    code, out, _ = command("train", "bg.png", "--json")
    key = json.loads(out)["model"]
    assert json.loads(out)["training_steps"] == 60
    listed = json.loads(command("models", "list", "--json")[1])
    assert [m["model"] for m in listed] == [key] and listed[0]["name"] == "bg.png"
    assert key in command("models", "list")[1]
    assert json.loads(command("models", "show", key[:5])[1])["trained"] == {"0": 100, "1": 55}
    assert Path(command("models", "path", key[:5])[1].strip()).exists()
    facts = json.loads(command(*SAMPLE, "--json")[1])
    assert facts["model"] == key and facts["training_steps"] == 60  # nothing was left to train
    assert command("models", "remove", key)[0] == 0
    assert default_store().keys() == []
    assert command("models", "remove", "zz")[0] == 2
    assert command("models", "remove")[0] == 2


def test_a_damaged_model_is_noticed_before_anything_is_done(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    path = default_store().path(key)
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[-2000] ^= 16
    expected = f"the model {key} is damaged: `sinddm-tk models remove {key}` and train again"
    for content in (spoilt, b"", whole[:-200]):
        path.write_bytes(content)
        for words in (SAMPLE, (*SAMPLE, "--model", key), ("train", "bg.png")):
            code, out, err = command(*words)
            assert (code, out, err) == (2, "", f"sinddm-tk: {expected}\n")
    path.unlink()
    path.symlink_to("nowhere")
    code, _, err = command(*SAMPLE)
    assert code == 2 and expected in err and not Path("bg-sample.png").exists()
    assert command("models", "remove", key)[0] == 0
    assert command(*SAMPLE)[0] == 0 and default_store().keys() == [key]


def test_a_damaged_model_does_not_stop_a_replay(command, pasted, tiny):
    assert command(*SAMPLE, "--out", "s.png")[0] == 0
    (key,) = default_store().keys()
    default_store().path(key).write_bytes(b"")
    code, _, err = command("replay", "s.png", "--out", "again.png")
    assert code == 0 and "is damaged" in err
    assert np.array_equal(pixels("s.png"), pixels("again.png"))


def test_a_model_under_anothers_name_is_not_used(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    other = ("--train-seed", "7")
    assert command("train", "bg.png", *other)[0] == 0
    (second,) = set(default_store().keys()) - {key}
    default_store().path(second).write_bytes(default_store().path(key).read_bytes())
    code, _, err = command(*SAMPLE, *other)
    assert code == 2 and f"the model {second} is damaged" in err


def test_one_odd_entry_does_not_hide_the_others(command, pasted, tiny):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]
    folder = default_store().folder
    (folder / "dangling.safetensors").symlink_to("nowhere")
    (folder / "folder.safetensors").mkdir()
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "empty.safetensors").touch()
    facts = {**default_store().describe(key), "history": None}
    (folder / "null.safetensors").write_bytes(save({}, metadata={"sinddm": json.dumps(facts)}))
    odd = {"dangling", "folder", "pipe", "empty", "null"}
    code, out, _ = command("models", "list", "--json")
    listed = {entry["model"]: entry for entry in json.loads(out)}
    assert code == 0 and listed.keys() == {key, *odd}
    assert {name for name, entry in listed.items() if "is damaged" in entry.get("error", "")} == odd
    code, out, _ = command("models", "list")
    assert code == 0 and len(out.splitlines()) == 6
    assert command("models", "show", key[:6])[0] == 0
    assert command(*SAMPLE, "--model", key[:6])[0] == 0
    for name in odd:
        code, _, err = command("models", "show", name)
        assert code == 2 and "is damaged" in err and len(err.splitlines()) == 1
        code, _, err = command("models", "remove", name)
        assert code == (2 if name == "folder" else 0)
    assert "cannot remove" in command("models", "remove", "folder")[2]
    (folder / "folder.safetensors").rmdir()
    assert default_store().keys() == [key]


def test_a_file_removed_meanwhile_does_not_spoil_the_list(command, pasted, tiny, monkeypatch):
    assert command("train", "bg.png")[0] == 0
    monkeypatch.setattr("sinddm_toolkit.edits.store.ModelStore.keys", lambda store: ["gone"])
    code, out, _ = command("models", "list")
    assert code == 0 and "there is no model gone" in out


@pytest.mark.parametrize(
    "words",
    [
        ("models", "remove", ""),
        ("models", "show", ""),
        ("models", "path", ""),
        (*SAMPLE, "--model", ""),
    ],
)
def test_no_name_is_not_the_only_model(words, command, pasted, tiny):
    assert command("train", "bg.png")[0] == 0
    code, _, err = command(*words)
    assert code == 2 and "empty" in err and len(err.splitlines()) == 1
    assert len(default_store().keys()) == 1 and not Path("bg-sample.png").exists()


def test_a_store_that_can_not_be_written_serves_what_is_known(command, pasted, tiny, monkeypatch):
    key = json.loads(command("train", "bg.png", "--json")[1])["model"]

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)  # what has to be written first of all
    whole = ("run", "sample", "--image", "bg.png", "--overwrite", "--out", "o.png")
    for words in ((), ("--train-time", "0"), ("--model", key), ("--train-time", "5m")):
        code, _, err = command(*whole, *words)
        assert code == 0, err
    code, _, err = command(*whole, "--retrain")
    assert code == 2 and "cannot use the model store" in err and "Read-only" in err


def test_no_time_to_train_needs_a_known_picture(command, pasted):
    code, _, err = command(*SAMPLE, "--out", "o.png", "--train-time", 0)
    assert code == 2 and "nothing is known yet of" in err and not Path("o.png").exists()


def test_doctor(command):
    code, out, _ = command("doctor", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["store writable"] is True
    assert {"torch", "device", "precision", "CLIP weights", "model store"} <= set(facts)


def test_doctor_lists_plugins_from_elsewhere(command, tmp_path):
    installed = json.loads(command("doctor", "--json")[1])["plugins"]
    path = tmp_path / "mine.py"
    path.write_text('__version__ = "1.2"\n')
    (tmp_path / "worse.py").write_text("1 / 0")
    folder = ("--plugins-dir", tmp_path)
    facts = json.loads(command("doctor", "--json", *folder)[1])
    assert {"name": "mine", "package": str(path), "version": "1.2"} in facts["plugins"]
    assert len(facts["plugins"]) == len(installed) + 2 and facts["broken plugins"] == "worse"
    code, out, _ = command("doctor", *folder)
    assert code == 0 and f"mine 1.2 ({path}), worse ({tmp_path / 'worse.py'})" in out


def test_doctor_works_where_torch_does_not():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from sinddm_toolkit.cli.main import main; main(['doctor'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["torch"].startswith("cannot be imported: ModuleNotFoundError: ")
    assert {"python", "pillow", "store", "plugins"} <= set(lines) and "device" not in lines


def test_lists_of_commands_cut_no_summary_short(command, monkeypatch):
    for width in ("40", "80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        for group in ([], ["run"], ["models"], ["plugins"], ["presets"], ["clip"]):
            code, out, _ = command(*group, "--help")
            assert code == 0
            _, _, commands = out.partition("\nCommands:\n")
            assert len(commands.splitlines()) > 1 and "..." not in commands
    assert "later edits of it take seconds\n" in command("--help")[1]


def test_python_interface(pasted, tiny):
    background = np.asarray(Image.open("bg.png"))
    by_array = st.run("harmonize", bg=background, composite=Image.open("c.png"), seed=1)
    by_path = st.run("harmonize", bg="bg.png", composite=Path("c.png"), seed=1, out="o.png")
    assert by_array.outputs == [] and by_path.outputs == [Path("o.png")]
    assert by_array.image.tobytes() == by_path.image.tobytes()
    assert np.array_equal(pixels("o.png"), np.asarray(by_path.image))
    with pytest.raises(st.errors.UserError, match="did you mean composite"):
        st.run("harmonize", bg=background, composit=background)


BAD_LINES = [
    (["run", "nothing"], "there is no task"),
    (["run", "sample"], "missing --image"),
    ([*SAMPLE, "--nothing", "1"], "No such option"),
    ([*SAMPLE, "--samples", "0"], "whole number from 1"),
    ([*SAMPLE, "--samples", "2.5"], "whole number"),
    ([*SAMPLE, "--quality", "drft"], "did you mean draft"),
    ([*SAMPLE, "--device", "tpu"], "one of auto, cpu"),
    ([*SAMPLE, "--size", "30x30"], "at least 33"),
    ([*SAMPLE, "--out", "o.bmp"], "extension"),
    ([*SAMPLE, "--out", "no/o.png"], "no folder"),
    ([*SAMPLE, "--out", "bg.png"], "exists"),
    ([*SAMPLE, "--train-time", "soon"], "a time such as"),
    (["run", "sample", "--image", "none.png"], "no such file"),
    (["run", "sample", "--image", "."], "is a folder"),
    (["run", "sample", "--image", "text.png"], "not a picture"),
    (["run", "sample", "--image", "dot.png"], "1×1"),
    (["run", "sample", "--image", "line.png"], "50000×1"),
    (["run", "sample", "--image", "clear.png"], "transparent"),
    (["run", "sample", "--image", "cmyk.jpg"], "CMYK"),
]


@pytest.mark.parametrize(("words", "message"), BAD_LINES, ids=lambda value: str(value)[-40:])
def test_bad_input_is_one_line_and_exit_code_2(words, message, command, pasted):
    Path("text.png").write_text("hello")
    Image.new("RGB", (1, 1)).save("dot.png")
    Image.new("RGB", (50_000, 1)).save("line.png")
    Image.new("RGBA", (64, 64)).save("clear.png")
    Image.new("CMYK", (64, 64)).save("cmyk.jpg")
    before = sorted(Path().iterdir())
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err
    assert sorted(Path().iterdir()) == before
    assert default_store().keys() == []


@pytest.mark.parametrize("mode", ["L", "P", "LA", "I;16"])
def test_unusual_pictures_work(mode, command, pasted, tiny):
    grey = Image.open("bg.png").convert("L")
    if mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save("odd.png")
    else:
        (Image.open("bg.png") if mode == "P" else grey).convert(mode).save("odd.png")
    code, _, err = command("run", "sample", "--image", "odd.png", "--out", "o.png")
    assert code == 0, err
    assert pixels("o.png").shape[:2] == (60, 80)


def test_full_disk_while_the_model_is_written(command, pasted, tiny, monkeypatch, home):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = command(*SAMPLE, "--out", "o.png")
    assert code == 2 and "No space left" in err and len(err.strip().splitlines()) == 1
    assert not Path("o.png").exists()
    assert [p for p in (home / "models").iterdir() if p.suffix != ".lock"] == []


def test_a_bug_shows_its_traceback_with_debug_only(command, pasted, tiny, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.subject.make_schedule", lambda *_: 1 / 0)
    code, _, err = command(*SAMPLE)
    assert code == 1 and "a bug of ours" in err and "Traceback" not in err
    from sinddm_toolkit.cli.main import main

    with pytest.raises(ZeroDivisionError):
        main([*SAMPLE, "--debug"])
