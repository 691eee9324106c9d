"""Tensors in a safetensors file beside a description in JSON; no changed bit goes unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sinddm_toolkit.pictures.files import write_atomically

DESCRIPTION = "sinddm"
DIGEST = "sha256"
"""The metadata of a file: the JSON, and its hash. Files of version 0.1 have no hash."""


TYPES = (torch.float32, torch.uint8)
"""Of the tensors: weights, and the states of generators."""


class DamagedFile(Exception):
    """A file that is not what `write_tensors` wrote."""


def hash_of(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of names and contents."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write the file whole or not at all; `facts` should hold the tensors' hash. OSError."""
    text = json.dumps(facts)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digest = hashlib.sha256(text.encode()).hexdigest()
    data = save(plain, metadata={DESCRIPTION: text, DIGEST: digest})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, overwrite=True)


def read_facts(path: Path) -> dict[str, Any]:
    """The description alone. OSError or DamagedFile."""
    return _read(path, with_tensors=False)[0]


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and tensors, all of them finite if they are numbers. OSError or DamagedFile."""
    return _read(path, with_tensors=True)


def _read(path: Path, *, with_tensors: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        path.stat()  # raises what is wrong, if nothing is there
        raise DamagedFile("it is no ordinary file")
    try:
        with safe_open(path, framework="pt") as file:
            facts = _described(file.metadata() or {})
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise DamagedFile(str(error)) from error
    except (ValueError, RecursionError) as error:  # of the JSON
        raise DamagedFile("its description can't be read") from error
    if not all(x.dtype in TYPES and bool(x.isfinite().all()) for x in tensors.values()):
        raise DamagedFile("it holds numbers that are not finite")
    return facts, tensors


def _described(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The description, a JSON object. DamagedFile or ValueError."""
    text = metadata.get(DESCRIPTION, "")
    # Not a key more, or one whose name a changed bit has spoilt would pass for a file without it.
    if metadata.keys() - {DESCRIPTION, DIGEST} or (
        DIGEST in metadata and metadata[DIGEST] != hashlib.sha256(text.encode()).hexdigest()
    ):
        raise DamagedFile("its description is not as it was written")
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise DamagedFile("its description is no object")
    return facts
