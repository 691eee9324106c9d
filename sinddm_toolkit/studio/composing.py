"""Pictures put onto a background: moved, scaled, turned, cut out, and nothing else touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.pictures.picture import Box, Picture
from sinddm_toolkit.pictures.profiles import in_profile_of
from sinddm_toolkit.studio.bodies import (
    FARTHEST,
    list_of,
    made_route,
    number_of,
    object_in,
    points_of,
    switch_of,
)
from sinddm_toolkit.studio.uploads import About, Pictures

if TYPE_CHECKING:
    from PIL import Image

FloatArray = npt.NDArray[np.float32]
FloatMatrix = npt.NDArray[np.float64]

MOST_LAYERS = 200

MOST_TOLD, LONGEST_STEM = 3, 16
"""How many of the placed pictures name the result, and with how many letters each."""

LEAST_OPACITY = 1 / 255
"""Less of a layer is nothing, so that it ends."""

REACH = 2
"""Pixels on each side that bicubic interpolation looks at."""

FINE, FINE_PIXELS, COARSE = 4, 4_000_000, 2
"""How many times finer an outline is drawn than its pixels; of larger ones, less finely."""


@dataclass(frozen=True)
class Placed:
    """A picture and where on a background it goes.

    It is cut out, mirrored, scaled and turned about its middle, in this order.
    """

    picture: Picture
    x: float
    y: float
    """Where the middle of the whole picture is, in pixels from the background's left and top."""
    scale: float = 1.0
    rotation: float = 0.0
    """Degrees, clockwise."""
    flip: bool = False
    """Whether left and right are exchanged."""
    opacity: float = 1.0
    outline: Sequence[tuple[float, float]] | None = None
    """(x, y) in the picture's own pixels; what is outside is left out."""


def composed(background: Picture, layers: Sequence[Placed]) -> Picture:
    """`background` with the layers on it, the first lowest; depth, profile, channels stay its own.

    Where no layer is, every bit is the background's. A layer that is upright and not scaled comes
    to lie on whole pixels, and all that is opaque of it is copied exactly.
    """
    picture = background
    for layer in layers:
        picture = _with(picture, layer)
    return picture


def _with(background: Picture, layer: Placed) -> Picture:
    """`background` with one layer on it."""
    if (found := _cut_out(layer)) is None:
        return background
    cut, middle = found
    turns = layer.rotation / 90
    if turns == int(turns):
        cut, middle = _turned(cut, middle, layer.flip, int(turns) % 4)
        shown = _upright(cut, middle, layer, background)
    else:
        shown = _rotated(cut, middle, layer, background)
    if shown is None:
        return background
    box, colours, alpha = shown
    return _over(background, colours, alpha * np.float32(layer.opacity), box)


def _cut_out(layer: Placed) -> tuple[Picture, tuple[float, float]] | None:
    """What is inside the outline, and where in it the layer's middle is: (y, x). None: nothing."""
    picture = layer.picture
    h, w = picture.size
    if layer.outline is None:
        return picture, (h / 2, w / 2)
    xs, ys = zip(*layer.outline, strict=True)
    x0, y0 = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
    x1, y1 = min(w, math.ceil(max(xs))), min(h, math.ceil(max(ys)))
    if x0 >= x1 or y0 >= y1:
        return None
    inside = _inside([(x - x0, y - y0) for x, y in layer.outline], (y1 - y0, x1 - x0))
    part = picture.pixels[y0:y1, x0:x1]
    colours = part[..., :-1] if picture.has_alpha else part
    share = part[..., -1:] / picture.maximum if picture.has_alpha else 1.0
    alpha = np.rint(inside[..., None] * share * picture.maximum).astype(part.dtype)
    return (
        replace(picture, pixels=np.concatenate([colours, alpha], axis=2)),
        (h / 2 - y0, w / 2 - x0),
    )


def _inside(outline: Sequence[tuple[float, float]], size: tuple[int, int]) -> FloatArray:
    """(h, w) in [0, 1]: how much of each pixel is inside of an outline of (x, y)."""
    from PIL import Image, ImageDraw

    h, w = size
    finer = FINE if h * w <= FINE_PIXELS else COARSE
    image = Image.new("L", (w * finer, h * finer))
    # ImageDraw's coordinates are those of pixels' middles.
    corners = [(x * finer - 0.5, y * finer - 0.5) for x, y in outline]
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return np.asarray(image.reduce(finer), np.float32) / np.float32(255)


def _turned(
    cut: Picture, middle: tuple[float, float], flip: bool, quarters: int
) -> tuple[Picture, tuple[float, float]]:
    """The same mirrored and turned clockwise by quarters, without any loss."""
    (y, x), pixels = middle, cut.pixels
    if flip:
        pixels, x = pixels[:, ::-1], pixels.shape[1] - x
    for _ in range(quarters):
        y, x = x, pixels.shape[0] - y
        pixels = np.rot90(pixels, -1)
    return replace(cut, pixels=pixels), (y, x)


Found = tuple[Box, FloatArray, FloatArray]
"""Where on the background, (h, w, 3) in [-1, 1] and (h, w) in [0, 1]."""


def _upright(
    cut: Picture, middle: tuple[float, float], layer: Placed, background: Picture
) -> Found | None:
    """What a layer without rotation shows on the background; None if nothing of it is there."""
    from PIL import Image

    (h, w), scale = cut.size, layer.scale
    top, left = layer.y - middle[0] * scale, layer.x - middle[1] * scale
    if scale == 1:
        top, left = round(top), round(left)
    box = _clipped((top, left, top + h * scale, left + w * scale), background)
    if box is None:
        return None
    y0, x0, y1, x1 = box
    if scale == 1:
        part = cut.pixels[y0 - int(top) : y1 - int(top), x0 - int(left) : x1 - int(left)]
        shown = in_profile_of(replace(cut, pixels=part), background)
        return box, shown.rgb(), _alpha(shown)
    inner = (y0 - top) / scale, (x0 - left) / scale, (y1 - top) / scale, (x1 - left) / scale
    margin = math.ceil((REACH + 1) * max(1, 1 / scale))
    channels, (oy, ox) = _channels(cut, inner, margin, background)
    edges = (inner[1] - ox, inner[0] - oy, inner[3] - ox, inner[2] - oy)
    size, cubic = (x1 - x0, y1 - y0), Image.Resampling.BICUBIC
    return (box, *_unmixed([one.resize(size, cubic, edges) for one in channels]))


def _rotated(
    cut: Picture, middle: tuple[float, float], layer: Placed, background: Picture
) -> Found | None:
    """What a turned layer shows on the background; None if nothing of it is there."""
    from PIL import Image

    there = _motion(layer)
    back = np.linalg.inv(there)
    at, centre = np.array([layer.x, layer.y]), np.array(middle[::-1])
    box = _clipped(_around((0, 0, *cut.size), lambda xy: (xy - centre) @ there.T + at), background)
    if box is None:
        return None
    top, left, bottom, right = box
    seen = _around(box, lambda xy: (xy - at) @ back.T + centre)
    margin = math.ceil((REACH + 1) * max(1, 1 / layer.scale))
    channels, (oy, ox) = _channels(cut, seen, margin, background)
    per = np.ones(2)
    if layer.scale < 1:  # made smaller first: interpolation alone would skip pixels
        full = np.array(channels[0].size)
        width, height = (max(1, round(side * layer.scale)) for side in channels[0].size)
        channels = [one.resize((width, height), Image.Resampling.BICUBIC) for one in channels]
        per = (width, height) / full
    matrix = per[:, None] * back
    x, y = (back @ ((left, top) - at) + centre - (ox, oy)) * per
    size, affine = (right - left, bottom - top), Image.Transform.AFFINE
    data = (*matrix[0], x, *matrix[1], y)
    turned = [one.transform(size, affine, data, Image.Resampling.BICUBIC) for one in channels]
    return (box, *_unmixed(turned))


def _motion(layer: Placed) -> FloatMatrix:
    """(2, 2): mirroring, then scaling, then turning, of (x, y) from the layer's middle."""
    angle = math.radians(layer.rotation)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return layer.scale * turn @ np.diag([-1.0 if layer.flip else 1.0, 1.0])


def _around(
    edges: tuple[float, float, float, float], moved: Callable[[FloatMatrix], FloatMatrix]
) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) around the corners of such a box, each (x, y) of them `moved`."""
    top, left, bottom, right = edges
    corners = moved(np.array([[left, top], [right, top], [left, bottom], [right, bottom]], float))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return y0, x0, y1, x1


def _clipped(edges: tuple[float, float, float, float], background: Picture) -> Box | None:
    """The background's pixels that (top, left, bottom, right) touch; None if there are none."""
    (top, left, bottom, right), (h, w) = edges, background.size
    y0, x0 = max(0, math.floor(top)), max(0, math.floor(left))
    y1, x1 = min(h, math.ceil(bottom)), min(w, math.ceil(right))
    return (y0, x0, y1, x1) if y0 < y1 and x0 < x1 else None


def _channels(
    cut: Picture, part: tuple[float, float, float, float], margin: int, background: Picture
) -> tuple[list[Image.Image], tuple[int, int]]:
    """Red, green and blue times opacity, and opacity, of a part (y0, x0, y1, x1) of a layer.

    `margin` pixels wider, and as many more of nothing around. Also (y, x) in the layer of where
    they begin.
    """
    from PIL import Image

    y0, x0, y1, x1 = part
    h, w = cut.size
    y0, x0 = max(0, math.floor(y0) - margin), max(0, math.floor(x0) - margin)
    y1, x1 = min(h, math.ceil(y1) + margin), min(w, math.ceil(x1) + margin)
    near = in_profile_of(replace(cut, pixels=cut.pixels[y0:y1, x0:x1]), background)
    alpha = _alpha(near)
    # What is transparent has no colour that may bleed into what is not.
    mixed = [*np.moveaxis(near.rgb() * alpha[..., None], 2, 0), alpha]
    padded = [np.pad(one, margin) for one in mixed]
    return [Image.fromarray(one) for one in padded], (y0 - margin, x0 - margin)


def _unmixed(channels: Sequence[Image.Image]) -> tuple[FloatArray, FloatArray]:
    """(h, w, 3) in [-1, 1] and (h, w) in [0, 1] of what `_channels` gives, resampled."""
    *mixed, opacity = (np.asarray(one) for one in channels)
    colours = np.stack(mixed, axis=2) / np.maximum(opacity, 1e-3)[..., None]
    alpha = opacity.clip(0, 1)
    alpha[alpha < LEAST_OPACITY] = 0
    return colours.clip(-1, 1), alpha


def _alpha(picture: Picture) -> FloatArray:
    """(h, w) in [0, 1], 1 where there is no alpha channel."""
    found = picture.alpha()
    return np.ones(picture.size, np.float32) if found is None else found


def _over(background: Picture, colours: FloatArray, alpha: FloatArray, box: Box) -> Picture:
    """The `over` of Porter and Duff (1984), in `box`; where `alpha` is 0 every bit stays."""
    y0, x0, y1, x1 = box
    below = background.alpha(box)
    if below is None:
        return background.blend(colours, alpha, box)
    both: FloatArray = alpha + below * (1 - alpha)
    share = np.divide(alpha, np.maximum(both, 1e-6), dtype=np.float32)
    result = background.blend(colours, share, box)
    opacity = result.pixels[y0:y1, x0:x1, -1]
    opacity[...] = np.where(alpha == 0, opacity, np.rint(both * background.maximum))
    return result


def post_composite(body: dict[str, Any], pictures: Pictures) -> About:
    """The picture that a body `{background, layers: […]}` asks for."""
    given = list_of(body.get("layers"), "layers", MOST_LAYERS)
    read = cache(pictures.read)  # the same picture may be placed many times
    layers = [_placed(object_in(one, "layers"), read) for one in given]
    made = composed(pictures.read(body.get("background")), layers)
    names = [pictures.about(one).name for one in (body.get("background"), *_told_of(given))]
    return pictures.add_picture(made, _name_of([Path(name).stem for name in names]))


def _told_of(layers: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of the pictures that are placed, each once, the first ones only."""
    return list(dict.fromkeys(str(one.get("picture")) for one in layers))[:MOST_TOLD]


def _name_of(stems: Sequence[str]) -> str:
    """What a picture is called that others are placed on, such that it is found by their names."""
    background, *placed = (stem[:LONGEST_STEM] for stem in stems)
    return f"{'-'.join([background, 'with', *placed] if placed else [background])}.png"


def _placed(given: dict[str, Any], read: Callable[[str], Picture]) -> Placed:
    outline = given.get("outline")
    return Placed(
        read(str(given.get("picture"))),
        number_of(given, "x", None, -FARTHEST, FARTHEST),
        number_of(given, "y", None, -FARTHEST, FARTHEST),
        number_of(given, "scale", 1.0, 0.01, 100),
        number_of(given, "rotation", 0.0, -36_000, 36_000),
        switch_of(given, "flip"),
        number_of(given, "opacity", 1.0, 0, 1),
        None if outline is None else points_of(outline, "outline", least=3),
    )


routes = [made_route("/api/composites", post_composite)]
