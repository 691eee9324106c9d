"""What is asked for, on a line or from Python, as the tasks of one run and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.schema import unknown_option
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.settings import config
from sinddm_toolkit.settings.layers import Layer, Origin, Setting, layer_of
from sinddm_toolkit.settings.presets import stacked


@dataclass
class Part:
    """One task of a run as it is asked for; without a name, the one that its presets name."""

    task: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    """By their Python names, those of the run among them."""
    presets: Sequence[str] = ()
    """Names or paths, each over the one before it."""
    is_text: bool = False
    """Whether the values are texts, as on a command line."""

    def layer(self, origin: Origin) -> Layer:
        """The values over the presets. UserError if those are for another task."""
        below = stacked(self.presets)
        task = below.lead if self.task is None else self.task
        if task is None and self.presets:
            raise UserError(f"preset {self.presets[-1]} names no task: give one too")
        if task is None:
            raise UserError("name a task, or a preset that has one")
        if below.lead not in (None, task):
            raise _preset_of_another(self.presets[-1], below.lead, task)
        return layer_of(task, self.values, origin, is_text=self.is_text).over(below)


def _preset_of_another(preset: str, lead: str, task: str) -> UserError:
    text = f"preset {preset} is for {lead}, not for {task}"
    if registry.current().task(lead).learns_from is None:
        text += f": let it join by {task} … + {lead} --preset {preset}"
    return UserError(text)


def one_run(parts: Sequence[Part], origin: Origin, below: Layer | None = None) -> Layer:
    """The settings of one run, over those `below`, and all over a person's own defaults.

    UserError if a task is asked for twice, or if the file of the defaults is broken.
    """
    whole = Layer()
    asked: set[str | None] = set()
    for part in parts:
        layer = part.layer(origin)
        if layer.lead in asked:
            raise UserError(f"{layer.lead} is asked for twice in one run")
        asked.add(layer.lead)
        whole = layer.over(whole)
    return config.beneath(whole.over(below or Layer()))


def make_tasks(layer: Layer) -> tuple[list[Task], RunOptions]:
    """The tasks of one run and its options. UserError for what does not fit.

    The first task's picture, or pictures, are what is learnt; the others take them over.
    """
    classes = [registry.current().task(name) for name in layer.tasks]
    options = run_options(layer)
    _check_complete(classes, layer)  # before pictures are read
    own: list[dict[str, Any]] = []
    for cls, settings in zip(classes, layer.tasks.values(), strict=True):
        own.append({k: s.opened(cls.schema()[k]) for k, s in settings.items()})
    tasks = [_made(classes[0], own[0])]
    learnt = tasks[0].all_learnt()
    names = " and ".join(picture.name for picture in learnt)
    for cls, values in zip(classes[1:], own[1:], strict=True):
        if cls.learns_from is not None:
            if len(learnt) > 1 and not cls.schema()[cls.learns_from].many:
                raise UserError(
                    f"{cls.name} works with one picture, and {tasks[0].name} learns {names} here"
                )
            values.setdefault(cls.learns_from, learnt if len(learnt) > 1 else learnt[0])
        task = _made(cls, values)
        if cls.learns_from and _contents(task.all_learnt()) != _contents(learnt):
            raise UserError(
                f"--{cls.learns_from} of {cls.name}: a run learns one picture, or several "
                f"together, here {names} of {tasks[0].name}; leave the option out"
            )
        tasks.append(task)
    return tasks, options


def _contents(pictures: Sequence[Picture]) -> list[str]:
    return [picture.content_hash() for picture in pictures]


def _check_complete(classes: Sequence[type[Task]], layer: Layer) -> None:
    """UserError if an option is missing, which that of a further task's picture never is."""
    for cls, settings in zip(classes, layer.tasks.values(), strict=True):
        given = {name for name, setting in settings.items() if setting.value is not None}
        cls.check_complete(given if cls is classes[0] else {*given, str(cls.learns_from)})


def options_alone(values: Mapping[str, Any], origin: Origin) -> RunOptions:
    """The options of what is no edit, such as a training, over a person's own defaults.

    `values` by their Python names, checked or plain. UserError for what is not allowed.
    """
    schema = RunOptions.schema()
    for name in values:
        if name not in schema:
            raise unknown_option(name, schema)
    run = {
        name: Setting.read(schema[name], value, origin, schema[name].flag)
        for name, value in values.items()
    }
    return run_options(config.beneath(Layer({}, run)))


def run_options(layer: Layer) -> RunOptions:
    """The options of a run. UserError, saying where, for values that are not allowed."""
    schema = RunOptions.schema()
    return RunOptions(**{k: s.opened(schema[k]) for k, s in layer.run.items()})


def _made(cls: type[Task], values: Mapping[str, Any]) -> Task:
    with blaming(cls.name, "when it was given its options"):
        return cls(**values)
