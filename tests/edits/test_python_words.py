"""What a script is told names its arguments, not options of a command line."""

import ast
import re
from pathlib import Path

import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit import plugins
from sinddm_toolkit.edits.python_words import in_python
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from tests.conftest import texture

FLAG = re.compile(r"--[a-z]")
OF_COMMANDS = {"cli", "studio", "scaffold", "packages.py"}
"""What no script calls."""


def texts():
    """(place, text) of all that the toolkit and its plugins can say, docstrings aside."""
    for folder in (Path(st.__file__).parent, *map(Path, plugins.__path__)):
        for path in sorted(folder.rglob("*.py")):
            if OF_COMMANDS.isdisjoint(path.relative_to(folder).parts):
                yield from ((path, text) for text in strings(ast.parse(path.read_bytes())))


def strings(tree):
    comments = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and id(one) not in comments and type(one.value) is str:
            yield one.value


def test_every_option_that_is_named_anywhere_has_a_name_in_python():
    flags = [(path, text) for path, text in texts() if FLAG.search(text)]
    assert len(flags) > 100
    assert [(path, text) for path, text in flags if FLAG.search(in_python(text))] == []


def test_what_is_no_option_stays():
    for text in ("a--mask.png", "--masks", "`pip install --upgrade`", "x ---mask"):
        assert in_python(text) == text
    assert in_python("--max-pixels, --start-step: --mask.") == "max_pixels, start_step: mask."


def test_every_option_of_every_task_is_called_by_its_name(pasted):
    said = []
    for name, task in registry.current().tasks.items():
        required = [item.name for item in task.schema().values() if item.required]
        if task.learns_from is not None:
            with pytest.raises(UserError, match=f"^missing {required[0]}: ") as info:
                st.run(name)
            said.append(str(info.value))
        for option in task.schema():
            with pytest.raises(UserError, match=f"^{option}: ") as info:
                st.run(name, **{option: object()})
            said.append(str(info.value))
    assert len(said) > 100 and not [text for text in said if FLAG.search(text)]


def test_whoever_is_asked_says_it_so(pasted):
    Image.fromarray(texture(60, 80)).save("o.png")
    row = {"task": "inpaint", "image": "bg.png", "mask": "90,0,5,5"}
    session = st.Session(device="cpu")
    for call, words in (
        (lambda: st.Session(quality="best"), "quality: best is not allowed"),
        (lambda: session.run("inpaint", image="bg.png", mask="90,0,5,5"), "mask 90,0,5,5 covers"),
        (
            lambda: session.run("sample", image="bg.png", out="o.png"),
            "o.png exists: give overwrite",
        ),
        (lambda: session.run("animate", to="a.gif"), "run TASK … also animate"),
        (lambda: st.batch([row], folder="b"), "row 1: mask 90,0,5,5 covers nothing"),
        (lambda: st.train("bg.png", train_time="soon"), "train_time: soon is not allowed"),
    ):
        with pytest.raises(UserError, match=words):
            call()


def test_so_is_what_is_told_before_a_run(pasted):
    told = []
    asked = {"image": "bg.png", "mask": "70,0,20,10", "strength": 0, "seed": 1}
    st.run("inpaint", **asked, progress=told.append)
    (note,) = (one.text for one in told if one.doing == "note")
    assert note.startswith("mask 70,0,20,10 reaches beyond bg.png, which is 80×60 pixels")
