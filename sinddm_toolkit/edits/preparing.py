"""Everything about an edit that can be settled, and refused, before a model is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from sinddm_toolkit.edits.events import Events, made_at
from sinddm_toolkit.edits.models import Model, ModelConfig, load_model, quality_of
from sinddm_toolkit.edits.record import RecordedModel
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.edits.subject import Subject, make_subject
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.phases import Cells
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.steps import Step
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks, named_predictor
from sinddm_toolkit.host.script_hooks import ScriptHooks
from sinddm_toolkit.host.services import made_service
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture


@dataclass(frozen=True)
class Prepared:
    """An edit with its plan settled and nothing trained yet."""

    tasks: Sequence[Task]
    options: RunOptions
    """As they were asked for, with the seed that was drawn and the whole key of a model."""
    compute: Compute
    subject: Subject
    plan: Plan
    hooks: RunHooks
    denoiser: NoisePredictor | None = None
    """What stands in place of a trained network."""
    recorded: RecordedModel | None = None
    """The model that must be used, as a picture tells of it; None: any of this configuration."""
    script: Sequence[ScriptHooks] = ()
    """The hooks that a script gave."""

    def cells(self) -> Cells:
        """What has to be known before it can be sampled."""
        return {} if self.denoiser else self.plan.cells()


def prepare(
    tasks: Sequence[Task],
    options: RunOptions,
    store: ModelStore,
    events: Events,
    recorded: RecordedModel | None = None,
    script: Sequence[ScriptHooks] = (),
) -> Prepared:
    """Settle the edit that `tasks`, of which the first one's picture is learnt, and `options` ask
    for, with the model that is `recorded`, if one is, and the hooks that a `script` gave.

    UserError for what can't be carried out; nothing is written.
    """
    options.check()
    for task in tasks:
        with blaming(task.name, "in check"):
            task.check()
    for task in tasks:
        with blaming(task.name, "in notices"):
            lines = list(task.notices())
        for line in lines:
            events.message(line)
    compute = choose_compute(options.device)
    compute.prepare()
    stored = _stored_model(options, recorded, store)
    subject = _subject_of(tasks, options, stored, recorded, events)
    plan = Plan(subject.pyramid, subject.schedule, _visits(options, subject))
    hooks = RunHooks(tasks, [SamplingEvents(events)], script)
    hooks.plan_edit(plan, subject.pyramid)
    plan.close()
    denoiser = None
    if options.denoiser is not None:
        service = made_service(
            "denoiser",
            options.denoiser,
            pyramid=subject.pyramid,
            schedule=subject.schedule,
            device=compute.device,
            wraps=plan.wraps,
        )
        denoiser = named_predictor(service.plugin, service.made, service.kind)
        hooks.join(service.plugin, service.made)
    settled = options.settled(model=stored.config.key if stored else options.model)
    compute = compute.for_network(subject.config.network)
    return Prepared(tasks, settled, compute, subject, plan, hooks, denoiser, recorded, script)


def prepare_plain(pictures: Sequence[Picture], options: RunOptions) -> Prepared:
    """Settle the edit that no task changes: a sample of `pictures` at the first one's size.

    UserError for what can't be carried out; nothing is written.
    """
    picture, *others = pictures
    return prepare_subject(make_subject(picture, options, others=others), options)


def prepare_subject(subject: Subject, options: RunOptions) -> Prepared:
    """Settle the edit of `subject` that no task changes. UserError if the device isn't there."""
    compute = choose_compute(options.device)
    compute.prepare()
    plan = Plan(subject.pyramid, subject.schedule, _visits(options, subject))
    plan.close()
    compute = compute.for_network(subject.config.network)
    return Prepared([], options, compute, subject, plan, RunHooks([]))


def _subject_of(
    tasks: Sequence[Task],
    options: RunOptions,
    stored: Model | None,
    recorded: RecordedModel | None,
    events: Events,
) -> Subject:
    """What `tasks` learn, by the `stored` or `recorded` model if one is given."""
    known = stored or recorded
    hidden = _hidden(tasks)
    picture, *others = tasks[0].all_learnt()
    subject = make_subject(
        picture,
        options,
        hidden,
        known.config if known else None,
        stored.schedule if stored else None,
        min((task.most_pixels for task in tasks if task.most_pixels), default=None),
        others,
    )
    if stored:
        check_picture(subject, stored)
        if hidden and subject.pyramid.known is None:
            events.message("this model has learnt the whole picture: what is hidden may come back")
    return subject


def _visits(options: RunOptions, subject: Subject) -> int | None:
    if options.sampling_steps or subject.config.is_imported:
        return options.sampling_steps
    return quality_of(subject.config).sampling_steps


def _hidden(tasks: Sequence[Task]) -> list[Picture]:
    """What each task wants not to be learnt, of those that want that."""
    found = []
    for task in tasks:
        with blaming(task.name, "in hidden"):
            if (mask := task.hidden()) is not None:
                found.append(mask)
    return found


def _stored_model(
    options: RunOptions, recorded: RecordedModel | None, store: ModelStore
) -> Model | None:
    """The stored model that must be used; None if any will do.

    UserError if it is not there.
    """
    if recorded is None:
        key = None if options.model is None else store.find(options.model)
    elif recorded.config.can_be_made_again:
        return None
    else:
        key = store.with_weights(recorded.weights_hash, recorded.config.picture)
        if key is None:
            raise _can_not_be_made_again(recorded.config, store)
    return None if key is None else load_model(store.path(key))


def _can_not_be_made_again(config: ModelConfig, store: ModelStore) -> UserError:
    """What is said of a recorded model that the store would have to have."""
    if config.is_imported:
        what, so = f"the imported model {config.key}", "import its checkpoint again"
    else:
        what = f"the model {config.key} with a schedule of its own"
        so = "train it again as it was trained"
    return UserError(
        f"{what} that made this picture is not in {store.folder} and can't be trained again from "
        f"what a picture tells: {so}"
    )


def check_picture(subject: Subject, model: Model) -> None:
    """UserError if `model` is of another picture than the one given."""
    if subject.config != model.config:
        raise UserError(
            f"--model {model.config.key} knows {model.facts.get('name', 'another picture')}, and "
            f"{subject.name} is another picture: a model serves only the one it learnt"
        )


class SamplingEvents:
    """Watches a run and reports where it is."""

    def __init__(self, events: Events) -> None:
        self._events = events

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._events.sampling_begins(sum(stage.steps for stage in run.plan.stages))

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        count, from_noise = len(run.plan.stages), run.plan.start_image is None
        self._events.sampling(made_at(step.scale.index, count, from_noise=from_noise))
        self._events.forming(partial(_drawn, step.x0))


def _drawn(x0: Tensor) -> list[Picture]:
    """The samples (n, 3, h, w) in about [-1, 1] as pictures of 8 bits."""
    levels = ((x0.detach().float().cpu() + 1) * 127.5).round_().clamp_(0, 255)
    pixels = levels.permute(0, 2, 3, 1).contiguous().numpy().astype(np.uint8)
    return [Picture(one, "preview") for one in pixels]
