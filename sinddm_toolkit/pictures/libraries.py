"""The libraries that read and write files: kept to our limits, and silent."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sinddm_toolkit.pictures.limits import MAX_PIXELS

TEXT_BYTES = 32 * 2**20
"""The largest profile or text, unpacked, that is read from a PNG."""

LIBRARIES = ("PIL", "tifffile", "imagecodecs", "pillow_heif")
"""By the names of their packages, which are those of their loggers."""

_HELD = threading.RLock()
"""Held while this module has changed what is global to the process: limits, warnings, loggers."""


@contextmanager
def muted_and_limited() -> Iterator[None]:
    """What reads and writes files has the limits of this module and says nothing by itself."""
    with _HELD, warnings.catch_warnings(), _limited(), _muted():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _limited() -> Iterator[None]:
    from PIL import Image, PngImagePlugin

    pixels, text = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses what is twice as large
    PngImagePlugin.MAX_TEXT_CHUNK = TEXT_BYTES
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = pixels, text


@contextmanager
def _muted() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def stderr_closed() -> Iterator[None]:
    """What is written to standard error is lost, whoever writes it."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
