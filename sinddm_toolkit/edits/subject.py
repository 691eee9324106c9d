"""What an edit learns: pictures at their working sizes, and by which configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sinddm_toolkit.edits.models import ModelConfig
from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.pyramid import (
    MIN_SIDE,
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
from sinddm_toolkit.pictures.profiles import in_profile_of

LARGEST_RATIO = 4
"""Between the pixels that a picture would have alone and those of the smallest one beside it."""

HIDDEN_ABOVE = -0.98
"""Of a mask in [-1, 1]: what is not quite black hides."""


@dataclass(frozen=True)
class Subject:
    """The picture that is learnt, or several, at their working sizes."""

    picture: Picture
    """The first one: results are like it in all but what is in them."""
    pyramid: Pyramid
    schedule: Schedule
    config: ModelConfig
    others: Sequence[Picture] = ()
    """Those that are learnt with it."""

    @property
    def name(self) -> str:
        """What messages call that which is learnt."""
        return " and ".join(picture.name for picture in (self.picture, *self.others))


def make_subject(
    picture: Picture,
    options: RunOptions,
    hidden: Sequence[Picture] = (),
    chosen: ModelConfig | None = None,
    schedule: Schedule | None = None,
    most_pixels: int | None = None,
    others: Sequence[Picture] = (),
) -> Subject:
    """What is learnt of `picture`, but for where any of `hidden` (of the same size) is white, and
    of the `others` beside it, at about as many pixels.

    How it is learnt is for `options` to say, unless a model is `chosen`: then its configuration
    holds, for this picture, and its `schedule`, and nothing is hidden if it knows the whole.
    `most_pixels` is what the tasks ask for where the options don't say.
    UserError if a picture is too small or has transparent parts, if all of it is hidden, or if
    the pictures don't go together.
    """
    for one in (picture, *others):
        _check_learnable(one)
    quality = QUALITIES[options.quality]
    wanted = options.max_pixels or min(quality.max_pixels, most_pixels or quality.max_pixels)
    if others:
        _check_colours(picture, others)
    if others and not chosen:
        wanted = _pixels_of_all([picture, *others], wanted)
    size = chosen.size if chosen else working_size(picture.size, wanted)
    small = picture.resized(size)
    beside = [_beside(one, picture, size) for one in others]
    content = _content(small.content_hash(), beside)
    known = None
    if hidden and not (chosen and chosen.picture == content):
        ignored = _ignored(hidden, size)
        seen = small.content_hash().encode() + np.packbits(ignored).tobytes()
        content = _content(hashlib.sha256(seen).hexdigest(), beside)
        known = torch.from_numpy(~ignored)[None, None].float()
    config = replace(chosen, picture=content) if chosen else _config(options, content, size)
    pyramid = build_pyramid(
        tensor_from_rgb(small.rgb()),
        known,
        config.upsampling,
        [tensor_from_rgb(one.rgb()) for one in beside],
    )
    for one, scales in zip(others, pyramid.others, strict=True):
        _check_thickness(one, scales.sizes[0], picture)
    schedule = schedule or make_schedule(pyramid.details, pyramid.factor)
    return Subject(picture, pyramid, schedule, config, others)


def _check_learnable(picture: Picture) -> None:
    check_size(picture.size, picture.name)
    if picture.alpha() is not None:
        raise UserError(
            f"{picture.name} has transparent parts: a model learns from a whole picture, "
            "flatten it onto a colour first"
        )


def _check_colours(picture: Picture, others: Sequence[Picture]) -> None:
    """UserError if results would lack the colours of some of what is learnt."""
    coloured = next((one for one in others if not one.is_grey), None)
    if picture.is_grey and coloured is not None:
        raise UserError(
            f"{picture.name} is grey, and so would be what is made of it and {coloured.name}: "
            f"name {coloured.name} first"
        )


def _pixels_of_all(pictures: Sequence[Picture], wanted: int) -> int:
    """At how many pixels, no more than `wanted`, all of `pictures` can be learnt.

    UserError if one is so small that too little would be left of another.
    """
    areas = [picture.size[0] * picture.size[1] for picture in pictures]
    least = min(areas)
    for picture, area in zip(pictures, areas, strict=True):
        if min(area, wanted) > LARGEST_RATIO * least:
            small, (h, w) = pictures[areas.index(least)], working_size(picture.size, wanted)
            raise UserError(
                f"{small.name} is {small.size[1]}×{small.size[0]} pixels, too small beside "
                f"{picture.name} at {w}×{h}: what is learnt together is brought to one size, give "
                f"a larger picture, or --max-pixels {LARGEST_RATIO * least} at most"
            )
    return min(wanted, least)


def _beside(picture: Picture, first: Picture, size: Size) -> Picture:
    """`picture` in the colours of the `first` and of as many pixels as that has at `size`."""
    small = picture.resized(working_size(picture.size, size[0] * size[1]))
    return in_profile_of(small, first)


def _content(first: str, beside: Sequence[Picture]) -> str:
    """The hash of what is learnt: that of the first picture, if it is the only one."""
    if not beside:
        return first
    hashes = [first, *(one.content_hash() for one in beside)]
    return hashlib.sha256("+".join(hashes).encode()).hexdigest()


def _check_thickness(picture: Picture, size: Size, first: Picture) -> None:
    """UserError if a picture is too thin, of that `size` at the coarsest scale."""
    if min(size) < MIN_SIDE:
        raise UserError(
            f"{picture.name} is too long and thin to be learnt with {first.name}: its coarsest "
            f"scale would be {size[1]}×{size[0]} pixels, and {MIN_SIDE} are needed: name it first, "
            "or crop it"
        )


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
