"""The tensors in a file of weights, read without executing anything that is in it.

Such a file is of safetensors, of `torch.save`, or of `torch.jit.save`, as OpenAI publishes its own:
a program with its weights. The last two are zip archives of one layout: the entries `ROOT/data/0`,
`ROOT/data/1`, … hold the numbers, and a pickle, `ROOT/data.pkl`, says what is made of them.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.api import UserError

from .pickles import DTYPES, LONGEST_NAME, Part, Refused, unpickled

LARGEST_PICKLE = 32_000_000
"""Bytes of `data.pkl`; of OpenAI's models it has some 100 000."""

MOST_PARTS = 100_000
"""Modules and tensors of a program: modules may hold each other, which may go on without end."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of weights, by name, on the CPU. UserError if they can't be read."""
    try:
        return _read(path)
    except OSError as error:
        raise UserError(f"cannot read CLIP weights {path}: {error.strerror or error}") from error
    except Refused as error:
        raise UserError(
            f"CLIP weights {path}: {error} (nothing in the file was executed)"
        ) from error
    except Exception as error:  # what a library raises for a strange file depends on the file
        raise UserError(
            f"CLIP weights {path}: this is no file of weights, or a damaged one "
            "(nothing in it was executed)"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            with zipfile.ZipFile(file) as archive:
                return named(Archive(archive, size).content())
        file.seek(0)  # a bare pickle, as PyTorch wrote them before it had archives
        with warnings.catch_warnings(action="ignore"):  # on formats: it is read or refused
            found = named(torch.load(file, map_location="cpu", weights_only=True))
    if any(tensor.numel() * tensor.element_size() > size for tensor in found.values()):
        raise Refused("a tensor is larger than the file")
    return found


def named(content: Any) -> dict[str, Tensor]:
    """The tensors in what a file holds, by the names that they have in the model's state.

    A program has them as attributes of its modules; training writes them as `state_dict` among
    other things, and below a module called `module`. Refused if there are none by name.
    """
    if isinstance(content, Part):
        return _attributes(content)
    if isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise Refused("there are no weights in it")
    found = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if next(iter(found), "").startswith("module."):
        return {name.removeprefix("module."): value for name, value in found.items()}
    return found


def _attributes(program: Part) -> dict[str, Tensor]:
    found = {}
    parts = [("", program)]
    for prefix, part in parts:  # which grows meanwhile
        for name, value in part.attributes.items():
            if isinstance(value, Part):
                parts.append((f"{prefix}{name}.", value))
            elif isinstance(value, Tensor):
                found[f"{prefix}{name}"] = value
        if len(parts) + len(found) > MOST_PARTS or len(prefix) > LONGEST_NAME:
            raise Refused("its modules hold each other without end")
    return found


class Archive:
    """A zip archive of `torch.save` or `torch.jit.save`.

    Both write what counts uncompressed: together no entry can hold more than the file does.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        """`size` is that of the file in bytes. Refused if there is no one pickle in the archive."""
        self._archive = archive
        self._left = size
        self._storages: dict[str, Tensor] = {}
        pickles = [entry for entry in archive.namelist() if entry.endswith("/data.pkl")]
        roots = [entry.partition("/")[0] for entry in pickles if entry.count("/") == 1]
        if len(roots) != 1:
            raise Refused("there are no weights in it")
        self._root = roots[0]

    def content(self) -> Any:
        """What the pickle makes. Refused if that takes more than tensors and plain values."""
        return unpickled(self._entry("data.pkl", LARGEST_PICKLE), self.storage)

    def storage(self, identity: Any) -> Tensor:
        """The numbers (n,) that a pickle means by `identity`."""
        _, kind, key, _, count = identity
        dtype = DTYPES[kind.text]
        if key not in self._storages:
            data = bytearray(self._entry(f"data/{key}", count * dtype.itemsize))
            if len(data) != count * dtype.itemsize:
                raise Refused(f"data/{key} is cut short")
            # Of no numbers there is no buffer.
            self._storages[key] = (
                torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
            )
        return self._storages[key].view(dtype)

    def _entry(self, name: str, most: int) -> bytes:
        """The bytes of an entry. Refused if there are more than `most`, or if it is compressed."""
        entry = self._archive.getinfo(f"{self._root}/{name}")
        self._left -= entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most or self._left < 0:
            raise Refused(f"{name} is compressed or larger than it can be")
        return self._archive.read(entry)
