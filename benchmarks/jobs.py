"""What is asked of everyone: one task on one picture, and what the result is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image, ImageDraw
from sinddm_toolkit.plugins.demo import SHUTTLE_BOX, SHUTTLE_OUTLINE
from skimage import data
from subjects import Subject, shrunk
from torch import Tensor

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""

HIDDEN = (0.36, 0.42, 0.6, 0.72)
"""What is taken out, as shares: left, top, right, bottom."""

KEPT = 2 / 3
"""Share of the width from which the rest is to be made up."""

OBJECT = 0.4
"""Height of what is pasted in, as a share; it goes to the middle of the right half."""


@dataclass(frozen=True)
class Job:
    """One task on one picture."""

    inputs: dict[str, Image.Image]
    """File name → picture."""
    words: str
    """Our command line, behind `run`."""
    reference: Image.Image
    """Whose patches and features the result should have."""
    judged: Box | None = None
    """Part of the result that is looked at; all of it if not given."""
    truth: Image.Image | None = None
    """What the result should be, if there is only one such thing."""
    samples: int = 1
    hidden: Box | None = None
    shown: tuple[str, ...] = field(default=("picture.png",))
    """Inputs that stand on the sheet."""

    def to_fill(self) -> tuple[Image.Image, np.ndarray]:
        """A picture of the result's size and (h, w), true where it is to be made up."""
        assert self.truth is not None and self.hidden is not None
        picture = Image.new("RGB", self.truth.size)
        picture.paste(self.inputs["picture.png"], (0, 0))
        left, top, right, bottom = self.hidden
        hidden = np.zeros((picture.height, picture.width), bool)
        hidden[top:bottom, left:right] = True
        return picture, hidden


def sample(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    small = shrunk(picture, pixels)
    words = "sample --image picture.png --samples 2"
    return Job({"picture.png": small}, words, small, samples=2)


def inpaint(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    """A cat in front of a part of the picture is to go: what is behind it nobody has seen."""
    truth = shrunk(picture, pixels)
    left, right = (round(share * truth.width) for share in (HIDDEN[0], HIDDEN[2]))
    top, bottom = (round(share * truth.height) for share in (HIDDEN[1], HIDDEN[3]))
    cat = Image.fromarray(data.chelsea()).crop((70, 0, 370, 300))
    covered = truth.copy()
    covered.paste(cat.resize((right - left, bottom - top), Image.Resampling.LANCZOS), (left, top))
    words = (
        f"inpaint --image picture.png --mask {left},{top},{right - left},{bottom - top} --grow 0"
    )
    box = (left, top, right, bottom)
    return Job({"picture.png": covered}, words, truth.crop(box), box, truth, hidden=box)


def outpaint(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    """The right third of the picture is cut off, and to be made up."""
    truth = shrunk(picture, pixels)
    kept = round(KEPT * truth.width)
    cut = truth.crop((0, 0, kept, truth.height))
    words = f"outpaint --image picture.png --right {truth.width - kept}"
    box = (kept, 0, *truth.size)
    return Job({"picture.png": cut}, words, truth.crop(box), box, truth, hidden=box)


def harmonize(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    """A shuttle's model is pasted in; photo.png has its own surroundings too."""
    ground = shrunk(picture, pixels)
    shuttle = Image.fromarray(data.astronaut()).crop(SHUTTLE_BOX)
    outline = Image.new("L", shuttle.size, 0)
    ImageDraw.Draw(outline).polygon(SHUTTLE_OUTLINE, fill=255)
    height = round(OBJECT * ground.height)
    size = (round(shuttle.width * height / shuttle.height), height)
    left, top = round(0.75 * ground.width) - size[0] // 2, (ground.height - height) // 2
    shuttle, outline = (x.resize(size, Image.Resampling.LANCZOS) for x in (shuttle, outline))
    pasted, mask, photo = ground.copy(), Image.new("L", ground.size, 0), ground.copy()
    pasted.paste(shuttle, (left, top), outline)
    photo.paste(shuttle, (left, top))
    mask.paste(outline.point(lambda value: 255 * (value > 127)), (left, top))
    return Job(
        {"bg.png": ground, "pasted.png": pasted, "mask.png": mask, "photo.png": photo},
        "harmonize --bg bg.png --composite pasted.png",
        ground,
        (left, top, left + size[0], top + size[1]),
        shown=("pasted.png",),
    )


def style_transfer(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    """In the manner of one of the paintings, at twice the pixels."""
    other = "seascape.png" if subject.name == "starry" else "starry_night.png"
    style = Image.open(Subject("", "here", other, "", "").find(None) or "").convert("RGB")
    return Job(
        {"content.png": shrunk(picture, 2 * pixels), "style.png": style},
        "style-transfer --style style.png --content content.png",
        style,
        shown=("content.png",),
    )


def super_resolve(subject: Subject, picture: Image.Image, pixels: int) -> Job:
    """A picture of half the size is to become what it was made from."""
    truth = shrunk(picture, 4 * pixels)
    truth = truth.crop((0, 0, truth.width // 2 * 2, truth.height // 2 * 2))
    half = truth.resize((truth.width // 2, truth.height // 2), Image.Resampling.LANCZOS)
    words = "super-resolve --image picture.png --factor 2"
    return Job({"picture.png": half}, words, truth, truth=truth)


JOBS: dict[str, Callable[[Subject, Image.Image, int], Job]] = {
    "sample": sample,
    "inpaint": inpaint,
    "outpaint": outpaint,
    "harmonize": harmonize,
    "style-transfer": style_transfer,
    "super-resolve": super_resolve,
}


def as_tensor(picture: Image.Image) -> Tensor:
    """(1, 3, h, w) in [-1, 1]."""
    pixels = np.array(picture.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def as_picture(x: Tensor) -> Image.Image:
    pixels = ((x[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())
