"""What a pass hands to `compose_output` and then to whoever asked for it."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any

from torch import Tensor

from sinddm_toolkit.engine.caller import caller
from sinddm_toolkit.engine.pyramid import rgb_from_tensor
from sinddm_toolkit.engine.repaint import Composition
from sinddm_toolkit.pictures.picture import Picture, picture_from_rgb
from sinddm_toolkit.pictures.writing import FORMATS


class Extras(UserDict[str, Picture | bytes]):
    """A dictionary: the value of an `OutputFile` → a picture, or the bytes of a file.

    What is assigned is checked there: TypeError for anything else, ValueError for a picture under a
    name that no picture can be written as.
    """

    def __setitem__(self, name: str, content: Picture | bytes) -> None:
        if not isinstance(content, (Picture, bytes)):
            raise TypeError(f"extras hold pictures and bytes, not {type(content).__name__}")
        suffix = Path(name).suffix.lower()
        if isinstance(content, Picture) and suffix not in FORMATS:
            raise ValueError(f"a picture can't be written as {suffix}: give the bytes of the file")
        super().__setitem__(name, content)


class Result:
    """The pictures of one pass, one a sample."""

    __slots__ = ("_composition", "_extras", "_like", "_metadata", "_pictures", "_samples")

    def __init__(
        self, samples: Tensor, like: Picture, composition: Composition | None = None
    ) -> None:
        """`composition` makes pictures of the samples; without one they become pictures as they
        are, with the depth and profile of `like`."""
        self._samples = samples
        self._like = like
        self._composition = composition
        self._pictures: list[Picture] | None = None
        self._extras = Extras()
        self._metadata: dict[str, list[dict[str, Any]]] = {}

    @property
    def samples(self) -> Tensor:
        """(n, 3, h, w) float32 on the CPU, about [-1, 1]: what the sampler made.

        Others of that shape can be assigned: the pictures are then made of those.
        """
        return self._samples

    @samples.setter
    def samples(self, samples: Tensor) -> None:
        if samples.shape != self._samples.shape:
            raise ValueError(f"result.samples must have the shape {tuple(self._samples.shape)}")
        self._samples = samples
        self._pictures = None

    @property
    def pictures(self) -> list[Picture]:
        """What is written, one a sample; at first what the plan makes of the samples.

        A list of as many others can be assigned, of any size.
        """
        if self._pictures is None and self._composition is not None:
            self._pictures = self._composition.pictures(self.samples)
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
        """Further files: the value of an option of type `OutputFile` → what to write there."""
        return self._extras

    @property
    def metadata(self) -> list[dict[str, Any]]:
        """Further facts for the records: a mapping a sample, the asking task's own.

        Fill them with values that JSON holds: `for told in result.metadata: told["loss"] = …`.
        Sample k's record has its mapping as `metadata`, under the task's name.
        """
        return self._metadata.setdefault(caller(), [{} for _ in range(len(self.samples))])

    def metadata_of(self, k: int) -> dict[str, dict[str, Any]]:
        """Plugin → what it tells of sample k."""
        return {name: told[k] for name, told in self._metadata.items() if told[k]}

    def wrong(self) -> str | None:
        """Why this can't be written, in words, where it was changed in place."""
        if self._pictures is not None:
            try:
                _check_pictures(self._pictures, len(self.samples))
            except TypeError as error:
                return str(error)
        try:
            json.dumps(self._metadata)
        except (TypeError, ValueError) as error:
            return f"result.metadata: {error}"
        return None


def _check_pictures(pictures: list[Picture], count: int) -> None:
    """TypeError unless these are `count` pictures."""
    if not isinstance(pictures, list) or len(pictures) != count:
        raise TypeError(f"result.pictures must be a list of {count}")
    if others := [one for one in pictures if not isinstance(one, Picture)]:
        raise TypeError(f"result.pictures holds {type(others[0]).__name__}, which is no Picture")
