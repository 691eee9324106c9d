"""What a person does on the studio's page, and the server that the page is tried against."""

from __future__ import annotations

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
expect = playwright.expect

SERVER = """
import dataclasses
import sys

import pytest

from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.testing import make_trainings_tiny

# Here, and in the worker, which reads this file again: draft is a second, standard is long.
make_trainings_tiny(pytest.MonkeyPatch())
QUALITIES["standard"] = dataclasses.replace(
    QUALITIES["draft"], name="standard", steps_per_scale=5000, guided_steps_per_scale=5000
)

if __name__ == "__main__":
    from sinddm_toolkit.cli.main import main

    main(sys.argv[1:])
"""

DUSK = '''
from sinddm_toolkit.api import (
    CanvasSize, Colour, InputFile, Length, NameOrFile, OutputFile, Picture, Point, Region, Seconds,
    Task, UserError, hookimpl, option,
)

API_VERSION = 2


class Dusk(Task):
    """Every step of the finest scale is made a little darker."""

    name = "dusk"
    summary = "a random picture like yours, at dusk"
    learns_from = "image"

    image: Picture = option("the picture to learn from")
    depth: float = option("higher: darker", default=0.02, minimum=0, maximum=1)
    strength: float = option("the one dial", default=0.5, minimum=0, maximum=1)
    times: int = option("a <b>whole</b> number", default=1, minimum=1, maximum=9)
    late: bool = option("a switch", default=False)
    words: list[str] = option("texts", default=None)
    hour: str = option("one of a few words", default="nine", choices=("nine", "ten"))
    where: Region | None = option("a region", default=None)
    part: list[Region] = option("regions", default=None)
    of_part: list[Picture] = option("pictures of parts", default=None, follows="part")
    star: Point | None = option("a point", default=None)
    far: Length | None = option("a length", default=None)
    size: CanvasSize | None = option("a size", default=None)
    tint: Colour | None = option("a colour", default=None)
    lasting: Seconds | None = option("a time", default=None)
    sky: Picture | None = option("another picture", default=None)
    notes: OutputFile | None = option("a file to write", default=None, suffixes=(".txt",))
    table: InputFile | None = option("a file to read", default=None, rarely=True)
    look: NameOrFile | None = option("a name or a file", default=None, suffixes=(".cube",))

    @hookimpl
    def before_sampling(self, run):
        if self.words == ["fail"]:
            raise UserError("it was asked to fail")

    @hookimpl
    def modify_x0(self, run, step):
        if step.s == run.pyramid.count - 1:
            step.x0 = step.x0 - 0.3 * self.depth


@hookimpl
def register_tasks():
    return [Dusk]
'''


def ask(page, path, method="GET"):
    """What the server answers to the page."""
    return page.evaluate(
        """([path, method]) => fetch(`/api/${path}`, { method })
            .then((answer) => answer.text()).then((text) => text && JSON.parse(text))""",
        [path, method],
    )


def forget_all(page):
    for edit in ask(page, "edits"):
        if edit["state"] in ("waiting", "running"):
            ask(page, f"edits/{edit['id']}/cancel", "POST")
    page.wait_for_function(
        """() => fetch("/api/edits").then((answer) => answer.json())
            .then((all) => all.every(({ state }) => !["waiting", "running"].includes(state)))"""
    )
    for edit in ask(page, "edits"):
        ask(page, f"edits/{edit['id']}", "DELETE")


def choose(page, task):
    page.locator(f"[data-task={task}] .wish").click()
    expect(page.locator(f".chosen-task[data-task={task}]")).to_be_visible()


def field(page, name):
    return page.locator(f".field[data-option={name}]")


def write(page, **values):
    """Types values into fields."""
    for name, value in values.items():
        field(page, name).evaluate("row => row.closest('details')?.setAttribute('open', '')")
        field(page, name).locator("input[type=text]").first.fill(str(value))


def stroke(page, begin, end):
    """Draws from one place to another, both in screen pixels from the middle of the canvas."""
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + begin[0], y + begin[1])
    page.mouse.down()
    page.mouse.move(x + end[0], y + end[1], steps=4)
    page.mouse.up()


def go(page):
    page.get_by_role("button", name="Make it", exact=True).click()


def made(page, count=1):
    """The cards of what was made, when so many edits are over."""
    cards = page.locator(".result-card")
    expect(cards).to_have_count(count)
    return cards
