"""Calls the hooks of one run on its tasks, and says which plugin failed, where."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import pluggy

from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.run import Run, ScaleState, Step
from sinddm_toolkit.errors import PluginError
from sinddm_toolkit.host import hookspecs
from sinddm_toolkit.host.blame import blaming, culprit
from sinddm_toolkit.host.result import Result
from sinddm_toolkit.options.option import Task


class RunHooks:
    """A fresh plugin manager that holds the tasks and observers of one run."""

    def __init__(self, tasks: Sequence[Task], observers: Sequence[object] = ()) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs.RunSpecs)
        self._names = [task.name for task in tasks]
        # pluggy calls the last registered first; a run's tasks act in the order they were named.
        for observer in reversed(observers):
            self._manager.register(observer, name=type(observer).__name__)
        for task in reversed(tasks):
            with blaming(task.name, "when it joined the run"):
                self._manager.register(task, name=task.name)
                self._manager.check_pending()

    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        with self._blaming("plan_edit"):
            self._manager.hook.plan_edit(plan=plan, pyramid=pyramid)

    def before_sampling(self, run: Run) -> None:
        with self._blaming("before_sampling"):
            self._manager.hook.before_sampling(run=run)

    def before_scale(self, run: Run, scale: ScaleState) -> None:
        with self._blaming("before_scale", f" at scale {scale.stage.scale}"):
            self._manager.hook.before_scale(run=run, scale=scale)

    def modify_x0(self, run: Run, step: Step) -> None:
        with self._blaming("modify_x0", _where(step)):
            self._manager.hook.modify_x0(run=run, step=step)
        self._check_untouched("modify_x0", step, "assign step.x0 = ... instead")

    def after_step(self, run: Run, step: Step) -> None:
        with self._blaming("after_step", _where(step)):
            self._manager.hook.after_step(run=run, step=step)
        self._check_untouched("after_step", step, "it may only watch: work on a copy, x.clone()")

    def compose_output(self, run: Run, result: Result) -> None:
        with self._blaming("compose_output"):
            self._manager.hook.compose_output(run=run, result=result)
        if wrong := result.wrong():
            names = self._implementing("compose_output")
            raise PluginError(f"plugin {names} failed in compose_output: {wrong}")

    def _blaming(self, hook: str, where: str = "") -> AbstractContextManager[None]:
        def who(error: BaseException) -> str | None:
            name = culprit(getattr(self._manager.hook, hook), error)
            return name if name in self._names else None

        return blaming(who, f"in {hook}{where}")

    def _check_untouched(self, hook: str, step: Step, instead: str) -> None:
        """PluginError if a tensor was changed in place, behind the back of all checks."""
        if name := step.changed_in_place():
            raise PluginError(
                f"plugin {self._implementing(hook)} failed in {hook}{_where(step)}: "
                f"it changed {name} in place; {instead}"
            )

    def _implementing(self, hook: str) -> str:
        """The tasks that have `hook`: nearly always one."""
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return " or ".join(one.plugin_name for one in found if one.plugin_name in self._names)


def _where(step: Step) -> str:
    return f" at scale {step.scale.stage.scale}, step {step.t}"
