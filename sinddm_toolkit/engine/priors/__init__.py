"""Weights to start a training from: what a denoiser knows of pictures in general.

Made from the photographs in `pictures.toml`.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from torch import Tensor

from sinddm_toolkit.errors import UserError


def _file(network: str, width: int) -> Traversable:
    return files(__name__) / f"{network}-{width}.safetensors"


@lru_cache
def fingerprint(network: str, width: int) -> str | None:
    """What tells these weights from later ones; None if there are none for such a network."""
    file = _file(network, width)
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else None


def load(network: str, width: int, wanted: str) -> dict[str, Tensor]:
    """The weights whose fingerprint is `wanted`. UserError if this toolkit has others."""
    from safetensors.torch import load as parsed

    if fingerprint(network, width) != wanted:
        raise UserError(
            f"this model was begun from the weights {wanted}, which are not those of this version "
            "of the toolkit: install the version that made it, or train anew"
        )
    return {name: x.float() for name, x in parsed(_file(network, width).read_bytes()).items()}
