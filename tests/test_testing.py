"""The fixtures that the tests of plugins use, used as a stranger would."""

import numpy as np
import pytest

from sinddm_toolkit.api import OutputFile, Picture, Task, hookimpl, option
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry

pytest_plugins = ["pytester"]


class Tint(Task):
    name = "tint"
    summary = "a random picture, tinted"
    learns_from = "image"
    image: Picture = option("the picture to learn from")
    red: float = option("more: redder", default=0.0, minimum=0, maximum=1)

    @hookimpl
    def compose_output(self, run, result):
        self.seen = run
        for index, picture in enumerate(result.pictures):
            rgb = picture.rgb()
            rgb[..., 0] += self.red
            result.pictures[index] = picture.with_rgb(rgb)


class Count(Task):
    name = "count"
    summary = "count the steps"
    learns_from = None
    log: OutputFile | None = option("where to", default="{out}.txt", suffixes=(".txt",))

    @hookimpl
    def before_sampling(self, run):
        self.steps = 0

    @hookimpl
    def after_step(self, run, step):
        self.steps += 1

    @hookimpl
    def compose_output(self, run, result):
        for told in result.metadata:
            told["steps"] = self.steps
        result.extras[self.log] = str(self.steps).encode()


def test_the_oracle_leads_to_the_picture_that_is_learnt(sinddm_run, sinddm_picture, sinddm_model):
    result = sinddm_run(Tint, oracle=True)
    difference = result.picture.pixels.astype(int) - sinddm_picture.pixels
    assert np.abs(difference).max() <= 1
    assert result.training_steps == 0
    learnt = sinddm_run(Tint)
    assert learnt.training_steps == sum(phase.made for phase in sinddm_model.history) > 0
    assert np.abs(learnt.picture.pixels.astype(int) - sinddm_picture.pixels).max() > 50


def test_nothing_is_left_to_train_from_any_start(sinddm_run, sinddm_picture):
    trained = sinddm_run(Tint).training_steps
    words = {"painting": sinddm_picture, "start_scale": 0, "start_step": 100}
    assert sinddm_run("paint", **words).training_steps == trained


def test_options_files_and_further_tasks(sinddm_run, tmp_path):
    out = tmp_path / "o.png"
    plain = sinddm_run("sample", seed=5, layouts=0, likeness=0.0)
    result = sinddm_run(Tint, red=0.5, seed=5, out=out, also={Count: {}})
    assert result.outputs == [out, tmp_path / "o.txt"]
    assert (tmp_path / "o.txt").read_text() == "54"
    assert result.records[0]["metadata"] == {"count": {"steps": 54}}
    change = result.picture.pixels.astype(int) - plain.picture.pixels
    assert change[..., 0].mean() > 30 and not change[..., 1:].any()
    with pytest.raises(UserError, match=r"--red: 2\.0 is not allowed"):
        sinddm_run(Tint, red=2)


def test_a_task_that_only_joins_others_joins_one(sinddm_run):
    assert sinddm_run(Count, oracle=True).records[0]["metadata"] == {"count": {"steps": 54}}


def test_the_registry_sees_what_the_test_names(sinddm_registry, sinddm_run):
    found = sinddm_registry(Tint, Count)
    assert sorted(found.tasks) == ["count", "tint"]
    assert sinddm_run("tint", oracle=True).records[0]["tasks"][0]["name"] == "tint"
    with pytest.raises(UserError, match="there is no task 'sample'"):
        sinddm_run("sample")

    class Broken(Tint):
        summary = None

    with pytest.raises(PluginError, match="has no summary"):
        sinddm_registry(Broken)


def test_the_plugins_of_the_process_are_there_again_after_it():
    assert "sample" in registry.current().tasks and "tint" not in registry.current().tasks


def test_the_home_is_temporary(sinddm_home, tmp_path_factory):
    assert sinddm_home.is_relative_to(tmp_path_factory.getbasetemp())
    assert default_store().folder == sinddm_home / "models"
    assert len(default_store().keys()) == 1


STRANGER = """
    import sys

    def test_plain():
        heavy = {"torch", "numpy", "click"} & set(sys.modules)
        assert not heavy, heavy
"""


def test_a_session_that_does_not_use_them_imports_nothing_of_them(pytester):
    pytester.makepyfile(STRANGER)
    result = pytester.runpytest_subprocess("-p", "no:xdist", "-p", "no:randomly")
    result.assert_outcomes(passed=1)
    listed = pytester.runpytest_subprocess("-p", "no:xdist", "--fixtures")
    for name in ("run", "home", "picture", "model", "oracle", "registry"):
        listed.stdout.fnmatch_lines([f"sinddm_{name}*"])
    assert "no docstring available" not in str(listed.stdout).partition("sinddm_")[2][:2000]
