"""Frames as a file: GIF, APNG and WebP by Pillow, MP4 by PyAV where it is installed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from sinddm_toolkit.api import CanvasSize, Task, UserError, option

if TYPE_CHECKING:
    from PIL import Image

    from sinddm_toolkit.api import Picture

SUFFIXES = (".gif", ".png", ".webp", ".mp4")

MOST_SIDE = 800
"""Pixels of the longer side of a frame, if nobody says how large it shall be."""

MOST_PIXELS = 100_000_000
"""Of all frames together, in memory until the film is written: 300 MB."""

WEBP_QUALITY = 85
MP4_CRF = "16"
"""x264's constant quality: hardly to be told from the frames themselves."""

Size = tuple[int, int]


class FilmTask(Task):
    """What films have in common. `to` is the file, in `SUFFIXES`."""

    fps: float = option("frames a second", default=12.0, minimum=0.1, maximum=50)
    hold: float = option(
        "seconds for which the picture is shown that a movement ends with",
        default=1.5,
        minimum=0,
        maximum=60,
    )
    size: CanvasSize | None = option(
        "size of the frames: pixels, or times the result's as in 50%x50%; the result's if not "
        f"given, up to {MOST_SIDE} pixels a side",
        default=None,
    )

    def check_film(self, to: str) -> None:
        """UserError if there is nothing here that writes such a file."""
        if _suffix(to) == ".mp4" and find_spec("av") is None:
            raise UserError(
                f"--to of {self.name}: {to} needs PyAV, which is not installed: "
                "`pip install av`, or name a .gif, .png or .webp"
            )

    def frame_size(self, canvas: Size, frames: int) -> Size:
        """(h, w) of so many frames of results of the size `canvas` (h, w).

        UserError if together they are too large to be kept in memory.
        """
        if self.size is not None:
            size = self.size.of(canvas)
        else:
            by = min(1.0, MOST_SIDE / max(canvas))
            size = (max(1, round(canvas[0] * by)), max(1, round(canvas[1] * by)))
        if frames * size[0] * size[1] > MOST_PIXELS:
            most = MOST_PIXELS // frames
            raise UserError(
                f"{self.name}: {frames} frames of {size[1]}x{size[0]} pixels are too many to be "
                f"kept in memory: give a --size of at most {most} pixels, or fewer frames"
            )
        return size

    def film(self, frames: Sequence[Image.Image], held: Sequence[int], to: str) -> bytes:
        """RGB frames of one size as a file of the kind that `to` names, played for ever.

        `held` are the numbers of those that are shown for `hold` seconds more.
        """
        seconds = [1 / self.fps + (self.hold if k in held else 0) for k in range(len(frames))]
        if _suffix(to) == ".mp4":
            return _mp4(frames, [round(one * self.fps) for one in seconds], self.fps)
        return _animated(frames, [round(1000 * one) for one in seconds], _suffix(to))


def image_of(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """An RGB image of (h, w), on white where the picture is transparent."""
    from PIL import Image

    picture = picture.resized(size)
    rgb, alpha = picture.rgb(), picture.alpha()
    if alpha is not None:
        rgb = 1 + (rgb - 1) * alpha[..., None]
    return Image.fromarray(((rgb + 1) * 127.5).round().clip(0, 255).astype(np.uint8))


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2].lower()


def _animated(frames: Sequence[Image.Image], milliseconds: list[int], suffix: str) -> bytes:
    file = io.BytesIO()
    more = {"quality": WEBP_QUALITY} if suffix == ".webp" else {}
    frames[0].save(
        file,
        suffix[1:],
        save_all=True,
        append_images=frames[1:],
        duration=milliseconds,
        loop=0,
        **more,
    )
    return file.getvalue()


def _mp4(frames: Sequence[Image.Image], counts: list[int], fps: float) -> bytes:
    """Each of the frames so many times. H.264 in yuv420p, which every player knows."""
    import av

    width, height = (side + side % 2 for side in frames[0].size)  # colours are at half the size
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        # One thread: with several, the bytes depend on how many there are.
        options = {"crf": MP4_CRF, "threads": "1", "movflags": "+faststart"}
        stream = container.add_stream("libx264", Fraction(fps).limit_denominator(1000), options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in _repeated(frames, counts):
            if image.size != (width, height):
                image = image.resize((width, height))
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return file.getvalue()


def _repeated(frames: Sequence[Image.Image], counts: Sequence[int]) -> Iterator[Image.Image]:
    for image, count in zip(frames, counts, strict=True):
        yield from [image] * max(1, count)


def describe_video() -> dict[str, str]:
    """A line for `doctor`."""
    there = find_spec("av") is not None
    return {"animations as MP4": "ready" if there else "need PyAV: `pip install av`"}
