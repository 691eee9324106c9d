"""Samples that don't go through the sampler together: each pass is written when it is made."""

import numpy as np
import pytest

from sinddm_toolkit.api import UserError, hookimpl
from sinddm_toolkit.edits.edit import edit
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.testing import random_picture


@pytest.fixture(autouse=True)
def one_a_pass(monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)


def test_what_earlier_passes_made_is_not_lost_with_a_later_one(sinddm_run, tmp_path):
    class Tires(random_picture()):
        name = "tires"

        @hookimpl
        def before_sampling(self, run):
            if run.seeds == (7,):
                raise UserError("enough")

    with pytest.raises(UserError, match="enough"):
        sinddm_run(Tires, oracle=True, samples=4, seed=5, out=tmp_path / "o.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o-1.png", "o-2.png"]


def test_pictures_that_are_in_files_need_not_be_in_memory(sinddm_home, sinddm_picture, tmp_path):
    def made(name, **how):
        out = str(tmp_path / name)
        options = RunOptions(device="cpu", seed=5, samples=3, out=out)
        return edit([random_picture()(image=sinddm_picture)], options, **how)

    kept, written = made("a.png"), made("b.png", keep=False)
    assert len(kept.pictures) == 3 and written.pictures == []
    assert [record["seed"] for record in written.records] == [5, 6, 7]
    for picture, path in zip(kept.pictures, written.outputs, strict=True):
        assert np.array_equal(read_picture(path).pixels, picture.pixels)


def test_no_options_of_the_caller_are_changed(sinddm_home, sinddm_picture):
    options = RunOptions(device="cpu")
    result = edit([random_picture()(image=sinddm_picture)], options, write=False)
    assert options.seed is None and options.model is None
    assert isinstance(result.records[0]["seed"], int)
