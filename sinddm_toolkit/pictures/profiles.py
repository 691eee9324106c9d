"""Colour profiles: pictures that mean the same colours by different numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt

from sinddm_toolkit.pictures.picture import Picture

Bytes = npt.NDArray[np.uint8]


def in_profile_of(picture: Picture, reference: Picture) -> Picture:
    """`picture` with its colours converted to the profile of `reference`; no profile means sRGB.

    A 16-bit picture goes through 8 bits where a conversion is needed. It is left as it is if it or
    `reference` is grey, a profile can't be used, or both profiles mean the same colours.
    """
    if picture.icc == reference.icc or picture.is_grey or reference.is_grey:
        return picture
    convert = _conversion(picture.icc, reference.icc)
    if convert is None:
        return picture
    scale = picture.maximum // 255
    rounded = (picture.pixels[..., :3].astype(np.uint32) + scale // 2) // scale
    pixels = picture.pixels.copy()
    pixels[..., :3] = convert(rounded.astype(np.uint8)).astype(pixels.dtype) * scale
    return replace(picture, pixels=pixels, icc=reference.icc)


def in_srgb(picture: Picture) -> Picture:
    """`picture` with its colours as a screen has them, where its profile can be used."""
    return in_profile_of(picture, Picture(np.zeros((1, 1, 3), np.uint8)))


def _conversion(source: bytes | None, target: bytes | None) -> Callable[[Bytes], Bytes] | None:
    """What converts colours (h, w, 3) from one profile to another.

    None if one of them can't be used, or if both mean the same colours.
    """
    from PIL import Image, ImageCms

    srgb = ImageCms.createProfile("sRGB")
    try:
        before, after = (
            ImageCms.ImageCmsProfile(BytesIO(icc) if icc else srgb) for icc in (source, target)
        )
        transform = ImageCms.buildTransform(before, after, "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None

    def convert(colours: Bytes) -> Bytes:
        return np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))

    steps = np.arange(0, 256, 17, dtype=np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(16, -1, 3)
    same = np.abs(convert(probe).astype(int) - probe).max() <= 2  # sRGB has many makers
    return None if same else convert
