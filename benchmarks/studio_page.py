"""How fast the studio's page draws on a large picture, in a headless Chromium.

    python benchmarks/studio_page.py [--width 6000 --height 4000]

A stroke crosses the picture again and again, eight steps of the pointer a frame, with brushes of
1 and 10 % of the picture's height, all of it in sight and at actual size; then the picture is
zoomed and dragged. A line of JSON each: frames a second, and the longest frame in milliseconds.
Before that, how soon the page shows its first content, and the list of tasks, once it is asked for.
There is no graphics card in a headless browser: what people see is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from scipy import ndimage

BROWSER = "/usr/bin/chromium-headless-shell"
SECONDS = 3

MEASURE = """
async ({ act, seconds }) => {
  const { workbench } = await import("/static/workbench.js");
  const { view } = workbench;
  const box = view.front.getBoundingClientRect();
  const fire = (type, x, y, buttons) => view.front.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, bubbles: true, buttons, button: type === "pointermove" ? -1 : 0,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
  view.front.setPointerCapture = () => {};
  const at = (t) => [0.5 + 0.42 * Math.sin(1.7 * t), 0.5 + 0.42 * Math.sin(2.3 * t + 1)];
  if (act === "stroke") fire("pointerdown", ...at(0), 1);
  const times = [];
  const start = performance.now();
  await new Promise((done) => {
    const frame = (now) => {
      times.push(now);
      const t = (performance.now() - start) / 1000;
      if (t > seconds) return done();
      if (act === "stroke") {
        for (let i = 0; i < 8; i++) fire("pointermove", ...at(t + i * 0.002), 1);
      } else if (act === "zoom") view.zoom(1 + 0.03 * Math.cos(2 * t));
      else if (act === "pan") view.pan(14 * Math.cos(2 * t), 9 * Math.sin(3 * t));
      return requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  if (act === "stroke") fire("pointerup", ...at(seconds), 0);
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  return { frames: gaps.length / ((times.at(-1) - times[0]) / 1000), longest: Math.max(...gaps) };
}
"""

SHOWN = """
() => {
  const [shown] = performance.getEntriesByName("first-contentful-paint");
  return shown.startTime;
}
"""

PREPARE = """
async ({ share, actual }) => {
  const { workbench } = await import("/static/workbench.js");
  for (const handle of workbench.handles) handle.stop();
  const handle = workbench.edit("region", null, { label: "mask" });
  handle.size = Math.round(share * workbench.current.height);
  if (actual) workbench.view.actual();
  else workbench.view.fit();
  while (!workbench.view.painted(workbench.current.id)) {
    await new Promise((go) => setTimeout(go, 50));
  }
}
"""


@contextmanager
def studio(picture: Path) -> Iterator[str]:
    """The address of a studio with `picture` open."""
    command = [sys.executable, "-m", "sinddm_toolkit", "studio", str(picture), "--no-browser"]
    environment = {**os.environ, "SINDDM_TK_HOME": str(picture.parent / "home")}
    with subprocess.Popen(
        [*command, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def photograph(size: tuple[int, int]) -> Image.Image:
    """Something with structure at every scale, (h, w)."""
    generator = np.random.default_rng(0)
    small = generator.random((size[0] // 8, size[1] // 8, 3))
    cloud = np.sum([ndimage.gaussian_filter(small, (s, s, 0)) * s for s in (1, 4, 16, 64)], axis=0)
    cloud = (cloud - cloud.min()) / np.ptp(cloud) * 255
    return Image.fromarray(cloud.astype(np.uint8)).resize(size[::-1], Image.Resampling.BICUBIC)


def opened(page: Page, address: str, times: int = 5) -> dict[str, Any]:
    """Medians in milliseconds: until there is something to be seen, and until there are tasks."""
    found = []
    for _ in range(times):
        page.goto(address, wait_until="commit")
        page.wait_for_selector("[data-task]")
        found.append((page.evaluate(SHOWN), page.evaluate("performance.now()")))
    content, tasks = (statistics.median(each) for each in zip(*found, strict=True))
    return {"act": "open", "first content": content, "tasks": tasks}


def measured(page: Page) -> Iterator[dict[str, Any]]:
    """What each way of drawing and looking takes; first what the browser does with nothing."""
    page.evaluate(PREPARE, {"share": 0.01, "actual": False})
    yield {"act": "nothing", **page.evaluate(MEASURE, {"act": "nothing", "seconds": SECONDS})}
    for actual in (False, True):
        seen = "actual size" if actual else "all of it"
        for share in (0.01, 0.1):
            page.evaluate(PREPARE, {"share": share, "actual": actual})
            found = page.evaluate(MEASURE, {"act": "stroke", "seconds": SECONDS})
            yield {"act": "stroke", "seen": seen, "brush": share, **found}
        for act in ("pan", "zoom"):
            yield {
                "act": act,
                "seen": seen,
                **page.evaluate(MEASURE, {"act": act, "seconds": SECONDS}),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--width", type=int, default=6000)
    parser.add_argument("--height", type=int, default=4000)
    parser.add_argument("--browser", default=BROWSER, help="a Chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        picture = Path(folder) / "large.jpg"
        photograph((arguments.height, arguments.width)).save(picture, quality=90)
        browser = playwright.chromium.launch(
            executable_path=arguments.browser, args=["--no-sandbox"]
        )
        with studio(picture) as address:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(address)
            page.wait_for_selector(".tab[aria-selected=true]", timeout=120_000)
            for line in (opened(page, address), *measured(page)):
                rounded = {
                    k: round(v, 1) if isinstance(v, float) and k != "brush" else v
                    for k, v in line.items()
                }
                print(json.dumps(rounded), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
