"""How long an edit will take: said before it begins if it is long, and changing nothing."""

import re

import numpy as np
import pytest
from sinddm_toolkit.plugins.pieces.redrawing import ARRANGING_SECONDS
from sinddm_toolkit.plugins.regions.keeping import FILLING_SECONDS, FILLING_SECONDS_A_PIXEL
from sinddm_toolkit.plugins.regions.outpaint import Outpaint

from sinddm_toolkit.edits import estimate
from sinddm_toolkit.edits.estimate import GUIDED, UNLEARNT, Estimate, estimated
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.errors import PluginError
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import SHORT

UPDATE, PIXEL = 0.5, 1e-6
"""Seconds, as measured by the trial that is put in place of the real one."""


def test_it_is_told_in_whole_seconds_and_parts():
    assert str(Estimate(30.2, 14.9)) == ("this will take about 45 s (training 30 s, sampling 15 s)")
    assert str(Estimate(0, 600)) == "this will take about 10 min (training 0 s, sampling 10 min)"
    assert [Estimate(training, 10).is_long for training in (9.9, 10)] == [False, True]


@pytest.fixture
def trial(monkeypatch):
    monkeypatch.setattr(estimate, "rates", lambda *_: (UPDATE, PIXEL))
    monkeypatch.setattr(estimate, "FEW_UPDATES", 0)


def found(task="sample", **options):
    asked = {"image": "bg.png", "max_pixels": 4800, **options}
    ready = prepare(*make_tasks(one_run([Part(task, asked)], PYTHON)), default_store(), Events())
    return ready, estimated(ready, default_store())


def steps(stage):
    return stage.steps * stage.size[0] * stage.size[1]


def test_it_counts_what_is_missing_and_every_step_of_every_sample(pasted, trial):
    ready, plain = found(layouts=0, likeness=0, samples=3)
    scales = ready.plan.stages
    quality = QUALITIES["draft"]
    assert plain.training == UPDATE * quality.steps_per_scale * len(scales)
    assert plain.sampling == pytest.approx(3 * PIXEL * sum(map(steps, scales)))
    ready, guided = found(layouts=2)
    layout, *finer = ready.plan.stages
    assert guided.training == UPDATE * quality.guided_steps_per_scale * len(finer)
    expected = UNLEARNT * steps(layout) + GUIDED * sum(map(steps, finer))
    assert guided.sampling == pytest.approx(PIXEL * expected)
    assert found(layouts=0, train_time=7)[1].training == 7


def test_what_a_task_computes_beside_the_network_is_in_it(pasted, trial):
    ready, beside = found("outpaint", right=9, samples=3, strength=0.5)
    height, width = ready.plan.canvas
    network = PIXEL * sum(map(steps, ready.plan.stages))
    filling = FILLING_SECONDS + height * width * FILLING_SECONDS_A_PIXEL
    assert beside.sampling == pytest.approx(3 * (network + filling))
    assert found("outpaint", right=9, structure="free", layouts=0)[1].sampling < filling


def test_work_that_is_all_a_tasks_own_is_told_too(pasted, monkeypatch):
    monkeypatch.setattr(estimate, "rates", None)
    monkeypatch.setattr(Outpaint, "own_seconds", lambda *_: 30.0)
    assert found("outpaint", right=9, strength=0, samples=2)[1] == Estimate(0, 60)
    still = {"size": "120x60", "start_step": 0}
    assert found("retarget", samples=6, **still)[1] == Estimate(0, 6 * ARRANGING_SECONDS)
    assert found("retarget", samples=2, **still)[1] is None


def test_a_task_that_fails_to_tell_is_named(pasted, monkeypatch):
    monkeypatch.setattr(Outpaint, "own_seconds", lambda *_: 1 / 0)
    with pytest.raises(PluginError, match="plugin outpaint failed in own_seconds"):
        found("outpaint", right=9)


def test_train_tells_how_long_it_will_take(command, pasted, tiny, monkeypatch):
    assert command("train", "bg.png", "--max-pixels", 4800)[2].startswith("model ")
    all_is_long(monkeypatch)
    code, _, err = command("train", "bg.png", "--max-pixels", 4800, "--retrain")
    assert code == 0 and re.match(r"this will take about \d+ s\n", err), err


def test_where_nothing_is_asked_of_a_network_there_is_none(pasted, trial):
    assert found(denoiser="closed-form")[1] is None
    assert found("outpaint", right=9, strength=0)[1] is None


def test_short_work_needs_no_trial(known, monkeypatch):
    monkeypatch.setattr(estimate, "rates", None)
    assert found("paint", painting="bg.png", start_step=3)[1] is None


def test_what_is_known_is_not_counted(known, trial, monkeypatch):
    monkeypatch.setattr(estimate, "FEW_PIXEL_STEPS", 0)
    paint = {"task": "paint", "painting": "bg.png", "start_step": 3}
    assert found(**paint)[1].training == 0
    assert found(**paint, retrain=True)[1].training > 0


def all_is_long(monkeypatch):
    for name in ("LONG", "FEW_UPDATES", "FEW_PIXEL_STEPS"):
        monkeypatch.setattr(estimate, name, -1)


LINE = ("run", "sample", "--image", "bg.png", "--seed", 1, "--layouts", 0)


def test_it_is_told_first_and_the_picture_is_the_same(command, pasted, tiny, monkeypatch):
    assert command(*LINE, "--out", "o.png", "-q")[0] == 0
    all_is_long(monkeypatch)
    code, _, err = command(*LINE, "--retrain", "--out", "same.png")
    assert code == 0 and err.startswith("this will take about "), err
    assert np.array_equal(read_picture("o.png").pixels, read_picture("same.png").pixels)


@pytest.mark.parametrize("word", ["-q", "--json"])
def test_who_asks_for_silence_waits_for_no_trial(command, known, monkeypatch, word):
    all_is_long(monkeypatch)
    monkeypatch.setattr(estimate, "rates", None)
    code, _, err = command(*SHORT[:-1], "--out", "o.png", word)
    assert (code, err) == (0, "")


def test_explain_tells_it_and_what_cannot_be_carried_out_is_explained_all_the_same(
    command, pasted, trial
):
    code, out, err = command(*LINE, "--likeness", 0, "--max-pixels", 4800, "--explain")
    assert code == 0 and out.startswith("sample.image ")
    assert err.startswith("this will take about ") and "(training 3 min, " in err
    for words in ((), ("--json",)):
        code, out, err = command("run", "sample", "--image", "none.png", "--explain", *words)
        assert (code, err) == (0, "") and "none.png" in out
