"""What plugins make on demand."""

from collections import UserString
from typing import ClassVar

import pytest
import torch

from sinddm_toolkit.api import Task, hookimpl, service
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.testing import random_picture


class Maker:
    """Makes tunes, except one that it lacks and one that it spoils."""

    def __init__(self):
        self.made = []

    @hookimpl
    def make_service(self, kind, name, about):
        if kind != "tune":
            return None
        if name == "lost":
            raise UserError("the tune lost is not here: whistle it first")
        if name == "spoilt":
            raise ZeroDivisionError
        self.made.append((name, about))
        return UserString(name)


@pytest.fixture
def maker(sinddm_registry):
    maker = Maker()
    sinddm_registry(maker)
    return maker


def test_the_same_call_gives_the_same_object(maker):
    first = service("tune", "slow", key="a", bars=4)
    assert service("tune", "slow", bars=4, key="a") is first
    assert maker.made == [("slow", {"key": "a", "bars": 4})]


def test_another_call_gives_another(maker):
    service("tune", "slow", key="a")
    service("tune", "slow", key="b")
    service("tune", "fast", key="a")
    service("tune", "slow")
    service("tune", key="a")
    assert [name for name, _ in maker.made] == ["slow", "slow", "fast", "slow", None]


def test_other_plugins_make_it_anew(maker, sinddm_registry):
    first = service("tune", "slow")
    sinddm_registry(Maker())
    assert service("tune", "slow") is not first


def test_the_first_plugin_that_makes_it_does(sinddm_registry):
    class Other:
        @hookimpl(tryfirst=True)
        def make_service(self, kind, name, about):
            return "my own" if name == "own" else None

    sinddm_registry(Maker(), Other())
    assert service("tune", "own") == "my own"
    assert service("tune", "slow") == "slow"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("drum", "loud"), "no plugin makes the drum loud: `sinddm-tk plugins list` shows those "),
        (("drum",), "no plugin makes the drum that is the default: `sinddm-tk plugins list` "),
        (("tune", "lost"), "the tune lost is not here: whistle it first"),
    ],
)
def test_what_nobody_makes_is_refused_in_one_line(asked, said, maker):
    for _ in range(2):  # what failed is not kept
        with pytest.raises(UserError) as refused:
            service(*asked)
        assert str(refused.value).startswith(said) and "\n" not in str(refused.value)


def test_a_plugin_that_fails_is_named(maker):
    with pytest.raises(PluginError, match=r"plugin .*Maker.* failed in make_service \(tune\): "):
        service("tune", "spoilt")


class Drummer:
    """Makes what fails when it is used, as objects and as functions."""

    class Drum:
        size = 3

        def beat(self):
            return [self.size / n for n in (1, 0)]

        def refuse(self):
            raise UserError("no noise after ten")

    @hookimpl
    def make_service(self, kind, name, about):
        if kind == "drum":
            return self.Drum()
        return (lambda *_: 1 / 0) if kind == "rattle" else None


def used(sinddm_run, body):
    class Band(Task):
        name, summary, learns_from = "band", "make music", None

        @hookimpl
        def modify_x0(self, run, step):
            body()

    sinddm_run(Band, oracle=True)


IN_BAND = "used by band in modify_x0 at scale 0, step 99: ZeroDivisionError: "


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: service("drum").beat(), "plugin this test:Drummer failed in its drum, " + IN_BAND),
        (lambda: service("rattle")(3), "plugin this test:Drummer failed in its rattle, " + IN_BAND),
        (lambda: service("drum") and 1 / 0, "plugin band failed in modify_x0 at scale 0, step 99"),
        (lambda: service("drum").size / 0, "plugin band failed in modify_x0 at scale 0, step 99"),
    ],
)
def test_what_fails_in_a_service_is_told_of_who_made_it(body, said, sinddm_registry, sinddm_run):
    sinddm_registry(Drummer())
    with pytest.raises(PluginError) as raised:
        used(sinddm_run, body)
    assert str(raised.value).startswith(said)


def test_what_a_service_refuses_passes(sinddm_registry, sinddm_run):
    sinddm_registry(Drummer())
    with pytest.raises(UserError, match=r"^no noise after ten$"):
        used(sinddm_run, lambda: service("drum").refuse())


def test_who_is_only_handed_a_service_is_not_excused(sinddm_registry, sinddm_run):
    def heard(drum):
        return len(drum)

    sinddm_registry(Drummer())
    with pytest.raises(PluginError, match=r"^plugin band failed in modify_x0 .*TypeError"):
        used(sinddm_run, lambda: heard(service("drum")))


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (lambda x, t, s, *_: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda x, t, s, *_: x[..., 1:], "ValueError: the noise predicted must be torch.float32"),
        ("loud", "TypeError: 'str' object is not callable"),
    ],
)
def test_a_denoiser_that_fails_is_told_of(predict, said, sinddm_registry, sinddm_run):
    class Denoises:
        @hookimpl
        def make_service(self, kind, name, about):
            return predict

    class Asks(Task):
        name, summary, learns_from = "asks", "ask before the sampler does", None

        @hookimpl
        def before_sampling(self, run):
            run.predict(run.noise(run.plan.stages[0].size), 99, 0)

    sinddm_registry(Denoises())
    for also in ({}, {Asks: {}}):
        with pytest.raises(PluginError) as raised:
            sinddm_run(random_picture(), denoiser="mine", also=also)
        where = "failed in its denoiser at scale 0, step 99: "
        assert str(raised.value).startswith(f"plugin this test:Denoises {where}{said}")


class Darker(Task):
    """Notes x̂0 as it finds it, then darkens it."""

    name, summary, learns_from = "darker", "darken", None
    found: ClassVar[list[float]] = []

    @hookimpl(tryfirst=True)
    def modify_x0(self, run, step):
        self.found.append(float(step.x0.max()))
        step.x0 = step.x0 - 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_denoiser_may_have_hooks_which_come_before_those_of_tasks(
    fails, sinddm_registry, sinddm_run
):
    class Even:
        def __call__(self, x, t, s, needless=None):
            return x

        @hookimpl(tryfirst=True)
        def modify_x0(self, run, step):
            if fails:
                raise ZeroDivisionError
            step.x0 = torch.full_like(step.x0, 0.5)

    class Makes:
        @hookimpl
        def make_service(self, kind, name, about):
            return Even()

    sinddm_registry(Makes())
    Darker.found.clear()
    if fails:
        with pytest.raises(PluginError, match=r"^plugin this test:Makes failed in modify_x0 at"):
            sinddm_run(random_picture(), denoiser="mine")
        return
    pixels = sinddm_run(random_picture(), denoiser="mine", also={Darker: {}}).picture.pixels
    assert set(Darker.found) == {0.5} and set(pixels.ravel()) == {round(0.5 * 127.5)}


def test_the_command_line_refuses_a_denoiser_that_nobody_makes(command, known):
    code, _, err = command("run", "sample", "--image", "bg.png", "--denoiser", "perfect")
    assert code == 2
    assert err == (
        "sinddm-tk: no plugin makes the denoiser perfect: `sinddm-tk plugins list` shows those "
        "that are loaded and what they offer\n"
    )
    assert registry.current().services == {}
