"""Detail is added where the picture has detail, and no more of it than fits to that.

A network that knows the grain of paint or fur puts some of it everywhere: an eye cracks, a blurred
background is woven, an edge gets scallops. How much there is to be, the picture tells. In texture
there is fine detail at nearly every pixel, and it makes up much of the contrast around. Beside an
edge or in a smooth part most pixels have hardly any, and the contrast is that of large shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from torch import Tensor

FINEST = 1.0
"""σ in pixels of the blur by which the finest detail is lost."""

PLACE, REGION = 2.0, 6.0
"""σ in pixels of what counts as one place, and of what is texture or not."""

LEAST = 1 / 255
"""Smaller differences are rounding, not detail; in units of [-1, 1]."""

TYPICAL = 0.53
"""Geometric mean of the sizes of normal random numbers of deviation 1."""

SHAPES, TEXTURE = 0.27, 0.38
"""Finest detail as a share of the contrast around: up to the first nothing is added, from the
second on as much as in texture. Paintings have about 0.4, portraits 0.2, blurred ones 0.1."""

SHARE = 1.0
"""Of the deviation of the finest detail, for what is added in texture. Detail that was hidden has,
in the median, 1.0 to 1.6 of it in paintings and 0.4 to 1.0 in photographs; more looks like sand."""

FloatArray = npt.NDArray[np.float32]


def room_for_detail(rgb: FloatArray) -> Tensor:
    """How strong what is added may be around each pixel of a picture (h, w, 3) → (1, 1, h, w).

    By geometric means, which take no notice of a few strong edges in what is smooth.
    """
    from scipy.ndimage import gaussian_filter

    light = rgb.mean(axis=2, dtype=np.float64)
    sizes = np.log(np.abs(light - gaussian_filter(light, FINEST)) + LEAST)

    def detail(sigma: float) -> npt.NDArray[np.float64]:
        return np.maximum(np.exp(gaussian_filter(sizes, sigma)) - LEAST, 0) / TYPICAL

    variance = gaussian_filter(light**2, REGION) - gaussian_filter(light, REGION) ** 2
    ratio = detail(REGION) / (np.sqrt(np.maximum(variance, 0)) + 2 * LEAST)
    # Half by the region and half by the whole picture: strokes are of one kind.
    ratio = np.sqrt(ratio * np.median(ratio))
    texture = np.clip((ratio - SHAPES) / (TEXTURE - SHAPES), 0, 1)
    room = (SHARE * texture * detail(PLACE)).astype(np.float32)
    return st.tensor_from_rgb(room[..., None])


def gated(x0: Tensor, plain: Tensor, room: Tensor) -> Tensor:
    """x0 with no more added to the plainly enlarged picture than there is `room` for.

    x0: (n, 3, h, w), plain: (1, 3, h, w), room: (1, 1, h', w') of the picture before.
    """
    from torch.nn import functional as F

    added = x0 - plain
    small = (room.shape[-2], room.shape[-1])
    energy = F.interpolate((added**2).mean(dim=1, keepdim=True), small, mode="area")
    energy = F.avg_pool2d(F.pad(energy, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    gain = (room / energy.sqrt().clamp(min=1e-6)).clamp(max=1)
    return plain + added * st.upsample(gain, (x0.shape[-2], x0.shape[-1]), "bilinear")
