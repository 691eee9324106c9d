"""What results are called: nothing that is there is ever in the way, and nothing is overwritten."""

import json
from pathlib import Path

import numpy as np
import pytest

import sinddm_toolkit as st
from sinddm_toolkit.edits import edit
from sinddm_toolkit.edits.outputs import settled_path
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.pictures.contact_sheet import GAP, LINE
from sinddm_toolkit.pictures.reading import read_picture, read_record
from tests.conftest import SHORT

LINE_OF = SHORT[:-1]


@pytest.fixture(autouse=True)
def there(known):
    """A picture whose model is known."""


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "bg.png")


def test_a_second_try_gets_the_next_free_name(command):
    for seed in (1, 2, 3):
        code, out, err = command(*LINE_OF, "--seed", seed, "--json")
        assert code == 0, err
        name = "bg-paint.png" if seed == 1 else f"bg-paint-{seed}.png"
        assert json.loads(out)["outputs"] == [name]
        assert json.loads(read_record(Path(name)))["seed"] == seed
    assert names() == ["bg-paint-2.png", "bg-paint-3.png", "bg-paint.png"]
    for again in ("bg-paint-2-replay.png", "bg-paint-2-replay-2.png"):
        assert command("replay", "bg-paint-2.png")[0] == 0
        assert np.array_equal(read_picture(again).pixels, read_picture("bg-paint-2.png").pixels)


def test_a_name_that_is_taken_while_the_picture_is_made_is_left_to_whoever_took_it(
    command, monkeypatch
):
    def meanwhile(run, hooks):
        Path("bg-paint-2.png").write_text("another's")
        return sample(run, hooks)

    monkeypatch.setattr(edit, "sample", meanwhile)
    code, out, err = command(*LINE_OF, "--samples", 2, "--json")
    assert code == 0, err
    assert json.loads(out)["outputs"] == ["bg-paint-2-1.png", "bg-paint-2-2.png"]
    assert json.loads(out)["sheet"] == "bg-paint-2-sheet.png"
    assert Path("bg-paint-2.png").read_text() == "another's"


def test_overwrite_takes_the_name_that_is_there(command):
    for seed in (1, 2):
        assert command(*LINE_OF, "--seed", seed, "--overwrite")[0] == 0
    assert names() == ["bg-paint.png"]
    assert json.loads(read_record(Path("bg-paint.png")))["seed"] == 2


def test_a_file_that_is_asked_for_is_not_replaced_nor_renamed(command):
    assert command(*LINE_OF, "--out", "o.png")[0] == 0
    code, _, err = command(*LINE_OF, "--out", "o.png")
    assert code == 2 and "o.png exists: give --overwrite or another --out" in err
    assert names() == ["o.png"]


@pytest.mark.parametrize("asked", ["folder", "folder/", "made/"])
def test_a_folder_gets_the_file_under_its_usual_name(command, asked):
    Path("folder").mkdir()
    for name in ("bg-paint.png", "bg-paint-2.png"):
        code, out, err = command(*LINE_OF, "--seed", 1, "--out", asked, "--json")
        assert code == 0, err
        assert json.loads(out)["outputs"] == [str(Path(asked) / name)]
    assert names(asked) == ["bg-paint-2.png", "bg-paint.png"]
    options = {"image": "bg.png", "painting": "bg.png", "start_step": 3, "seed": 1}
    result = st.run("paint", **options, out=asked)
    assert result.outputs == [Path(asked) / "bg-paint-3.png"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [("no/folder/", "there is no folder no"), ("bg.png/", "cannot make the folder bg.png")],
)
def test_a_folder_that_cannot_be_is_refused(command, asked, said):
    code, _, err = command(*LINE_OF, "--out", asked)
    assert code == 2 and said in err and len(err.splitlines()) == 1
    assert names() == []


def test_samples_get_a_sheet_which_is_none_of_them(command):
    code, out, err = command(*LINE_OF, "--samples", 3, "--seed", 5, "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["outputs"] == [f"bg-paint-{k}.png" for k in (1, 2, 3)]
    assert facts["sheet"] == "bg-paint-sheet.png"
    sheet, third = read_picture("bg-paint-sheet.png"), read_picture("bg-paint-3.png")
    assert read_record(Path("bg-paint-sheet.png")) is None
    h, w = third.size
    width = (sheet.size[1] - GAP) // 3
    shown = sheet.pixels[GAP + LINE :, GAP + 2 * width :][:h, :w]
    assert np.abs(shown.astype(int) - third.pixels).max() <= 1
    code, out, err = command(*LINE_OF, "--samples", 2, "--no-sheet", "--json")
    assert code == 0 and json.loads(out)["sheet"] is None
    assert json.loads(out)["outputs"] == ["bg-paint-2-1.png", "bg-paint-2-2.png"]
    assert len(names()) == 6
    assert command("replay", "bg-paint-3.png", "--out", "again.png")[0] == 0
    assert len(names()) == 7


def test_a_sheet_that_is_there_is_in_the_way_of_a_name_that_was_asked_for(command):
    Path("o-sheet.png").write_text("mine")
    code, _, err = command(*LINE_OF, "--samples", 2, "--out", "o.png")
    assert code == 2 and "o-sheet.png exists" in err
    assert command(*LINE_OF, "--samples", 2, "--out", "o.png", "--no-sheet")[0] == 0
    assert Path("o-sheet.png").read_text() == "mine"


def test_all_that_is_called_after_the_result_must_be_free(home):
    def needed(result):
        return [result, result.with_name(f"{result.stem}-log.txt")]

    Path("a-2-log.txt").write_text("mine")
    Path("a.png").symlink_to("gone.png")
    assert settled_path(None, "a.png", overwrite=False, needed=needed) == Path("a-3.png")
    assert settled_path(None, "a.png", overwrite=True, needed=needed) == Path("a.png")
    assert settled_path("a.png", "b.png", overwrite=False, needed=needed) == Path("a.png")


def test_rows_of_a_batch_that_name_a_folder_are_found_again(command):
    row = {"task": "paint", "image": "../bg.png", "painting": "../bg.png", "start-step": 3}
    rows = [{**row, "out": "there/", "seed": seed} for seed in (1, 2)]
    Path("sub").mkdir()
    Path("sub/rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for kept in (0, 2):
        code, out, err = command("batch", "sub/rows.jsonl", "--json")
        assert code == 0, err
        assert json.loads(out)["kept"] == kept
        assert names("sub/there") == ["bg-paint-2.png", "bg-paint.png"]
