"""What a picture carries of how it was made, and what a stranger may have written there."""

import copy
import json
import os
import random
from pathlib import Path

import pytest

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.record import (
    MOST_CHARACTERS,
    RECORDED_OPTIONS,
    Maker,
    RecordedModel,
    load_record,
    options_of,
    record_of,
)
from sinddm_toolkit.edits.replay import look_of_record, replayed
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.kind import RecordedFile
from sinddm_toolkit.options.run_options import SEED_MAX, RunOptions
from sinddm_toolkit.pictures.reading import picture_from, read_picture
from sinddm_toolkit.pictures.sizes import CanvasSize
from sinddm_toolkit.settings.presets import look_of
from sinddm_toolkit.settings.request import make_tasks
from tests.edits.records import GONE, carry, changed, everything_below, refused


@pytest.mark.parametrize(
    ("maker", "shown"),
    [
        (Maker("tint"), "plugin 'tint'"),
        (Maker("tint", "sinddm-tint", "0.2"), "sinddm-tint 0.2"),
        (Maker("tint", "sinddm-tint"), "sinddm-tint"),
        (
            Maker("tint", sha256="ab" * 32),
            "plugin 'tint' with the content abababababab",
        ),
    ],
)
def test_a_plugin_is_told_by_what_is_known_of_it(maker, shown):
    assert str(maker) == shown
    assert Maker.from_json(json.loads(json.dumps(maker.to_json()))) == maker


def test_a_model_is_told_whole(sinddm_model):
    recorded = RecordedModel.of(sinddm_model)
    assert recorded.weights_hash == sinddm_model.weights_hash() and recorded.history
    assert RecordedModel.from_json(json.loads(json.dumps(recorded.to_json()))) == recorded


def test_what_is_written_is_what_is_read(known, sinddm_model):
    """What a picture depends on, and nothing of where it went or how many there were."""
    sample = registry.current().task("sample")
    tasks = [sample(image=picture_from("bg.png"), size=CanvasSize.parse("2x1"))]
    options = RunOptions(out="a.png", samples=3, sampling_steps=2, overwrite=True)
    record = record_of(tasks, options, sinddm_model, choose_compute("cpu"), Path("folder"))
    assert set(record["options"]) == set(RECORDED_OPTIONS)
    found = load_record(Path(carry({**record, "seed": 5, "metadata": {"sample": {"x": 1}}})))
    assert found.toolkit == __version__ and found.metadata == {"sample": {"x": 1}}
    assert found.options == {**record["options"], "seed": 5}
    assert found.options["sampling_steps"] == 2
    assert found.model == RecordedModel.of(sinddm_model)
    (task,) = found.tasks
    assert (task.name, task.maker) == ("sample", Maker.of("sample"))
    image = RecordedFile("../bg.png", known.content_hash(), is_picture=True)
    options = options_of(task, sample.schema())
    asked = {"image": image, "size": "2x1"}
    defaults = {name: one.default for name, one in sample.schema().items() if one.default}
    assert options == {**defaults, **asked}
    assert found.differences() == []


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
    *(("model.config.network", value) for value in ("no name", 3)),
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
            other = rng.choice(list(at.values() if isinstance(at, dict) else at))
            at[last] = copy.deepcopy(other)  # or what is changed in it next might hold itself
        elif what == 2 and isinstance(at, dict):
            at[rng.choice(["nonsense", "out", "samples", "save_mask", "seed"])] = copy.deepcopy(
                rng.choice(JUNK)
            )
        else:
            at[last] = copy.deepcopy(rng.choice(JUNK))
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
