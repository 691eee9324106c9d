"""Sizes that no memory holds are refused before any work, from every place that values come."""

import json
from pathlib import Path

import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.errors import UserError

MANY_DIGITS = "9" * 400
LIMIT = "500 megapixels at most"
SOURCE = ("--source", "10,10,20,20")


@pytest.fixture(autouse=True)
def no_work(pasted, monkeypatch):
    """To train or to sample would end the run with exit code 1."""
    monkeypatch.setattr("sinddm_toolkit.edits.edit.learn", None)


TOO_LARGE = [
    ("sample", "--size", "1000000000x1000000000"),
    ("sample", "--size", "200000x200000"),
    ("sample", "--size", f"{MANY_DIGITS}x{MANY_DIGITS}"),
    ("sample", "--size", "1000000000%x1000000000%"),
    ("outpaint", "--right", "1000000000"),
    ("outpaint", "--right", "1000000000%"),
    ("outpaint", "--top", MANY_DIGITS),
    ("outpaint", "--size", "1000000x1000000"),
    ("roi", *SOURCE, "--target", "0,0,50%,50%", "--size", "999999999x999"),
    ("roi", *SOURCE, "--target", f"0,0,{'9' * 26},1"),
    ("roi", *SOURCE, "--target", f"0,0,{MANY_DIGITS}%,50%"),
]


@pytest.mark.parametrize("words", TOO_LARGE, ids=lambda words: " ".join(words)[:40])
def test_a_result_that_no_memory_holds_is_refused(words, command):
    task, *rest = words
    code, _, err = command("run", task, "--image", "bg.png", "--out", "o.png", *rest)
    assert code == 2 and LIMIT in err, err
    assert len(err.splitlines()) == 1 and not Path("o.png").exists()


def test_a_picture_enlarged_past_the_limit_is_refused(command):
    Image.new("RGB", (1500, 1400), "grey").save("large.png")
    words = ("--image", "large.png", "--max-pixels", 1500)
    code, _, err = command("run", "super-resolve", *words, "--factor", 16)
    assert code == 2 and "24000×22400 pixels: " + LIMIT in err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.csv", "task,image,size\nsample,bg.png,200000x200000\n"),
        ("b.toml", '[[row]]\ntask = "sample"\nimage = "bg.png"\nsize = "200000x200000"\n'),
        ("b.toml", '[[row]]\ntask = "outpaint"\nimage = "bg.png"\nright = 1000000000\n'),
        ("b.jsonl", '{"task": "sample", "image": "bg.png", "size": [200000, 200000]}\n'),
    ],
)
def test_rows_are_refused_with_their_place(name, text, command):
    Path(name).write_text(text)
    code, _, err = command("batch", name)
    assert code == 2 and name in err and LIMIT in err, err


def test_python_is_refused_as_well():
    with pytest.raises(UserError, match=LIMIT):
        st.run("sample", image="bg.png", size=(200_000, 200_000))
    with pytest.raises(UserError, match=LIMIT):
        st.run("outpaint", image="bg.png", left=10**18)
    target = [(0, 0, 10**400, 1)]
    with pytest.raises(UserError, match=LIMIT):
        st.run("roi", image="bg.png", source=[(10, 10, 20, 20)], target=target)


def test_numbers_of_hundreds_of_digits_are_refused(command):
    said = "whole number from 1024 to 500000000"
    code, _, err = command("run", "sample", "--image", "bg.png", "--max-pixels", MANY_DIGITS)
    assert code == 2 and said in err
    row = {"task": "sample", "image": "bg.png", "max-pixels": int(MANY_DIGITS)}
    Path("b.jsonl").write_text(json.dumps(row))
    Path("b.csv").write_text(f"task,image,max-pixels\nsample,bg.png,{MANY_DIGITS}\n")
    for name in ("b.jsonl", "b.csv"):
        code, _, err = command("batch", name)
        assert code == 2 and said in err and name in err
    for digits in (400, 9000):  # Python writes no more than 4300
        with pytest.raises(UserError, match=said):
            st.run("sample", image="bg.png", max_pixels=10**digits)
        with pytest.raises(UserError, match=r"^feather: .* is not allowed"):
            st.run("outpaint", image="bg.png", right=5, feather=10**digits)
    with pytest.raises(UserError, match=r"^right: .* is not allowed"):
        st.run("outpaint", image="bg.png", right=10**9000)
