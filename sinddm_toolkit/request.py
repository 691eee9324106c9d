"""Sorts named values into the options of tasks and those of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sinddm_toolkit.options import Task, unknown_option
from sinddm_toolkit.run_options import RunOptions


def split_values(
    classes: Sequence[type[Task]], values: Mapping[str, Any]
) -> tuple[list[Task], RunOptions]:
    """The tasks and the run's options; UserError for a name that none of them has."""
    schemas = [*(cls.schema() for cls in classes), RunOptions.schema()]
    known = {name: item for schema in schemas for name, item in schema.items()}
    for name in values:
        if name not in known:
            raise unknown_option(name, known)
    parts = [
        {name: value for name, value in values.items() if name in schema} for schema in schemas
    ]
    common = RunOptions(**parts[-1])  # before the tasks: they read pictures
    return [cls(**part) for cls, part in zip(classes, parts, strict=False)], common
