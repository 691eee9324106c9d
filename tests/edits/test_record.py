"""What a picture from a stranger can do when it is replayed: nothing but give a picture."""

import copy
import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.learning import _train
from sinddm_toolkit.edits.models import new_model, save_model
from sinddm_toolkit.edits.preparing import prepare
from sinddm_toolkit.edits.record import MOST_CHARACTERS, load_record
from sinddm_toolkit.edits.replay import look_of_record, replayed
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.phases import Phase
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import SEED_MAX
from sinddm_toolkit.pictures.reading import read_picture, read_record
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.settings.presets import look_of
from sinddm_toolkit.settings.request import make_tasks
from sinddm_toolkit.testing import drawn_picture
from tests.conftest import texture

QUICK = ("--denoiser", "closed-form", "--sampling-steps", 1, "--max-pixels", 1500)
GONE = object()
HERE = f"sinddm-toolkit {__version__}"


def record_of(name):
    return json.loads(read_record(name))


def carry(record, name="x.png"):
    """A picture that carries `record`, or a text in place of one."""
    text = record if isinstance(record, str) else json.dumps(record)
    write_picture(Path(name), drawn_picture((16, 16)), overwrite=True, record=text)
    return name


def changed(record, place, value):
    """`record` with another value at `place`, or without that key."""
    made = copy.deepcopy(record)
    *way, last = (int(key) if key.isdigit() else key for key in place.split("."))
    at = made
    for key in way:
        at = at[key]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return made


def everything_below(*folders):
    return {
        path: path.read_bytes() if path.is_file() else None
        for folder in folders
        for path in Path(folder).rglob("*")
    }


@pytest.fixture
def pasted_record(command, pasted):
    """Of a picture made by two pictures, a mask and no training, and of one more task."""
    mask = texture(60, 80) * 0
    mask[18:38, 28:52] = 255
    Image.fromarray(mask).save("m.png")
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--mask", "m.png")
    code, _, err = command(*words, *QUICK, "--seed", 1, "--out", "h.png")
    assert code == 0, err
    return record_of("h.png")


@pytest.fixture
def trained_record(command, pasted, tiny):
    """Of a picture made by a model trained for it, which is no longer there."""
    code, _, err = command("run", "sample", "--image", "bg.png", "--seed", 1, "--out", "o.png")
    assert code == 0, err
    assert command("models", "remove", "--all")[0] == 0
    return record_of("o.png")


def refused(command, name):
    """The lines that replay and presets say of the record in `name`; they write nothing."""
    home = Path(os.environ["SINDDM_TK_HOME"])
    before = everything_below(".", home)
    said = []
    for words in (("replay", name, "--out", "new.png"), ("presets", "save", "look", name)):
        code, out, err = command(*words)
        lines = err.splitlines()
        assert code == 2 and not out and len(lines) == 1, (code, out, err)
        said.append(lines[0])
    assert everything_below(".", home) == before
    return said


DAMAGED = [
    *(("tasks", value) for value in ([], "abc", None, 5, {}, [None], ["a"], GONE)),
    *((f"tasks.0.{key}", value) for key in ("name", "options") for value in (GONE, None, [], 7)),
    *(("options", value) for value in (None, GONE, [], "abc")),
    *((f"options.{key}", 1) for key in ("seed", "samples", "retrain", "train_time", "nonsense")),
    *(("options.out", "y.png"), ("options.overwrite", True), ("options.quality", ["draft"])),
    *(("options.quality", "best"), ("options.denoiser", 3)),
    *(("seed", value) for value in (None, GONE, -1, "1", 1.5, True, SEED_MAX + 1)),
    *(("version", value) for value in (-1, "1", None, 1.5, True)),
    *(("toolkit", value) for value in (None, GONE, "a\nb", 1)),
    *(("tasks.0.options.bg", value) for value in ("bg.png", None, 3, [], {}, ["bg.png"])),
    *(("tasks.0.options.bg.picture", value) for value in ({"a": 1}, 3, "/bg.png", GONE)),
    *(("tasks.0.options.bg.sha256", value) for value in (GONE, None, "ab", 3)),
    *(("tasks.0.options.mask", value) for value in ("m.png", {"file": "m.png"}, [["m.png"]])),
    *(("tasks.0.options.start_step", value) for value in (0, 10**9, "3", None, {"a": []}, 10**400)),
    *(("tasks.0.options.feather", value) for value in (10**400, "2", [1])),
    *(("tasks.0.options.spread", None), ("tasks.0.options.save_mask", "mask.png")),
    *(("tasks.0.options.nonsense", 1), ("tasks.0.plugin", None), ("tasks.0.plugin.name", 3)),
    *(("tasks.0.plugin.package", "a b"), ("tasks.0.plugin.version", "1\n2")),
    *(("model", value) for value in (None, GONE, [], "abc")),
    *(("model.history", value) for value in ("abc", None, GONE, [1], [{}])),
    *(("model.weights_sha256", value) for value in (None, GONE, 3, "abc")),
    *(("model.config.width", value) for value in (-4, 0, "48", 10**6, 161, 4.5, GONE, True)),
    *(("model.config.size", v) for v in ([0, 0], [-3, 5], "ab", [5], [16, 10**9], [60.0, 80])),
    *(("model.config.size", value) for value in ([1, 1], None, GONE, [60, 80, 3])),
    *(("model.config.recipe", value) for value in ("best", None, GONE, 3)),
    *(("model.config.network", value) for value in ("best", 3)),
    *(("model.config.seed", value) for value in (-1, "x", GONE, 2**60)),
    *(("model.config.picture", "../../x"), ("model.config.init", "x\ny")),
    *(("model.config.nonsense", 1), ("metadata", 3)),
]


@pytest.mark.parametrize("number", range(0, len(DAMAGED), 12))
def test_a_damaged_record_is_one_line(number, command, pasted_record):
    for place, value in DAMAGED[number : number + 12]:
        said = refused(command, carry(changed(pasted_record, place, value)))
        assert all("x.png" in line for line in said), (place, value, said)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *(("t_ends", value) for value in ({"0": 0}, {"0": 10**9}, {"99": 5}, {}, "abc", GONE)),
        *(("updates", v) for v in ({"0": 10**12, "1": 1}, {"0": 0}, {"x": 1}, {"0": "1"}, None)),
        *(("made", value) for value in (10**12, -1, "1", 61, None)),
        *(("end", value) for value in (10**12, -1, 29, 1.0, GONE)),
        *(("decay_from", value) for value in (10**12, -1, None)),
        *(("rate", value) for value in (0, -1, "1", float("nan"), float("inf"), 10**400, None)),
        *(("seed", value) for value in ("x", -1, 2**64, GONE)),
        *(("environment", 3), ("nonsense", 1)),
    ],
)
def test_a_damaged_history_is_one_line(place, value, command, trained_record):
    said = refused(command, carry(changed(trained_record, f"model.history.0.{place}", value)))
    assert all("x.png is damaged: history" in line for line in said), said


def test_a_history_without_end_is_refused(command, trained_record):
    phase = trained_record["model"]["history"][0]
    long = {**phase, "updates": {"0": 500_000, "1": 400_000}, "decay_from": 0, "end": 900_000}
    for history in ([phase] * 2000, [{**long, "made": 900_000}] * 3):
        refused(command, carry(changed(trained_record, "model.history", history)))
    scales = {"0": 5, "7": 5}  # the picture has two
    strange = {**phase, "t_ends": scales, "updates": scales, "decay_from": 1, "end": 10, "made": 10}
    refused(command, carry(changed(trained_record, "model.history", [strange])))


@pytest.mark.parametrize(
    "text",
    [
        *("null", "3", '"abc"', "[]", "{", "{}", "not JSON", "[" * 200_000, "9" * 5000),
        *('{"a":' * 900 + "1" + "}" * 900, "[" * 500 + "]" * 500, " " * (MOST_CHARACTERS + 1)),
    ],
    ids=lambda text: text[:8],
)
def test_what_is_no_record_is_refused(text, command, pasted):
    refused(command, carry(text))


def test_the_same_task_twice_is_refused(command, pasted_record):
    twice = changed(pasted_record, "tasks", pasted_record["tasks"] * 2)
    assert all("none twice" in line for line in refused(command, carry(twice)))


def test_a_size_beyond_the_picture_is_refused(command, pasted_record):
    x = carry(changed(pasted_record, "model.config.size", [20_000, 20_000]))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 2 and err.count("\n") == 1 and "80×60" in err
    assert not Path("new.png").exists()


JUNK = [
    *(None, True, False, 0, -1, 1.5, 10**12, 10**30, float("nan"), float("inf"), 10**400),
    *("", "x", "bg.png", "../bg.png", "/etc/passwd", "a\nb\x1b[31m", "\0", "\ud800", "x" * 5000),
    *(
        [],
        {},
        [[]],
        {"a": {}},
        [None],
        {"picture": "bg.png"},
        {"file": "bg.png", "sha256": "0" * 64},
    ),
]


def places(value, way=()):
    """The way to every value inside of `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*way, key)
        if isinstance(one, (dict, list)):
            yield from places(one, (*way, key))


def mutated(record, rng):
    """`record` as JSON with something wrong, or with something else."""
    made = copy.deepcopy(record)
    for _ in range(rng.randint(1, 3)):
        *way, last = rng.choice(list(places(made)))
        at = made
        for key in way:
            at = at[key]
        what = rng.randrange(5)
        if what == 0:
            del at[last]
        elif what == 1:
            at[last] = rng.choice(list(at.values() if isinstance(at, dict) else at))
        elif what == 2 and isinstance(at, dict):
            at[rng.choice(["nonsense", "out", "samples", "save_mask", "seed"])] = rng.choice(JUNK)
        else:
            at[last] = rng.choice(JUNK)
    text = json.dumps(made)
    return text[: rng.randrange(len(text))] if rng.random() < 0.1 else text


@pytest.mark.parametrize("seed", range(4))
def test_mutated_records_end_in_a_user_error_or_a_request(seed, pasted_record, trained_record):
    rng = random.Random(seed)
    before = everything_below(".", os.environ["SINDDM_TK_HOME"])
    outcomes = {"refused": 0, "read": 0}
    path = Path("x.png")
    for _ in range(250):
        carry(mutated(rng.choice([pasted_record, trained_record]), rng))
        for read in (
            lambda record: make_tasks(replayed(record, path, Path("y.png"), {}, overwrite=False)),
            lambda record: look_of(look_of_record(record, path)[0], ()),
        ):
            try:
                read(load_record(path))
                outcomes["read"] += 1
            except UserError as error:
                assert str(error)
                outcomes["refused"] += 1
    path.unlink()
    assert everything_below(".", os.environ["SINDDM_TK_HOME"]) == before
    assert min(outcomes.values()) > 20


# Files


def test_a_record_writes_no_file_of_its_own(command, pasted_record):
    Image.fromarray(texture(9, 9)).save("important.png")
    before = Path("important.png").read_bytes()
    x = carry(changed(pasted_record, "tasks.0.options.save_mask", "important.png"))
    for words in (("replay", x, "--overwrite"), ("presets", "save", "look", x)):
        code, _, err = command(*words)
        assert code == 2 and "save_mask" in err
    assert Path("important.png").read_bytes() == before


def test_only_files_of_the_recorded_content_are_read(command, pasted_record, tmp_path):
    """Also where a region may be a mask, in lists, and for presets."""
    os.mkfifo("fifo")  # to open it would wait for ever
    for value in ("fifo", ["fifo"], {"picture": "fifo", "sha256": "0" * 64}):
        x = carry(changed(pasted_record, "tasks.0.options.mask", value))
        code, _, err = command("replay", x, "--out", "new.png")
        assert code == 2, err
    code, _, err = command("presets", "save", "look", x)
    assert code == 0 and "files have changed or are gone: mask" in err
    assert "fifo" not in Path(command("presets", "path", "look")[1].strip()).read_text()

    words = ("run", "roi", "--image", "bg.png", "--source", "5,5,20,20", "--target", "40,5,20,20")
    code, _, err = command(*words, *QUICK, "--out", "r.png")
    assert code == 0, err
    record = record_of("r.png")
    for value in (["fifo"], "fifo", [["fifo"]], [{"picture": "fifo"}], ["5,5,20,20", "fifo"]):
        refused(command, carry(changed(record, "tasks.0.options.source", value)))
    assert command("replay", "r.png", "--out", "again.png")[0] == 0


def test_a_preset_gets_the_files_that_are_as_recorded(command, pasted_record):
    assert command("presets", "save", "look", "h.png")[0] == 0
    saved = Path(command("presets", "path", "look")[1].strip()).read_text()
    assert f'mask = "{Path("m.png").resolve()}"' in saved
    Image.fromarray(texture(60, 80, seed=4)).save("m.png")
    code, _, err = command("presets", "save", "other", "h.png")
    assert code == 0 and "gone: mask" in err
    assert "mask" not in Path(command("presets", "path", "other")[1].strip()).read_text()


def test_tasks_of_a_record_learn_one_picture(command, pasted_record):
    words = ("run", "outpaint", "--image", "bg.png", "--right", 8, *QUICK, "--out", "t.png")
    region = ("--source", "5,5,20,20", "--target", "40,5,20,20")
    code, _, err = command(*words, "+", "roi", *region)
    assert code == 0, err
    other = {"picture": "c.png", "sha256": read_picture("c.png").content_hash()}
    x = carry(changed(record_of("t.png"), "tasks.1.options.image", other))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 2 and "a run learns one picture" in err


# The store


def trained_by(record, name="x.png"):
    """`record` with the hash of the weights that its history leads to."""
    tasks, options = make_tasks(
        replayed(load_record(Path(carry(record))), Path(name), Path("y.png"), {}, overwrite=False)
    )
    ready = prepare(tasks, options, default_store(), Events(), load_record(Path(name)).model)
    model = new_model(ready.subject.config, ready.subject.schedule)
    for phase in load_record(Path(name)).model.history:
        again = replace(phase, made=0)
        _train(model, ready.subject, again, ready.compute, Events(), stop_after=phase.made)
    return changed(record, "model.weights_sha256", model.weights_hash())


def poisoned(record, **values):
    phase = {**record["model"]["history"][0], **values}
    return trained_by(changed(record, "model.history", [phase]))


def test_what_this_toolkit_trained_is_kept_by_a_replay(command, trained_record):
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    assert default_store().keys() == [trained_record["model"]["key"]]
    assert Path("again.png").read_bytes() == Path("o.png").read_bytes()


def test_a_model_that_grew_by_edits_is_kept_by_a_replay(command, pasted, tiny):
    """Each adds what it lacks and rehearses what was known."""
    paint = ("run", "paint", "--image", "bg.png", "--painting", "bg.png")
    for step, out in ((60, "a.png"), (70, "b.png")):
        assert command(*paint, "--start-step", step, "--out", out)[0] == 0
    assert command("run", "sample", "--image", "bg.png", "--out", "o.png")[0] == 0
    history = load_record(Path("o.png")).model.history
    assert len(history) == 3 and len(history[-1].updates) == 2
    assert command("models", "remove", "--all")[0] == 0
    code, _, err = command("replay", "o.png", "--out", "again.png")
    assert code == 0 and "not kept" not in err
    assert default_store().keys() == [record_of("o.png")["model"]["key"]]


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 2.0},
        {"seed": 1},
        {"decay_from": 30},
        {"t_ends": {"0": 100, "1": 5}},
        {"updates": {"0": 31, "1": 29}},
        {"updates": {"0": 20, "1": 20}, "end": 40, "made": 40, "decay_from": 4},
        {"end": 10, "made": 10, "decay_from": 1},
        {"made": 59},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_model_trained_otherwise_makes_the_picture_and_is_not_kept(
    values, command, trained_record
):
    carry(poisoned(trained_record, **values))
    code, _, err = command("replay", "x.png", "--out", "p.png")
    assert code == 0 and "the model is not kept" in err, err
    assert default_store().keys() == []
    assert command("run", "sample", "--image", "bg.png", "--seed", 1, "--out", "q.png")[0] == 0
    assert Path("q.png").read_bytes() == Path("o.png").read_bytes()


def test_a_training_at_a_senseless_rate_spoils_no_later_edit(command, trained_record):
    carry(poisoned(trained_record, rate=200.0))
    command("replay", "x.png", "--out", "p.png")
    assert default_store().keys() == []
    assert command("run", "sample", "--image", "bg.png", "--seed", 1, "--out", "q.png")[0] == 0
    assert Path("q.png").read_bytes() == Path("o.png").read_bytes()


def test_many_trainings_cut_short_are_not_kept(command, trained_record):
    phase = {**trained_record["model"]["history"][0], "decay_from": 0, "end": 1, "made": 1}
    carry(trained_by(changed(trained_record, "model.history", [phase] * 60)))
    assert command("replay", "x.png", "--out", "p.png")[0] == 0
    assert default_store().keys() == []


def test_a_training_that_leads_nowhere_is_refused(command, trained_record):
    carry(poisoned(trained_record, rate=1e30))
    code, _, err = command("replay", "x.png", "--out", "p.png", "--quiet")
    assert code == 2 and "leads nowhere" in err and err.count("\n") == 1
    assert default_store().keys() == [] and not Path("p.png").exists()


def test_a_model_file_with_an_endless_history_is_damaged(command, trained_record):
    assert command("replay", "o.png", "--out", "again.png")[0] == 0
    store = default_store()
    path = store.path(store.keys()[0])
    model = new_model(load_record(Path("o.png")).model.config, ready_schedule())
    model.history = [Phase({0: 100}, {0: 10**12}, 0, 0, 10**12, made=10**12)]
    save_model(path, model)
    code, _, err = command("run", "sample", "--image", "bg.png", "--out", "q.png")
    assert code == 2 and "is damaged" in err


def ready_schedule():
    record = load_record(Path("o.png"))
    tasks, options = make_tasks(replayed(record, Path("o.png"), Path("y.png"), {}, overwrite=False))
    return prepare(tasks, options, default_store(), Events(), record.model).subject.schedule


# Versions


def test_records_say_their_version_and_the_plugins(pasted_record):
    assert pasted_record["version"] == 1 and pasted_record["toolkit"] == __version__
    owner = registry.current().owner("harmonize")
    assert pasted_record["tasks"][0]["plugin"] == {
        "name": "harmonize",
        "package": "sinddm-toolkit",
        "version": owner.version,
    }


def test_a_record_of_before_there_were_versions_is_replayed(command, trained_record):
    old = changed(changed(trained_record, "version", GONE), "tasks.0.plugin", GONE)
    code, _, err = command("replay", carry(old), "--out", "again.png")
    assert code == 0 and "differ" not in err, err
    assert (read_picture("again.png").pixels == read_picture("o.png").pixels).all()


def test_a_record_of_a_newer_version_is_refused(command, pasted_record):
    newer = carry({"version": 2, "steps": "of a kind unknown here"})
    assert all("made by a newer version" in line for line in refused(command, newer))


TASK = """
from sinddm_toolkit.api import Picture, Task, hookimpl, option

API_VERSION = 2


class Tint(Task):
    name = "tint"
    summary = "red"
    learns_from = "image"
    image: Picture = option("a picture")


@hookimpl
def register_tasks():
    return [Tint]
"""


def test_a_plugin_of_another_content_is_told(command, pasted, tmp_path):
    (tmp_path / "tint.py").write_text(TASK)
    at = ("--plugins-dir", tmp_path)
    assert command("run", "tint", "--image", "bg.png", *QUICK, "--out", "o.png", *at)[0] == 0
    assert set(record_of("o.png")["tasks"][0]["plugin"]) == {"name", "sha256"}
    code, _, err = command("replay", "o.png", "--out", "same.png", *at)
    assert code == 0 and "differ" not in err
    (tmp_path / "tint.py").write_text(TASK + "# changed\n")
    code, _, err = command("replay", "o.png", "--out", "other.png", *at)
    assert code == 0 and "plugin 'tint'" in err and "the picture may differ" in err
    code, _, err = command("replay", "o.png", "--out", "gone.png")
    assert code == 2 and "task tint of plugin 'tint'" in err


def test_a_package_of_another_version_is_told(command, pasted_record):
    other = {"name": "harmonize", "package": "sinddm-other", "version": "0.2"}
    x = carry(changed(pasted_record, "tasks.0.plugin", other))
    code, _, err = command("replay", x, "--out", "new.png")
    assert code == 0 and f"made with sinddm-other 0.2, here is {HERE}" in err
    x = carry(changed(pasted_record, "tasks.0.plugin.version", "0.0.9"))
    code, _, err = command("replay", x, "--out", "newer.png")
    assert (
        code == 0 and f"made with sinddm-toolkit 0.0.9, here is sinddm-toolkit {__version__}" in err
    )
    x = carry(changed(pasted_record, "toolkit", "0.0.9"))
    assert command("replay", x, "--out", "third.png")[2].count("0.0.9") == 1


def test_a_missing_package_is_named(command, pasted_record):
    task = {
        **pasted_record["tasks"][0],
        "name": "kaleidoscope",
        "plugin": {"name": "kaleidoscope", "package": "sinddm-kaleidoscope", "version": "0.1"},
    }
    for line in refused(command, carry(changed(pasted_record, "tasks", [task]))):
        assert "kaleidoscope of sinddm-kaleidoscope 0.1" in line
