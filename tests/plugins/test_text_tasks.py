"""The tasks as they run, with an encoder that understands nothing."""

import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sinddm_toolkit.plugins.text import guidance
from sinddm_toolkit.plugins.text.content import TextContent
from sinddm_toolkit.plugins.text.losses import Point, plot
from sinddm_toolkit.plugins.text.region import TextRoi
from sinddm_toolkit.plugins.text.style import TextStyle
from sinddm_toolkit.plugins.text.task import with_random_steps

from sinddm_toolkit.edits.edit import edit
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import option
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.regions import Region
from tests.conftest import texture

PICTURE = texture(60, 80)


class Watcher(Task):
    """Keeps every x̂0 and whether it was changed."""

    name, summary, learns_from = "watcher", "watches", "image"
    image: Picture = option("the picture")

    @hookimpl
    def after_step(self, run, step):
        self.__dict__.setdefault("seen", []).append((step.s, step.t, step.is_changed))
        self.plan = run.plan


class Unguided(Watcher):
    """What text-content is without a text."""

    name = "unguided"

    @hookimpl(trylast=True)
    def plan_edit(self, plan, pyramid):
        for stage in plan.stages:
            with_random_steps(stage)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One for all: the picture is learnt once."""
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture
def make(tiny, store, random_clip):
    """Runs tasks made of (class, options) together → the result."""

    def run(*tasks, **options):
        made = []
        for cls, values in tasks:
            if "clip" in cls.schema():
                values = {"clip": str(random_clip), "views": 2, **values}
            made.append(cls(image=PICTURE, **values))
        values = {"quality": "draft", "seed": 3, **options}
        return edit(made, RunOptions(**values), write=False, store=store), made

    return run


def pixels(result, k=0):
    return result.pictures[k].pixels.astype(int)


def test_text_content_is_guided_above_the_coarsest_scale_until_the_last_steps(make):
    _, (_, watcher) = make((TextContent, {"text": "stars"}), (Watcher, {}))
    finest = max(scale for scale, _, _ in watcher.seen)
    assert finest == 1
    for scale, t, changed in watcher.seen:
        assert changed == (scale == 1 and t >= 3)
    assert all(stage.ddpm and not stage.blur for stage in watcher.plan.stages)


def test_text_style_is_guided_at_the_finest_scale_only(make):
    _, (_, watcher) = make((TextStyle, {"text": "mosaic"}), (Watcher, {}))
    assert {scale for scale, _, changed in watcher.seen if changed} == {1}
    assert [stage.ddpm for stage in watcher.plan.stages] == [True, True]  # scale 0 always has it
    assert not watcher.plan.stages[-1].blur


@pytest.mark.slow
def test_without_strength_nothing_changes(make):
    unguided, _ = make((Unguided, {}))
    still, _ = make((TextContent, {"text": "stars", "strength": 0}))
    assert np.array_equal(pixels(unguided), pixels(still))
    guided, _ = make((TextContent, {"text": "stars"}))
    assert not np.array_equal(pixels(unguided), pixels(guided))


@pytest.mark.slow
def test_more_strength_changes_more(make):
    unguided, _ = make((Unguided, {}))
    changes = []
    for strength in (0.05, 0.5):
        result, _ = make((TextContent, {"text": "stars", "strength": strength, "fill": 1}))
        changes.append(np.abs(pixels(result) - pixels(unguided)).mean())
    assert changes[1] > 1.5 * changes[0]


@pytest.mark.slow
def test_sample_k_is_the_sample_of_its_seed(make):
    both, _ = make((TextContent, {"text": "stars"}), samples=2)
    alone, _ = make((TextContent, {"text": "stars"}), seed=4)
    assert np.array_equal(pixels(both, 1), pixels(alone))
    assert not np.array_equal(pixels(both, 0), pixels(alone))


def test_guide_every_asks_the_encoder_less_often(make):
    counts = []
    for every in (1, 4):
        _, (task,) = make((TextContent, {"text": "stars", "guide_every": every}))
        counts.append(len(task._points[0]))
    assert counts[1] == -(-counts[0] // 4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (TextContent, {"guide_every": 4}),
        (TextStyle, {}),
        (TextRoi, {"region": Region.parse("10,10,40,40"), "steps": 3}),
    ],
)
def test_the_estimate_counts_the_comparisons_that_are_made(make, monkeypatch, kind, options):
    _, (task, watcher) = make((kind, {"text": "stars", **options}), (Watcher, {}))
    made = len(task._points[0])
    assert made - 1 < task.comparisons(watcher.plan) <= made
    monkeypatch.setattr(guidance, "_tried", {})
    ticks = SimpleNamespace(monotonic=itertools.count(step=5).__next__)
    monkeypatch.setattr(guidance, "time", ticks)  # five seconds for each
    told = task.own_seconds(watcher.plan, torch.device("cpu"))
    assert told == 5 * task.comparisons(watcher.plan)
    assert told == task.own_seconds(watcher.plan, torch.device("cpu"))
    task.strength = 0
    assert task.own_seconds(watcher.plan, torch.device("cpu")) == 0


@pytest.mark.slow
def test_negative_weights_push_away(make):
    """By the loss of the last guided step, 1.2 (1 - cosine): -1 turns the direction round."""

    def loss(text, strength):
        asked = {"text": text, "fill": 1, "guide_every": 8, "strength": strength}
        _, (task,) = make((TextContent, asked))
        return task._points[0][-1].losses[0]

    still = loss("stars", 1e-6)
    assert loss("stars", 0.5) < still
    assert loss("stars:-1", 0.5) < 2.4 - still


def test_style_of_the_image_keeps_its_structure(make):
    random, _ = make((TextStyle, {"text": "mosaic", "strength": 0.05}))
    own, _ = make((TextStyle, {"text": "mosaic", "strength": 0.05, "of_image": True}))

    def likeness(result):
        return np.corrcoef(pixels(result).ravel(), PICTURE.ravel())[0, 1]

    assert likeness(own) > likeness(random) + 0.3


def test_style_of_the_image_has_its_resolution(tiny, store, random_clip):
    large = texture(240, 320)
    task = TextStyle(
        image=large, text="mosaic", of_image=True, clip=str(random_clip), views=2, strength=0.05
    )
    options = RunOptions(quality="draft", max_pixels=60 * 80, seed=1)
    result = edit([task], options, write=False, store=store)
    assert result.picture.size == (240, 320)


@pytest.mark.parametrize("kind", ["box", "mask"])
def test_text_roi_changes_its_region_and_nothing_else(make, kind):
    inside = np.zeros((60, 80), bool)
    inside[10:40, 20:60] = True
    mask = np.where(inside, 255, 0).astype(np.uint8)
    region = "20,10,40,30" if kind == "box" else mask
    asked = {"text": "stars", "region": region, "steps": 12, "views": 8, "feather": 2}
    result, (task,) = make((TextRoi, asked))
    change = np.abs(pixels(result) - PICTURE)
    assert change[15:35, 25:55].mean() > 5
    far = np.ones((60, 80), bool)
    far[1:49, 11:69] = False  # the feather of 2 pixels ends within 9
    assert change[far].max() == 0
    losses = [point.losses[0] for point in task._points[0]]
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < losses[0]


@pytest.mark.parametrize(
    ("region", "message"),
    [("70,50,40,30", None), ("90,10,10,10", "covers nothing"), ("0,0,4,30", "at least 8")],
)
def test_regions_that_are_too_small_are_refused(make, region, message):
    if message is None:  # what of it lies in the picture is enough
        make((TextRoi, {"text": "stars", "region": region, "steps": 1}))
        return
    with pytest.raises(UserError, match=message):
        make((TextRoi, {"text": "stars", "region": region, "steps": 1}))


def test_two_tasks_that_inject_are_refused(make):
    with pytest.raises(UserError, match="both give the picture"):
        make(
            (TextRoi, {"text": "stars", "region": "0,0,40,40", "steps": 1}),
            (TextStyle, {"text": "mosaic", "of_image": True}),
        )


@pytest.mark.slow
def test_content_and_style_go_together(make):
    """Each does in the other's company what it does alone: neither picture is that of both."""
    content, style = (TextContent, {"text": "stars"}), (TextStyle, {"text": "mosaic"})
    together, tasks = make(content, style)
    assert all(task._points[0] for task in tasks)
    for one in (content, style):
        alone, _ = make(one)
        assert not np.array_equal(pixels(alone), pixels(together))


@pytest.mark.slow
def test_the_loss_is_plotted(command, tiny, random_clip):
    Image.fromarray(PICTURE).save("p.png")
    words = ("--text", "stars:2", "--text", "people:-.5", "--views", 2, "--clip", random_clip)
    code, _, err = command(
        *("run", "text-content", "--image", "p.png", *words, "--samples", 2),
        *("--save-loss", "loss.png", "--out", "o.png"),
    )
    assert code == 0, err
    assert "wrote loss.png" in err
    drawn = read_picture("loss.png").pixels
    assert drawn.shape == (500, 900, 3)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 5


def test_each_of_two_texts_has_a_plot(command, tiny, random_clip):
    Image.fromarray(PICTURE).save("p.png")
    text = ("--text", "stars", "--views", 1, "--guide-every", 50, "--clip", random_clip)

    def run(*plots):
        first, second = plots
        return command(
            *("run", "text-content", "--image", "p.png", *text, "--save-loss", first),
            *("+", "text-style", *text, "--save-loss", second, "--out", "o.png"),
        )

    for twice in ("one.png", "o.png"):
        code, _, err = run(twice, twice)
        assert code == 2 and "two names" in err, err
    code, _, err = run("one.png", "two.png")
    assert code == 0, err
    first, second = (read_picture(name).pixels for name in ("one.png", "two.png"))
    assert (first != second).any()


def test_plots_of_little_are_plots_too():
    for points in ([], [Point("scale 1", 7, (0.9,))], [Point("scale 1", 7, (0.9, 0.9))]):
        assert plot(points, "stars").size == (500, 900)


def test_a_record_names_the_weights_wherever_it_is_replayed(
    command, tiny, random_clip, tmp_path, monkeypatch
):
    Image.fromarray(PICTURE).save("p.png")
    for suffix in (".json", ".safetensors"):
        shutil.copy(random_clip.with_suffix(suffix), f"own{suffix}")
    code, _, err = command(
        *("run", "text-style", "--image", "p.png", "--text", "stars", "--views", 1, "--seed", 1),
        *("--clip", "own.json", "--clip-weights", "own.safetensors", "--out", "o.png"),
    )
    assert code == 0, err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    here = Path.cwd()
    monkeypatch.chdir(elsewhere)
    code, _, err = command("replay", here / "o.png", "--out", "again.png")
    assert code == 0, err
    again, first = (read_picture(path).pixels for path in ("again.png", here / "o.png"))
    assert (again == first).all()
    with (here / "own.safetensors").open("ab") as weights:
        weights.write(b" ")
    code, _, err = command("replay", here / "o.png", "--out", "changed.png")
    assert code == 2 and "own.safetensors has changed" in err


def test_work_on_the_region_is_reported(tiny, store, random_clip):
    class Heard(Events):
        def working(self, what, done, steps):
            heard.append((done, steps))

    heard = []
    asked = {"image": PICTURE, "text": "stars", "region": "20,10,40,30", "steps": 3, "views": 1}
    task = TextRoi(clip=str(random_clip), **asked)
    edit([task], RunOptions(quality="draft", seed=1), write=False, events=Heard(), store=store)
    assert heard == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("words", [("--text", ""), ("--text", "stars:0"), ()])
def test_bad_prompts_end_the_command_before_any_work(command, random_clip, words):
    Image.fromarray(PICTURE).save("p.png")
    code, _, err = command("run", "text-content", "--image", "p.png", *words, "--clip", random_clip)
    assert code == 2 and "--text" in err and "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("roi", "--source", "10,10,20,20", "--target", "40,20,20,20", "+", "text-content"),
        ("outpaint", "--right", "50%", "+", "text-style"),
        ("sample", "--size", "2x1", "+", "text-content"),
    ],
)
def test_texts_go_with_other_tasks(command, tiny, random_clip, words):
    Image.fromarray(PICTURE).save("p.png")
    first, *rest = words
    text = ("--text", "stars", "--views", 2, "--clip", random_clip)
    code, _, err = command("run", first, "--image", "p.png", *rest, *text, "--out", "o.png")
    assert code == 0, err
    height, width = read_picture("o.png").size
    assert (height, width) == (60, {"roi": 80, "outpaint": 120, "sample": 160}[first])
