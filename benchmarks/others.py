"""What people use instead, each by its own defaults: a job in, a picture out.

A program or a package that isn't there raises `Missing`: it is named in the table, never replaced.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import torch
from jobs import Job, as_picture, as_tensor
from PIL import Image, ImageFilter

FEATHER = 2
"""Pixels that a plain paste's rim is blurred by."""

AROUND = 3
"""Pixels of an object's own surroundings that Poisson blending starts from."""


class Missing(Exception):
    """A program or package that this needs, in words."""


def gmic_fill(job: Job, folder: Path) -> list[Image.Image]:
    """G'MIC's patch-based filling, several sizes."""
    start, mask = _to_fill(job, folder)
    return _gmic(folder, f"{start} {mask} -inpaint_matchpatch[0] [1] -remove[1]")


def gmic_style(job: Job, folder: Path) -> list[Image.Image]:
    return _gmic(folder, "content.png style.png -stylize[0] [1] -remove[1]")


def patchmatch_fill(job: Job, folder: Path) -> list[Image.Image]:
    """Barnes et al., 2009, as the package pypatchmatch has it."""
    try:
        from patchmatch import patch_match
    except ImportError as problem:
        raise Missing("the package pypatchmatch") from problem
    picture, hidden = job.to_fill()
    filled = patch_match.inpaint(np.asarray(picture), np.uint8(hidden) * 255, patch_size=5)
    return [Image.fromarray(filled)]


def telea_fill(job: Job, folder: Path) -> list[Image.Image]:
    import cv2

    picture, hidden = job.to_fill()
    filled = cv2.inpaint(np.asarray(picture), np.uint8(hidden) * 255, 5, cv2.INPAINT_TELEA)
    return [Image.fromarray(filled)]


def biharmonic_fill(job: Job, folder: Path) -> list[Image.Image]:
    from skimage.restoration import inpaint_biharmonic

    picture, hidden = job.to_fill()
    filled = inpaint_biharmonic(np.asarray(picture), hidden, channel_axis=2)
    return [Image.fromarray(np.uint8(np.clip(filled, 0, 1) * 255 + 0.5))]


def poisson_paste(job: Job, folder: Path) -> list[Image.Image]:
    """OpenCV's seamlessClone (Pérez et al., 2003), of the object with a little around it."""
    import cv2

    ground, photo = (np.asarray(job.inputs[name]) for name in ("bg.png", "photo.png"))
    mask = cv2.dilate(np.asarray(job.inputs["mask.png"]), np.ones((2 * AROUND + 1,) * 2, np.uint8))
    rows, columns = np.nonzero(mask > 127)
    middle = int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2
    return [Image.fromarray(cv2.seamlessClone(photo, ground, mask, middle, cv2.NORMAL_CLONE))]


def plain_paste(job: Job, folder: Path) -> list[Image.Image]:
    """The composite, its rim blurred a little."""
    mask = job.inputs["mask.png"].convert("L")
    soft = mask.filter(ImageFilter.GaussianBlur(FEATHER / 2))
    return [Image.composite(job.inputs["pasted.png"], job.inputs["bg.png"], soft)]


def lanczos(job: Job, folder: Path) -> list[Image.Image]:
    assert job.truth is not None
    return [job.inputs["picture.png"].resize(job.truth.size, Image.Resampling.LANCZOS)]


def training_free_samples(job: Job, folder: Path) -> list[Image.Image]:
    """Our reading of Qiu et al., 2026."""
    try:
        from training_free import Sampler
    except ImportError as problem:
        raise Missing("the package faiss-cpu") from problem
    sampler = Sampler(as_tensor(job.inputs["picture.png"]))
    return [as_picture(sampler.sample(seed)) for seed in range(1, job.samples + 1)]


def _to_fill(job: Job, folder: Path) -> tuple[str, str]:
    """Names of the picture and the mask, written there."""
    picture, hidden = job.to_fill()
    picture.save(folder / "to-fill.png")
    Image.fromarray(np.uint8(hidden) * 255).save(folder / "hidden.png")
    return "to-fill.png", "hidden.png"


def _gmic(folder: Path, words: str) -> list[Image.Image]:
    if not shutil.which("gmic"):
        raise Missing("the program gmic")
    command = ["gmic", *words.split(), "-o[0]", "by-gmic.png"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return [Image.open(folder / "by-gmic.png").convert("RGB")]


def no_threads() -> None:
    """Libraries on one thread: processor time is then comparable."""
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
