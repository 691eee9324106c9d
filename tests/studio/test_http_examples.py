"""The guide to HTTP and its examples: they do what they say, on a server of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.testing import drawn_picture
from tests.studio.conftest import DRAWN, TOKEN

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "http"
QUICK = {"task": "sample", "denoiser": "closed-form"}
"""An edit that learns nothing."""


@pytest.fixture
def modules(monkeypatch):
    """`client` and `watch`, as if they lay in the working folder."""
    monkeypatch.syspath_prepend(EXAMPLES)
    for name in ("client", "watch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import client
    import watch

    return client, watch


@pytest.fixture
def studio(modules, server):
    client, _ = modules
    return client.Studio(str(server.client.base_url), TOKEN)


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / "http.md").read_text(), re.S)


def test_the_guide_shows_the_client_as_it_is(modules):
    shown, _ = blocks("python")
    assert shown == (EXAMPLES / "client.py").read_text()
    assert len(re.findall(r"\n +\w", shown)) <= 30


@pytest.mark.slow
def test_the_client_gets_what_the_command_line_makes(modules, server, monkeypatch):
    """By the guide's own lines, but for the address and for what would be learnt."""
    Path("picture.png").write_bytes(DRAWN)
    code = "".join(blocks("python")).replace("http://127.0.0.1:7680", str(server.client.base_url))
    code = code.replace("the token", TOKEN).replace('"samples": 2,', '"samples": 2, **QUICK,')
    told = []
    exec(code, {"QUICK": QUICK, "print": told.append})
    assert any(line.startswith("making the picture") for line in told)
    names = ["picture-sample-1.png", "picture-sample-2.png"]
    (server.folder / "work" / "picture.png").write_bytes(DRAWN)
    words = ("--image", "picture.png", "--denoiser", "closed-form", "--samples", 2, "--seed", 1)
    server.command("run", "sample", *words, "--out", "picture-sample.png", "--overwrite", "-q")
    for name in names:
        assert Path(name).read_bytes() == (server.folder / "work" / name).read_bytes()


def test_what_is_wrong_is_said_in_the_words_of_the_command_line(studio):
    Path("picture.png").write_bytes(DRAWN)
    with pytest.raises(RuntimeError, match="samples: 0 is not allowed"):
        studio.edit({**QUICK, "samples": 0}, {"image": "picture.png"})


def test_a_folder_is_watched(modules, studio, tmp_path):
    _, watch = modules
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    told = []
    watching = watch.Watch(studio, source, target, {**QUICK, "seed": 1}, tell=told.append)
    (source / "a [1].png").write_bytes(DRAWN[:-200])  # which is still being written
    (source / "notes.txt").write_text("no picture")
    watching.look()
    (source / "a [1].png").write_bytes(DRAWN)
    watching.look()
    assert told == []
    watching.look()
    assert told == [f"a [1].png: wrote {target / 'a [1].png'}"]
    made = target / "a [1].png"
    assert Image.open(made).size == (80, 60)
    before = made.read_bytes()
    assert before != DRAWN
    (source / "b.png").write_bytes(b"broken")
    for _ in range(4):
        watching.look()
    assert len(told) == 2 and told[1].startswith("b.png: ")
    anew = watch.Watch(studio, source, target, {**QUICK, "seed": 2}, tell=told.append)
    anew.look()
    anew.look()
    assert made.read_bytes() == before and len(told) == 3  # only what is broken is tried again


@pytest.mark.slow
def test_the_watch_runs_as_a_command(server, tmp_path):
    """Until it is ended."""
    import json
    import time

    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "a.png").write_bytes(DRAWN)
    environment = {**os.environ, "SINDDM_TK_TOKEN": TOKEN}
    words = [str(server.client.base_url), "in", "out", json.dumps(QUICK)]
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "watch.py", *words], cwd=tmp_path, env=environment
    )
    try:
        for _ in range(300):
            if (tmp_path / "out" / "a.png").exists():
                break
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(10)
    assert Image.open(tmp_path / "out" / "a.png").size == drawn_picture().size[::-1]
