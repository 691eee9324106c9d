"""The tensors in a file of weights, read without executing anything that is in it.

Such a file is of safetensors, of `torch.save`, or of `torch.jit.save`, as OpenAI publishes its own:
a program with its weights. The last two are zip archives of one layout: the entries `ROOT/data/0`,
`ROOT/data/1`, … hold the numbers, and a pickle, `ROOT/data.pkl`, says what is made of them.

A pickle is a list of instructions that may call whatever there is in Python. Here they are carried
out one by one on plain values: classes and functions are names, and nothing is imported or called
by them.
"""

from __future__ import annotations

import pickletools
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.api import UserError

LARGEST_PICKLE = 32_000_000
"""Bytes of `data.pkl`; of OpenAI's models it has some 100 000."""

MOST_PARTS = 100_000
"""Modules and tensors of a program: modules may hold each other, which may go on without end."""
LONGEST_NAME = 1_000

PROGRAM = "__torch__."
"""What the names of a program's own classes begin with."""

DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}

ORDERED_DICT = "collections.OrderedDict"
TENSOR = "torch._utils._rebuild_tensor_v2"
GIVES_FIRST = (
    "torch._utils._rebuild_parameter",
    "torch.jit._pickle.restore_type_tag",
    *(f"torch.jit._pickle.build_{kind}list" for kind in ("int", "bool", "double", "tensor")),
)
"""Functions that pickles call to mark a value: for us they give what they were given."""

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}


class Refused(Exception):
    """Why a file is not read, in a few words."""


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


@dataclass(frozen=True)
class Name:
    """A class or a function that a pickle speaks of."""

    text: str


@dataclass
class Part:
    """A module of a program."""

    attributes: dict[Any, Any] = field(default_factory=dict)


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


def unpickled(data: bytes, storage: Callable[[Any], Tensor]) -> Any:
    """What the pickle `data` describes, of tensors, plain values and `Part`s alone.

    `storage` gives the numbers that it refers to. Refused for anything else.
    """
    machine = _Machine(storage)
    for opcode, argument, _ in pickletools.genops(data):
        machine.step(opcode.name, argument)
    return machine.stack.pop()


class _Machine:
    """Carries out the instructions of a pickle: those that such files are made of."""

    def __init__(self, storage: Callable[[Any], Tensor]) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._storage = storage

    def step(self, name: str, argument: Any) -> None:
        """The instruction `name` of `pickletools`."""
        stack = self.stack
        match name:
            case "PROTO" | "STOP":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append(CONSTANTS[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append(EMPTY[name]())
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "MARK":
                self._marks.append(len(stack))
            case "TUPLE":
                self._push(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._push(tuple(self._last(int(name[-1]))))
            case "APPEND":
                self._extend(self._last(1))
            case "APPENDS":
                self._extend(self._since_mark())
            case "SETITEM":
                self._set(self._last(2))
            case "SETITEMS":
                self._set(self._since_mark())
            case "GLOBAL":
                stack.append(_known(argument.replace(" ", ".")))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "NEWOBJ":
                stack.append(_made(*self._last(2)))
            case "REDUCE":
                stack.append(_called(*self._last(2)))
            case "BUILD":
                self._build(stack.pop())
            case _:
                raise Refused(f"its pickle has the instruction {name}")

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _last(self, count: int) -> list[Any]:
        """The last `count` values, taken from the stack."""
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def _since_mark(self) -> list[Any]:
        return self._last(count) if (count := len(self.stack) - self._marks.pop()) else []

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise Refused("its pickle makes no sense")
        self.stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        """Keys and values in turn. Names and numbers alone: to hash other keys may never end."""
        keys = values[::2]
        if not isinstance(self.stack[-1], dict) or not all(map(_is_key, keys)):
            raise Refused("its pickle makes no sense")
        self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def _build(self, state: Any) -> None:
        """Give a module its attributes; what else has a state can do without it."""
        if isinstance(self.stack[-1], Part) and isinstance(state, dict):
            self.stack[-1].attributes = state


def _is_key(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= LONGEST_NAME)


def _known(name: str) -> Name:
    """Refused unless `name` is one of those that tensors and programs need."""
    if not name.startswith(PROGRAM) and name not in (ORDERED_DICT, TENSOR, *GIVES_FIRST, *DTYPES):
        raise Refused(f"it asks for {name!r:.60}, which is no part of a tensor")
    return Name(name)


def _made(cls: Any, arguments: Any) -> Part:
    if not isinstance(cls, Name) or not cls.text.startswith(PROGRAM) or arguments != ():
        raise Refused("its pickle makes no sense")
    return Part()


def _called(function: Any, arguments: Any) -> Any:
    """What comes of a call of a function of torch, without the call."""
    name = function.text if isinstance(function, Name) else None
    if name == TENSOR:
        return _view(*arguments[:4])
    if name == ORDERED_DICT and arguments == ():
        return {}
    if name in GIVES_FIRST:
        return arguments[0]
    raise Refused("its pickle makes no sense")


def _view(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """A tensor of the numbers in `storage`. Refused if it is larger: that may be without end."""
    if prod(size) > storage.numel():
        raise Refused("a tensor is larger than its numbers")
    return storage.as_strided(size, stride, offset)  # which refuses what lies outside
