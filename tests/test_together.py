"""Several tasks in one run: from the command line, a file and Python."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.pyramid import rgb_from_tensor
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from tests.conftest import texture

pytestmark = pytest.mark.usefixtures("fewer_steps")

OBSERVER = '''
from pathlib import Path

from sinddm_toolkit.api import Picture, Task, hookimpl, option, rgb_from_tensor


class Watch(Task):
    """Writes down each step."""

    name = "watch"
    summary = "write down what a run does"
    learns_from = "image"
    image: Picture = option("the picture")
    log: str = option("where to", default="log.txt")

    @hookimpl
    def before_sampling(self, run):
        self.lines = []

    @hookimpl
    def after_step(self, run, step):
        self.lines.append(f"{step.s} {step.t} {tuple(step.x0.shape)}")

    @hookimpl
    def compose_output(self, run, result):
        Path(self.log).write_text("\\n".join(self.lines))
        for told in result.metadata:
            told["steps"] = len(self.lines)


@hookimpl
def register_tasks():
    return [Watch]
'''


@pytest.fixture
def watched(tmp_path, monkeypatch):
    (tmp_path / "watch.py").write_text(OBSERVER)
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))


@pytest.fixture
def spotted(home, tiny):
    pixels = texture(60, 80)
    pixels[20:35, 30:50] = (250, 10, 10)
    Image.fromarray(pixels).save("i.png")
    return pixels


def redness(pixels):
    colours = pixels.astype(float)
    return (colours[..., 0] - colours[..., 1:].mean(axis=-1)).mean()


REGION = ("--source", "30,20,20,15", "--target", "105,20,20,15")
TOGETHER = (
    *("run", "outpaint", "--image", "i.png", "--right", "60", "--seed", "1"),
    *("--structure", "free"),
    *("+", "roi", *REGION, "--out", "o.png"),
)


@pytest.mark.slow
def test_outpaint_with_a_pinned_region(command, spotted, coloured):
    code, _, err = command(*TOGETHER)
    assert code == 0, err
    result = read_picture("o.png").pixels
    assert result.shape == (60, 140, 3)
    assert np.array_equal(result[:, :70], spotted[:, :70])
    assert redness(result[23:32, 108:122]) > 120


@pytest.mark.slow
def test_a_file_and_python_give_the_same_picture(command, spotted):
    assert command(*TOGETHER)[0] == 0
    expected = read_picture("o.png").pixels
    Path("folder").mkdir()
    Path("i.png").rename("folder/i.png")
    Path("folder/edit.toml").write_text(
        'seed = 1\nout = "p.png"\n'
        '[[task]]\nname = "outpaint"\nimage = "i.png"\nright = "60"\nstructure = "free"\n'
        '[[task]]\nname = "roi"\nsource = ["30,20,20,15"]\ntarget = ["105,20,20,15"]\n'
    )
    code, _, err = command("run", "--preset", "folder/edit.toml")
    assert code == 0, err
    assert np.array_equal(read_picture("folder/p.png").pixels, expected)
    result = st.run(
        "outpaint",
        image="folder/i.png",
        right=60,
        structure="free",
        seed=1,
        also={"roi": {"source": [(30, 20, 20, 15)], "target": [(105, 20, 20, 15)]}},
    )
    assert np.array_equal(result.picture.pixels, expected)
    assert command("replay", "o.png", "--input", "image=folder/i.png", "--out", "r.png")[0] == 0
    assert np.array_equal(read_picture("r.png").pixels, expected)


def test_harmonize_with_an_observer(command, pasted, tiny, watched):
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--seed", 1)
    words = (*words, "--start-step", 15)
    assert command(*words, "--out", "alone.png")[0] == 0
    code, _, err = command(*words, "--out", "o.png", "+", "watch", "--log", "seen.txt")
    assert code == 0, err
    lines = Path("seen.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["14", "11", "8", "6", "3", "0"]
    assert np.array_equal(read_picture("o.png").pixels, read_picture("alone.png").pixels)


def learnt(*names, **pictures):
    """What a run of these tasks would learn, in their order; each mask is that of an inpainting."""
    made = [Part(name, {"image": "i.png", **pictures.get(name, {})}) for name in names]
    tasks, options = make_tasks(one_run(made, PYTHON))
    return prepare(tasks, options, default_store(), Events()).subject


BY_THE_NETWORK = {"structure": "free", "layouts": 0}


def test_a_task_that_joins_hides_as_one_that_leads(spotted):
    """Whoever hides a part: it is not learnt, and a model of what is left is the same model."""
    hole = {"mask": "30,20,20,15", **BY_THE_NETWORK}
    alone = learnt("inpaint", inpaint=hole)
    joined = learnt("sample", "inpaint", inpaint=hole)
    assert joined.config == alone.config
    assert joined.config.key != learnt("sample").config.key
    known = joined.pyramid.known[-1][0, 0].bool().numpy()
    assert not known[20:35, 30:50].any() and known[:15].all()
    seen, hidden = (rgb_from_tensor(one.pyramid.scales[-1]) for one in (learnt("sample"), joined))
    assert redness(seen) > 0.05 > redness(hidden)


HIDES = """
from sinddm_toolkit.api import Picture, Task, hookimpl, option

class Hide(Task):
    name = "hide"
    summary = "hides a part"
    learns_from = "image"
    image: Picture = option("the picture")
    mask: Picture = option("white on what is hidden")

    def hidden(self):
        {body}

@hookimpl
def register_tasks():
    return [Hide]
"""


@pytest.fixture
def hides(tmp_path, monkeypatch, spotted):
    def write(body):
        (tmp_path / "hide.py").write_text(HIDES.format(body=body))
        monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
        mask = np.zeros((60, 80), np.uint8)
        mask[40:55, 60:75] = 255
        Image.fromarray(mask).save("m.png")

    return write


def test_what_any_of_the_tasks_hides_is_hidden(hides):
    hides("return self.mask")
    asked = {"inpaint": {"mask": "30,20,20,15", **BY_THE_NETWORK}, "hide": {"mask": "m.png"}}
    both = learnt("inpaint", "hide", **asked)
    assert both.config == learnt("hide", "inpaint", **asked).config
    known = both.pyramid.known[-1][0, 0].bool().numpy()
    assert not known[20:35, 30:50].any() and not known[41:54, 61:74].any()
    assert known[:15].all() and known[38:, :58].all()


def test_nothing_may_be_left_and_who_fails_is_named(hides, command):
    hides("return self.mask")
    halves = {"inpaint": {"mask": "0,0,40,60", **BY_THE_NETWORK}, "hide": {"mask": "half.png"}}
    half = np.zeros((60, 80), np.uint8)
    half[:, 40:] = 255
    Image.fromarray(half).save("half.png")
    with pytest.raises(st.errors.UserError, match="nothing is left to learn from"):
        learnt("inpaint", "hide", **halves)
    hides("raise RuntimeError('lost')")
    words = ("run", "sample", "--image", "i.png", "+", "hide", "--mask", "m.png")
    code, _, err = command(*words)
    assert code == 1 and "plugin hide failed in hidden: RuntimeError: lost" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("+",), "a task is missing behind +"),
        (("+", "nonsense"), "there is no task 'nonsense'"),
        (("+", "outpaint", "--left", "5"), "outpaint is asked for twice"),
        (("+", "sample", "--size", "2x2"), "both set the size"),
        (("+", "roi", "--colour", "red"), "No such option"),
        (("+", "roi", "--image", "other.png", *REGION), "a run learns one picture"),
        (
            ("+", "paint", "--painting", "i.png", "+", "super-resolve"),
            "both",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(words, said, command, spotted):
    Image.fromarray(texture(50, 60, seed=3)).save("other.png")
    code, _, err = command(*TOGETHER[:8], "--out", "o.png", *words)
    assert code == 2 and said in err, err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[task]", "is not TOML"),
        ("seed = 1", "names no task"),
        ('[[task]]\nimage = "i.png"', "has no name"),
        ('sed = 1\n[[task]]\nname = "sample"\nimage = "i.png"', "did you mean seed"),
        ('[[task]]\nname = "sample"\nimage = "."', "e.toml, line 3: sample.image"),
        ('[[task]]\nname = "sample"\nimage = "i.png"\nsize = 3', "sample.size: 3 is not allowed"),
        ('seed = 1.5\n[[task]]\nname = "sample"\nimage = "i.png"', "seed: 1.5 is not allowed"),
    ],
)
def test_files_are_refused_naming_file_and_key(text, said, command, spotted):
    Path("e.toml").write_text(text)
    code, _, err = command("run", "--preset", "e.toml")
    assert code == 2 and "e.toml" in err and said in err, err
