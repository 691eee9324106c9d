"""A thing selected by rough strokes on it and beside it, without a model.

The random walker of Grady (2006) finds the border on a reduced picture, helped by the colours under
the strokes; near the border the guided filter of He et al. (2013) carries it to the full size.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.compositing import Window
from sinddm_toolkit.pictures.picture import Box, Picture
from sinddm_toolkit.studio.bodies import Strokes, made_route, number_of, strokes_of
from sinddm_toolkit.studio.uploads import About, Pictures

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

WALKED_PIXELS = 50_000
"""Of the reduced picture."""

BETA = 400.0
"""How hard it is to get across an edge: higher keeps to weaker edges."""

COLOUR_BINS = 24
COLOUR_WEIGHT = 0.8
"""How much the colours under the strokes count beside the edges."""

REACH = 6
"""Reduced pixels around the border that are looked at in full size."""

GUIDE_RADIUS = 3
GUIDE_EPSILON = 1e-4
"""Of the guided filter: reduced pixels, and contrast² (in [0, 1]²) below which it smooths."""

TILE = 512
"""Pixels a side of the parts that are refined at once."""

INSIDE, OUTSIDE = 1, 2


def selected(picture: Picture, inside: Strokes, outside: Strokes, width: float) -> Picture:
    """The mask of what strokes `inside` mean, not those `outside`; both are `width` pixels wide.

    Without strokes outside, the picture's border is. UserError if nothing is inside.
    """
    h, w = picture.size
    by = min(1.0, math.sqrt(WALKED_PIXELS / (h * w)))
    size = max(1, round(h * by)), max(1, round(w * by))
    labels = _labels(size, picture.size, inside, outside, width)
    if not (labels == INSIDE).any():
        raise UserError("draw over what is to be selected: no stroke is in the picture")
    small = picture.resized(size)
    share = _walked(small, labels)
    if size == picture.size:
        return Picture.from_mask(share > 0.5)
    return Picture.from_mask(_refined(picture, small, share))


def _labels(
    size: tuple[int, int],
    full: tuple[int, int],
    inside: Strokes,
    outside: Strokes,
    width: float,
) -> npt.NDArray[np.int32]:
    """(h, w): INSIDE or OUTSIDE on strokes that are drawn on a picture of size `full`, else 0."""
    from PIL import Image, ImageDraw

    y, x = (new / old for new, old in zip(size, full, strict=True))
    thick = max(1, round(width * min(x, y)))
    image = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(image)
    for label, strokes in ((OUTSIDE, outside), (INSIDE, inside)):
        for stroke in strokes:
            points = [(px * x - 0.5, py * y - 0.5) for px, py in stroke]
            if len(points) > 1:
                draw.line(points, label, thick, joint="curve")
            for px, py in points[:1] + points[-1:]:  # round ends, and dots
                draw.circle((px, py), thick / 2, label)
    labels = np.array(image, np.int32)
    if not (labels == OUTSIDE).any():
        edge = np.ones(size, bool)
        edge[1:-1, 1:-1] = False
        labels[edge & (labels == 0)] = OUTSIDE
    return labels


def _walked(small: Picture, labels: npt.NDArray[np.int32]) -> FloatArray:
    """(h, w): how likely one who walks from there comes first to a stroke inside."""
    from skimage.color import rgb2lab
    from skimage.segmentation import random_walker

    if labels.all():  # there is nowhere to go from
        return (labels == INSIDE).astype(np.float32)
    lab = rgb2lab(_levels(small.rgb())) / 100
    likely = _likely(lab, labels)
    seen = np.concatenate([lab, COLOUR_WEIGHT * likely[..., None]], axis=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a tolerance that is enough for a border
        found = random_walker(
            seen,
            labels,
            beta=BETA,
            mode="cg_j",
            tol=1e-3,
            channel_axis=-1,
            return_full_prob=True,
        )
    share: FloatArray = found[0].astype(np.float32)
    return share


def _likely(lab: FloatArray, labels: npt.NDArray[np.int32]) -> FloatArray:
    """(h, w) in [0, 1]: how much more often colours like these are under strokes inside."""
    from scipy import ndimage

    span = np.array([[0, 1], [-1, 1], [-1, 1]], np.float32)
    places = ((lab - span[:, 0]) / (span[:, 1] - span[:, 0]) * COLOUR_BINS).astype(int)
    index = tuple(np.moveaxis(places.clip(0, COLOUR_BINS - 1), 2, 0))

    def density(label: int) -> FloatArray:
        counts = np.zeros((COLOUR_BINS,) * 3, np.float32)
        here = labels == label
        np.add.at(counts, tuple(axis[here] for axis in index), 1)
        smooth: FloatArray = ndimage.gaussian_filter(counts / max(1, here.sum()), 0.8)
        return smooth

    ours, others = density(INSIDE), density(OUTSIDE)
    unknown = 1e-4  # so that a colour which is under no stroke tells nothing
    share = (ours + unknown) / (ours + others + 2 * unknown)
    found: FloatArray = share[index]
    return found


def _refined(picture: Picture, small: Picture, share: FloatArray) -> BoolArray:
    """(h, w) of the picture: the border of a reduced `share` follows the picture's own edges."""
    inside = share > 0.5
    fields = [*_guide(_levels(small.rgb()), share), _near_border(inside).astype(np.float32)]
    h, w = picture.size
    found = np.zeros((h, w), np.bool_)
    for y0 in range(0, h, TILE):
        for x0 in range(0, w, TILE):
            box = y0, x0, min(h, y0 + TILE), min(w, x0 + TILE)
            part = found[y0 : box[2], x0 : box[3]]
            top, left, bottom, right = Window(picture.size, box).at(small.size, margin=1).box
            if fields[-1][top:bottom, left:right].any():
                part[...] = _edge(picture, box, share, fields)
            else:  # all of it is on the same side of the border
                part[...] = inside[top, left]
    return found


def _edge(picture: Picture, box: Box, share: FloatArray, fields: list[FloatArray]) -> BoolArray:
    """(h, w) of a box of the picture that the border goes through."""
    whole_share, *slopes, offset, near = (
        _resampled(one, picture.size, box) for one in (share, *fields)
    )
    guide = np.moveaxis(_levels(picture.rgb(box)), 2, 0)
    value = sum((a * i for a, i in zip(slopes, guide, strict=True)), offset)
    return np.where(near > 0.5, value > 0.5, whole_share > 0.5)


def _levels(rgb: FloatArray) -> FloatArray:
    """[-1, 1] → [0, 1]."""
    return (rgb + 1) / np.float32(2)


def _near_border(inside: BoolArray) -> BoolArray:
    from scipy import ndimage

    grown = ndimage.binary_dilation(inside, iterations=REACH)
    found: BoolArray = grown & ~ndimage.binary_erosion(inside, iterations=REACH, border_value=1)
    return found


def _guide(guide: FloatArray, share: FloatArray) -> list[FloatArray]:
    """Three slopes and an offset, (h, w) each: `share` as a linear function of the colours around.

    The guided filter with a colour guide (He et al. 2013, eqs. 14, 15 and 16).
    """
    from scipy import ndimage

    def mean(x: FloatArray) -> FloatArray:
        found: FloatArray = ndimage.uniform_filter(x, 2 * GUIDE_RADIUS + 1, axes=(0, 1))
        return found

    mu, p = mean(guide), mean(share)
    covariance = mean(guide * share[..., None]) - mu * p[..., None]
    spread = mean(guide[..., :, None] * guide[..., None, :]) - mu[..., :, None] * mu[..., None, :]
    spread = spread + GUIDE_EPSILON * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(spread, covariance[..., None])[..., 0]
    offset = p - (slope * mu).sum(axis=2)
    slope = mean(slope.astype(np.float32))
    return [*np.moveaxis(slope, 2, 0), mean(offset.astype(np.float32))]


def _resampled(channel: FloatArray, size: tuple[int, int], box: Box) -> FloatArray:
    """A part of `channel` (h, w) enlarged to a picture of `size`: of the `box` in that."""
    from PIL import Image

    y0, x0, y1, x1 = box
    h, w = channel.shape
    y, x = h / size[0], w / size[1]
    image = Image.fromarray(np.ascontiguousarray(channel))
    part = (x0 * x, y0 * y, min(x1 * x, w), min(y1 * y, h))
    return np.asarray(image.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, part))


def post_selection(body: dict[str, Any], pictures: Pictures) -> About:
    """The mask that a body `{picture, inside, outside, width}` asks for, as a picture."""
    picture = pictures.read(body.get("picture"))
    inside, outside = (strokes_of(body.get(key) or [], key) for key in ("inside", "outside"))
    width = number_of(body, "width", 10.0, 0.5, 10_000)
    return pictures.add_picture(selected(picture, inside, outside, width), "selection.png")


routes = [made_route("/api/selections", post_selection)]
