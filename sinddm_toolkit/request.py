"""What is asked for, from wherever it comes, as tasks and options of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sinddm_toolkit import registry
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options import Task, unknown_option
from sinddm_toolkit.run_options import RunOptions

TaskRequest = tuple[str, Mapping[str, Any]]
"""A task's name and its option values; those of the run may stand among them."""


def make_tasks(requests: Sequence[TaskRequest]) -> tuple[list[Task], RunOptions]:
    """The tasks of one run and its options. UserError for what does not fit.

    The first task's picture is the one that is learnt; the others take it over.
    """
    classes = [registry.current().task(name) for name, _ in requests]
    run_schema = RunOptions.schema()
    own: list[dict[str, Any]] = []
    common: dict[str, Any] = {}
    for cls, (name, values) in zip(classes, requests, strict=True):
        if [asked for asked, _ in requests].count(name) > 1:
            raise UserError(f"{name} is asked for twice in one run")
        own.append({})
        for key, value in values.items():
            if key in cls.schema():
                own[-1][key] = value
            elif key in run_schema:
                common[key] = value
            else:
                raise unknown_option(key, {**cls.schema(), **run_schema})
    options = RunOptions(**common)  # before the tasks: they read pictures
    tasks = [classes[0](**own[0])]
    learnt = tasks[0].picture(tasks[0].learns_from)
    for cls, values in zip(classes[1:], own[1:], strict=True):
        values.setdefault(cls.learns_from, learnt)
        task = cls(**values)
        if task.picture(cls.learns_from).content_hash() != learnt.content_hash():
            raise UserError(
                f"--{cls.learns_from} of {cls.name}: a run learns one picture, here {learnt.name} "
                f"of {tasks[0].name}; leave the option out"
            )
        tasks.append(task)
    return tasks, options
