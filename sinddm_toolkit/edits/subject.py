"""What an edit learns: a picture at its working size, and by which configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sinddm_toolkit.edits.models import ModelConfig
from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.pyramid import (
    Pyramid,
    Size,
    build_pyramid,
    check_size,
    tensor_from_rgb,
    working_size,
)
from sinddm_toolkit.engine.quality import QUALITIES, Quality
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.compositing import BoolArray
from sinddm_toolkit.pictures.picture import Picture

HIDDEN_ABOVE = -0.98
"""Of a mask in [-1, 1]: what is not quite black hides."""


@dataclass(frozen=True)
class Subject:
    """The picture that is learnt, at its working size."""

    picture: Picture
    pyramid: Pyramid
    schedule: Schedule
    config: ModelConfig


def make_subject(
    picture: Picture,
    options: RunOptions,
    hidden: Sequence[Picture] = (),
    chosen: ModelConfig | None = None,
    schedule: Schedule | None = None,
    most_pixels: int | None = None,
) -> Subject:
    """What is learnt of `picture`, but for where any of `hidden` (of the same size) is white.

    How it is learnt is for `options` to say, unless a model is `chosen`: then its configuration
    holds, for this picture, and its `schedule`, and nothing is hidden if it knows the whole.
    `most_pixels` is what the tasks ask for where the options don't say.
    UserError if the picture is too small or has transparent parts, or if all of it is hidden.
    """
    check_size(picture.size, picture.name)
    if picture.alpha() is not None:
        raise UserError(
            f"{picture.name} has transparent parts: a model learns from a whole picture, "
            "flatten it onto a colour first"
        )
    quality = QUALITIES[options.quality]
    wanted = options.max_pixels or min(quality.max_pixels, most_pixels or quality.max_pixels)
    size = chosen.size if chosen else working_size(picture.size, wanted)
    small = picture.resized(size)
    content = small.content_hash()
    known = None
    if hidden and not (chosen and chosen.picture == content):
        ignored = _ignored(hidden, size)
        content = hashlib.sha256(content.encode() + np.packbits(ignored).tobytes()).hexdigest()
        known = torch.from_numpy(~ignored)[None, None].float()
    config = replace(chosen, picture=content) if chosen else _config(options, content, size)
    pyramid = build_pyramid(tensor_from_rgb(small.rgb()), known, config.upsampling)
    schedule = schedule or make_schedule(pyramid.details, pyramid.factor)
    return Subject(picture, pyramid, schedule, config)


def _ignored(hidden: Sequence[Picture], size: Size) -> BoolArray:
    """(h, w), true where any of `hidden` is white. UserError if that is everywhere."""
    ignored = np.zeros(size, np.bool_)
    for mask in hidden:
        ignored |= mask.resized(size).rgb().max(axis=2) > HIDDEN_ABOVE
    if ignored.all():
        names = " and ".join(mask.name for mask in hidden)
        raise UserError(f"{names}: white covers everything, nothing is left to learn from")
    return ignored


def _config(options: RunOptions, content: str, size: Size) -> ModelConfig:
    """The model of a picture of that `content` and working `size`, trained as `options` say."""
    quality = QUALITIES[options.quality]
    return ModelConfig(
        content,
        size,
        quality.name,
        quality.width,
        options.train_seed,
        network=quality.network,
        init=_chosen_init(options, quality),
    )


def _chosen_init(options: RunOptions, quality: Quality) -> str | None:
    """The weights that a training starts from. UserError if those asked for don't exist."""
    if options.init == "random":
        return None
    found = quality.network and priors.fingerprint(quality.network, quality.width)
    if options.init == "prior" and not found:
        raise UserError(f"--init prior: there are no weights to start {quality.name} from")
    return found or None
