"""What a run hands to `compose_output` and then to whoever asked for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit.compositing import FloatArray, with_change
from sinddm_toolkit.images import Picture
from sinddm_toolkit.options import OutputFile
from sinddm_toolkit.pyramid import rgb_from_tensor


class Result:
    """The pictures of one run, one a sample."""

    def __init__(self, samples: Tensor, pictures: list[Picture]) -> None:
        self.samples = samples
        """(n, 3, h, w) float32 on the CPU, about [-1, 1]: what the sampler made."""
        self.pictures = pictures
        """What is written; at first the samples as they are."""
        self.extras: dict[OutputFile, Picture] = {}
        """Value of an option of type OutputFile → a further picture to write there."""
        self.metadata: dict[str, Any] = {}
        """Further facts for the record, JSON values."""

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
        self.samples = torch.cat([self.samples, other.samples])
        self.pictures += other.pictures
        self.extras |= other.extras
        self.metadata |= other.metadata
