"""Everything about an edit that can be settled, and refused, before a model is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import Model, ModelConfig, load_model
from sinddm_toolkit.edits.record import RecordedModel
from sinddm_toolkit.edits.store import ModelStore
from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.phases import Cells
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import (
    Pyramid,
    Size,
    build_pyramid,
    check_size,
    tensor_from_rgb,
    working_size,
)
from sinddm_toolkit.engine.quality import QUALITIES, Quality
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.engine.steps import Step
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.host.services import made_service
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.compositing import BoolArray
from sinddm_toolkit.pictures.picture import Picture

HIDDEN_ABOVE = -0.98
"""Of a mask in [-1, 1]: what is not quite black hides."""


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

    def cells(self) -> Cells:
        """What has to be known before it can be sampled."""
        return {} if self.denoiser else self.plan.cells()


def prepare(
    tasks: Sequence[Task],
    options: RunOptions,
    store: ModelStore,
    events: Events,
    recorded: RecordedModel | None = None,
) -> Prepared:
    """Settle the edit that `tasks`, of which the first one's picture is learnt, and `options` ask
    for, with the model that is `recorded`, if one is.

    UserError for what can't be carried out; nothing is written.
    """
    options.check()
    for task in tasks:
        with blaming(task.name, "in check"):
            task.check()
    compute = choose_compute(options.device)
    compute.prepare()
    stored = _stored_model(options, recorded, store)
    subject = _subject_of(tasks, options, stored, recorded, events)
    plan = Plan(subject.pyramid, subject.schedule, _visits(options, subject))
    hooks = RunHooks(tasks, [SamplingEvents(events)])
    hooks.plan_edit(plan, subject.pyramid)
    plan.close()
    denoiser = None
    if options.denoiser is not None:
        denoiser = made_service(
            "denoiser",
            options.denoiser,
            pyramid=subject.pyramid,
            schedule=subject.schedule,
            device=compute.device,
        )
    settled = options.settled(model=stored.config.key if stored else options.model)
    compute = compute.for_network(subject.config.network)
    return Prepared(tasks, settled, compute, subject, plan, hooks, denoiser, recorded)


def prepare_plain(picture: Picture, options: RunOptions) -> Prepared:
    """Settle the edit that no task changes: a sample of `picture` at its own size.

    UserError for what can't be carried out; nothing is written.
    """
    compute = choose_compute(options.device)
    compute.prepare()
    subject = make_subject(picture, options)
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
    subject = make_subject(
        tasks[0].learnt(),
        options,
        hidden,
        known.config if known else None,
        stored.schedule if stored else None,
        min((task.most_pixels for task in tasks if task.most_pixels), default=None),
    )
    if stored:
        _check_picture(subject, stored)
        if hidden and subject.pyramid.known is None:
            events.message("this model has learnt the whole picture: what is hidden may come back")
    return subject


def _visits(options: RunOptions, subject: Subject) -> int | None:
    quality = QUALITIES.get(subject.config.quality)  # an imported model has none
    return options.sampling_steps or (quality.sampling_steps if quality else None)


def _hidden(tasks: Sequence[Task]) -> list[Picture]:
    """What each task wants not to be learnt, of those that want that."""
    found = []
    for task in tasks:
        with blaming(task.name, "in hidden"):
            if (mask := task.hidden()) is not None:
                found.append(mask)
    return found


@dataclass(frozen=True)
class Subject:
    """The picture that is learnt, at its working size."""

    picture: Picture
    pyramid: Pyramid
    schedule: Schedule
    config: ModelConfig


def make_subject(
    picture: Picture,
    options: RunOptions,
    hidden: Sequence[Picture] = (),
    chosen: ModelConfig | None = None,
    schedule: Schedule | None = None,
    most_pixels: int | None = None,
) -> Subject:
    """What is learnt of `picture`, but for where any of `hidden` (of the same size) is white.

    How it is learnt is for `options` to say, unless a model is `chosen`: then its configuration
    holds, for this picture, and its `schedule`, and nothing is hidden if it knows the whole.
    `most_pixels` is what the tasks ask for where the options don't say.
    UserError if the picture is too small or has transparent parts, or if all of it is hidden.
    """
    check_size(picture.size, picture.name)
    if picture.alpha() is not None:
        raise UserError(
            f"{picture.name} has transparent parts: a model learns from a whole picture, "
            "flatten it onto a colour first"
        )
    quality = QUALITIES[options.quality]
    wanted = options.max_pixels or min(quality.max_pixels, most_pixels or quality.max_pixels)
    size = chosen.size if chosen else working_size(picture.size, wanted)
    small = picture.resized(size)
    content = small.content_hash()
    known = None
    if hidden and not (chosen and chosen.picture == content):
        ignored = _ignored(hidden, size)
        content = hashlib.sha256(content.encode() + np.packbits(ignored).tobytes()).hexdigest()
        known = torch.from_numpy(~ignored)[None, None].float()
    config = replace(chosen, picture=content) if chosen else _config(options, content, size)
    pyramid = build_pyramid(tensor_from_rgb(small.rgb()), known, config.upsampling)
    schedule = schedule or make_schedule(pyramid.details, pyramid.factor)
    return Subject(picture, pyramid, schedule, config)


def _ignored(hidden: Sequence[Picture], size: Size) -> BoolArray:
    """(h, w), true where any of `hidden` is white. UserError if that is everywhere."""
    ignored = np.zeros(size, np.bool_)
    for mask in hidden:
        ignored |= mask.resized(size).rgb().max(axis=2) > HIDDEN_ABOVE
    if ignored.all():
        names = " and ".join(mask.name for mask in hidden)
        raise UserError(f"{names}: white covers everything, nothing is left to learn from")
    return ignored


def _config(options: RunOptions, content: str, size: Size) -> ModelConfig:
    """The model of a picture of that `content` and working `size`, trained as `options` say."""
    quality = QUALITIES[options.quality]
    return ModelConfig(
        content,
        size,
        quality.name,
        quality.width,
        options.train_seed,
        network=quality.network,
        init=_chosen_init(options, quality),
    )


def _chosen_init(options: RunOptions, quality: Quality) -> str | None:
    """The weights that a training starts from. UserError if those asked for don't exist."""
    if options.init == "random":
        return None
    found = quality.network and priors.fingerprint(quality.network, quality.width)
    if options.init == "prior" and not found:
        raise UserError(f"--init prior: there are no weights to start {quality.name} from")
    return found or None


def _stored_model(
    options: RunOptions, recorded: RecordedModel | None, store: ModelStore
) -> Model | None:
    """The stored model that must be used; None if any will do.

    UserError if it is not there.
    """
    if recorded is None:
        key = None if options.model is None else store.find(options.model)
    elif not recorded.config.is_imported:
        return None
    else:
        key = store.with_weights(recorded.weights_hash, recorded.config.picture)
        if key is None:
            raise UserError(
                f"the imported model {recorded.config.key} that made this picture is not in "
                f"{store.folder} and can't be trained again: import its checkpoint again"
            )
    return None if key is None else load_model(store.path(key))


def _check_picture(subject: Subject, model: Model) -> None:
    """UserError if `model` is of another picture than the one given."""
    if subject.config != model.config:
        raise UserError(
            f"--model {model.config.key} knows {model.facts.get('name', 'another picture')}, and "
            f"{subject.picture.name} is another picture: a model serves only the one it learnt"
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
        self._events.sampling(step.s, step.t)
