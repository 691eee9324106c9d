"""The colours of a picture, to sketch with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.profiles import in_srgb
from sinddm_toolkit.studio.answers import studio_of

FloatArray = npt.NDArray[np.floating]

COLOURS = 12
LOOKED_AT = 128
"""Pixels a side of the reduced picture that they are found in."""
ROUNDS = 20
FEW = 500
"""One pixel of so many may be odd: no place is made for it."""
UNLIKE = 0.08
"""Lightness and colour that differ by less, of 1 from black to white, are the same to the eye."""


def palette(picture: Picture) -> list[str]:
    """Up to twelve colours that `picture` has, `#rrggbb` in sRGB, from dark to light.

    Means of k-means in CIELAB, begun with colours as far from each other as there are, so that
    small accents have a place beside large areas.
    """
    from skimage.color import lab2rgb, rgb2lab

    h, w = picture.size
    by = min(1.0, LOOKED_AT / max(h, w))
    small = in_srgb(picture.resized((max(1, round(h * by)), max(1, round(w * by)))))
    colours = small.rgb() / 2 + 0.5
    alpha = small.alpha()
    seen = np.ones(small.size, bool) if alpha is None else alpha > 0.5
    if not seen.any():
        return []
    points = rgb2lab(colours[seen]) / 100
    means = _means(points)
    order = np.argsort(means[:, 0])
    levels = np.rint(lab2rgb(means[order] * 100) * 255).astype(int).clip(0, 255)
    return ["#{:02x}{:02x}{:02x}".format(*one) for one in levels]


def _means(points: FloatArray) -> FloatArray:
    """(k, 3): means of clusters of points (n, 3)."""
    from scipy.cluster.vq import kmeans2

    means = [np.median(points, axis=0)]
    distance = np.linalg.norm(points - means[0], axis=1)
    while len(means) < COLOURS:
        far = np.argsort(distance)[-1 - len(points) // FEW]
        if distance[far] <= UNLIKE:
            break
        means.append(points[far])
        distance = np.minimum(distance, np.linalg.norm(points - means[-1], axis=1))
    found, _ = kmeans2(points, np.array(means), ROUNDS, minit="matrix", missing="warn")
    return found


def get_palette(request: Request) -> Response:
    """`GET /api/pictures/ID/palette`."""
    picture = studio_of(request).pictures.read(request.path_params["id"])
    return JSONResponse({"colours": palette(picture)})


routes = [Route("/api/pictures/{id}/palette", get_palette)]
