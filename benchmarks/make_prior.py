"""Makes the weights that trainings start from: a denoiser of many pictures.

    python benchmarks/make_prior.py PICTURES --width 48 --out half-48.safetensors

PICTURES is a folder with the files that `pictures.toml`, beside the shipped weights, lists; it also
says where they come from and under which licence. Every picture is seen in several views: parts of
it, of several sizes, turned and mirrored. An interrupted run goes on from the checkpoint beside the
output.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.crops import Batches
from sinddm_toolkit.engine.networks import make_network
from sinddm_toolkit.engine.phases import Phase
from sinddm_toolkit.engine.pyramid import Pyramid, build_pyramid, tensor_from_rgb, working_size
from sinddm_toolkit.engine.quality import QUALITIES, Quality
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.engine.training import Updater, add_gradients
from sinddm_toolkit.pictures.reading import read_picture

LIST = files(priors) / "pictures.toml"

VIEWS = 8
"""Of each picture."""

VIEW_PIXELS = (40_000, 400_000)
"""Smallest and largest working size of a view; between them all factors are equally likely."""

VIEW_SHARE = (0.3, 1.0)
"""Of a picture's sides that a view shows."""

CROP = 32

DECAY_SHARE = 0.4
EMA_DECAY = 0.999
CHECKPOINT_EVERY = 2000


def listed_pictures(folder: Path) -> list[Path]:
    """The files of `pictures.toml` in `folder`. SystemExit if one is missing or another one."""
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))["picture"]
    paths = []
    for entry in listed:
        path = folder / entry["file"]
        if not path.exists():
            raise SystemExit(f"{path} is missing: it is in {entry['source']}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise SystemExit(f"{path} is not the file that {LIST.name} lists")
        paths.append(path)
    return paths


def make_views(path: Path, rng: np.random.Generator) -> list[tuple[Pyramid, Schedule]]:
    """`VIEWS` pairs (pyramid, schedule) of parts of one picture."""
    picture = read_picture(path)
    rgb = picture.rgb()
    views = []
    for _ in range(VIEWS):
        share = rng.uniform(*VIEW_SHARE)
        h, w = (max(64, round(share * side)) for side in picture.size)
        y, x = (
            int(rng.integers(picture.size[0] - h + 1)),
            int(rng.integers(picture.size[1] - w + 1)),
        )
        part = tensor_from_rgb(np.ascontiguousarray(rgb[y : y + h, x : x + w]))
        if rng.random() < 0.5:
            part = part.mT
        flips = [axis for axis in (-1, -2) if rng.random() < 0.5]
        part = part.flip(flips) if flips else part
        pixels = math.exp(rng.uniform(math.log(VIEW_PIXELS[0]), math.log(VIEW_PIXELS[1])))
        size = working_size((part.shape[-2], part.shape[-1]), round(pixels))
        small = torch.nn.functional.interpolate(
            part, size=size, mode="bicubic", antialias=True, align_corners=False
        )
        pyramid = build_pyramid(small.clamp(-1, 1).contiguous())
        views.append((pyramid, make_schedule(pyramid.details, pyramid.factor)))
    return views


def load(checkpoint: Path, updater: Updater) -> int:
    """Bring a training to where `save` was called → the updates that had been made."""
    saved = torch.load(checkpoint, weights_only=True)
    updater.network.load_state_dict(saved["weights"])
    for own, tensor in zip(updater.remembered(), saved["remembered"], strict=True):
        own.copy_(tensor)
    updater.adam.steps = saved["updates"]
    return updater.adam.steps


def save(checkpoint: Path, updater: Updater) -> None:
    state = {
        "weights": updater.network.state_dict(),
        "remembered": updater.remembered(),
        "updates": updater.adam.steps,
    }
    part = checkpoint.with_suffix(".part")
    torch.save(state, part)
    part.replace(checkpoint)


def train_prior(
    views: list[tuple[Pyramid, Schedule]], quality: Quality, updates: int, checkpoint: Path
) -> torch.nn.Module:
    """A denoiser trained on one view after another, chosen by chance, with averaged weights."""
    compute: Compute = choose_compute("cpu")
    torch.manual_seed(0)
    network = make_network(quality.network, quality.width)
    network.to(memory_format=torch.channels_last)
    phase = Phase({}, {}, 0, round(updates * (1 - DECAY_SHARE)), updates)
    updater = Updater(network, quality, phase)
    begun = load(checkpoint, updater) if checkpoint.exists() else 0
    batches = [
        Batches(pyramid, schedule, quality, compute.device, begun + 1_000_003 * index)
        for index, (pyramid, schedule) in enumerate(views)
    ]
    error = 1.0
    for k in range(begun, updates):
        rng = np.random.default_rng((1, k))
        view = int(rng.integers(len(views)))
        starts = views[view][1].starts
        scale = int(rng.integers(len(starts)))
        batch = batches[view].draw(scale, starts[scale])
        network.zero_grad(set_to_none=True)
        loss = add_gradients(network, batch, scale, compute)
        updater.update(k)
        error += 0.001 * (float(loss) - error)
        if (k + 1) % CHECKPOINT_EVERY == 0:
            save(checkpoint, updater)
            print(f"{k + 1} of {updates} updates, error {error:.4f}", flush=True)
    updater.take_average()
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--width", type=int, default=QUALITIES["draft"].width)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    quality = replace(QUALITIES["draft"], width=asked.width, crop=CROP, ema_decay=EMA_DECAY)
    rng = np.random.default_rng(0)
    views = [view for path in listed_pictures(asked.pictures) for view in make_views(path, rng)]
    network = train_prior(views, quality, asked.updates, asked.out.with_suffix(".checkpoint"))
    tensors = {name: t.contiguous().half() for name, t in network.state_dict().items()}
    facts = {"updates": asked.updates, "width": asked.width, "network": quality.network}
    save_file(tensors, asked.out, metadata={"sinddm-prior": json.dumps(facts)})


if __name__ == "__main__":
    main()
