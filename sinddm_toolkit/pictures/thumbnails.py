"""The small pictures that reports and notebooks show."""

from __future__ import annotations

import base64
import io

from sinddm_toolkit.pictures.contact_sheet import small
from sinddm_toolkit.pictures.picture import Picture

LONGER_SIDE = 256
"""Pixels."""


def thumbnail(picture: Picture, side: int = LONGER_SIDE) -> str:
    """Shrink a picture to a JPEG in base64, no side longer than `side`, on white where it is
    transparent."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(small(picture, side).pixels).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
