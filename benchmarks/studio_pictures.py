"""Makes the pictures of docs/studio.md and the README's first: the studio's page in use.

    python benchmarks/studio_pictures.py

A headless Chromium does what a person would with the two paintings of docs/images and the shuttle
of scikit-image's portrait of Eileen Collins. A studio of its own, in a folder that goes away.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect, sync_playwright
from sinddm_toolkit.plugins.demo import SHUTTLE_BOX, SHUTTLE_OUTLINE
from skimage import data

BROWSER = "/usr/bin/chromium-headless-shell"
ROOT = Path(__file__).parents[1]
PAINTINGS = ROOT / "docs" / "images"
PICTURES = PAINTINGS / "studio"
WINDOW = (1280, 800)
LONGEST = 10 * 60 * 1000
"""Milliseconds that an edit may take."""

PLACES = """async (points) => {
  const { workbench } = await import("/static/workbench.js");
  const box = workbench.view.front.getBoundingClientRect();
  return points.map(([x, y]) => {
    const at = workbench.view.toScreen(x, y);
    return [box.left + at.x, box.top + at.y];
  });
}"""


@contextmanager
def opened(folder: Path) -> Iterator[Page]:
    """The page of a studio that was started just now."""
    environment = {**os.environ, "SINDDM_TK_HOME": str(folder)}
    line = [sys.executable, "-m", "sinddm_toolkit", "studio", "--no-browser", "--port", "0"]
    server = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            width, height = WINDOW
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(server.stdout.readline().strip())
            page.wait_for_selector("[data-task]")
            yield page
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def shuttle(folder: Path) -> Path:
    """A cut-out to place: the shuttle, transparent around it."""
    picture = Image.fromarray(data.astronaut()).crop(SHUTTLE_BOX).convert("RGBA")
    outline = Image.new("L", picture.size, 0)
    ImageDraw.Draw(outline).polygon(SHUTTLE_OUTLINE, fill=255)
    picture.putalpha(outline)
    path = folder / "shuttle.png"
    picture.crop(picture.getbbox()).save(path)
    return path


class Hand:
    """What a person does on the page. Points are (x, y) in pixels of the picture that is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def open(self, button: str, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.press(button)
        chooser.value.set_files([str(file) for file in files])
        self.page.wait_for_timeout(800)

    def choose(self, task: str) -> None:
        if self.page.locator(".chosen-task").count():
            self.press("← Other tasks")
        self.page.locator(f"[data-task={task}] .wish").click()
        self.page.wait_for_timeout(400)

    def write(self, option: str, value: str) -> None:
        self.page.locator(f".field[data-option={option}] input[type=text]").first.fill(value)

    def drag(self, *points: tuple[float, float]) -> None:
        first, *others = self.page.evaluate(PLACES, points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in others:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()

    def made(self, count: int) -> None:
        """Wait until so many edits are over."""
        expect(self.page.locator(".result-card")).to_have_count(count, timeout=LONGEST)
        expect(self.page.locator(".toast")).to_have_count(0)

    def keep(self, name: str) -> None:
        """Write what is seen."""
        self.page.wait_for_timeout(600)
        seen = Image.open(io.BytesIO(self.page.screenshot()))
        seen.convert("RGB").save(PICTURES / f"{name}.webp", quality=88, method=6)
        print(name)


def use(hand: Hand, thing: Path) -> None:
    """All that docs/studio.md shows, in its order."""
    page = hand.page
    hand.open("Open…", PAINTINGS / "seascape.png")
    page.get_by_label("Search tasks").fill("put something into it")
    hand.keep("wishes")
    page.get_by_label("Search tasks").fill("")

    hand.choose("harmonize")
    hand.press("Place things for Composite")
    hand.open("Add…", thing)
    options = page.locator("#tool-options")
    for label, value in (("Scale", "34"), ("Turn", "24"), ("X", "185"), ("Y", "62")):
        options.get_by_label(label, exact=True).fill(value)
        options.get_by_label(label, exact=True).press("Enter")
    options.evaluate("bar => bar.scrollTo(0, 0)")
    hand.keep("placing")
    hand.write("seed", "3")
    hand.press("Make it")
    half = re.compile("[5-9][0-9] %")
    page.locator(".progress-text", has_text=half).wait_for(timeout=LONGEST)
    hand.keep("watching")
    hand.made(1)
    hand.press("Compare")
    page.locator(".panel-scroll").evaluate("panel => panel.scrollTo(0, 0)")
    page.locator("#canvas").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")  # the divider, to the shuttle
    page.locator("#canvas").blur()
    hand.keep("studio")

    page.get_by_role("tab", name="seascape.png").first.click()
    hand.choose("inpaint")
    hand.drag((127, 118), (160, 118), (150, 122))
    hand.keep("mask")
    hand.choose("roi")
    hand.drag((140, 130), (225, 182))
    hand.drag((182, 156), (60, 60))
    hand.keep("regions")
    hand.choose("outpaint")
    hand.drag((249, 100), (350, 100))
    hand.keep("edges")
    hand.choose("paint")
    hand.press("Paint Painting")
    page.wait_for_timeout(600)
    page.locator(".swatch").nth(7).click()
    hand.drag((120, 45), (170, 40), (225, 48))
    hand.keep("sketch")
    hand.choose("sample")
    hand.write("samples", "4")
    hand.press("Make it")
    hand.made(2)
    hand.press("More room")
    hand.keep("variants")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "home") as page:
        use(Hand(page), shuttle(Path(folder)))


if __name__ == "__main__":
    main()
