"""Prompts with weights, and the phrasings in which an encoder is asked for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinddm_toolkit.api import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.api import TextEncoder

LARGEST_WEIGHT = 100.0

HIGH_RESOLUTION = (
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "a sharp photo of {}",
    "a detailed photo of {}",
    "a crisp picture of {}",
    "a high resolution photo of {}",
    "a high quality picture of {}",
    "a clear view of {}",
    "a professional photo of {}",
    "a beautiful picture of {}",
    "a close view of {}, full of detail",
    "{}, in high definition",
)
"""For pictures with all their detail."""

LOW_RESOLUTION = (
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "a small picture of {}",
    "a tiny photo of {}",
    "a thumbnail of {}",
    "an icon of {}",
    "a low resolution photo of {}",
    "a low resolution picture of {}",
    "a low quality photo of {}",
    "a low quality image of {}",
    "a blurry photo of {}",
    "a blurred picture of {}",
    "a soft picture of {}",
    "a pixelated photo of {}",
    "a coarse picture of {}",
    "a grainy photo of {}",
    "a compressed photo of {}",
    "a bad photo of {}",
    "a hazy view of {}",
    "a sketchy picture of {}",
    "{} seen from far away",
    "{}, out of focus",
    "{}, reduced in size",
    "{}, without fine detail",
)
"""For coarse scales and cut-out pieces, which show little detail."""


@dataclass(frozen=True)
class Prompt:
    """What is wanted, or with a negative weight unwanted."""

    text: str
    weight: float = 1.0

    @classmethod
    def parse(cls, written: str) -> Prompt:
        """`TEXT` or `TEXT:WEIGHT`; a colon with no number behind it is part of the text.

        UserError if the text is empty or the weight is zero, too large or no weight at all.
        """
        text, colon, last = written.rpartition(":")
        weight = 1.0
        try:
            weight = float(last) if colon else weight
        except ValueError:
            text = written
        if not colon:
            text = written
        text = text.strip()
        if not text or text.endswith(":"):
            raise UserError(f"--text {written!r}: give TEXT or TEXT:WEIGHT")
        if not 0 < abs(weight) <= LARGEST_WEIGHT:  # refuses nan too
            raise UserError(
                f"--text {written!r}: the weight must be a number from -{LARGEST_WEIGHT:g} to "
                f"{LARGEST_WEIGHT:g}, not 0"
            )
        return cls(text, weight)


def parse_all(written: Sequence[str]) -> list[Prompt]:
    """The prompts as the user wrote them. UserError for bad ones, or if there are none."""
    prompts = [Prompt.parse(one) for one in written]
    if not prompts:
        raise UserError("--text: say what you want to see")
    return prompts


def direction(encoder: TextEncoder, prompts: Sequence[Prompt], templates: Sequence[str]) -> Tensor:
    """(d,): the weighted mean over prompts, each the mean over templates of unit vectors.

    Its product with a picture's unit vector is the mean of the cosines of that picture with every
    prompt in every phrasing, so that all of them cost no more than one.
    """
    total = sum(abs(prompt.weight) for prompt in prompts)
    parts = [
        prompt.weight / total * encoder.encode_text([t.format(prompt.text) for t in templates])
        for prompt in prompts
    ]
    mean: Tensor = sum(part.mean(dim=0) for part in parts)  # type: ignore[assignment]
    return mean
