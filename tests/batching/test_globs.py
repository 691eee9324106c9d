"""Patterns for files, where results lie among what they match."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.batching.conftest import contents
from tests.conftest import texture

ROW = {"task": "probe", "glob": {"image": "in/*.png"}, "out": "in/{image}-x.png", "seed": 1}


@pytest.fixture
def batch(command, probe):
    """Runs a batch of pictures whose results lie beside them → what it says."""
    Path("in").mkdir()
    Image.fromarray(texture(40, 44)).save("in/a.png")
    Path("e.jsonl").write_text(json.dumps(ROW))

    def run(*words):
        code, _, err = command("batch", "e.jsonl", *words)
        return code, err.splitlines()[-1]

    return run


def test_the_same_command_again_makes_nothing_of_its_own_results(batch):
    assert batch()[1].startswith("1 rows done;")
    Path("in/moved.png").symlink_to("a-x.png")
    made = contents("in")
    assert batch()[1].startswith("0 rows done, 1 done before;")
    assert contents("in") == made
    Path("in/moved.png").unlink()
    Image.fromarray(texture(40, 44, seed=1)).save("in/b.png")
    assert batch()[1].startswith("1 rows done, 1 done before;")
    assert sorted(path.name for path in Path("in").iterdir()) == [
        *("a-x.png", "a.png", "b-x.png", "b.png")
    ]


def test_another_batch_may_go_on_from_them(batch):
    assert batch()[0] == 0
    assert batch("--folder", "other", "--set", "out=other/{image}.png")[0] == 0
    assert {"a.png", "a-x.png"} <= contents("other").keys()


def test_where_nothing_else_is_left_that_is_said(batch):
    assert batch()[0] == 0
    Path("in/a.png").unlink()
    code, said = batch()
    assert code == 2 and said.endswith(
        "glob.image: only what this batch has written matches in/*.png"
    )
