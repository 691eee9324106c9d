"""The small pictures that a report shows."""

from __future__ import annotations

import base64
import io

from sinddm_toolkit.pictures.picture import Picture

LONGER_SIDE = 256
"""Pixels."""


def thumbnail(picture: Picture) -> str:
    """Shrink a picture to a JPEG in base64, on white where it is transparent."""
    from PIL import Image

    height, width = picture.size
    scale = LONGER_SIDE / max(height, width)
    small = picture
    if scale < 1:
        small = picture.resized((max(1, round(height * scale)), max(1, round(width * scale))))
    rgb = ((small.rgb() + 1) * 127.5).round().clip(0, 255).astype("uint8")
    alpha = small.alpha()
    if alpha is not None:
        rgb = (rgb * alpha[..., None] + 255 * (1 - alpha[..., None])).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
