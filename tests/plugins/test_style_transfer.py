import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import texture

LINE = ("run", "style-transfer", "--style", "s.png", "--content", "c.png", "--seed", "1")


@pytest.fixture
def pair(home, tiny):
    """s.png blue-green stripes, 60×80; c.png a grey ramp with a step, 70×90."""
    style = texture(60, 80)
    style[..., 0] //= 4
    Image.fromarray(style).save("s.png")
    ramp = np.repeat(np.linspace(60, 200, 90)[None], 70, axis=0)
    ramp[30:50, 20:60] = 20
    content = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    Image.fromarray(content).save("c.png")
    return style, content


def test_colours_are_the_styles_and_shapes_the_contents(command, pair):
    style, content = pair
    code, _, err = command(*LINE, "--out", "o.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == content.shape
    for k in range(3):
        assert abs(result[..., k].mean() - style[..., k].mean()) < 20
    inner, outer = result[34:46, 26:54].mean(), result[52:66, 26:54].mean()
    assert inner < outer - 10


def test_grey_contents_take_colours_and_sizes_stay(command, pair):
    Image.open("c.png").convert("L").resize((330, 210)).save("c.png")
    assert command(*LINE, "--out", "o.png")[0] == 0
    result = read_picture("o.png").pixels
    assert result.shape == (210, 330, 3)
    assert result[..., 1].mean() > result[..., 0].mean() + 20


def test_higher_start_steps_leave_less_of_the_content(command, pair):
    kept = []
    for step in (2, 40):
        words = ("--start-step", step, "--out", f"{step}.png")
        assert command(*LINE, *words)[0] == 0
        grey = read_picture(f"{step}.png").pixels.mean(axis=2).ravel()
        kept.append(np.corrcoef(grey, pair[1].mean(axis=2).ravel())[0, 1])
    assert kept[0] > kept[1]


def test_a_start_scale_that_is_not_there_is_refused(command, pair):
    code, _, err = command(*LINE, "--start-scale", 9)
    assert code == 2 and "has the scales 0" in err


def likeness(name, content):
    grey = read_picture(name).pixels.mean(axis=2).ravel()
    return np.corrcoef(grey, content.mean(axis=2).ravel())[0, 1]


def test_the_dial_leaves_less_and_less_of_the_content(command, pair):
    for strength in (0, 0.5, 1):
        out = f"{strength}.png"
        assert command(*LINE, "--strength", strength, "--out", out)[0] == 0
    assert likeness("0.png", pair[1]) > likeness("0.5.png", pair[1]) > likeness("1.png", pair[1])


def test_without_colour_hues_are_the_contents(command, pair):
    code, _, err = command(*LINE, "--colour", 0, "--out", "o.png")
    assert code == 0, err
    red, green, blue = read_picture("o.png").pixels.reshape(-1, 3).mean(axis=0)
    assert abs(red - green) < 8 and abs(blue - green) < 8


def test_transparency_and_depth_of_the_content_stay(command, pair):
    content = np.dstack([pair[1], np.full(pair[1].shape[:2], 128, np.uint8)])
    Image.fromarray(content).save("c.png")
    assert command(*LINE, "--out", "o.png")[0] == 0
    assert (read_picture("o.png").pixels[..., 3] == 128).all()


def test_a_style_of_one_scale_leaves_the_scene(command, pair):
    Image.fromarray(pair[0][:40, :50]).save("s.png")
    Image.fromarray(pair[1]).resize((360, 280)).save("c.png")
    code, _, err = command(*LINE, "--out", "o.png")
    assert code == 0, err
    assert likeness("o.png", np.asarray(Image.open("c.png"))) > 0.7


def test_guided_strokes_need_fewer_updates(pair):
    asked = {"style": "s.png", "content": "c.png"}
    ready = prepare(
        *make_tasks(one_run([Part("style-transfer", asked)], PYTHON)), default_store(), Events()
    )
    draft = QUALITIES["draft"]
    needs = ready.cells().values()
    assert [need.updates(draft) for need in needs] == [draft.guided_steps_per_scale] * len(needs)
