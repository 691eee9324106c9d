"""`sinddm_toolkit`, as a script calls it."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit import api
from sinddm_toolkit.edits import progress as progresses
from sinddm_toolkit.edits.models import load_model
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine import training
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry

ROOT = Path(__file__).parents[1]
PAINT = {"image": "bg.png", "painting": "bg.png", "start_step": 3, "seed": 5}
"""Three steps at one scale."""


def pixels(path):
    return np.asarray(Image.open(path))


def test_python_interface(pasted, tiny):
    background = np.asarray(Image.open("bg.png"))
    by_array = st.run("harmonize", bg=background, composite=Image.open("c.png"), seed=1)
    by_path = st.run("harmonize", bg="bg.png", composite=Path("c.png"), seed=1, out="o.png")
    assert by_array.outputs == [] and by_path.outputs == [Path("o.png")]
    assert by_array.image.tobytes() == by_path.image.tobytes()
    assert np.array_equal(pixels("o.png"), np.asarray(by_path.image))
    with pytest.raises(st.errors.UserError, match="did you mean composite"):
        st.run("harmonize", bg=background, composit=background)


def test_python_has_to_name_a_task():
    with pytest.raises(UserError, match="name a task, or a preset that has one"):
        st.run(image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("", image="bg.png")
    with pytest.raises(UserError, match="there is no task ''"):
        st.run("sample", image="bg.png", also={"": {}})
    with pytest.raises(UserError, match="is no task: give a name, or a class"):
        st.run(dict, image="bg.png")


def test_a_result_saves_the_file_that_out_writes(known, command):
    """In whatever folder; and shows itself in a few kilobytes."""
    Path("there").mkdir()
    st.run("paint", **PAINT, samples=2, out="there/o.png", sheet=False)
    result = st.run("paint", **PAINT, samples=2)
    assert result.seeds == [5, 6] and result.seed == 5
    for k in range(2):
        saved = result.save(f"there/saved{k}.png", k)
        assert saved.read_bytes() == Path(f"there/o-{k + 1}.png").read_bytes()
    assert result.save("o.jpg").exists()
    for path, sample, why in (
        ("o.jpg", 0, "exists"),
        ("o.gif", 0, "the extension must be one of"),
        ("p.png", 2, "give 0 to 1"),
    ):
        with pytest.raises(UserError, match=why):
            result.save(path, sample)
    assert repr(result) == "<EditResult: 2 pictures of 80x60, seeds 5 to 6>"
    html = result._repr_html_()
    assert all(f"<figcaption>{text}<" in html for text in ("before", "seed 5", "seed 6"))
    assert html.count("data:image/jpeg;base64,") == 3 and len(html) < 30_000
    assert result._repr_png_().startswith(b"\x89PNG")

    record = st.record("there/saved1.png")
    assert record.seed == 6 and record.tasks[0].name == "paint" and "seed 6" in repr(record)
    again = st.replay("there/saved1.png")
    assert again.outputs == [] and (again.picture.pixels == result.pictures[1].pixels).all()
    Path("bg.png").rename("moved.png")
    with pytest.raises(UserError, match="give it by inputs image=FILE"):
        st.replay("there/saved1.png", "again.png")
    for name in ("imago", "start_step", "mask"):  # one that had no file, one that wasn't given
        with pytest.raises(UserError, match=f"no input {name}: .* from files for image, painting$"):
            st.replay("there/saved1.png", inputs={name: "moved.png"})
    moved = {"image": "moved.png", "painting": Path("moved.png")}
    st.replay("there/saved1.png", "again.png", inputs=moved)
    assert (pixels("again.png") == pixels("there/saved1.png")).all()


class Shade(api.Task):
    """A task of a script, in no plugin."""

    name = "shade"
    summary = "a darker picture"
    learns_from = None
    by: float = api.option("how much", default=0.1, minimum=0, maximum=1)

    def __init__(self, **options):
        super().__init__(**options)
        self.steps = 0

    @api.hookimpl
    def modify_x0(self, run, step):
        self.steps += 1
        step.x0 = step.x0 - self.by


def test_tasks_and_hooks_of_a_script_act(known):
    plain = st.run("paint", **PAINT)
    by_class = st.run("paint", **PAINT, also={Shade: {"by": 0.3}})
    shade = Shade(by=0.3)
    by_object = st.run("paint", **PAINT, also=[shade], out="shaded.png")
    assert shade.steps == 3
    assert by_object.image.tobytes() == by_class.image.tobytes() != plain.image.tobytes()
    assert st.record("shaded.png").tasks[1].maker.sha256
    assert st.replay("shaded.png").image.tobytes() == by_object.image.tobytes()
    assert "shade" in [task.name for task in st.tasks()]

    class Shade2(Shade):  # as when the cell of a notebook is run again
        by: float = api.option("how much", default=0.0, minimum=0, maximum=1)

    assert st.run("paint", **PAINT, also=[Shade2]).image.tobytes() == plain.image.tobytes()
    assert registry.current().task("shade") is Shade2

    seen = []

    def modify_x0(run, step):
        step.x0 = step.x0 - 0.3

    watching = SimpleNamespace(after_step=lambda step: seen.append(step.t))
    hooked = st.run("paint", **PAINT, hooks=[modify_x0, watching], out="hooked.png")
    assert hooked.image.tobytes() == by_class.image.tobytes() and len(seen) == 3
    with pytest.raises(UserError, match=r"hooked\.png was made with code of a script .*modify_x0"):
        st.replay("hooked.png")
    watched = st.run("paint", **PAINT, hooks=[watching], out="watched.png")
    assert watched.image.tobytes() == plain.image.tobytes()
    assert st.replay("watched.png").image.tobytes() == plain.image.tobytes()


def test_what_a_script_gives_wrongly_is_refused_before_anything_is_learnt(pasted):
    class Sample(api.Task):
        name = "sample"
        summary = "another one of that name"
        learns_from = None

    def modify_x(run, step):
        pass

    def after_step(run, steps):
        pass

    for wrong, why in (
        ({"also": [Sample]}, "already brought by"),
        ({"also": [Shade()], "by": 0.5}, "unknown option by"),
        ({"also": {Shade(): {"by": 0.5}}}, "an object has its options: give by with its class"),
        ({"hooks": [modify_x]}, "no hook of an edit: did you mean modify_x0"),
        ({"hooks": [after_step]}, "has an argument 'steps'; it takes run, step"),
        ({"hooks": [object()]}, "has none, which are plan_edit"),
        ({"hooks": after_step}, "give a list of functions or objects, not a function alone"),
        ({"model": SimpleNamespace(key="beef")}, "no model in .* begin with 'beef'"),
    ):
        with pytest.raises(UserError, match=why):
            st.run("paint", **PAINT, **wrong)
    for call, misspelt, meant in (
        (st.Session, "devise", "device"),
        (st.Session, "progres", "progress"),
        (partial(st.batch, [{"task": "paint", **PAINT}]), "job", "jobs"),
        (partial(st.train, "bg.png"), "qualty", "quality"),
    ):
        with pytest.raises(UserError, match=f"unknown option {misspelt}, did you mean {meant}?"):
            call(**{misspelt: 2})
    assert st.models() == ()


def test_a_hook_that_fails_is_named(known):
    def modify_x0(run, step):
        raise ValueError("no")

    with pytest.raises(PluginError, match="modify_x0 failed in modify_x0 at scale 1, step") as info:
        st.run("paint", **PAINT, hooks=[modify_x0])
    assert isinstance(info.value.__cause__, ValueError)


def test_a_function_is_told_how_far_it_is_and_may_end_it(pasted, tiny, monkeypatch):
    """Whenever it does: in a training, at its last update, in the sampling. What was learnt is
    kept, and leads to what it would have led to."""
    told = []
    whole = st.run("paint", **PAINT, progress=told.append)
    assert {one.doing for one in told} == {"training", "sampling"}
    last = {one.doing: one for one in told}
    assert last["training"].share == last["sampling"].share == 1.0
    assert last["training"].text == "learning bg.png" and last["training"].error > 0
    assert last["sampling"].pictures()[0].size == (60, 80)
    updates = last["training"].steps

    monkeypatch.setattr(training, "REPORT_EVERY", 5)
    default_store().remove(whole.model_key)

    def stop_at(doing, done):
        def told(at):
            if (at.doing, at.done) == (doing, done):
                raise LookupError("enough")

        return told

    for doing, done, known in (
        ("training", 5, 0),
        ("training", updates, updates),
        ("sampling", 2, updates),
    ):
        with pytest.raises(LookupError, match="enough"):
            st.run("paint", **PAINT, progress=stop_at(doing, done))
        assert sum(model.updates for model in st.models()) == known
    assert st.run("paint", **PAINT).image.tobytes() == whole.image.tobytes()

    rows = st.batch([{"task": "paint", **PAINT}], folder="rows", progress=stop_at("sampling", 2))
    with pytest.raises(LookupError):
        list(rows)
    (row,) = st.batch([{"task": "paint", **PAINT}], folder="rows")
    assert row.seed == 5 and row.image.tobytes() == whole.image.tobytes()


def test_bars_are_for_who_looks(known, capfd, monkeypatch):
    """In a log they are never, lines only if they are asked for."""
    st.run("paint", **PAINT)
    assert capfd.readouterr() == ("", "")
    ticks = iter(range(0, 10_000, 20))
    clock = SimpleNamespace(monotonic=lambda: next(ticks))
    monkeypatch.setattr(progresses.TellingEvents.__init__, "__defaults__", (clock.monotonic,))
    st.run("paint", **PAINT, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "making the picture: 33 %, fine detail" in err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    st.run("paint", **PAINT)
    assert "making the picture" in capfd.readouterr().err
    st.run("paint", **PAINT, progress=False)
    assert capfd.readouterr() == ("", "")

    shown = []
    bars = progresses.NotebookBars(shown.append)
    bars.sampling_begins(4)
    bars.sampling("fine <detail>")
    assert "making the picture" in shown[0] and "25%" in shown[0] and "&lt;detail" in shown[0]


def test_a_session_keeps_models_and_pictures(known, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        "sinddm_toolkit.edits.models.load_model",
        lambda path: loaded.append(path) or load_model(path),
    )
    alone = st.run("paint", **PAINT)
    with st.Session(seed=5, samples=2) as session:
        options = {name: value for name, value in PAINT.items() if name != "seed"}
        first = session.run("paint", **options)
        assert len(loaded) == 2
        second = session.run("paint", **options, samples=1)
        assert len(loaded) == 2
        assert first.before is second.before
        model = st.models()[0]
        assert model.key == alone.model_key and f"{model}" in f"{st.models()!r}"
    assert first.seeds == [5, 6]
    assert second.image.tobytes() == first.image.tobytes() == alone.image.tobytes()
    assert st.run("paint", **PAINT, model=model).image.tobytes() == alone.image.tobytes()


PLUGIN = """
from sinddm_toolkit.api import Task, hookimpl

class Dusk(Task):
    name, summary, learns_from = "dusk", "darker", None

@hookimpl
def register_tasks():
    return [Dusk]
"""


def test_what_there_is_to_choose_from(command, tmp_path):
    for _ in range(2):  # a package has the name of the function
        names = [preset.name for preset in st.presets()]
        assert len(names) > 10 and "clean-removal" in names
    code, out, _ = command("presets", "list")
    assert code == 0 and out == f"{st.presets()!r}\n"
    assert out.startswith(f"{st.presets()[:2]!r}\n")
    tasks = {task.name: task for task in st.tasks()}
    assert tasks["sample"].plugin == "regions" and tasks["sample"].learns_from == "image"
    assert tasks["sample"].options[0].name == "image"
    (tmp_path / "mine.py").write_text(PLUGIN)
    st.load_plugins(tmp_path, without=["text"])
    names = {task.name for task in st.tasks()}
    assert "text-style" not in names and names - tasks.keys() == {"dusk"}


SCRIPT = """
from typing import TYPE_CHECKING
import sinddm_toolkit as st

if TYPE_CHECKING:
    from sinddm_toolkit.typed import HarmonizeOptions

name: str = "kaleidoscope"
st.run(name, image="x.png", mirrors=3)
st.run("kaleidoscope", image="x.png", mirrors=3)
options: "HarmonizeOptions" = {"bg": "bg.png", "composite": "c.png", "seed": 1}
good: st.EditResult = st.run("harmonize", **options)
good.save("x.png")
st.run("harmonize", bg="bg.png", composite="c.png", feather=3, out="o.png", progress=print)
with st.Session(device="cpu") as session:
    session.run("sample", image="x.png", size=(100, "50%"), model=st.models()[0], samples=2)
seeds: list[int] = [row.seed for row in st.batch([{"task": "sample", "image": "x.png"}])]
a = st.run("harmonize", bgg="bg.png")  # wrong
st.run("harmonize", bg="bg.png", composite="c.png", feather="3", out="x.png")  # wrong
st.run("sample", image="x.png", quality="drafty").save("x.png")  # wrong
with st.Session() as session:
    session.run("sample", imag="x.png")  # wrong
b: "HarmonizeOptions" = {"bgg": "bg.png"}  # wrong
"""


@pytest.mark.slow
def test_type_checkers_know_the_options_of_tasks(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", tmp_path / "script.py"]  # the project's own: strict
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    lines = {int(line.split(":")[1]) for line in told.splitlines() if ": error: " in line}
    wrong = {k for k, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# wrong")}
    assert lines == wrong, told


def test_to_import_it_is_quick():
    """What needs torch, or reads plugins, is for who asks for it."""
    code = (
        "import sys, sinddm_toolkit as st; dir(st); print('torch' in sys.modules, len(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert told.stdout.startswith("False"), told.stderr
