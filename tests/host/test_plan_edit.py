"""What tasks may plan: one of them sets the canvas, and what can't be done is refused."""

from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.api import Picture, Task, UserError, hookimpl, option
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import build_pyramid, tensor_from_rgb
from sinddm_toolkit.engine.schedule import make_schedule
from sinddm_toolkit.engine.stage import Stage
from sinddm_toolkit.errors import PluginError
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.testing import drawn_picture
from tests.conftest import texture


@pytest.fixture(scope="module")
def picture():
    return drawn_picture((140, 180))


@pytest.fixture(scope="module")
def pyramid(picture):
    return build_pyramid(tensor_from_rgb(picture.rgb()))


@pytest.fixture
def plan(pyramid):
    return Plan(pyramid, make_schedule(pyramid.details, pyramid.factor))


class Joins(Task):
    """What plans of tests are made by."""

    summary, learns_from = "changes the plan", None


class Sets(Joins):
    name = "sets"

    @hookimpl
    def plan_edit(self, plan):
        plan.set_canvas((60, 120))


class Assigns(Joins):
    """Changes the size behind the back of `set_canvas`."""

    name = "assigns"

    @hookimpl
    def plan_edit(self, plan):
        plan.stages[-1].size = (61, 120)


class Appends(Joins):
    name = "appends"

    @hookimpl
    def plan_edit(self, plan):
        last = plan.stages[-1]
        plan.stages = [*plan.stages, Stage(last.s, (99, 99), 2, blur=False, ddpm=False)]


class Looks(Joins):
    """Is called around the others, and leaves the canvas alone."""

    name = "looks"

    @hookimpl(wrapper=True)
    def plan_edit(self, plan):
        self.before = plan.canvas
        yield
        self.after = plan.canvas


class Enlarges(Joins):
    """Is called around the others, and changes the canvas before them."""

    name = "enlarges"

    @hookimpl(wrapper=True)
    def plan_edit(self, plan):
        plan.stages[-1].size = (200, 200)
        yield


class Keeps(Joins):
    """Asks for the size that it is."""

    name = "keeps"

    @hookimpl
    def plan_edit(self, plan):
        plan.set_canvas(plan.canvas)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Sets, Assigns),
        (Assigns, Sets),
        (Sets, Appends),
        (Assigns, Appends),
        (Appends, Assigns),
        (Enlarges, Sets),
        (Enlarges, Assigns),
    ],
)
def test_only_one_task_sets_the_canvas_by_whatever_it_does(first, second, plan, pyramid):
    with pytest.raises(UserError) as refused:
        RunHooks([first(), second()]).plan_edit(plan, pyramid)
    assert str(refused.value) == (
        f"{first.name} and {second.name} both set the size of the result: "
        "only one task of a run can"
    )


@pytest.mark.parametrize("tasks", [(Looks, Sets), (Sets, Looks), (Assigns, Looks), (Sets, Keeps)])
def test_who_leaves_the_canvas_alone_goes_with_who_sets_it(tasks, plan, pyramid):
    RunHooks([task() for task in tasks]).plan_edit(plan, pyramid)
    assert plan.canvas in ((60, 120), (61, 120))


def test_a_hook_around_the_others_sees_what_they_did(plan, pyramid):
    looks = Looks()
    RunHooks([looks, Sets()]).plan_edit(plan, pyramid)
    assert (looks.before, looks.after) == ((140, 180), (60, 120))


@pytest.mark.parametrize(
    ("line", "owners"),
    [
        (("sample", "--size", "2x1", "+", "inpaint", "--mask", "9,9,9,9"), {"sample", "inpaint"}),
        (
            ("outpaint", "--right", "20", "+", "inpaint", "--mask", "9,9,9,9"),
            {"outpaint", "inpaint"},
        ),
        (
            (
                *("inpaint", "--mask", "9,9,9,9", "+", "roi", "--size", "2x1"),
                *("--source", "5,5,20,20", "--target", "20,20,20,20"),
            ),
            {"inpaint", "roi"},
        ),
        (("sample", "--size", "2x1", "+", "square"), {"sample", "square"}),
        (("outpaint", "--right", "20", "--with", "square"), {"outpaint", "square"}),
    ],
    ids=lambda value: None if isinstance(value, set) else " ".join(value),
)
def test_two_sizes_of_the_result_are_refused_before_any_training(
    line, owners, command, tmp_path, monkeypatch
):
    monkeypatch.setattr("sinddm_toolkit.edits.edit.learn", None)  # would be work
    (tmp_path / "square.py").write_text(SQUARE)
    Image.fromarray(texture(60, 80)).save("i.png")
    first, *rest = line
    words = ("run", first, "--image", "i.png", *rest, "--out", "o.png")
    code, _, err = command(*words, "--plugins-dir", tmp_path)
    one, another = sorted(owners)
    said = "both set the size of the result: only one task of a run can\n"
    assert code == 2
    assert err in (f"sinddm-tk: {a} and {b} {said}" for a, b in ((one, another), (another, one)))
    assert [path.name for path in Path().iterdir()] == ["i.png"]


SQUARE = """
from sinddm_toolkit.api import Task, hookimpl

class Square(Task):
    name = "square"
    summary = "a square canvas"
    learns_from = None

    @hookimpl(trylast=True)
    def plan_edit(self, plan):
        plan.stages[-1].size = (77, 77)

@hookimpl
def register_tasks():
    return [Square]
"""


def test_a_plan_without_stages_is_the_plugin_s_fault(sinddm_run):
    class Empties(Task):
        name, summary, learns_from = "empties", "leaves nothing to do", "image"
        image: Picture = option("the picture")

        @hookimpl
        def plan_edit(self, plan):
            plan.stages = []

    with pytest.raises(PluginError) as raised:
        sinddm_run(Empties, oracle=True)
    assert str(raised.value) == (
        "plugin empties failed in plan_edit: ValueError: plan.stages is empty: an edit needs one "
        "stage at least"
    )


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (lambda visited: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda visited: None, "TypeError: "),
        (lambda visited: [], "ValueError: a stage's route must go from 99 to 0"),
        (lambda visited: visited[1:], "ValueError: a stage's route must go from 99 to 0"),
        (lambda visited: visited[:-1], "ValueError: a stage's route must go from 99 to 0"),
        (
            lambda visited: [99, 200, 0],
            "by way of the timesteps that it is given, not [99, 200, 0]",
        ),
    ],
)
def test_a_way_that_cannot_be_gone_is_refused_before_anything_is_learnt(
    route, said, sinddm_run, monkeypatch
):
    class Routed(Task):
        """Goes its own way."""

        name = "routed"
        summary = "go another way"
        learns_from = None

        @hookimpl
        def plan_edit(self, plan, pyramid):
            plan.stages[0].route = route

    monkeypatch.setattr("sinddm_toolkit.edits.edit.learn", None)  # would be work
    with pytest.raises(PluginError) as raised:
        sinddm_run("sample", also={Routed: {}})
    assert str(raised.value).startswith("plugin routed failed in plan_edit: ")
    assert said in str(raised.value)
