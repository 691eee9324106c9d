"""What a shell is told when somebody presses the tab key."""

import shlex
from pathlib import Path

import pytest

from sinddm_toolkit.edits.store import default_store


@pytest.fixture
def completed(command, monkeypatch):
    """Completes the last word of a line, as bash asks for it → (code, completions, what else)."""

    def complete(line, incomplete=""):
        words = shlex.split(line)
        monkeypatch.setenv("_SINDDM_TK_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", shlex.join(["sinddm-tk", *words, incomplete]))
        monkeypatch.setenv("COMP_CWORD", str(len(words) + 1))
        code, out, err = command()
        return code, [tuple(one.split(",", 1)) for one in out.split()], err

    return complete


@pytest.fixture
def words(completed):
    """The completions that are words."""

    def of(line, incomplete=""):
        code, found, err = completed(line, incomplete)
        assert (code, err) == (0, "")
        return [word for kind, word in found if kind == "plain"]

    return of


@pytest.mark.parametrize(
    ("line", "incomplete", "expected"),
    [
        ("run", "out", ["outpaint"]),
        ("run sample --quality", "", ["draft", "standard", "paper"]),
        ("run sample --device", "c", ["cpu", "cuda"]),
        ("run sample", "--device=c", ["cpu", "cuda"]),
        ("run sample --preset", "wide", ["wide-scene", "wide-with-more"]),
        ("run --preset", "wide", ["wide-scene", "wide-with-more"]),
        ("batch --preset", "wide", ["wide-scene", "wide-with-more"]),
        ("presets show", "wide", ["wide-scene", "wide-with-more"]),
        ("run sample --with", "inp", ["inpaint"]),
        ("run sample --image p.png +", "inp", ["inpaint"]),
        ("run --preset wide-scene", "--sou", ["--source", "--source-image"]),
        ("run --preset wide-scene", "--righ", []),
        ("run sample --image p.png + roi", "--str", ["--strength"]),
        ("run sample --image p.png + roi --strength 1", "--sou", ["--source", "--source-image"]),
        ("run outpaint + roi", "--righ", []),
    ],
)
def test_words(line, incomplete, expected, words):
    assert words(line, incomplete) == expected


def test_tasks_of_plugins_that_the_line_names(words, completed, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import sinddm_toolkit.api as st\n"
        "class Mine(st.Task):\n"
        "    name = 'mine'\n    summary = 'what mine does'\n    learns_from = 'image'\n"
        "    image: st.Picture = st.option('the picture')\n"
        "    amount: str = st.option('how much', default='all', choices=('all', 'some'))\n"
        "@st.hookimpl\ndef register_tasks():\n    return [Mine]\n"
    )
    folder = f"--plugins-dir {tmp_path}"
    assert words(f"run {folder}", "mi") == ["mine"] and words("run", "mi") == []
    assert words(f"run mine {folder} --amount", "s") == ["some"]
    assert words(f"run mine --plugins-dir={tmp_path} --amount", "s") == ["some"]
    assert words("run --no-plugin", "har") == ["harmonize"]
    assert words("run --no-plugin harmonize", "har") == []
    assert completed("run --plugins-dir", "x")[1] == [("dir", "x")]


def test_behind_a_plus_there_are_all_tasks(words):
    assert words("run sample --image p.png +") == words("run")
    assert {"harmonize", "roi", "sample"} <= {*words("run")}


@pytest.mark.parametrize(
    "line",
    [
        "run sample --image",
        "run sample --out",
        "run harmonize --bg bg.png --mask",
        "run inpaint --mask",
        "run text-content --clip",
        "run sample --preset",
        "replay",
        "batch",
    ],
)
def test_files_are_left_to_the_shell(line, completed):
    code, found, err = completed(line, "./co")
    assert (code, found, err) == (0, [("file", "./co")], "")


def test_models_by_their_names(words):
    folder = default_store().folder
    folder.mkdir(parents=True)
    for key in ("ab12", "cd34"):
        Path(folder, f"{key}.safetensors").touch()
    for line in ("run sample --model", "models show", "models remove", "models path"):
        assert words(line, "a") == ["ab12"]
        assert {*words(line)} == {"ab12", "cd34"}


@pytest.mark.parametrize(
    "line",
    ["run sampel --image", "sample --image", "run --preset gone --image", "run sample + roii --s"],
)
def test_nothing_is_said_of_what_is_wrong(line, completed):
    assert completed(line)[1:] == ([], "")
