"""Parts of a picture that are kept as they are, wherever a layout has put them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .arranging import resized
from .patches import Size

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Held:
    """What is held fast on a canvas."""

    image: Tensor
    """(1, 3, h, w) in [-1, 1]; 0 where nothing is held."""
    mask: Tensor
    """(1, 1, h, w), boolean."""

    def on(self, image: Tensor) -> Tensor:
        """`image` (1, 3, h, w), at any size of the canvas, with what is held on it."""
        size = (image.shape[-2], image.shape[-1])
        if size == self.image.shape[-2:]:
            return torch.where(self.mask, self.image, image)
        share = resized(self.mask.float(), size)
        colours = resized(self.image, size) / share.clamp(min=0.5)
        return torch.where(share > 0.5, colours, image)


def parts(inside: BoolArray) -> tuple[npt.NDArray[np.int64], list[tuple[slice, slice]]]:
    """Of what is `inside` (h, w): the number of the part that each pixel is in, from 1, and the
    rows and columns of each part."""
    from scipy import ndimage

    numbers = np.asarray(ndimage.label(inside, structure=np.ones((3, 3)))[0], np.int64)
    return numbers, [(box[0], box[1]) for box in ndimage.find_objects(numbers)]


def placed(image: Tensor, inside: BoolArray, where: Tensor, kept: Tensor, size: Size) -> Held:
    """Each part of `image` (1, 3, h, w) that is `inside` (h, w), moved as a layout has moved it.

    where: (1, 2, h', w') of the layout, where in the picture its pixels are from, from 0 to 1;
    kept: (1, 1, h', w') boolean, which of them are kept; size: (h, w) of the canvas.
    """
    held = Held(torch.zeros(1, 3, *size), torch.zeros(1, 1, *size, dtype=torch.bool))
    numbers, boxes = parts(inside)
    at = [
        (one + 0.5) * full / small - 0.5
        for one, full, small in zip(
            np.nonzero(kept[0, 0].numpy()), size, kept.shape[-2:], strict=True
        )
    ]
    from_ = [where[0, axis][kept[0, 0]].numpy() * (inside.shape[axis] - 1) for axis in (0, 1)]
    for number, box in enumerate(boxes, start=1):
        starts = [_moved(box, axis, at, from_, inside.shape[axis], size[axis]) for axis in (0, 1)]
        target = tuple(
            slice(start, start + side.stop - side.start)
            for start, side in zip(starts, box, strict=True)
        )
        here = torch.from_numpy(numbers[box] == number)
        held.mask[0, 0][target] |= here
        held.image[0][(slice(None), *target)] = torch.where(
            here, image[0][(slice(None), *box)], held.image[0][(slice(None), *target)]
        )
    return held


def _moved(
    box: tuple[slice, slice],
    axis: int,
    at: list[npt.NDArray[np.float64]],
    from_: list[npt.NDArray[np.float64]],
    old: int,
    new: int,
) -> int:
    """Where a part that is in `box` begins on the canvas, along one of its sides: as most pixels of
    the layout have moved that are from there; in proportion, if none is."""
    side = box[axis]
    from_there = np.ones(len(at[0]), np.bool_)
    for source, part in zip(from_, box, strict=True):
        from_there &= (source >= part.start - 1) & (source <= part.stop)
    start = side.start * new / old
    if from_there.any():
        start = side.start + float(np.median((at[axis] - from_[axis])[from_there]))
    return max(0, min(round(start), new - (side.stop - side.start)))
