"""The loss of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sinddm_toolkit.api import Picture

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIZE = (900, 500)
"""Width and height in pixels."""

FRAME = (90, 40, 870, 420)
"""Left, top, right and bottom of the plotted area."""

FONT_SIZE = 16
STEPS_LABELLED = 12
COLOURS = ("#1f5fa8", "#c4472b", "#2d8a4e", "#7d4aa3", "#a8741f", "#3a3a3a")


@dataclass(frozen=True)
class Point:
    """The losses of all samples at one step."""

    stage: str
    """What is called so on the axis, as long as it stays the same."""
    step: int
    losses: tuple[float, ...]


def joined(runs: Sequence[Sequence[Point]]) -> list[Point]:
    """The points of several runs of the same steps, with the samples of all of them."""
    return [
        Point(same[0].stage, same[0].step, tuple(loss for one in same for loss in one.losses))
        for same in zip(*runs, strict=True)
    ]


def plot(points: Sequence[Point], title: str) -> Picture:
    """Loss over guided steps, a line a sample, with the stages below."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    low, high = _range([loss for point in points for loss in point.losses])
    _draw_frame(draw, title, low, high)
    if points:
        _draw_stages(draw, points)
        for k in range(len(points[0].losses)):
            line = [
                (_across(index, len(points)), _upwards(point.losses[k], low, high))
                for index, point in enumerate(points)
            ]
            draw.line(line, fill=COLOURS[k % len(COLOURS)], width=2)
    return Picture(np.asarray(image), "loss")


def _range(losses: Sequence[float]) -> tuple[float, float]:
    """Ends of the loss axis: multiples of a twentieth around all of them."""
    if not losses:
        return 0.0, 1.0
    return np.floor(min(losses) * 20) / 20, np.floor(max(losses) * 20 + 1) / 20


def _across(index: int, count: int) -> float:
    left, _, right, _ = FRAME
    return left + (index + 0.5) * (right - left) / count


def _upwards(loss: float, low: float, high: float) -> float:
    _, top, _, bottom = FRAME
    return bottom - (loss - low) / (high - low) * (bottom - top)


def _write(draw: ImageDraw, at: tuple[float, float], text: str, anchor: str) -> None:
    from PIL import ImageFont

    draw.text(at, text, fill="black", font=ImageFont.load_default(FONT_SIZE), anchor=anchor)


def _draw_frame(draw: ImageDraw, title: str, low: float, high: float) -> None:
    left, top, right, _ = FRAME
    for k in range(5):
        loss = low + k * (high - low) / 4
        y = _upwards(loss, low, high)
        draw.line([(left, y), (right, y)], fill="#dddddd")
        _write(draw, (left - 8, y), f"{loss:.3f}", "rm")
    draw.rectangle(FRAME, outline="black")
    _write(draw, (left, top - 8), f"1.2·(1 - cosine): {title}"[:90], "ls")


def _draw_stages(draw: ImageDraw, points: Sequence[Point]) -> None:
    """Step numbers along the axis, and below them which stage they belong to."""
    _, top, _, bottom = FRAME
    count = len(points)
    every = max(1, count // STEPS_LABELLED)
    first = 0
    for index, point in enumerate(points):
        is_last = index == count - 1 or points[index + 1].stage != point.stage
        if (index - first) % every == 0:
            _write(draw, (_across(index, count), bottom + 8), str(point.step), "mt")
        if not is_last:
            continue
        middle = (_across(first, count) + _across(index, count)) / 2
        _write(draw, (middle, bottom + 34), point.stage, "mt")
        first = index + 1
        if first < count:
            border = _across(index + 0.5, count)  # type: ignore[arg-type]
            draw.line([(border, top), (border, bottom)], fill="#999999")
