"""Layouts as a user asks for them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.closed_form import blend
from sinddm_toolkit.plugins.regions.layouts import _seam

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Task, hookimpl
from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.phases import trained_cells
from sinddm_toolkit.pictures.reading import read_record

QUICK = ("--denoiser", "closed-form", "--sampling-steps", 2)
SAMPLE = ("run", "sample", "--image", "bg.png", "--seed", 1)


def pixels(name):
    return np.asarray(Image.open(name))


def made(command, *words):
    code, out, err = command(*words)
    assert code == 0, err
    return out


def test_the_best_layout_is_one_of_those_on_the_sheet(command, pasted):
    words = (*SAMPLE, *QUICK)
    made(command, *words, "--layouts", 3, "--layout-sheet", "sheet.png", "--out", "best.png")
    for k in (1, 2, 3):
        made(command, *words, "--pick", k, "--out", f"{k}.png")
    same = [np.array_equal(pixels("best.png"), pixels(f"{k}.png")) for k in (1, 2, 3)]
    assert same.count(True) == 1
    assert not np.array_equal(pixels("1.png"), pixels("2.png"))
    sheet = pixels("sheet.png")
    assert sheet.shape[1] > 3 * sheet.shape[0] * 0.6


def test_the_sheet_is_that_of_the_first_result(command, pasted):
    words = (*SAMPLE, *QUICK, "--layouts", 2)
    made(command, *words, "--layout-sheet", "one.png", "--out", "a.png")
    made(command, *words, "--layout-sheet", "two.png", "--samples", 3, "--out", "b.png")
    assert np.array_equal(pixels("one.png"), pixels("two.png"))


def test_a_result_does_not_depend_on_the_sheet_nor_on_others(command, pasted):
    words = (*SAMPLE, *QUICK, "--layouts", 2)
    made(command, *words, "--out", "a.png")
    made(command, *words, "--layout-sheet", "s.png", "--samples", 2, "--out", "b.png")
    assert np.array_equal(pixels("a.png"), pixels("b-1.png"))
    made(command, "replay", "a.png", "--out", "again.png")
    assert np.array_equal(pixels("a.png"), pixels("again.png"))
    recorded = json.loads(read_record("a.png"))["tasks"][0]["options"]
    assert recorded["layouts"] == 2 and "layout_sheet" not in recorded


def test_the_layout_needs_no_training(command, pasted, tiny):
    made(command, *SAMPLE, "--sampling-steps", 2, "--out", "a.png")
    (key,) = default_store().keys()
    model = load_model(default_store().path(key))
    assert 0 not in trained_cells(model.history)
    assert len(trained_cells(model.history)) == len(model.schedule.starts) - 1


@pytest.mark.parametrize(
    ("option", "value"), [("--layout", 1.5), ("--layouts", 65), ("--pick", 0), ("--likeness", -1)]
)
def test_what_there_is_not_is_refused(command, pasted, option, value):
    code, _, err = command(*SAMPLE, option, value, "--out", "a.png")
    assert code == 2 and option in err


class Watches(Task):
    """Notes what the finer scale begins with, and what it has made of that in the end."""

    name, summary, learns_from = "watches", "watch", None

    @hookimpl
    def after_step(self, run, step):
        if step.s == 1 and step.t_next < 0:
            away = st.downsample(step.x0 - step.scale.input, (21, 28))
            Watches.away = float(away.square().mean())


def test_finer_scales_keep_to_the_layout(sinddm_run, monkeypatch):
    options = {"layouts": 1, "likeness": 0, "sampling_steps": 4, "also": {Watches: {}}}

    def away(free_below, **more):
        monkeypatch.setattr(blend, "FREE_BELOW", free_below)
        sinddm_run("sample", **{**options, **more})
        return Watches.away

    usual = blend.FREE_BELOW
    assert away(usual) < 0.6 * away(1000)
    assert away(usual, layouts=0) == away(1000, layouts=0), "a layout of the network's is not held"


def test_a_seam_is_a_change_where_new_parts_begin():
    rng = torch.Generator().manual_seed(0)
    plain = 0.1 * torch.rand(1, 3, 20, 30, generator=rng)
    free = torch.zeros(1, 1, 20, 30)
    free[..., 18:] = 1
    steps = [torch.zeros(1, 1, 1, 30) for _ in range(2)]
    steps[0][..., 18:], steps[1][..., 10:] = 0.8, 0.8
    at_border, elsewhere = (_seam(plain + step, free) for step in steps)
    assert float(at_border) > 0.6 > 0.1 > abs(float(elsewhere))
    assert float(_seam(plain + steps[0], torch.ones_like(free))) == 0
