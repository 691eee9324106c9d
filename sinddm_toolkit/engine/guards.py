"""What keeps hooks from leaving what can't be used: settled attributes, checked tensors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor


class Guarded:
    """Refuses attributes that there are not, and changes of those that are `_settled`."""

    __slots__ = ()
    _settled: ClassVar[frozenset[str]] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._settled and hasattr(self, name):
            raise AttributeError(f"{name} cannot be changed here")
        super().__setattr__(name, value)


def check_tensor(new: Tensor, old: Tensor, name: str, batch: int | None = None) -> None:
    """ValueError, raised where the assignment stands, unless `new` can take the place of `old`."""
    if not isinstance(new, Tensor):
        raise TypeError(f"{name} must be a tensor, not {type(new).__name__}")
    shapes = {tuple(old.shape), (batch or old.shape[0], *old.shape[1:])}
    if tuple(new.shape) not in shapes or new.dtype != old.dtype:
        raise ValueError(
            f"{name} must be {old.dtype} of shape {tuple(old.shape)}, "
            f"not {new.dtype} of shape {tuple(new.shape)}"
        )
    check_finite(new, name)


def check_prediction(epsilon: Tensor, x: Tensor) -> None:
    """TypeError or ValueError unless `epsilon` can be the noise in `x`."""
    check_tensor(epsilon, x, "the noise predicted")


def is_finite(x: Tensor) -> bool:
    """Whether all of x is neither infinite nor no number."""
    # The extremes are not finite if anything is not, and take no memory to find.
    return all(math.isfinite(float(extreme)) for extreme in torch.aminmax(x.detach()))


def check_finite(x: Tensor, name: str) -> None:
    """ValueError unless all of x is finite."""
    if not is_finite(x):
        raise ValueError(f"{name} has values that are not finite")
