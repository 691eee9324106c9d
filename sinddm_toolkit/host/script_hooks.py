"""Hooks that a script gives an edit: plain functions, and objects with such methods.

They are no plugin, so no record can name them: what may have changed the picture is noted there as
what it was made with besides.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.checks import RUN_HOOKS, arguments
from sinddm_toolkit.host.hookspecs import MARK

WATCHING = ("begin_edit", "after_step", "end_edit")
"""Hooks that can change no picture."""


@dataclass(frozen=True)
class ScriptHooks:
    """The hooks of one thing that a script gave, by the names of the hooks."""

    name: str
    """What it is called in messages and records, and what its random numbers follow from."""
    functions: dict[str, Callable[..., Any]]

    @property
    def may_change(self) -> bool:
        """Whether it can change the picture."""
        return bool(self.functions.keys() - set(WATCHING))


def script_hooks(given: Any) -> list[ScriptHooks]:
    """What a script gave as `hooks`: functions named as hooks are, and objects that have such ones.

    `def modify_x0(run, step)` is one, and so is `SimpleNamespace(after_step=…)`. UserError for what
    would never be called, and for arguments that the hook does not give.
    """
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise UserError(f"hooks: give a list of functions or objects, not {_kind(given)}")
    return [_hooks_of(one) for one in given]


def _hooks_of(thing: Any) -> ScriptHooks:
    if inspect.isfunction(thing) or inspect.ismethod(thing):
        functions: dict[str, Callable[..., Any]] = {thing.__name__: thing}
        name = f"{thing.__module__}.{thing.__qualname__}"
        _check_known(thing.__name__, name)
    else:
        if isinstance(thing, type):
            raise UserError(f"hooks: {thing.__name__} is a class: give an object of it")
        names = [name for name in RUN_HOOKS if callable(getattr(thing, name, None))]
        functions = {name: getattr(thing, name) for name in names}
        name = f"{type(thing).__module__}.{type(thing).__qualname__}"
        for other in dir(type(thing)):
            if hasattr(getattr(type(thing), other, None), MARK):
                _check_known(other, name)
    if not functions:
        raise UserError(f"hooks: {name} has none, which are {', '.join(RUN_HOOKS)}")
    for hook, function in functions.items():
        _check_arguments(hook, function, name)
    return ScriptHooks(name, functions)


def _check_known(hook: str, name: str) -> None:
    """UserError if there is no hook of that name."""
    if hook in RUN_HOOKS:
        return
    near = difflib.get_close_matches(hook, RUN_HOOKS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"name it as one of {', '.join(RUN_HOOKS)}"
    raise UserError(f"hooks: {hook} of {name} is no hook of an edit: {hint}")


def _check_arguments(hook: str, function: Callable[..., Any], name: str) -> None:
    known = list(inspect.signature(RUN_HOOKS[hook]).parameters)[1:]
    if wrong := [one for one in arguments(function) if one not in known]:
        takes = ", ".join(known)
        raise UserError(f"hooks: {hook} of {name} has an argument {wrong[0]!r}; it takes {takes}")


def _kind(value: Any) -> str:
    return "a function alone" if callable(value) else type(value).__name__
