"""What a text does to the picture, by an encoder that understands it and by measures of our own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sinddm_toolkit.plugins.text.content import TextContent
from sinddm_toolkit.plugins.text.prompts import HIGH_RESOLUTION, Prompt, direction
from sinddm_toolkit.plugins.text.region import TextRoi
from sinddm_toolkit.plugins.text.style import TextStyle

from sinddm_toolkit.edits.edit import edit
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine.pyramid import downsample, tensor_from_rgb
from sinddm_toolkit.host.services import service
from sinddm_toolkit.options.run_options import RunOptions
from tests.conftest import texture

SMALL_CLIP = Path(__file__).parents[1] / "small_clip" / "small_clip.json"
PICTURE = texture(60, 80)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture
def make(tiny, store):
    def run(cls, text, **values):
        task = cls(image=PICTURE, text=text, clip=str(SMALL_CLIP), views=8, **values)
        options = RunOptions(quality="draft", seed=5)
        result = edit([task], options, write=False, store=store)
        return result.picture.rgb(), task

    return run


def likeness(rgb, text):
    """Cosine of the picture as it is, without any views."""
    encoder = service("text-encoder", str(SMALL_CLIP), weights=None, device=torch.device("cpu"))
    size = (encoder.image_size, encoder.image_size)
    image = ((downsample(tensor_from_rgb(rgb), size) + 1) / 2).clamp(0, 1)
    with torch.no_grad():
        embedded = encoder.encode_image(image)[0]
    return float(embedded @ direction(encoder, [Prompt(text)], HIGH_RESOLUTION))


def redness(rgb):
    return rgb[..., 0] - (rgb[..., 1] + rgb[..., 2]) / 2


def mask_of(task):
    return task._guidance._mask_at(torch.zeros(1, 3, 60, 80))[0, 0].numpy() > 0


@pytest.mark.slow
def test_red_is_red_by_both_measures(make):
    before, _ = make(TextContent, "red", strength=0)
    after, task = make(TextContent, "red", strength=0.5)
    assert likeness(after, "red") > likeness(before, "red") + 0.05
    inside = mask_of(task)
    assert inside.mean() == pytest.approx(0.5, abs=0.02)
    change = redness(after) - redness(before)
    assert change[inside].mean() > 0.1
    assert abs(change[~inside].mean()) < change[inside].mean() / 2


@pytest.mark.slow
def test_a_night_sky_is_dark(make):
    before, _ = make(TextContent, "night sky", strength=0)
    after, _ = make(TextContent, "night sky", strength=0.5, fill=1)
    assert likeness(after, "night sky") > likeness(before, "night sky") + 0.05
    assert after.mean() < before.mean() - 0.05


@pytest.mark.slow
def test_unwanted_red_goes_away(make):
    before, _ = make(TextContent, "red", strength=0)
    after, _ = make(TextContent, "red:-1", strength=0.5, fill=1)
    assert likeness(after, "red") < likeness(before, "red")


@pytest.mark.slow
def test_strength_is_how_much_and_fill_is_how_far(make):
    before, _ = make(TextContent, "red", strength=0)
    amounts = [
        (redness(make(TextContent, "red", strength=eta, fill=1)[0]) - redness(before)).mean()
        for eta in (0.1, 0.6)
    ]
    assert amounts[1] > 1.3 * amounts[0]
    areas = []
    for fill in (0.1, 0.6):
        after, _ = make(TextContent, "red", strength=0.6, fill=fill)
        areas.append((np.abs(after - before).max(axis=2) > 0.3).mean())
    assert areas == pytest.approx([0.1, 0.6], abs=0.05)


@pytest.mark.slow
def test_a_red_style_is_red(make):
    before, _ = make(TextStyle, "red", strength=0, of_image=True)
    after, _ = make(TextStyle, "red", of_image=True)
    assert redness(after).mean() > redness(before).mean() + 0.1


def test_a_red_region_is_red(make):
    after, task = make(TextRoi, "red", region="20,10,40,40", steps=30)
    change = redness(after) - redness(PICTURE.astype(np.float32) / 127.5 - 1)
    assert change[20:40, 30:50].mean() > 0.08
    losses = [point.losses[0] for point in task._points[0]]
    assert np.mean(losses[-5:]) < losses[0] - 0.1
