"""Several pictures learnt together: what of them is learnt, and what does not go together."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.api import Picture, Task, hookimpl, option
from sinddm_toolkit.edits.subject import make_subject
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from sinddm_toolkit.testing import drawn_picture
from tests.conftest import texture
from tests.edits.records import record_in
from tests.stored import models, the_model

QUICK = ("--denoiser", "closed-form", "--sampling-steps", 1, "--max-pixels", 1500)
RUN = {"denoiser": "closed-form", "sampling_steps": 1, "max_pixels": 1500, "seed": 1}
"""The same in Python."""
BOTH = ("--image", "a.png", "--image", "b.png")


@pytest.fixture
def two(home):
    """a.png, red, and b.png, blue and of another shape."""
    for name, size, colour in (
        ("a.png", (60, 80), (1, 0.2, 0.2)),
        ("b.png", (90, 70), (0.2, 0.2, 1)),
    ):
        made = (texture(*size) * np.array(colour)).astype(np.uint8)
        Image.fromarray(made).save(name)


def pixels(path):
    return np.asarray(Image.open(path))


def made(command, *words):
    code, out, err = command(*words)
    assert code == 0, err
    return out


def subject(*pictures, options=None, **how):
    first, *others = pictures
    return make_subject(first, options or RunOptions(), others=others, **how)


def of_size(h, w, seed=0, name="picture"):
    return Picture(texture(h, w, seed), name)


def test_one_picture_alone_is_the_model_that_it_was():
    picture = of_size(60, 80)
    config = subject(picture).config
    assert config.picture == picture.content_hash() and config.size == (60, 80)
    assert set(config.to_json()) == {
        "picture",
        "size",
        "recipe",
        "width",
        "seed",
        "network",
        "init",
    }
    assert subject(picture).pyramid.others == ()


def test_a_model_is_of_all_its_pictures_in_their_order():
    a, b, c = (of_size(60, 80, seed) for seed in range(3))
    hidden = [Picture.from_mask(np.arange(80)[None] < np.full((60, 1), 20))]
    found = [
        *(subject(a), subject(b), subject(a, b), subject(b, a), subject(a, c), subject(a, b, c)),
        subject(a, hidden=hidden),
        subject(a, b, hidden=hidden),
    ]
    assert len({one.config.key for one in found}) == len(found)
    again = subject(of_size(60, 80, 0), of_size(60, 80, 1))
    assert again.config == found[2].config and again.name == "picture and picture"
    assert found[7].pyramid.known is not None and found[7].pyramid.others[0].known is None


@pytest.mark.parametrize(
    ("sizes", "learnt"),
    [
        (((60, 80), (60, 80)), [(60, 80), (60, 80)]),
        (((60, 80), (240, 320)), [(60, 80), (60, 80)]),
        (((240, 320), (60, 80)), [(60, 80), (60, 80)]),  # if asked for so few pixels
        (((60, 80), (200, 150)), [(60, 80), (80, 60)]),
        (((80, 90), (60, 80), (50, 100)), [(65, 73), (60, 80), (49, 97)]),
    ],
)
def test_pictures_of_any_size_are_learnt_at_as_many_pixels(sizes, learnt):
    options = RunOptions(max_pixels=15_000)
    found = subject(*(of_size(*size) for size in sizes), options=options)
    assert [one.sizes[-1] for one in found.pyramid.sources] == learnt
    assert found.config.size == learnt[0]


def test_a_model_named_decides_the_sizes(two):
    a, b = of_size(90, 120), of_size(120, 100, 1)
    chosen = subject(a, b, options=RunOptions(max_pixels=5000)).config
    found = subject(a, b, chosen=chosen)
    assert found.config == chosen and found.config.size < (90, 120)


def grey(h, w):
    return Picture(texture(h, w)[..., :1], "grey.png")


def see_through(h, w):
    pixels = np.full((h, w, 4), 255, np.uint8)
    pixels[0, 0, 3] = 0
    return Picture(pixels, "glass.png")


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        (grey(60, 80), of_size(60, 80, name="b.png"), "grey.png is grey, .* name b.png first"),
        (of_size(60, 80), see_through(60, 80), "glass.png has transparent parts"),
        (of_size(60, 80), of_size(12, 80, name="b.png"), "b.png is 80×12 pixels.* at least 16"),
        (
            of_size(160, 200, name="a.png"),
            of_size(60, 80, name="b.png"),
            "b.png is 80×60 pixels, too small beside a.png at 200×160: .* or --max-pixels 19200",
        ),
        (
            of_size(60, 80, name="b.png"),
            of_size(160, 200, name="a.png"),
            "b.png is 80×60 pixels, too small beside a.png at 200×160",
        ),
        (
            of_size(200, 200, name="a.png"),
            of_size(35, 1400, name="b.png"),
            "b.png is too long and thin to be learnt with a.png: .* 16 are needed",
        ),
    ],
)
def test_what_can_not_be_learnt_together_is_refused(first, other, said):
    with pytest.raises(UserError, match=said.replace(".png", r"\.png")) as caught:
        subject(first, other)
    assert "\n" not in str(caught.value)


def test_what_is_asked_for_instead_goes():
    assert subject(of_size(60, 80), grey(60, 80)).name == "picture and grey.png"
    small = subject(of_size(160, 200), of_size(60, 80), options=RunOptions(max_pixels=19_200))
    assert small.config.size == (62, 77)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("outpaint", *BOTH, "--left", 5), "--image is given 2 times: it takes one"),
        (("sample", *BOTH, "--with", "super-resolve"), "super-resolve works with one picture, and"),
        (("sample", *BOTH, "+", "roi", "--image", "a.png"), "a run learns one picture, or several"),
        (("sample", *BOTH, "--image", "c.png"), "c.png"),
        (("sample", *BOTH, "--image", ""), '--image: "" is not allowed, give a picture'),
    ],
)
def test_lines_that_ask_for_what_is_not_possible(words, said, command, two):
    box = ("--source", "0,0,20,20", "--target", "0,0,20,20") if "roi" in words else ()
    code, _, err = command("run", *words, *box)
    assert code == 2 and said in err and err.count("\n") == 1, err
    assert not models() and not list(Path().glob("*-*.png"))


def test_python_is_told_the_same(two):
    with pytest.raises(UserError, match=r"image: \['a.png', 'b.png'\] is not allowed"):
        st.run("outpaint", image=["a.png", "b.png"], left=5)
    with pytest.raises(UserError, match=r"image: \[\] is not allowed, give a picture"):
        st.run("sample", image=[])


def test_who_joins_takes_all_pictures_over(two):
    box = {"source": "0,0,20,20", "target": "0,0,20,20"}
    parts = [Part("sample", {"image": ["a.png", "b.png"]}), Part("roi", box)]
    sample, roi = make_tasks(one_run(parts, PYTHON))[0]
    assert roi.all_learnt() == sample.all_learnt() and roi.learnt().name == "a.png"
    parts[0] = Part("sample", {"image": "a.png"})
    sample, roi = make_tasks(one_run(parts, PYTHON))[0]
    assert sample.image is roi.image and roi.all_learnt() == [sample.image]


def test_the_same_bytes_however_it_is_asked_for(command, two):
    made(command, "run", "sample", *BOTH, *QUICK, "--seed", 1, "--out", "line.png")
    wanted = Path("line.png").read_bytes()
    st.run("sample", image=["a.png", "b.png"], **RUN, out="python.png")
    Path("p.toml").write_text('task = "sample"\nimage = ["a.png", "b.png"]\n')
    made(command, "run", "--preset", "p.toml", *QUICK, "--seed", 1, "--out", "preset.png")
    rows = [{"task": "sample", "image": ["a.png", "b.png"], **RUN, "out": "row.png"}]
    assert [row.error for row in st.batch(rows, folder="f")] == [None]
    Path("rows.csv").write_text(
        "task,image,denoiser,sampling-steps,max-pixels,seed,out\n"
        'sample,"[""a.png"", ""b.png""]",closed-form,1,1500,1,cell.png\n'
    )
    made(command, "batch", "rows.csv", "--folder", "g")
    made(command, "replay", "line.png", "--out", "again.png")
    for name in ("python.png", "preset.png", "row.png", "cell.png", "again.png"):
        (path,) = Path().rglob(name)
        assert np.array_equal(pixels(path), pixels("line.png")), name
    assert Path("again.png").read_bytes() == wanted == Path("python.png").read_bytes()
    made(command, "run", "sample", "--image", "a.png", *QUICK, "--seed", 1, "--out", "one.png")
    assert Path("one.png").read_bytes() != wanted


def test_rows_of_a_grid_may_have_several(command, two):
    Path("rows.toml").write_text(
        '[[row]]\ntask = "sample"\ndenoiser = "closed-form"\nsampling-steps = 1\n'
        "max-pixels = 1500\n"
        'grid.image = ["b.png", ["a.png", "b.png"]]\n'
    )
    made(command, "batch", "rows.toml", "--folder", "f")
    first, second = (record_in(path) for path in sorted(Path("f").rglob("*sample*.png")))
    images = [one["tasks"][0]["options"]["image"] for one in (first, second)]
    assert sorted(isinstance(image, list) for image in images) == [False, True]


def test_a_mixed_picture_is_made_again_where_its_model_is_not(command, two, tiny):
    words = ("run", "sample", *BOTH, "--seed", 1, "--sampling-steps", 2, "--layouts", 1)
    made(command, *words, "--out", "o.png")
    wanted = Path("o.png").read_bytes()
    assert the_model()["name"] == "a.png and b.png"
    assert "a.png and b.png" in made(command, "models", "list")
    image = record_in("o.png")["tasks"][0]["options"]["image"]
    assert [one["picture"] for one in image] == ["a.png", "b.png"]
    assert len({one["sha256"] for one in image}) == 2
    key = the_model()["config"]["picture"]
    code, _, err = command("run", "sample", "--image", "a.png", "--model", *models())
    assert code == 2 and "knows a.png and b.png, and a.png is another picture" in err
    made(command, *words, "--model", *models(), "--out", "named.png")
    assert np.array_equal(pixels("named.png"), pixels("o.png"))
    made(command, "models", "remove", "--all")
    for name in ("a.png", "b.png"):
        Path(name).rename(f"moved-{name}")
    code, _, err = command("replay", "o.png", "--input", "image=moved-a.png", "--out", "r.png")
    assert code == 2 and "made from 'b.png': give it by --input image=FILE" in err
    moved = ("--input", "image=moved-b.png", "--input", "image=moved-a.png")
    made(command, "replay", "o.png", *moved, "--out", "r.png")
    assert np.array_equal(pixels("r.png"), pixels("o.png"))
    assert the_model()["config"]["picture"] == key
    assert Path("o.png").read_bytes() == wanted


def test_what_is_trained_in_advance_is_what_a_sample_needs(command, two, tiny):
    few = ("--max-pixels", 1500)
    trained = json.loads(made(command, "train", "a.png", "b.png", *few, "--json"))
    free = ("--layouts", 0, "--likeness", 0, "--sampling-steps", 1, "--json", "--out", "o.png")
    used = json.loads(made(command, "run", "sample", *BOTH, *few, *free))
    assert (used["model"], used["training_steps"]) == (trained["model"], trained["training_steps"])
    code, _, err = command("train", "a.png", "b.png", "c.png", *few)
    assert code == 2 and "c.png" in err


def test_a_look_keeps_the_pictures_only_if_that_is_asked_for(command, two):
    made(command, "run", "sample", *BOTH, *QUICK, "--seed", 1, "--out", "o.png")
    made(command, "presets", "save", "--keep", "image", "mix", "o.png")
    made(command, "run", "--preset", "mix", "--seed", 1, "--out", "p.png")
    assert np.array_equal(pixels("p.png"), pixels("o.png"))


def test_colours_of_all_pictures_come_out(command, two, coloured):
    """The network alone: of the picture that it has learnt more, there would be nothing else."""
    free = ("--layouts", 0, "--likeness", 0, "--sampling-steps", 4, "--max-pixels", 1500)
    made(command, "run", "sample", *BOTH, *free, "--size", "120x40", "--seed", 1, "--out", "o.png")
    made_of = pixels("o.png").astype(int)
    red = float((made_of[..., 0] > made_of[..., 2] + 20).mean())
    blue = float((made_of[..., 2] > made_of[..., 0] + 20).mean())
    assert red > 0.1 and blue > 0.1, (red, blue)


def test_one_of_the_drawn_pictures_is_as_the_stored_model_knows_it(known, sinddm_run, sinddm_model):
    """A list of one is the picture itself: what was learnt of it before is found."""
    result = sinddm_run("sample", image=[drawn_picture()], layouts=0, likeness=0, sampling_steps=1)
    assert result.model_key == sinddm_model.config.key
    assert result.training_steps == sinddm_model.steps


class Watcher(Task):
    """Learns one picture or several, and says what it was given."""

    name = "watcher"
    summary = "says what is learnt"
    learns_from = "photo"

    photo: Picture | list[Picture] = option("one picture, or several")

    @hookimpl
    def before_sampling(self, run):
        self.seen = [one.sizes[-1] for one in run.pyramid.sources]

    @hookimpl
    def compose_output(self, run, result):
        told = [picture.name for picture in self.all_learnt()]
        result.metadata[0].update(names=told, first=self.learnt().name, sizes=self.seen)


@pytest.mark.parametrize("count", [1, 2])
def test_a_plugin_says_that_it_may_be_given_several(count, two, sinddm_run):
    names = ["a.png", "b.png"][:count]
    quick = {"denoiser": "closed-form", "sampling_steps": 1}
    result = sinddm_run(Watcher, photo=names if count > 1 else names[0], **quick)
    told = result.records[0]["metadata"]["watcher"]
    assert told == {"names": names, "first": "a.png", "sizes": [(60, 80), (79, 61)][:count]}
    assert result.picture.size == (60, 80)
