"""Values that are no numbers: who is told of, and that no picture is made of them."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from sinddm_toolkit.edits.models import load_model, save_model
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.errors import PluginError, ToolkitError
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.testing import random_picture
from tests.conftest import SHORT


@pytest.fixture
def wild(known):
    """The key of the model of bg.png, whose numbers are so large that sums of them are none."""
    store = default_store()
    (key,) = store.keys()
    model = load_model(store.path(key))
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.mul_(1e25)
    save_model(store.path(key), model)
    return key


@pytest.mark.parametrize("task", ["sample", "paint", "inpaint"])
def test_a_model_that_makes_no_numbers_is_told_of_and_nothing_is_written(task, wild, command):
    words = {
        "sample": ("run", "sample", "--image", "bg.png", "-q"),
        "paint": SHORT,
        # This one works on what the model predicts, and is not to blame.
        "inpaint": ("run", "inpaint", "--image", "bg.png", "--mask", "0,0,9,9", "--model", wild),
    }[task]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = command(*words, "--train-time", "0")
    assert code == 1 and out == ""
    remove = f"`sinddm-tk models remove {wild}` and train again"
    told = f"sinddm-tk: the model {wild} is damaged, it makes values that are not finite: {remove}"
    assert err.splitlines()[-1] == told
    assert sorted(path.name for path in Path().iterdir()) == ["bg.png"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_denoiser_that_makes_no_numbers_is_told_of(value, sinddm_run, sinddm_registry):
    class Wild:
        @hookimpl
        def make_service(self, kind, name, about):
            return lambda x, t, s, needless=None: torch.full_like(x, value)

    sinddm_registry(Wild())
    with pytest.raises(PluginError, match=r"Wild failed in its denoiser at .* are not finite"):
        sinddm_run(random_picture(), denoiser="mine", out="a.png")
    assert not Path("a.png").exists()


def test_so_is_one_whose_numbers_are_too_large_to_be_added(sinddm_run, sinddm_registry):
    class Wild:
        @hookimpl
        def make_service(self, kind, name, about):
            return lambda x, t, s, needless=None: torch.full_like(x, 3e38)

    sinddm_registry(Wild())
    with pytest.raises(ToolkitError, match=r"^the denoiser mine makes values that are not finite$"):
        sinddm_run(random_picture(), denoiser="mine", out="a.png")
    assert not Path("a.png").exists()


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


def test_where_nothing_of_them_counts_colours_may_be_anything():
    picture = Picture(np.full((4, 4, 3), 9, np.uint8))
    rgb, weight = np.full((4, 4, 3), np.nan, np.float32), np.zeros((4, 4), np.float32)
    rgb[0], weight[0] = 1, 1
    assert (
        picture.blend(rgb, weight).pixels == np.repeat([255, 9, 9, 9], 12).reshape(4, 4, 3)
    ).all()
