"""What can be said of a plugin without running it. The checks raise what its record will say."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import hookspecs
from sinddm_toolkit.host.hookspecs import API_VERSION, MARK
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task

TASK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def hooks_of(specs: type) -> dict[str, Callable[..., Any]]:
    """The hooks that a class of `hookspecs` declares, in their order."""
    return {name: hook for name, hook in vars(specs).items() if not name.startswith("_")}


DISCOVERY_HOOKS = hooks_of(hookspecs.DiscoverySpecs)
RUN_HOOKS = hooks_of(hookspecs.RunSpecs)


def check_version(plugin: Any) -> None:
    """UserError if `plugin` states a version of the contract that is not this toolkit's."""
    stated = getattr(plugin, "API_VERSION", API_VERSION)
    if isinstance(stated, bool) or not isinstance(stated, int):
        raise TypeError(f"API_VERSION is {stated!r}: give a whole number")
    if stated != API_VERSION:
        older = "the toolkit" if stated > API_VERSION else "the plugin"
        raise UserError(
            f"written for version {stated} of the plugin contract, this toolkit has "
            f"{API_VERSION}: update {older}"
        )


def check_module(plugin: Any) -> None:
    """TypeError for hooks that would never be called."""
    for name in vars(plugin) if hasattr(plugin, "__dict__") else ():
        _check_hook(name, getattr(plugin, name), DISCOVERY_HOOKS, "the plugin")


def check_task(task: Any) -> None:
    """TypeError for what no task can be; UserError for a default that is not allowed."""
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise TypeError(f"register_tasks gave {task!r}, which is not a Task class")
    for attribute in ("name", "summary"):
        if not isinstance(getattr(task, attribute, None), str):
            raise TypeError(f"the task class {task.__name__} has no {attribute}")
    if not isinstance(getattr(task, "learns_from", 0), (str, type(None))):
        raise TypeError(f"the task class {task.__name__} has no learns_from")
    if not TASK_NAME.fullmatch(task.name):
        raise TypeError(f"{task.name!r} is no name for a task: use a-z, 0-9, - and _")
    for name, value in _attributes(task).items():
        _check_hook(name, value, RUN_HOOKS, f"the task {task.name}")
    _check_options(task)


def _attributes(task: type) -> dict[str, Any]:
    """What `task` and its bases define, by name, as it stands in the class."""
    bases = [base for base in reversed(task.__mro__) if base is not object]
    return {name: value for base in bases for name, value in vars(base).items()}


def _check_options(task: type[Task]) -> None:
    schema = task.schema()
    for used in filter(None, (task.learns_from, task.named_after)):
        if used not in schema:
            raise TypeError(f"the task {task.name} has no option {used!r}")
    for name, item in schema.items():
        if name in RunOptions.schema():
            raise TypeError(f"the task {task.name} has an option {name}, as every run has")
        if not item.required:
            item.checked(item.default, f"default of {item.flag}")


def _check_hook(name: str, value: Any, hooks: dict[str, Callable[..., Any]], whose: str) -> None:
    """TypeError if `value`, called `name`, is marked as a hook and is none, or the reverse."""
    marked = hasattr(value, MARK)
    if name in hooks and not marked and callable(value):
        raise TypeError(f"{name} of {whose} lacks @hookimpl")
    if not marked:
        return
    if name not in hooks:
        if name in RUN_HOOKS:
            raise TypeError(f"{name} is a hook of tasks: make it a method of one")
        near = difflib.get_close_matches(name, hooks, n=1)
        hint = f", did you mean {near[0]}?" if near else f": there are {', '.join(hooks)}"
        raise TypeError(f"{name} of {whose} is no hook{hint}")
    known = list(inspect.signature(hooks[name]).parameters)[1:]
    for wrong in set(arguments(value)) - {"self", *known}:
        takes = ", ".join(known) or "nothing"
        raise TypeError(f"{name} of {whose} has an argument {wrong!r}; the hook gives {takes}")


def arguments(function: Any) -> list[str]:
    """The names that are filled in: those without a default."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
