"""Calls the hooks of one run on its tasks, and says which plugin failed, where."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pluggy

from sinddm_toolkit import hookspecs
from sinddm_toolkit.errors import PluginError, ToolkitError
from sinddm_toolkit.options import Task
from sinddm_toolkit.plan import Plan
from sinddm_toolkit.pyramid import Pyramid
from sinddm_toolkit.result import Result
from sinddm_toolkit.run_state import Run, ScaleState, Step


class RunHooks:
    """A fresh plugin manager that holds the tasks and observers of one run."""

    def __init__(self, tasks: Sequence[Task], observers: Sequence[object] = ()) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs.RunSpecs)
        # pluggy calls the last registered first; a run's tasks act in the order they were named.
        for observer in reversed(observers):
            self._manager.register(observer, name=type(observer).__name__)
        for task in reversed(tasks):
            with self._guarded("", task.name):
                self._manager.register(task, name=task.name)
                self._manager.check_pending()

    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        with self._guarded("plan_edit"):
            self._manager.hook.plan_edit(plan=plan, pyramid=pyramid)

    def before_sampling(self, run: Run) -> None:
        with self._guarded("before_sampling"):
            self._manager.hook.before_sampling(run=run)

    def before_scale(self, run: Run, scale: ScaleState) -> None:
        with self._guarded("before_scale", where=f" at scale {scale.stage.scale}"):
            self._manager.hook.before_scale(run=run, scale=scale)

    def modify_x0(self, run: Run, step: Step) -> None:
        with self._guarded("modify_x0", where=_where(step)):
            self._manager.hook.modify_x0(run=run, step=step)

    def after_step(self, run: Run, step: Step) -> None:
        with self._guarded("after_step", where=_where(step)):
            self._manager.hook.after_step(run=run, step=step)

    def compose_output(self, run: Run, result: Result) -> None:
        with self._guarded("compose_output"):
            self._manager.hook.compose_output(run=run, result=result)

    @contextmanager
    def _guarded(self, hook: str, name: str | None = None, where: str = "") -> Iterator[None]:
        try:
            yield
        except ToolkitError:
            raise
        except Exception as error:
            name = name or self._culprit(hook, error)
            doing = f"in {hook}" if hook else "when it joined the run"
            text = " ".join(str(error).split())
            raise PluginError(
                f"plugin {name} failed {doing}{where}: {type(error).__name__}: {text}"
            ) from error

    def _culprit(self, hook: str, error: Exception) -> str:
        """The plugin whose implementation of `hook` the traceback of `error` goes through."""
        frames = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if getattr(implementation.function, "__code__", None) in frames:
                return str(implementation.plugin_name)
        return "(unknown)"


def _where(step: Step) -> str:
    return f" at scale {step.scale.stage.scale}, step {step.t}"
