"""How soon the studio answers, and what an edit takes beside its sampling once a model is at hand.

    python benchmarks/studio.py [--home FOLDER] [--repeats N]

Starts the server as a person does, in a process of its own, and asks over HTTP.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from sinddm_toolkit.testing import drawn_picture

TOKEN = "token-of-the-benchmark"
SIZE = (198, 252)
LARGE = (4000, 6000)
"""(h, w) of the picture that is edited, and of one of 24 megapixels that is looked at."""


@contextmanager
def serving(home: Path) -> Iterator[tuple[httpx.Client, float]]:
    """A client of a server that was started just now, and the seconds until it answered."""
    environment = {**os.environ, "SINDDM_TK_HOME": str(home), "SINDDM_TK_TOKEN": TOKEN}
    line = [sys.executable, "-m", "sinddm_toolkit", "studio", "--no-browser", "--port", "0"]
    started = time.monotonic()
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().partition("/?")[0]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=address, headers=headers, timeout=600) as client:
            client.get("/api/edits").raise_for_status()
            yield client, time.monotonic() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def png(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(drawn_picture(size).pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def sent(client: httpx.Client, data: bytes) -> str:
    answer = client.post("/api/pictures", files={"file": ("picture.png", data)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def edited(client: httpx.Client, edit: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Ask for an edit and wait for it → seconds, and what is told of it in the end."""
    started = time.monotonic()
    answer = client.post("/api/edits", json=edit)
    answer.raise_for_status()
    with client.stream("GET", f"/api/edits/{answer.json()['id']}/events") as events:
        lines = [line for line in events.iter_lines() if line.startswith("data: ")]
    last = json.loads(lines[-1].removeprefix("data: "))
    assert last["state"] == "done", last["error"]
    return time.monotonic() - started, last


def timed(do: Callable[[], Any]) -> float:
    started = time.monotonic()
    do()
    return time.monotonic() - started


def measure(home: Path, repeats: int) -> dict[str, float]:
    """What is measured, in words → seconds, the median of so many."""
    found: dict[str, list[float]] = {}

    def note(what: str, seconds: float) -> None:
        found.setdefault(what, []).append(seconds)

    for _ in range(repeats):
        with serving(home) as (_, seconds):
            note("from the command to the first answer", seconds)
    with serving(home) as (client, _):
        edit = {"task": "sample", "layouts": 0, "image": sent(client, png(SIZE))}
        note("the first edit, its model not at hand", edited(client, {**edit, "seed": 0})[0])
        for seed in range(1, 1 + repeats):
            seconds, told = edited(client, {**edit, "seed": seed})
            note("an edit with the model at hand", seconds)
            note("of that, sampling", told["seconds"]["sampling"])
            note("of that, all the rest", seconds - told["seconds"]["sampling"])
        large = png(LARGE)
        for _ in range(repeats):
            what = "a picture of 24 megapixels, sent and cut for the view"
            note(what, timed(partial(sent, client, large)))
        given = sent(client, large)
        tiles = np.random.default_rng(0).integers(0, (11, 7), (20, 2))
        for column, row in tiles:
            address = f"/api/pictures/{given}/levels/0/{column}-{row}.png"
            note("a tile of it", timed(partial(client.get, address)))
    return {what: statistics.median(seconds) for what, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="keep models and pictures here")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for what, seconds in measure(asked.home or Path(folder), asked.repeats).items():
            print(f"{seconds:8.3f} s  {what}")


if __name__ == "__main__":
    main()
