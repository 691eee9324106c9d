import numpy as np
import pytest
from PIL import Image
from sinddm_unrest import Unrest

from sinddm_toolkit.api import Picture, Task, hookimpl


class Flickers(Task):
    """The upper half of the clean picture is another one at every step."""

    name = "flickers"
    summary = "flicker"
    learns_from = None

    @hookimpl
    def modify_x0(self, run, step):
        x0 = step.x0.clone()
        x0[..., : x0.shape[-2] // 2, :] += 0.5 if step.t % 2 else -0.5
        step.x0 = x0


class Breaks(Task):
    """Fails when all steps are done."""

    name = "breaks"
    summary = "fail"
    learns_from = None

    @hookimpl
    def compose_output(self, run, result):
        raise RuntimeError("as asked")


def drawn(path):
    return np.asarray(Image.open(path)).astype(int)


def test_it_is_bright_where_steps_disagree(sinddm_run, tmp_path):
    out = tmp_path / "o.png"
    result = sinddm_run(Unrest, oracle=True, out=out, also={Flickers: {}})
    assert result.outputs == [out, tmp_path / "o-unrest.png"]
    found = drawn(result.outputs[1])
    assert found.shape == result.picture.size and found.max() == 255
    assert found[:25].min() > 200 and found[35:].max() < 40


def test_coarse_scales_can_be_left_out(sinddm_run, tmp_path):
    whole, fine = (
        sinddm_run(Unrest, to=tmp_path / f"{first}.png", scale_from=first).outputs[0]
        for first in (0, 1)
    )
    assert np.abs(drawn(whole) - drawn(fine)).mean() > 1
    result = sinddm_run(Unrest, to=tmp_path / "none.png", scale_from=9)
    assert result.outputs == []


def test_all_passes_count(sinddm_run, tmp_path, monkeypatch):
    together = sinddm_run(Unrest, samples=2, to=tmp_path / "a.png").outputs[0]
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)  # each in a pass of its own
    by_itself = sinddm_run(Unrest, samples=2, to=tmp_path / "b.png").outputs[0]
    first = sinddm_run(Unrest, samples=1, to=tmp_path / "c.png").outputs[0]
    assert np.abs(drawn(together) - drawn(by_itself)).max() <= 2
    assert np.abs(drawn(together) - drawn(first)).mean() > 2


def test_it_changes_no_pixel(sinddm_run, sinddm_picture, tmp_path):
    edit = {"painting": sinddm_picture, "start_step": 20}
    alone = sinddm_run("paint", **edit)
    watched = sinddm_run("paint", **edit, also={Unrest: {}}, out=tmp_path / "o.png")
    assert np.array_equal(alone.picture.pixels, watched.picture.pixels)


def test_an_edit_that_fails_leaves_no_map(sinddm_run, tmp_path):
    with pytest.raises(Exception, match="plugin breaks failed in compose_output"):
        sinddm_run(Unrest, oracle=True, out=tmp_path / "o.png", also={Breaks: {}})
    assert not list(tmp_path.iterdir())


def test_it_is_installed(sinddm_run, tmp_path):
    result = sinddm_run("sample", oracle=True, out=tmp_path / "o.png", also={"unrest": {}})
    assert isinstance(result.extras["{out}-unrest.png"], Picture)
