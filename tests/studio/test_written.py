"""An edit as command, as Python, as row: each makes what the edit itself makes."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.api import (
    CanvasSize,
    Colour,
    Length,
    NameOrFile,
    OutputFile,
    Picture,
    Point,
    Region,
    Seconds,
    Task,
    option,
)
from sinddm_toolkit.batching.rows import Overrides, rows_of
from sinddm_toolkit.batching.sources import source_of
from sinddm_toolkit.cli.run import parts_of_line
from sinddm_toolkit.edits.edit import edit as carry_out
from sinddm_toolkit.options.option import each
from sinddm_toolkit.settings.layers import COMMAND_LINE, PYTHON
from sinddm_toolkit.settings.request import Part, make_tasks, one_run
from sinddm_toolkit.studio.queue import Entry
from sinddm_toolkit.studio.requests import layer_of
from sinddm_toolkit.studio.written import as_command, as_python, as_row
from sinddm_toolkit.testing import drawn_picture
from tests.studio.conftest import png

IDS = {"1" * 24: "bg.png", "2" * 24: "my c (2).png", "3" * 24: "mask.png"}
BG, COMPOSITE, MASK = IDS
PASTED = {"bg": BG, "composite": COMPOSITE, "start_step": 2, "seed": 5, "out": "made it.png"}

EDITS = {
    "mask": {"task": "harmonize", **PASTED, "mask": MASK, "tone": 0},
    "preset": {"preset": "painted-in", **PASTED},
    "together": {
        "task": [
            {"name": "paint", "image": BG, "painting": COMPOSITE, "start-step": 2},
            {"name": "unrest", "to": "{out}-map.png"},
        ],
        "samples": 2,
        "sheet": False,
        "seed": 3,
        "out": "o.png",
    },
}


@pytest.fixture
def pictures(known):
    """In the working folder, by their names."""
    composite = known.pixels.copy()
    composite[20:35, 30:50] = (250, 10, 10)
    Image.fromarray(composite).save("my c (2).png")
    mask = np.zeros((60, 80), np.uint8)
    mask[18:36, 28:52] = 255
    Image.fromarray(mask).save("mask.png")


@pytest.fixture
def unrest(monkeypatch):
    """A third party's task, which joins others and writes a picture."""
    folder = Path(__file__).parents[2] / "docs/examples/observer/src"
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(folder))


def made(folder):
    """Name → bytes of what was made there."""
    return {
        path.name: path.read_bytes()
        for path in folder.glob("*.png")
        if path.name not in IDS.values()
    }


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Goes to a new folder with the same pictures."""
    here = Path.cwd()

    def go(name):
        folder = tmp_path / name
        folder.mkdir()
        for one in IDS.values():
            shutil.copy(here / one, folder)
        monkeypatch.chdir(folder)
        return folder

    return go


@pytest.mark.parametrize("name", EDITS)
def test_each_form_makes_the_same_bytes(name, pictures, unrest, elsewhere, command):
    layer = layer_of(EDITS[name], IDS.__getitem__)
    folder = elsewhere("edit")
    carry_out(*make_tasks(layer))
    expected = made(folder)
    assert expected

    folder = elsewhere("command")
    words = shlex.split(as_command(layer).replace("\\\n", ""))
    assert words[:2] == ["sinddm-tk", "run"]
    code, _, err = command(*words[1:])
    assert code == 0, err
    assert made(folder) == expected

    folder = elsewhere("python")
    exec(as_python(layer), {})
    assert made(folder) == expected

    folder = elsewhere("row")
    Path("b.toml").write_text(as_row(layer), encoding="utf-8")
    code, _, err = command("batch", "b.toml")
    assert code == 0, err
    assert made(folder) == expected


# Every value


class Everything(Task):
    """One option of each kind, each of which may be awkward to write."""

    name = "everything"
    summary = "has options"
    learns_from = "image"

    image: Picture = option("a picture")
    count: int = option("a whole number", default=3)
    amount: float = option("a number", default=0.5)
    loud: bool = option("yes or no", default=False)
    still: bool = option("yes or no", default=True)
    words: str = option("text", default="")
    many_words: list[str] = option("texts", default=None)
    size: CanvasSize = option("a size", default="1x1")
    margin: Length = option("a length", default="5%")
    place: Point = option("a point", default="1,2")
    tint: Colour = option("a colour", default="#fff")
    limit: Seconds = option("a time", default="1m")
    look: NameOrFile = option("a name", default="plain", suffixes=(".toml",))
    part: list[Region] = option("regions", default=None)
    weight: list[list[float]] = option("of parts", default=None, follows="part")
    other: list[list[Picture]] = option("of parts", default=None, follows="part")
    log: OutputFile = option("a file", default="{out}-log.csv", suffixes=(".csv",))


AWKWARD = ["-x", "--loud", "+", "[a]", 'it\'s "so" $HOME `ls` \\ {out} * ü', "a\nb", "=", ""]

VALUES = [
    {"count": -7, "amount": 1e-7, "loud": True, "still": False},
    {"amount": 8, "limit": 90.5, "size": "150%x2", "margin": 12.5, "place": [3, "4%"]},
    {"tint": "rgb(1, 2,3)"},
    {"tint": [255, 0, 10]},
    *({"words": text} for text in AWKWARD),
    {"many_words": AWKWARD},
    {"many_words": ["[1, 2]"]},
    {"many_words": []},
    {"part": [MASK, "1,2,30%,4"], "weight": [[1, 2.5], []], "other": [[], [BG]]},
    {"part": ["1,2,3,4"], "weight": [3, 4]},
    {"part": ["1,2,3,4", MASK], "weight": [3, 4]},
    {"look": "plain-2.b", "log": "x.csv", "samples": 3, "sheet": False, "train_time": "5m"},
    {"count": None, "quality": "paper"},
]


def told(layer):
    """The values that a layer gives, files by their names and what follows others in groups."""
    schema = Everything.schema()
    found = {}
    for name, setting in layer.tasks["everything"].items():
        kind = schema[name].kind
        value = each(setting.value, lambda v, k=kind: Path(v).name if k.is_file(v) else k.plain(v))
        if value not in (None, []):
            found[name] = value
    for name in {"weight", "other"} & found.keys():
        found[name] = schema[name].grouped(found[name], len(found["part"]))
    return found, {name: setting.value for name, setting in layer.run.items()}


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_every_value_is_read_again_as_it_is(values, sinddm_registry, monkeypatch):
    sinddm_registry(Everything)
    layer = layer_of({"task": "everything", "image": BG, **values}, IDS.__getitem__)
    expected = told(layer)

    words = shlex.split(as_command(layer).replace("\\\n", ""))
    assert told(one_run(parts_of_line(words[2:]), COMMAND_LINE)) == expected

    Path("b.toml").write_text(as_row(layer), encoding="utf-8")
    (row,) = rows_of(source_of(Path("b.toml")), Overrides())
    assert told(row.layer) == expected

    called = []
    monkeypatch.setattr("sinddm_toolkit.run", lambda task, **given: called.append((task, given)))
    exec(as_python(layer), {})
    assert told(one_run([Part(*called[0])], PYTHON)) == expected


def test_long_commands_go_on_in_further_lines(known):
    layer = layer_of(EDITS["mask"], IDS.__getitem__)
    lines = as_command(layer).splitlines()
    assert len(lines) == 2 and lines[0].endswith(" \\") and max(map(len, lines)) <= 80
    assert "--composite 'my c (2).png'" in as_command(layer)


def test_an_edit_that_was_made_is_written_by_the_names_of_its_pictures(client, studio, known):
    settled = {"task": "paint", "image": BG, "painting": BG, "seed": 7, "out": "o.png"}
    entry = Entry("4" * 24, "now", settled, settled, {BG: "bg.png"}, ["paint"], 7)
    studio.queue._entries[entry.id] = entry
    found = client.get(f"/api/edits/{entry.id}/as/command")
    assert found.headers["content-type"].startswith("text/plain")
    assert found.text == (
        "sinddm-tk run paint --image bg.png --painting bg.png --seed 7 --out o.png\n"
    )
    assert client.get(f"/api/edits/{entry.id}/as/row").text.startswith('[[row]]\ntask = "paint"\n')
    assert "import sinddm_toolkit" in client.get(f"/api/edits/{entry.id}/as/python").text
    answer = client.get(f"/api/edits/{entry.id}/as/poem")
    assert answer.status_code == 404 and "command, python, row" in answer.json()["error"]
    assert client.get(f"/api/edits/{'5' * 24}/as/command").status_code == 404


@pytest.mark.slow
def test_the_copied_command_makes_the_bytes_that_the_server_has_made(server):
    """Two pictures of the same name among them, and a mask that was proposed."""
    pixels = drawn_picture().pixels.copy()
    pixels[20:35, 30:50] = (250, 10, 10)
    edit = {
        "task": "harmonize",
        "bg": server.send(name="a b.png"),
        "composite": server.send(png(pixels), name="a b.png"),
    }
    proposed = server.client.post("/api/proposals", json={**edit, "option": "mask"}).json()
    edit |= {"mask": proposed["id"], "denoiser": "closed-form", "save-mask": "{out}-m.png"}
    state = server.over(server.ask(**edit))
    assert state["state"] == "done", state
    work = server.folder / "work"
    for given, name in state["names"].items():
        file = server.client.get(f"/api/pictures/{given}/file").content
        (work / name).write_bytes(file)
    line = server.client.get(f"/api/edits/{state['id']}/as/command").text
    server.command(*shlex.split(line.replace("\\\n", ""))[1:])
    names = [one["name"] for one in (*state["results"], *state["extras"])]
    assert len(names) == 2
    for name in names:
        made = server.client.get(f"/api/edits/{state['id']}/results/{name}").content
        assert (work / name).read_bytes() == made
