"""Checkpoints of the published implementation of SinDDM, taken over as models of this toolkit.

Such a file is a pickled dictionary. What is needed of it is `ema`, the averaged weights with the
tables of the diffusion, and `step`, the number of updates. Which picture it was trained on it does
not say: only the number of scales can be compared with that of a picture.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import MOST_WIDTH, Model, ModelConfig
from sinddm_toolkit.edits.subject import make_subject
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import PaperDenoiser
from sinddm_toolkit.engine.phases import MOST_UPDATES, Phase
from sinddm_toolkit.engine.run import NoisePredictor
from sinddm_toolkit.engine.schedule import (
    TIMESTEPS,
    Schedule,
    cosine_alphas_cumprod,
    falls_within_0_and_1,
    start_step,
)
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import check_ordinary
from sinddm_toolkit.pictures.picture import Picture

PUBLISHED_MAX_PIXELS = 50_000
"""The published implementation shrinks every picture to this first."""

IMPORTED = "imported"
"""The quality of an imported model: none of `QUALITIES`."""

NETWORK = "denoise_fn."
"""What the keys of weights begin with, those of tables do not."""

WIDTH_KEY = f"{NETWORK}final_conv.0.weight"
"""Its second side is half the width."""

LAYERS = {"embed.0": "time_mlp.0", "embed.2": "time_mlp.2", "head": "final_conv.0"}
BLOCK_LAYERS = {
    "condition.1": "mlp.1",
    "condition.2": "time_reshape",
    "depthwise": "ds_conv",
    "conv1": "net.0",
    "conv2": "net.2",
    "residual": "res_conv",
}
"""Our names of layers → theirs; the blocks are l1 … l4 there."""

TABLE_TOLERANCE = 2e-7
"""Relative; a table that is as close as this to another is that one, rounded to float32."""

MIRROR_RATIO = 0.9
"""A model predicts the noise in its picture with less than this share of the error that it makes in
the mirror image. Measured after a minute's training: .81 and .82, and .95 to 1.04 for 10 pairs of
model and other picture. Mirror images, as they have the statistics of any picture in common."""

PROBED_STEPS = (20, 35)
PROBES = 2
"""At scale 0, where a model knows its picture nearly by heart: these t, so many draws of noise."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds, in the terms of this toolkit."""

    path: Path
    sha256: str
    """Of the file."""
    updates: int
    schedule: Schedule
    network: PaperDenoiser

    @property
    def scales(self) -> int:
        """N."""
        return len(self.schedule.starts)


def import_checkpoint(path: Path, picture: Picture, events: Events | None = None) -> Model:
    """The checkpoint in `path` as a model of `picture`, which it was trained on.

    Nothing in the file is executed. UserError if it is no checkpoint of the published
    implementation, or if the picture can't be the one; a message to `events` if it hardly can.
    """
    checkpoint = read_checkpoint(path)
    subject = make_subject(picture, RunOptions(max_pixels=PUBLISHED_MAX_PIXELS))
    if subject.pyramid.count != checkpoint.scales:
        height, width = subject.config.size
        raise UserError(
            f"{path} has {checkpoint.scales} scales and {picture.name}, at {width}×{height} pixels,"
            f" gives {subject.pyramid.count}: the checkpoint was trained on another picture"
        )
    config = replace(
        subject.config,
        quality=IMPORTED,
        width=checkpoint.network.width,
        seed=0,
        checkpoint=checkpoint.sha256,
        network=None,
        init=None,
    )
    predict = NetworkPredictor(checkpoint.network, Compute(torch.device("cpu"), torch.float32))
    if events and not seems_known(predict, checkpoint.schedule, subject.pyramid.scales[0]):
        events.message(
            f"{path} knows {picture.name} no better than its mirror image: unless the two are "
            "alike, the checkpoint was probably trained on another"
        )
    return _model(config, checkpoint, picture.name)


def seems_known(predict: NoisePredictor, schedule: Schedule, x: Tensor) -> bool:
    """Whether noise is predicted better in x, (1, 3, h, w) of scale 0, than in its mirror image."""
    errors = [_noise_error(predict, schedule, picture) for picture in (x, x.flip(-1))]
    return errors[0] < MIRROR_RATIO * errors[1]


@torch.no_grad()
def _noise_error(predict: NoisePredictor, schedule: Schedule, x: Tensor) -> float:
    """Mean L1 of the predicted noise in x at scale 0, the same noise for every x."""
    generator = torch.Generator().manual_seed(0)
    error = 0.0
    for t in PROBED_STEPS:
        alpha = schedule.alpha_bar(t)
        noise = torch.randn(PROBES, *x.shape[1:], generator=generator)
        noisy = math.sqrt(alpha) * x + math.sqrt(1 - alpha) * noise
        error += float((predict(noisy, t, 0) - noise).abs().mean())
    return error


def _model(config: ModelConfig, checkpoint: Checkpoint, name: str) -> Model:
    facts = {
        "name": name,
        "imported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "imported_from": checkpoint.path.name,
        "toolkit": __version__,
    }
    history = [_phase(checkpoint)]
    return Model(config, checkpoint.schedule, checkpoint.network, history, facts)


def _phase(checkpoint: Checkpoint) -> Phase:
    """The training of a checkpoint: all timesteps of all scales, in turn or nearly so."""
    count, updates = checkpoint.scales, checkpoint.updates
    return Phase(
        t_ends=dict.fromkeys(range(count), checkpoint.schedule.timesteps),
        updates={s: (updates + s) // count for s in range(count)},
        seed=0,
        decay_from=updates,
        end=updates,
        made=updates,
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in `path`, without executing anything in it.

    UserError if it can't be read so, or is not laid out as the published implementation's, or if
    its shapes contradict each other. Any width and any number of scales will do.
    """
    content, digest = _read(path)
    where = path.name
    ema = _entry(content, "ema", where)
    if not isinstance(ema, dict):
        raise UserError(f"{where}: `ema` must hold tensors by name, here it is {_words(ema)}")
    updates = _entry(content, "step", where)
    schedule = _schedule(ema, f"{where}, ema")
    if type(updates) is not int or not len(schedule.starts) <= updates <= MOST_UPDATES:
        raise UserError(f"{where}: `step` is {updates!r:.40}: a trained checkpoint is needed")
    return Checkpoint(path, digest, updates, schedule, _network(ema, f"{where}, ema"))


def _read(path: Path) -> tuple[Any, str]:
    """What `torch.save` wrote, tensors and plain values only, and the file's sha256."""
    check_ordinary(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on formats of pickle: it is read, or refused below
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True), digest
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # what torch raises for a strange file depends on the file
        raise UserError(
            f"{path} is not a checkpoint: it must be a file of torch.save that holds only tensors "
            "and plain values (nothing in it was executed)"
        ) from error


def _entry(entries: Any, key: str, where: str) -> Any:
    """UserError unless `entries` is a dictionary that has `key`."""
    if not isinstance(entries, dict) or key not in entries:
        raise UserError(
            f"{where}: there is no {key}, which every checkpoint of the published implementation "
            "has"
        )
    return entries[key]


def _words(value: Any) -> str:
    """What `value` is, for a message: its shape if it is a tensor, else its type."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _tensor(ema: dict[str, Any], key: str, where: str, shape: tuple[int, ...] | None) -> Tensor:
    """The finite numbers under `key`. UserError if they are not there or of another `shape`."""
    value = _entry(ema, key, where)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise UserError(f"{where}: {key} must be a tensor of numbers, here it is {_words(value)}")
    if shape is not None and tuple(value.shape) != shape:
        raise UserError(f"{where}: {key} must be {shape}, here it is {_words(value)}")
    if not bool(torch.isfinite(value).all()):
        raise UserError(f"{where}: {key} has values that are not finite")
    return value


def _network(ema: dict[str, Any], where: str) -> PaperDenoiser:
    """The denoiser with the weights of `ema`."""
    head = _tensor(ema, WIDTH_KEY, where, None)
    if head.dim() != 4 or not 1 <= head.shape[1] <= MOST_WIDTH // 2:
        raise UserError(f"{where}: {WIDTH_KEY} must be (3, width / 2, 1, 1), not {_words(head)}")
    network = PaperDenoiser(2 * head.shape[1])
    state = network.state_dict()
    names = {name: published_name(name) for name in state}
    if strange := {key for key in ema if key.startswith(NETWORK)} - set(names.values()):
        raise UserError(f"{where}: {min(strange)} belongs to another network than the published")
    of_width = f"{where} (width {network.width} by its last layer)"
    for name, own in state.items():
        # Theirs projects the condition by a 1×1 convolution where ours is linear: the same numbers.
        shape = (*own.shape, 1, 1) if name.endswith("condition.2.weight") else tuple(own.shape)
        own.copy_(_tensor(ema, names[name], of_width, shape).reshape(own.shape))
    return network


def published_name(name: str) -> str:
    """The key that the parameter `name` of our `Denoiser` has in a checkpoint."""
    layer, kind = name.rsplit(".", 1)
    if layer in LAYERS:
        return f"{NETWORK}{LAYERS[layer]}.{kind}"
    _, block, part = layer.split(".", 2)
    return f"{NETWORK}l{int(block) + 1}.{BLOCK_LAYERS[part]}.{kind}"


def _schedule(ema: dict[str, Any], where: str) -> Schedule:
    """ᾱ and γ as stored, with the start steps that follow from γ."""
    alphas = _tensor(ema, "alphas_cumprod", where, None).double().numpy()
    if alphas.shape != (TIMESTEPS,) or not falls_within_0_and_1(alphas):
        raise UserError(
            f"{where}: alphas_cumprod must be {TIMESTEPS} numbers that fall from below 1 to above 0"
        )
    gammas = _tensor(ema, "gammas", where, None).double().numpy()
    if gammas.ndim != 2 or gammas.shape[1] != TIMESTEPS:
        raise UserError(
            f"{where}: gammas must be (scales - 1, {TIMESTEPS}), here it is {gammas.shape}"
        )
    starts = [start_step(row) for row in gammas]
    if not all(starts):
        raise UserError(f"{where}: gammas must rise from above 0 to 1 at every scale")
    rows = [np.zeros(TIMESTEPS), *gammas]
    return Schedule(
        tuple(map(float, _in_full_precision(alphas))),
        (TIMESTEPS, *starts),
        tuple(tuple(map(float, row)) for row in rows),
    )


def _in_full_precision(alphas: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`alphas` as they were before they were rounded to float32, if they are the usual ones.

    Rounded, 1 - ᾱ_0 has lost four of its seven digits.
    """
    exact = cosine_alphas_cumprod()
    return exact if np.allclose(alphas, exact, rtol=TABLE_TOLERANCE, atol=0) else alphas
