"""What plugins make on demand."""

from collections import UserString

import pytest

from sinddm_toolkit.api import hookimpl, service
from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import registry


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


def test_the_command_line_refuses_a_denoiser_that_nobody_makes(command, known):
    code, _, err = command("run", "sample", "--image", "bg.png", "--denoiser", "perfect")
    assert code == 2
    assert err == (
        "sinddm-tk: no plugin makes the denoiser perfect: `sinddm-tk plugins list` shows those "
        "that are loaded and what they offer\n"
    )
    assert registry.current().services == {}
