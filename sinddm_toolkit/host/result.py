"""What a run hands to `compose_output` and then to whoever asked for it."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.engine.pyramid import rgb_from_tensor
from sinddm_toolkit.pictures.compositing import FloatArray, with_change
from sinddm_toolkit.pictures.picture import FORMATS, Picture, picture_from_rgb


class Extras(UserDict[str, Picture | bytes]):
    """Checks what is assigned, where it is assigned."""

    def __setitem__(self, name: str, content: Picture | bytes) -> None:
        if not isinstance(content, (Picture, bytes)):
            raise TypeError(f"extras hold pictures and bytes, not {type(content).__name__}")
        suffix = Path(name).suffix.lower()
        if isinstance(content, Picture) and suffix not in FORMATS:
            raise ValueError(f"a picture can't be written as {suffix}: give the bytes of the file")
        super().__setitem__(name, content)


class Result:
    """The pictures of one run, one a sample."""

    __slots__ = ("_extras", "_like", "_pictures", "metadata", "samples")

    def __init__(self, samples: Tensor, like: Picture) -> None:
        """The samples as they are become pictures with the depth and profile of `like`."""
        self.samples = samples
        """(n, 3, h, w) float32 on the CPU, about [-1, 1]: what the sampler made."""
        self._like = like
        self._pictures: list[Picture] | None = None
        self._extras = Extras()
        self.metadata: dict[str, Any] = {}
        """Further facts for the record, JSON values."""

    @property
    def pictures(self) -> list[Picture]:
        """What is written, one a sample; at first the samples as they are."""
        if self._pictures is None:
            made = map(rgb_from_tensor, self.samples.split(1))
            self._pictures = [picture_from_rgb(rgb, self._like) for rgb in made]
        return self._pictures

    @pictures.setter
    def pictures(self, pictures: list[Picture]) -> None:
        _check_pictures(pictures, len(self.samples))
        self._pictures = pictures

    @property
    def extras(self) -> Extras:
        """Value of an option of type OutputFile → a further picture, or the bytes of a file, to
        write there."""
        return self._extras

    def wrong(self) -> str | None:
        """Why this can't be written, in words, where it was changed in place."""
        try:
            _check_pictures(self.pictures, len(self.samples))
        except TypeError as error:
            return str(error)
        try:
            json.dumps(self.metadata)
        except (TypeError, ValueError) as error:
            return f"result.metadata: {error}"
        return None

    def carry_change(self, picture: Picture, before: Tensor, weight: FloatArray | None) -> None:
        """Make every picture `picture` with what its sample has changed of `before`.

        before: (1, 3, h, w); weight: (h, w), how much of the change counts, None is all of it
        everywhere. See `with_change`.
        """
        if weight is None:
            weight = np.ones(self.samples.shape[-2:], np.float32)
        self.pictures = [
            with_change(picture, rgb_from_tensor(one - before), weight)
            for one in self.samples.split(1)
        ]

    def extend(self, other: Result) -> None:
        """Add the samples of a further run of the same edit."""
        self._pictures = self.pictures + other.pictures
        self.samples = torch.cat([self.samples, other.samples])
        self._extras.update(other.extras)
        self.metadata |= other.metadata


def _check_pictures(pictures: list[Picture], count: int) -> None:
    """TypeError unless these are `count` pictures."""
    if not isinstance(pictures, list) or len(pictures) != count:
        raise TypeError(f"result.pictures must be a list of {count}")
    if others := [one for one in pictures if not isinstance(one, Picture)]:
        raise TypeError(f"result.pictures holds {type(others[0]).__name__}, which is no Picture")
