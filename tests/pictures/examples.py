"""Pictures and files to read and write, and what is said when they are refused."""

import errno
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import ImageCms

from sinddm_toolkit.errors import UserError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RECORD = '{"a": 1}'
DEPTHS = [np.uint8, np.uint16]


def noise(channels, dtype=np.uint8, size=(20, 30)):
    """Pixels (h, w, channels), the same every time."""
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(channels)
    return rng.integers(0, top, (*size, channels), dtype, endpoint=True)


def refusal(call, *arguments, **keywords):
    """The one line in which a call is refused."""
    with pytest.raises(UserError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def no_links(*arguments, **keywords):
    """Stands in for a call that a system does not permit."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


def saved(image, format, **options):
    """The bytes of a file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def deep_tiff(**options):
    """The bytes of a TIFF with 16 bits a channel."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, noise(3, np.uint16), photometric="rgb", **options)
    return buffer.getvalue()


def png_chunk(kind, body):
    """What a PNG consists of after its first 8 bytes."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
