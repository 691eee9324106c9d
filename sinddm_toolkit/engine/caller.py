"""The plugin whose hook is being called: what it does to a plan or a run is its doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_name: ContextVar[str] = ContextVar("caller", default="")


def caller() -> str:
    """The name of the task that is at work; empty where none is."""
    return _name.get()


@contextmanager
def calling(name: str) -> Iterator[None]:
    """In here `name` is at work."""
    before = _name.set(name)
    try:
        yield
    finally:
        _name.reset(before)
