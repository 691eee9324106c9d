"""Whoever fails in a run is named, and where it was."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.errors import PluginError
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.testing import random_picture
from tests.conftest import SHORT, texture
from tests.host.plugin_files import plugin


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("modify_x0(self, run, step): 1 / 0", "in modify_x0 at scale 0, step 99: ZeroDivision"),
        ("modify_x0(self, run, step): exit(3)", "in modify_x0 at scale 0, step 99: SystemExit: 3"),
        ("modify_x0(self, run, step): step.x0 = step.x0 * float('nan')", "not finite"),
        (
            "modify_x0(self, run, step): step.x0 = step.x0[..., 1:]",
            "must be torch.float32 of shape",
        ),
        ("after_step(self, run, step): step.x0 = step.x0", "only be changed in modify_x0"),
        ("plan_edit(self, plan): plan.nothing()", "in plan_edit: AttributeError"),
        ("modify_x0(self, run, step): step.xO = step.x0", "no attribute 'xO'"),
        ("modify_x0(self, run, step): step.x0[:] = 0", "changed step.x0 in place; assign step.x0"),
        ("modify_x0(self, run, step): step.x_t = step.x0", "x_t cannot be changed here"),
        (
            "after_step(self, run, step): step.x0.add_(1)",
            "it changed step.x0 in place; it may only",
        ),
        ("after_step(self, run, step): step.x_t.mul_(2)", "step 99: it changed step.x_t in place"),
        ("after_step(self, run, step): run.plan = None", "plan cannot be changed here"),
        ("after_step(self, run, step): run.plan.stages[0].start = 3", "start is settled"),
        ("after_step(self, run, step): run.plan.stages.append(3)", "no attribute 'append'"),
        ("after_step(self, run, step): run.plan.transparent = 1", "plan's transparent is settled"),
        ("after_step(self, run, step): step.scale.start = 3", "scale.start is for before_scale"),
        ("compose_output(self, run, result): result.picture = 3", "no attribute 'picture'"),
        ("compose_output(self, run, result): result.pictures = []", "must be a list of 1"),
        (
            "compose_output(self, run, result): result.pictures[0] = 'o.png'",
            "holds str, which is no",
        ),
        (
            "compose_output(self, run, result): result.metadata[0]['x'] = {3}",
            "not JSON serializable",
        ),
        ("compose_output(self, run, result): result.extras['x.gif'] = 3", "not int"),
        ("compose_output(self, run, result): result.extras['x.gif'] = self.image", "as .gif: give"),
        ("before_scale(self, run, scale): scale.start = 999", "before_scale at scale 0"),
        ("compose_output(self, run, result): raise KeyError('k')", "in compose_output: KeyError"),
    ],
)
def test_a_failing_task_is_named_with_hook_scale_and_step(body, words, command, tmp_path, known):
    folder = plugin(tmp_path / "p", body=f"    @hookimpl\n    def {body}\n")
    before = sorted(Path().iterdir())
    line = ("run", "mine", "--image", "bg.png", "-q")
    if body.startswith("compose_output"):
        line = (*SHORT, "--with", "mine")
    code, _, err = command(*line, "--plugins-dir", folder)
    assert code == 1
    assert re.search("plugin mine( or paint)? failed", err) and words in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(Path().iterdir()) == before


def test_an_error_deep_in_a_run_says_where_it_was(command, tmp_path, pasted, tiny):
    body = (
        "    @hookimpl\n    def after_step(self, run, step):\n"
        "        if (step.s, step.t) == (2, 0): raise KeyError('deep')\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    Image.fromarray(texture(100, 110)).save("large.png")
    words = ("run", "mine", "--image", "large.png", "--train-time", "0.1", "-q")
    code, _, err = command(*words, "--plugins-dir", folder, "--out", "o.png")
    assert code == 1 and not Path("o.png").exists()
    assert "plugin mine failed in after_step at scale 2, step 0: KeyError: 'deep'\n" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("method", ["check", "hidden", "notices"])
def test_methods_that_are_no_hooks_are_named_too(method, command, tmp_path, known):
    folder = plugin(tmp_path / "p", body=f"    def {method}(self): return 1 / 0")
    code, _, err = command("run", "mine", "--image", "bg.png", "--plugins-dir", folder)
    assert code == 1 and f"plugin mine failed in {method}: ZeroDivisionError: division" in err


def test_ctrl_c_in_an_endless_hook_says_which_it_was(tmp_path, known):
    body = (
        "    @hookimpl\n    def after_step(self, run, step):\n"
        "        if step.t == 97:\n            open('here', 'w').close()\n"
        "            while True: pass\n"
    )
    folder = plugin(tmp_path / "p", body=body)
    words = ("run", "mine", "--image", "bg.png", "--out", "o.png", "--plugins-dir", folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "sinddm_toolkit.cli", *words, "-q", "--train-time", "0.1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not Path("here").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (
        err.strip() == "sinddm-tk: interrupted: plugin mine was in after_step at scale 0, step 97"
    )
    assert not Path("o.png").exists()


def test_a_plugin_that_composes_no_numbers_is_told_of(sinddm_run):
    class Blank(random_picture()):
        name = "blank"

        @hookimpl
        def compose_output(self, run, result):
            rgb = np.full((*self.image.size, 3), np.nan, np.float32)
            result.pictures = [self.image.with_rgb(rgb)]

    with pytest.raises(PluginError, match=r"blank failed in compose_output: .* are not finite"):
        sinddm_run(Blank, oracle=True, out="a.png")
    assert not Path("a.png").exists()
