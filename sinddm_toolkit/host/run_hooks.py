"""Calls the hooks of one edit on its tasks, and says which plugin failed, where."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pluggy
import torch
from torch import Tensor

from sinddm_toolkit.engine.caller import calling
from sinddm_toolkit.engine.guards import check_prediction
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.steps import ScaleState, Step
from sinddm_toolkit.engine.training import TrainingReport
from sinddm_toolkit.errors import PluginError, ToolkitError
from sinddm_toolkit.host import hookspecs
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.edit import Edit, Outcome
from sinddm_toolkit.host.result import Result
from sinddm_toolkit.host.script_hooks import ScriptHooks
from sinddm_toolkit.options.task import Task

IN_PLACE = {
    "modify_x0": "assign step.x0 = ... instead",
    "after_step": "it may only watch: work on a copy, x.clone()",
}
"""What to do instead of changing a tensor in place, behind the back of all checks."""


class _NamedHooks:
    """What the plugin manager knows as a task."""


class RunHooks:
    """A fresh plugin manager that holds the tasks and observers of one edit."""

    def __init__(
        self,
        tasks: Sequence[Task],
        observers: Sequence[object] = (),
        script: Sequence[ScriptHooks] = (),
    ) -> None:
        """The hooks of a `script` are called after those of tasks, before those of observers."""
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs.RunSpecs)
        # pluggy calls the last registered first; a run's tasks act in the order they were named.
        for observer in reversed(observers):
            self._manager.register(observer, name=type(observer).__name__)
        for k, given in reversed([*enumerate(script)]):
            self._manager.register(self._named_functions(given), name=f"{k}: {given.name}")
        for task in reversed(tasks):
            with blaming(task.name, "when it joined the run"):
                self._manager.register(self._named_hooks(task, task.name), name=task.name)
                self._manager.check_pending()

    def join(self, plugin: str, thing: object) -> None:
        """Call the hooks, if it has any, of what `plugin` has made: before those of the tasks."""
        with blaming(plugin, "when it joined the run"):
            self._manager.register(self._named_hooks(thing, plugin), name=f"{plugin}, a service")
            self._manager.check_pending()

    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        self._manager.hook.plan_edit(plan=plan, pyramid=pyramid)

    def begin_edit(self, edit: Edit) -> None:
        self._manager.hook.begin_edit(edit=edit)

    def end_edit(self, edit: Edit, outcome: Outcome) -> None:
        """Let each of them put its things in order, also where another one fails.

        Raises the first failure, unless the edit has failed before: that is what is told then.
        """
        calls = self._manager.hook.end_edit.get_hookimpls()
        failures = []
        for one in reversed(calls):
            others = [call.plugin for call in calls if call is not one]
            try:
                self._manager.subset_hook_caller("end_edit", others)(edit=edit, outcome=outcome)
            except ToolkitError as error:
                failures.append(error)
        if outcome.error is None and failures:
            raise failures[0]

    def during_training(self, edit: Edit, report: TrainingReport) -> None:
        with torch.no_grad():  # as in all hooks
            self._manager.hook.during_training(edit=edit, report=report)

    def before_sampling(self, run: Run) -> None:
        self._manager.hook.before_sampling(run=run)

    def before_scale(self, run: Run, scale: ScaleState) -> None:
        self._manager.hook.before_scale(run=run, scale=scale)

    def modify_x0(self, run: Run, step: Step) -> None:
        self._manager.hook.modify_x0(run=run, step=step)

    def after_step(self, run: Run, step: Step) -> None:
        self._manager.hook.after_step(run=run, step=step)

    def compose_output(self, run: Run, result: Result) -> None:
        self._manager.hook.compose_output(run=run, result=result)

    def _named_hooks(self, thing: object, of: str) -> object:
        """The hooks of `thing`, whatever they do being known to be the doing `of` this plugin."""
        hooks = {
            name: self._named(of, name, getattr(thing, name))
            for name in dir(type(thing))
            if hasattr(getattr(type(thing), name, None), hookspecs.MARK)
        }
        named = _NamedHooks()
        vars(named).update(hooks)
        return named

    def _named_functions(self, given: ScriptHooks) -> object:
        """The same of functions that a script gave, which need no mark."""
        named = _NamedHooks()
        for name, function in given.functions.items():
            method = self._named(given.name, name, function)
            is_wrapper = inspect.isgeneratorfunction(function)
            marked = method if hasattr(method, hookspecs.MARK) else None
            vars(named)[name] = marked or hookspecs.hookimpl(wrapper=is_wrapper)(method)
        return named

    def _named(self, task: str, hook: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)  # pluggy looks there for the names of the arguments, and for its mark
        def call(*given: Any) -> None:
            with self._in_the_name_of(task, hook, given):
                method(*given)

        @wraps(method)
        def wrap(*given: Any) -> Generator[Any, Any, Any]:
            with self._in_the_name_of(task, hook, given):
                return (yield from method(*given))

        return wrap if inspect.isgeneratorfunction(method) else call

    @contextmanager
    def _in_the_name_of(self, task: str, hook: str, given: Sequence[Any]) -> Iterator[None]:
        """What is done in here is done by `task`, which must leave all in order."""
        where = _where(given)
        scale = next((one for one in given if isinstance(one, ScaleState)), None)
        predict = scale and scale.predict
        _check_canvas(given)  # a hook that wraps this one may have changed it
        with calling(task), blaming(task, f"in {hook}{where}"):
            yield
            _check_canvas(given)
            _check_plan(given)
        if scale is not None and scale.predict is not predict:
            scale.predict = named_predictor(task, scale.predict)
        if fault := _fault(hook, given):
            raise PluginError(f"plugin {task} failed in {hook}{where}: {fault}")


def _check_canvas(given: Sequence[Any]) -> None:
    for one in given:
        if isinstance(one, Plan):
            one.check_canvas()


def _check_plan(given: Sequence[Any]) -> None:
    for one in given:
        if isinstance(one, Plan):
            one.check_routes()
            one.check_wraps()


def named_predictor(
    plugin: str, predict: NoisePredictor, what: str = "predictor"
) -> NoisePredictor:
    """`predict`, which `plugin` has put in place: what it does and where it fails is its doing."""

    def named(x: Tensor, t: int, s: int, *more: Tensor | None) -> Tensor:
        with calling(plugin), blaming(plugin, f"in its {what} at scale {s}, step {t}"):
            predicted = predict(x, t, s, *more)
            check_prediction(predicted, x)
            return predicted

    return named


def _where(given: Sequence[Any]) -> str:
    """The scale and the step that are at hand, in words."""
    for one in given:
        if isinstance(one, Step):
            return f" at scale {one.s}, step {one.t}"
        if isinstance(one, ScaleState):
            return f" at scale {one.s}"
    return ""


def _fault(hook: str, given: Sequence[Any]) -> str | None:
    """What a hook has left behind that can't be used, in words."""
    for one in given:
        if isinstance(one, Step) and (name := one.changed_in_place()):
            return f"it changed {name} in place; {IN_PLACE[hook]}"
        if isinstance(one, Result) and (wrong := one.wrong()):
            return wrong
    return None
