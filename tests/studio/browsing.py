"""The page in a real browser: a studio without a worker, and its workbench by mouse and keys."""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image

from sinddm_toolkit.studio.app import Studio, make_app

TOKEN = "a-token-of-sixteen-letters"
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
WORKBENCH = """
const { workbench } = await import("/static/workbench.js");
const { upload } = await import("/static/api.js");
const file = (text, name) => new File(
  [Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type: "image/png" });
"""


@functools.cache
def browser_path() -> str | None:
    """Where a Chromium is; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def _missing() -> str:
    """What has to be installed before pages can be tried; "" if nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "needs pip install playwright"
    return "" if browser_path() else "needs a Chromium: apt-get install chromium-headless-shell"


needs_browser = pytest.mark.skipif(bool(_missing()), reason=_missing() or "there is a browser")


@contextmanager
def served(folder: Path) -> Iterator[tuple[Studio, str]]:
    """A studio that carries out no edit, and the address of its page."""
    studio = Studio(folder)
    config = uvicorn.Config(None, port=0, log_level="error", lifespan="off")
    listener = config.bind_socket()
    port = listener.getsockname()[1]
    config.app = make_app(studio, token=TOKEN, port=port)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield studio, f"http://127.0.0.1:{port}/?token={TOKEN}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Bench:
    """A page with a workbench. Points are (x, y) in pixels of the picture that is shown."""

    page: Any
    studio: Studio

    def run(self, code: str, argument: Any = None) -> Any:
        """What JavaScript returns that has `workbench`, `upload`, `file` and `argument`."""
        return self.page.evaluate(f"async (argument) => {{ {WORKBENCH} {code} }}", argument)

    def show(self, pixels: np.ndarray, name: str = "picture.png") -> dict[str, Any]:
        """Open a picture and wait until it is seen; what the server says of it."""
        return self.run(
            """const about = await workbench.upload(file(argument.text, argument.name));
               const painted = () => workbench.view.painted(about.id);
               while (!painted()) await new Promise((go) => setTimeout(go, 10));
               return about;""",
            {"text": text(pixels), "name": name},
        )

    def wait(self, condition: str) -> None:
        """Wait until JavaScript holds that has `window.told`, what the value has told since."""
        self.run(f"while (!({condition})) await new Promise((go) => setTimeout(go, 10));")

    def edit(self, kind: str, value: Any = None) -> None:
        """Begin to draw a value; it is `window.handle`, and `window.told` what it tells."""
        self.run(
            """window.told = [];
               const onchange = (value) => window.told.push(value);
               window.handle = workbench.edit(argument.kind, null, { label: "It", option: "it",
                 onchange });
               if (argument.value !== null) await window.handle.set(argument.value);""",
            {"kind": kind, "value": value},
        )
        self.page.locator("#canvas").focus()

    @property
    def value(self) -> Any:
        return self.run("return window.handle.value")

    def ready(self) -> Any:
        return self.run("return await window.handle.ready()")

    def pixels(self, id: str) -> np.ndarray:
        """(h, w, channels) of a picture that the studio has."""
        return self.studio.pictures.read(id).pixels

    def look(self, scale: float, left: float, top: float) -> None:
        """Show so many pixels of the screen a pixel, with (left, top) in the corner."""
        look = {"scale": scale, "left": left, "top": top}
        self.run("workbench.view.show(workbench.current, argument)", look)

    def places(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """Where points of the picture are on the page."""
        return self.run(
            """const box = workbench.view.front.getBoundingClientRect();
               return argument.map(([x, y]) => {
                 const at = workbench.view.toScreen(x, y);
                 return [box.left + at.x, box.top + at.y];
               });""",
            list(points),
        )

    def points(self, *places: tuple[float, float]) -> np.ndarray:
        """(n, 2): which points of the picture places on the page show."""
        return np.array(
            self.run(
                """const box = workbench.view.front.getBoundingClientRect();
                   return argument.map(([x, y]) => {
                     const at = workbench.view.toPicture(x - box.left, y - box.top);
                     return [at.x, at.y];
                   });""",
                list(places),
            )
        )

    def drag(self, *points: tuple[float, float]) -> np.ndarray:
        """Press at the first, go through the others, let go; (n, 2): the points really met."""
        places = [(round(x), round(y)) for x, y in self.places(*points)]
        mouse = self.page.mouse
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place)
        mouse.up()
        return self.points(*places)

    def click(self, x: float, y: float) -> None:
        self.drag((x, y))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def colour(self, x: float, y: float) -> tuple[int, int, int]:
        """What is seen on the page where a point of the picture is."""
        self.run("await new Promise((go) => requestAnimationFrame(() => setTimeout(go, 0)))")
        [(left, top)] = self.places((x, y))
        clip = {"x": int(left), "y": int(top), "width": 1, "height": 1}
        shot = self.page.screenshot(clip=clip)
        pixel = Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))
        return tuple(pixel)  # type: ignore[arg-type, return-value]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def text(pixels: np.ndarray) -> str:
    """A picture's file as a text, for `file` in the page."""
    return base64.b64encode(png(pixels)).decode()
