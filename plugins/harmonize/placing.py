"""A cut-out put into a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import Picture, Point, UserError

from .object_mask import FloatArray


def placed(
    cut: Picture, onto: Picture, at: Point, scale: float, degrees: float
) -> tuple[Picture, FloatArray]:
    """`onto` with the middle of what can be seen of `cut` at a point, and (h, w) how much of it is.

    The cut-out is first made `scale` times as large, then turned clockwise. UserError if nothing of
    it can be seen.
    """
    if cut.alpha() is None:
        raise UserError(
            f"{cut.name} has no transparency: --object takes an object that was cut out"
        )
    colours, alpha = _turned(_cropped(st.in_profile_of(cut, onto)), scale, degrees)
    y, x = at.of(onto.size)
    h, w = alpha.shape
    top, left = round(y - h / 2), round(x - w / 2)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(onto.size[0], top + h), min(onto.size[1], left + w)
    inner = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    if y0 >= y1 or x0 >= x1 or not alpha[inner].any():
        raise UserError(f"--at {at}: nothing of {cut.name} would be inside of {onto.name}")
    covered = np.zeros(onto.size, np.float32)
    covered[y0:y1, x0:x1] = alpha[inner]
    pasted = onto.blend(colours[inner], alpha[inner], (y0, x0, y1, x1))
    return replace(pasted, name=onto.name), covered


def _cropped(cut: Picture) -> Picture:
    """Without the transparent margin. UserError if all of it is transparent."""
    alpha = cut.alpha()
    if alpha is None or not (alpha > 0).any():
        raise UserError(f"{cut.name} is transparent everywhere: there is no object in it")
    y0, x0, y1, x1 = st.bounds(alpha > 0)
    return replace(cut, pixels=cut.pixels[y0:y1, x0:x1])


def _turned(cut: Picture, scale: float, degrees: float) -> tuple[FloatArray, FloatArray]:
    """Colours (h, w, 3) in [-1, 1] and opacity (h, w) of a cut-out, scaled, then turned."""
    from PIL import Image

    h, w = (max(1, round(side * scale)) for side in cut.size)
    st.check_pixels((h, w), "the object")
    cut = cut.resized((h, w))
    alpha = cut.alpha()
    opaque = np.ones((h, w), np.float32) if alpha is None else alpha
    if degrees % 360 == 0:
        return cut.rgb(), opaque
    # What is transparent has no colour that may bleed into what is not.
    layers = [*np.moveaxis(cut.rgb() * opaque[..., None], 2, 0), opaque]
    turned = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(layer)).rotate(
                -degrees, Image.Resampling.BICUBIC, expand=True
            )
        )
        for layer in layers
    ]
    opacity = turned[-1].clip(0, 1)
    opacity[opacity < 1 / 255] = 0
    colours = np.stack(turned[:-1], axis=2) / np.maximum(turned[-1], 1e-3)[..., None]
    return colours.clip(-1, 1).astype(np.float32), opacity.astype(np.float32)
