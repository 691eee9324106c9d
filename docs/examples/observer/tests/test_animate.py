import math

import numpy as np
import pytest
from PIL import Image, ImageSequence
from sinddm_animate import Animate

from sinddm_toolkit.api import Task, UserError, hookimpl

STEPS = (48, 6)
"""Timesteps visited of the two scales of the picture."""


class Breaks(Task):
    """Fails when all steps are done."""

    name = "breaks"
    summary = "fail"
    learns_from = None

    @hookimpl
    def compose_output(self, run, result):
        raise RuntimeError("as asked")


def frames(path):
    return [frame.convert("RGB") for frame in ImageSequence.Iterator(Image.open(path))]


@pytest.mark.parametrize(("suffix", "format"), [("gif", "GIF"), ("png", "PNG"), ("webp", "WEBP")])
def test_every_so_many_steps_is_a_frame_and_all_have_one_size(suffix, format, sinddm_run, tmp_path):
    film = tmp_path / f"film.{suffix}"
    out = tmp_path / "o.png"
    result = sinddm_run(Animate, oracle=True, out=out, to=film, every=10)
    assert result.outputs == [out, film]
    opened = Image.open(film)
    assert opened.format == format and opened.size == (80, 60)
    # Every tenth step, and the last one of each scale.
    assert len(frames(film)) == math.ceil(sum(STEPS) / 10) + len(STEPS)


def test_the_animation_lies_beside_the_result_which_is_its_last_frame(sinddm_run, tmp_path):
    result = sinddm_run(Animate, oracle=True, out=tmp_path / "o.png", every=50, show="clean")
    assert result.outputs[1] == tmp_path / "o-steps.gif"
    *_, last = frames(result.outputs[1])
    difference = np.asarray(last).astype(int) - result.picture.pixels
    assert np.abs(difference).mean() < 12  # 256 colours


def test_it_changes_no_pixel(sinddm_run, sinddm_picture, tmp_path):
    edit = {"painting": sinddm_picture, "start_step": 20}
    alone = sinddm_run("paint", **edit)
    watched = sinddm_run("paint", **edit, also={Animate: {"every": 3}}, out=tmp_path / "o.png")
    assert np.array_equal(alone.picture.pixels, watched.picture.pixels)


def test_of_several_samples_the_first_is_shown(sinddm_run, tmp_path, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.edits.edit.PASS_PIXELS", 1)  # each in a pass of its own
    result = sinddm_run(
        Animate, oracle=True, samples=2, out=tmp_path / "o.png", every=100, size="50%x50%"
    )
    assert [path.name for path in result.outputs] == ["o-1.png", "o-2.png", "o-steps.gif"]
    shown = frames(result.outputs[2])
    assert shown[0].size == (40, 30)
    assert len(shown) == math.ceil(sum(STEPS) / 100) + len(STEPS)


def test_an_edit_that_fails_leaves_no_animation(sinddm_run, tmp_path):
    with pytest.raises(Exception, match="plugin breaks failed in compose_output"):
        sinddm_run(Animate, oracle=True, out=tmp_path / "o.png", also={Breaks: {}})
    assert not list(tmp_path.iterdir())


def test_other_kinds_of_files_are_refused(sinddm_run):
    with pytest.raises(UserError, match=r"--to: film.mp4 is not allowed, .* \.gif or \.png"):
        sinddm_run(Animate, to="film.mp4")


def test_it_is_installed(sinddm_run, tmp_path):
    result = sinddm_run("sample", oracle=True, out=tmp_path / "o.png", also={"animate": {}})
    assert result.outputs[1].exists()
