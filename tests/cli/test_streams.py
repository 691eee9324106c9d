"""Pictures through pipes: `-` and what a shell puts for `<(command)`."""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.cli.main import main
from sinddm_toolkit.cli.streams import write_output
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.reading import picture_in, read_picture, read_record
from sinddm_toolkit.testing import drawn_picture

PREVIEW = ("run", "sample", "--denoiser", "closed-form", "--seed", 1)
PAINT = ("run", "paint", "--start-step", 3, "--seed", 1, "-q")


@pytest.fixture
def piped(capfdbinary, monkeypatch):
    """Runs a line with bytes on standard input → (exit code, standard output, standard error)."""

    def run(data, *words):
        capfdbinary.readouterr()
        stdin = SimpleNamespace(buffer=io.BytesIO(data or b""), isatty=lambda: data is None)
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as exit_info:
            main([str(word) for word in words])
        out, err = capfdbinary.readouterr()
        return exit_info.value.code or 0, out, err.decode()

    return run


def test_the_same_bytes_as_by_file(known, piped):
    picture = Path("bg.png").read_bytes()
    lines = [*PAINT, "--image", "bg.png", "--painting"]
    for ending in ("png", "jpg", "webp", "tiff"):
        file = f"f.{ending}"
        assert piped(None, *lines, "bg.png", "--out", file)[0] == 0
        out = piped(None, *lines, "bg.png", "--out", "-", "--format", ending)
        assert out == (0, Path(file).read_bytes(), "")
    code, out, _ = piped(picture, *lines, "-", "--out", "-")  # PNG, if nothing is said
    made, by_file = picture_in(out, "made"), read_picture("f.png")
    assert code == 0 and np.array_equal(made.pixels, by_file.pixels)
    # But for where it was: the record tells it by its content, and a replay asks for it.
    Path("p.png").write_bytes(out)
    told, of_file = (json.loads(read_record(name))["tasks"][0] for name in ("p.png", "f.png"))
    assert told["options"]["painting"].pop("picture") is None
    assert of_file["options"]["painting"].pop("picture") == "bg.png"
    assert told == of_file
    code, _, err = piped(None, "replay", "p.png", "--out", "r.png")
    assert code == 2 and "give it by --input painting=FILE" in err
    words = ("replay", "p.png", "--input", "painting=bg.png", "-q")
    assert piped(None, *words, "--out", "r.png", "--print-path") == (0, b"r.png\n", "")
    assert np.array_equal(read_picture("r.png").pixels, by_file.pixels)
    assert piped(None, *words, "--out", "-") == (0, Path("r.png").read_bytes(), "")


def test_a_result_without_a_name_is_called_after_where_it_came_from(known, piped):
    picture = Path("bg.png").read_bytes()
    code, out, _ = piped(picture, *PAINT, "--image", "bg.png", "--painting", "-", "--print-path")
    assert (code, out.decode().split()) == (0, ["stdin-paint.png"])
    end, start = os.pipe()

    def write():
        with os.fdopen(start, "wb") as file:
            file.write(picture)

    writer = threading.Thread(target=write)
    writer.start()
    words = (*PAINT, "--image", "bg.png", "--painting", f"/dev/fd/{end}", "--out", "-")
    assert piped(None, *words)[1] == Path("stdin-paint.png").read_bytes()
    writer.join()
    os.close(end)
    # What is learnt from a pipe is what the file would have taught.
    words = ("--train-time", 0, "--json")
    piped_in = json.loads(piped(picture, "train", "-", *words)[1])
    assert piped_in["model"] == json.loads(piped(None, "train", "bg.png", *words)[1])["model"]
    assert piped(out := Path("stdin-paint.png").read_bytes(), "show", "-")[1].startswith(b"-\n")
    assert out


@pytest.mark.parametrize(
    ("data", "words", "told"),
    [
        (None, ("--image", "-"), "--image -: standard input is a terminal"),
        (b"", ("--image", "-"), "standard input is empty: nothing came in"),
        (b"GIF", ("--image", "-"), "stdin is not a picture in a format that can be read"),
        (b"x", ("--image", "gone.png", "--out", "-", "--json"), "both write standard output"),
        (b"x", ("--image", "gone.png", "--out", "-", "--print-path"), "both write standard output"),
        (b"x", ("--image", "gone.png", "--print-path", "--json"), "leave one out"),
        (b"x", ("--image", "gone.png", "--out", "-", "--samples", 2), "--samples is 2: give 1"),
        (b"x", ("--image", "gone.png", "--format", "png"), "--format png is for --out -"),
        (b"x", ("--image", "gone.png", "--out", "-"), "gone.png: there is no such file"),
    ],
)
def test_what_can_not_be_is_refused(data, words, told, piped):
    code, out, err = piped(data, "run", "sample", *words)
    assert code == 2 and told in err and len(err.splitlines()) == 1
    assert b"error" in out if "--json" in words else out == b""
    assert not [*Path().iterdir()]


def test_what_a_stream_can_not_take(pasted, tiny, piped, monkeypatch):
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "-", "--out", "-", "-q")
    picture = Path("c.png").read_bytes()
    code, out, err = piped(picture, *words, "--save-mask", "{out}-mask.png")
    assert (code, out) == (2, b"") and "is called after the file of the picture" in err
    code, _, err = piped(picture, *words[:2], "--bg", "-", "--composite", "-")
    assert code == 2 and "--bg and --composite: standard input can be read once" in err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = piped(picture, *words)
    assert (code, out) == (2, b"") and "standard output is a terminal" in err


@pytest.mark.slow
def test_a_pipeline_of_a_shell(home):
    Image.fromarray(drawn_picture((24, 32)).pixels).save("bg.png")
    preview = f"{sys.executable} -m sinddm_toolkit run sample --denoiser closed-form --seed 1"
    line = f"cat bg.png | {preview} --image - --out - | {preview} --image - --out - --format webp"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert picture_in(done.stdout, "made").size == (24, 32) and done.stdout[8:12] == b"WEBP"


def test_a_full_disk_behind_standard_output_is_told(monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(UserError, match="cannot write standard output: No space"):
            write_output(b"picture")
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
