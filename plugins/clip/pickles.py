"""What the pickle in a file of weights describes, of tensors and plain values alone.

A pickle is a list of instructions that may call whatever there is in Python. Here they are carried
out one by one on plain values: classes and functions are names, and nothing is imported or called
by them.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor

LONGEST_NAME = 1_000
"""Of what a pickle names."""

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


@dataclass(frozen=True)
class Name:
    """A class or a function that a pickle speaks of."""

    text: str


@dataclass
class Part:
    """A module of a program."""

    attributes: dict[Any, Any] = field(default_factory=dict)


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
