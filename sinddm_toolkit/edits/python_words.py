"""Errors in the words of who calls: a script knows no `--mask`, but `mask`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions

FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)(?![\w-])")

OTHERS = {
    "executor": "executor",
    "input": "inputs",
    "jobs": "jobs",
    "no-plugin": "load_plugins",
    "plugins-dir": "load_plugins",
    "preset": "preset",
    "with": "also",
}
"""What is no option of a run or of a task, and the argument or function that does the same."""


@contextmanager
def python_words() -> Iterator[None]:
    """Make the errors that are raised in here name options as Python does."""
    try:
        yield
    except UserError as error:
        error.args = (in_python(str(error)), *error.args[1:])
        raise


def in_python(text: str) -> str:
    """`text` with the names of arguments for the options of command lines."""
    known = {*RunOptions.schema()}
    for task in registry.current().tasks.values():
        known.update(task.schema())

    def named(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        return name if name in known else OTHERS.get(match[1], match[0])

    return FLAG.sub(named, text)
