"""Edits of every bundled task whose pictures must not change, and the script that writes them down.

Run by hand after a change that is meant to change pictures::

    OMP_NUM_THREADS=1 python -m tests.golden.edits

Each picture is kept as a hash, which holds on the machine and versions that `environment.json`
tells of, and as a picture, which other machines come near.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.testing import drawn_picture, make_trainings_tiny

HERE = Path(__file__).parent
MODELS = HERE / "models"
PICTURES = HERE / "pictures"
HASHES = HERE / "hashes.json"
ENVIRONMENT = HERE / "environment.json"
CLIP = str(HERE.parent / "small_clip" / "small_clip.json")

SMALL = drawn_picture((60, 80)).pixels
LARGE = drawn_picture((520, 640), seed=1).pixels
"""More than the tasks work on as a whole."""
OTHER = drawn_picture((72, 66), seed=2).pixels[..., ::-1].copy()


def pasted(picture: np.ndarray, size: int) -> np.ndarray:
    """`picture` with a red square of that size in it."""
    composite = picture.copy()
    top, left = picture.shape[0] // 3, picture.shape[1] // 3
    composite[top : top + size, left : left + size] = (230, 40, 30)
    return composite


def layer() -> np.ndarray:
    """A composite that is transparent but for a disk."""
    y, x = np.mgrid[:60, :80]
    alpha = (255 * ((y - 30) ** 2 + (x - 40) ** 2 < 100)).astype(np.uint8)
    return np.dstack([pasted(SMALL, 30), alpha])


def deep(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.uint16) * 257 + 3


def crude() -> np.ndarray:
    """A rough painting of two tones."""
    painting = np.full((90, 120, 3), (60, 90, 160), np.uint8)
    painting[50:] = (180, 150, 60)
    return painting


@dataclass(frozen=True)
class Edit:
    """An edit as Python asks for it."""

    task: str
    options: dict[str, Any]
    also: dict[str, dict[str, Any]] | None = None
    box: tuple[slice, slice] | None = None
    """What is looked at of a large result."""
    near: float = 12
    """Levels of 255 that a picture of another machine may be off by, in the mean: models this small
    know little, and steps enlarge what rounding has made."""

    def pictures(self) -> Iterator[tuple[str, np.ndarray]]:
        """Suffix and pixels of each sample, and of the pictures made beside them."""
        with TemporaryDirectory() as folder:
            options = dict(self.options)
            for name, value in options.items():
                if isinstance(value, str) and value == "EXTRA":
                    options[name] = str(Path(folder) / "extra.png")
            out = str(Path(folder) / "out.png")
            result = st.run(self.task, also=self.also, device="cpu", out=out, **options)
            for k, picture in enumerate(result.pictures):
                yield f"-{k}", picture.pixels if self.box is None else picture.pixels[self.box]
            for path in result.outputs[len(result.pictures) :]:
                yield "-extra", np.atleast_3d(np.asarray(Image.open(path)))


NEAR_OBJECT = (slice(140, 300), slice(180, 340))
WORDS = {"clip": CLIP, "views": 3}

EDITS = {
    "sample": Edit("sample", {"image": SMALL, "size": "2x1", "samples": 2, "seed": 1}),
    "harmonize": Edit(
        "harmonize", {"bg": SMALL, "composite": pasted(SMALL, 20), "seed": 2, "save_mask": "EXTRA"}
    ),
    "harmonize-layer": Edit("harmonize", {"bg": SMALL, "composite": layer(), "seed": 3}),
    "harmonize-coarse": Edit(
        "harmonize",
        {"bg": SMALL, "composite": deep(pasted(SMALL, 20)), "start_scale": 0, "seed": 4},
    ),
    "harmonize-large": Edit(
        "harmonize",
        {"bg": LARGE, "composite": pasted(LARGE, 60), "samples": 2, "seed": 5},
        box=NEAR_OBJECT,
    ),
    "harmonize-large-coarse": Edit(
        "harmonize",
        {"bg": LARGE, "composite": pasted(LARGE, 60), "start_scale": 3, "seed": 6},
        box=NEAR_OBJECT,
    ),
    "style-transfer": Edit("style-transfer", {"style": SMALL, "content": OTHER, "seed": 7}),
    "style-transfer-large": Edit(
        "style-transfer",
        {"style": SMALL, "content": np.tile(LARGE, (2, 1, 1)), "seed": 8},
        box=NEAR_OBJECT,
    ),
    "super-resolve": Edit("super-resolve", {"image": SMALL, "factor": 2.0, "seed": 9}),
    "outpaint": Edit("outpaint", {"image": SMALL, "right": "30%", "top": 9, "seed": 10}),
    "inpaint": Edit("inpaint", {"image": SMALL, "mask": "20,15,18,14", "seed": 11}),
    "outpaint-free": Edit(
        "outpaint",
        {"image": SMALL, "right": "30%", "top": 9, "structure": "free", "seed": 10},
    ),
    "inpaint-free": Edit(
        "inpaint", {"image": SMALL, "mask": "20,15,18,14", "structure": "free", "seed": 11}
    ),
    "inpaint-large": Edit(
        "inpaint",
        {"image": LARGE, "mask": "200,160,80,80", "seed": 20},
        box=NEAR_OBJECT,
    ),
    "paint": Edit("paint", {"image": SMALL, "painting": crude(), "seed": 12}),
    "paint-masked": Edit(
        "paint",
        {"image": SMALL, "painting": pasted(SMALL, 16), "mask": "20,15,30,30", "seed": 13},
    ),
    "roi": Edit(
        "roi",
        {
            "image": SMALL,
            "source": ["5,5,20,20"],
            "target": [["50,30,20,20"]],
            "size": "1.5x1",
            "seed": 14,
        },
    ),
    "text-content": Edit(
        "text-content", {"image": SMALL, "text": ["red"], "seed": 15, "guide_every": 9, **WORDS}
    ),
    "text-style": Edit(
        "text-style",
        {"image": SMALL, "text": ["blue"], "of_image": True, "seed": 16, **WORDS},
        near=42,  # every step is told the gradient of the one before; another seed is off by 51
    ),
    "text-roi": Edit(
        "text-roi",
        {
            "image": SMALL,
            "text": ["green"],
            "region": "20,15,30,30",
            "steps": 3,
            "seed": 17,
            "samples": 2,
            **WORDS,
        },
    ),
    "together": Edit(
        "outpaint",
        {"image": SMALL, "right": 30, "structure": "free", "seed": 18},
        also={"roi": {"source": ["5,5,20,20"], "target": [["80,30,20,20"]]}},
    ),
    "preview": Edit("sample", {"image": SMALL, "denoiser": "closed-form", "seed": 19}),
}


def content(pixels: np.ndarray) -> str:
    """A hash of shape, depth and pixels."""
    digest = hashlib.sha256(f"{pixels.shape}{pixels.dtype}".encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def environment() -> dict[str, Any]:
    """What the last bits of a picture depend on."""
    return st.run("sample", image=SMALL, seed=0, device="cpu", sampling_steps=1).records[0][
        "environment"
    ]


def with_models(home: Path, patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let edits use the models kept here."""
    patch.setenv("SINDDM_TK_HOME", str(home))
    make_trainings_tiny(patch)
    MODELS.mkdir(exist_ok=True)
    shutil.copytree(MODELS, home / "models", dirs_exist_ok=True)

    def keep() -> None:
        for path in (home / "models").glob("*.safetensors"):
            shutil.copy(path, MODELS / path.name)

    return keep


def write() -> None:
    """Write hashes, pictures and the models that are not kept yet."""
    torch.set_num_threads(1)
    PICTURES.mkdir(exist_ok=True)
    hashes = {}
    with TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        keep = with_models(Path(home), patch)
        for edit in EDITS.values():  # what one of them learns is another's too
            list(edit.pictures())
        for name, edit in EDITS.items():
            for suffix, pixels in edit.pictures():
                hashes[name + suffix] = content(pixels)
                if pixels.dtype == np.uint16:
                    pixels = (pixels // 257).astype(np.uint8)
                shown = pixels[..., 0] if pixels.shape[2] == 1 else pixels
                Image.fromarray(shown).save(PICTURES / f"{name}{suffix}.png", optimize=True)
        keep()
        ENVIRONMENT.write_text(json.dumps(environment(), indent=1) + "\n")
    HASHES.write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    write()
