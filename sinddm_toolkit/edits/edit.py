"""One edit from request to result: plan, train what is missing, sample, compose, write."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.events import Events, LoggingEvents
from sinddm_toolkit.edits.models import (
    Model,
    ModelCache,
    ModelConfig,
    damaged,
    load_model,
    new_model,
    save_model,
    trained_cells,
)
from sinddm_toolkit.edits.record import RecordedModel, record_of
from sinddm_toolkit.edits.store import ModelStore, default_store, remove_file
from sinddm_toolkit.edits.unfinished import Unfinished, keeper, read_unfinished
from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import (
    Pyramid,
    build_pyramid,
    check_size,
    tensor_from_rgb,
    working_size,
)
from sinddm_toolkit.engine.quality import RECIPES, Recipe
from sinddm_toolkit.engine.run import NoisePredictor, Run, Step, is_finite
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.engine.training import (
    Cells,
    Phase,
    TrainingState,
    is_as_planned,
    plan_phase,
    train,
)
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.edit import Edit, Outcome
from sinddm_toolkit.host.hookspecs import hookimpl
from sinddm_toolkit.host.result import Extras, Result
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.host.services import made_service
from sinddm_toolkit.interrupts import Interrupted
from sinddm_toolkit.options.option import RESULT, OutputFile, Task
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import remove_abandoned
from sinddm_toolkit.pictures.picture import (
    Picture,
    check_file,
    check_output,
    file_of,
    write_file,
)

logger = logging.getLogger(__name__)

BATCH_PIXELS = 1_000_000
"""Pixels that go through a run together: more samples are made in several runs."""


HIDDEN_ABOVE = -0.98
"""Of a mask in [-1, 1]: what is not quite black hides."""


@dataclass
class EditResult:
    """What an edit made."""

    pictures: list[Picture]
    """One a sample."""
    records: list[dict[str, Any]]
    """What each picture was made by: enough to make it again."""
    outputs: list[Path]
    """The files written, first the pictures; empty if none were asked for."""
    model_key: str | None
    """None if a denoiser stood in its place."""
    training_steps: int
    seconds: dict[str, float]
    """Of `training` and of `sampling`."""
    network_evaluations: int
    device: str
    notes: list[str] = field(default_factory=list)
    extras: dict[str, Picture | bytes] = field(default_factory=dict)
    """What goes into further files, be they written or not, by the value of the option that asks
    for one: `{out}-mask.png` as it was given."""
    denoiser: str | None = None
    """What `--denoiser` named, if it did."""

    @property
    def picture(self) -> Picture:
        """The first picture, in full depth."""
        return self.pictures[0]

    @property
    def image(self) -> Any:
        """The first picture as a PIL image (8 bits a channel)."""
        from PIL import Image

        pixels = self.picture.pixels
        if self.picture.maximum > 255:
            pixels = (pixels / 257).round().astype("uint8")
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "outputs": [str(path) for path in self.outputs],
            "seed": self.records[0]["seed"],
            "model": self.model_key,
            "denoiser": self.denoiser,
            "training_steps": self.training_steps,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "network_evaluations": self.network_evaluations,
            "device": self.device,
            "notes": self.notes,
        }


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
    recipe = RECIPES[options.quality]
    wanted = options.max_pixels or min(recipe.max_pixels, most_pixels or recipe.max_pixels)
    size = chosen.size if chosen else working_size(picture.size, wanted)
    small = picture.resized(size)
    content = small.content_hash()
    known = None
    if hidden and not (chosen and chosen.picture == content):
        ignored = np.zeros(size, np.bool_)
        for mask in hidden:
            ignored |= mask.resized(size).rgb().max(axis=2) > HIDDEN_ABOVE
        if ignored.all():
            names = " and ".join(mask.name for mask in hidden)
            raise UserError(f"{names}: white covers everything, nothing is left to learn from")
        content = hashlib.sha256(content.encode() + np.packbits(ignored).tobytes()).hexdigest()
        known = torch.from_numpy(~ignored)[None, None].float()
    if chosen:
        config = replace(chosen, picture=content)
    else:
        config = ModelConfig(
            content,
            size,
            recipe.name,
            recipe.width,
            options.train_seed,
            network=recipe.network,
            init=_chosen_init(options, recipe),
        )
    pyramid = build_pyramid(tensor_from_rgb(small.rgb()), known, config.upsampling)
    schedule = schedule or make_schedule(pyramid.details, pyramid.factor)
    return Subject(picture, pyramid, schedule, config)


def _chosen_init(options: RunOptions, recipe: Recipe) -> str | None:
    """The weights that a training starts from. UserError if those asked for don't exist."""
    if options.init == "random":
        return None
    found = recipe.network and priors.fingerprint(recipe.network, recipe.width)
    if options.init == "prior" and not found:
        raise UserError(f"--init prior: there are no weights to start {recipe.name} from")
    return found or None


def _stored_model(
    options: RunOptions, recorded: RecordedModel | None, store: ModelStore
) -> Model | None:
    """The stored model that must be used, whose key `options` then hold; None if any will do.

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
    if key is None:
        return None
    options.model = key
    return load_model(store.path(key))


def _check_picture(subject: Subject, model: Model) -> None:
    """UserError if `model` is of another picture than the one given."""
    if subject.config != model.config:
        raise UserError(
            f"--model {model.config.key} knows {model.facts.get('name', 'another picture')}, and "
            f"{subject.picture.name} is another picture: a model serves only the one it learnt"
        )


@dataclass
class Prepared:
    """An edit with its plan settled and nothing trained yet."""

    tasks: Sequence[Task]
    options: RunOptions
    compute: Compute
    subject: Subject
    plan: Plan
    hooks: RunHooks
    denoiser: NoisePredictor | None = None
    """What stands in place of a trained network."""

    def cells(self) -> Cells:
        """What has to be known before it can be sampled."""
        return {} if self.denoiser else self.plan.cells()


def _visits(options: RunOptions, subject: Subject) -> int | None:
    recipe = RECIPES.get(subject.config.recipe)  # an imported model has none
    return options.sampling_steps or (recipe.sampling_steps if recipe else None)


def _hidden(tasks: Sequence[Task]) -> list[Picture]:
    """What each task wants not to be learnt, of those that want that."""
    found = []
    for task in tasks:
        with blaming(task.name, "in hidden"):
            if (mask := task.hidden()) is not None:
                found.append(mask)
    return found


def prepare(
    tasks: Sequence[Task],
    options: RunOptions,
    store: ModelStore,
    events: Events,
    recorded: RecordedModel | None = None,
) -> Prepared:
    """Everything about an edit that can be settled, and refused, before a model is trained.

    UserError for what can't be carried out; nothing is written.
    """
    lead = tasks[0]
    options.check()
    for task in tasks:
        with blaming(task.name, "in check"):
            task.check()
    compute = choose_compute(options.device)
    compute.prepare()
    stored = _stored_model(options, recorded, store)
    known = stored or recorded
    hidden = _hidden(tasks)
    subject = make_subject(
        lead.learnt(),
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
    compute = compute.for_network(subject.config.network)
    return Prepared(tasks, options, compute, subject, plan, hooks, denoiser)


def edit(
    tasks: Sequence[Task],
    options: RunOptions,
    *,
    write: bool = True,
    events: Events | None = None,
    store: ModelStore | None = None,
    recorded: RecordedModel | None = None,
    cache: ModelCache | None = None,
    variants: Sequence[tuple[int, Path]] = (),
    predict: Callable[[Prepared], NoisePredictor] | None = None,
    writer: Callable[[Mapping[Path, bytes]], object] | None = None,
) -> EditResult:
    """Carry out `tasks` in one run; the first one's picture is learnt.

    With `recorded` the model is that one: it is taken from the store if it is still there as it
    was, else trained again. `variants` are seeds with the files of their pictures, in place of
    those that the options tell; they are sampled together. `predict` makes what stands in place of
    a trained network: nothing is then learnt. Without `write` the pictures are in no file, nor is
    what would be called after one; see `EditResult.extras`. `writer`
    writes the files in place of this function, when all of them are made.
    """
    events = events or LoggingEvents()
    store = store or default_store()
    ready = prepare(tasks, options, store, events, recorded)
    if predict is not None:
        ready.denoiser = predict(ready)
    outputs: list[Path] = []
    if write:
        outputs = check_paths(ready, [path for _, path in variants] or default_paths(ready))
    extras = check_extras(ready, outputs)
    seeds = [seed for seed, _ in variants] or options.seeds()

    started = time.monotonic()
    if ready.denoiser is not None:
        model = new_model(ready.subject.config, ready.subject.schedule)
    elif recorded is None:
        model = obtain_model(ready, ready.cells(), store, events, cache=cache)
    else:
        model = recorded_model(ready.subject, recorded, ready.compute, store, events)
    trained = time.monotonic()
    predictor = ready.denoiser or NetworkPredictor(model.network, ready.compute)
    about = Edit(
        ready.subject.picture,
        ready.subject.pyramid,
        model.schedule,
        ready.plan,
        seeds,
        ready.compute.device,
        outputs,
    )
    outcome = Outcome()
    ready.hooks.begin_edit(about)
    try:
        result = _sample_all(ready, model, predictor, seeds, events)
        outcome.extras.update(result.extras)
    except BaseException as error:
        outcome.error = error
        raise
    finally:
        ready.hooks.end_edit(about, outcome)
    sampled = time.monotonic()
    logger.info("sampling ended: %d pictures, %.1f s", len(seeds), sampled - trained)

    folder = outputs[0].parent if outputs else Path.cwd()
    record = record_of(tasks, options, model, ready.compute, folder)
    records = [
        {**record, **({"metadata": told} if told else {}), "seed": seed}
        for seed, told in zip(seeds, result.metadata, strict=True)
    ]
    notes = []
    files: dict[Path, bytes] = {}
    for path, picture, record in zip(outputs, result.pictures, records, strict=False):
        files[path], told = file_of(
            path, picture, overwrite=options.overwrite, recipe=json.dumps(record)
        )
        notes += told
    for asked, path in extras.items():
        if asked in outcome.extras:
            files[path], told = _file_of_extra(
                path, outcome.extras[asked], overwrite=options.overwrite
            )
            notes += told
            outputs.append(path)
    if writer is not None:
        writer(files)
    else:
        for path, data in files.items():
            write_file(path, data, overwrite=options.overwrite)
    for path in outputs:
        logger.info("wrote %s", path)
    return EditResult(
        result.pictures,
        records,
        outputs,
        None if ready.denoiser else model.config.key,
        model.steps,
        {"training": trained - started, "sampling": sampled - trained},
        result.evaluations,
        ready.compute.device.type,
        notes,
        dict(outcome.extras),
        options.denoiser,
    )


def default_paths(ready: Prepared) -> list[Path]:
    """One path a sample: as the options say, else named after the picture and the task."""
    lead, options = ready.tasks[0], ready.options
    base = Path(options.out or default_name(lead))
    if options.samples == 1:
        return [base]
    return [base.with_stem(f"{base.stem}-{k + 1}") for k in range(options.samples)]


def default_name(lead: Task) -> str:
    """What a result is called if nobody says."""
    return f"{Path(lead.main_picture().name).stem}-{lead.name}.png"


def check_paths(ready: Prepared, paths: Sequence[Path]) -> list[Path]:
    """`paths`, all of them free to be written. UserError if one is not."""
    alpha, overwrite = ready.plan.transparent, ready.options.overwrite
    return [check_output(path, alpha=alpha, overwrite=overwrite) for path in paths]


def check_extras(ready: Prepared, outputs: Sequence[Path]) -> dict[OutputFile, Path]:
    """As asked for → checked, for the further files that options ask for.

    Without `outputs` there is no result that a file could be called after: those are left out.
    """
    options = ready.options
    result = Path(options.out or default_name(ready.tasks[0]))
    taken = dict.fromkeys(map(os.path.realpath, outputs), "--out")
    extras = {}
    for task in ready.tasks:
        for item in task.schema().values():
            asked = getattr(task, item.name)
            if item.type is not OutputFile or not asked:
                continue
            flag = f"{item.flag} of {task.name}"
            try:
                path = asked.beside(result)
            except ValueError:
                raise UserError(f"{flag}: {RESULT} can only stand first in {asked}") from None
            target = os.path.realpath(path)  # unlike Path.resolve it never fails
            if target in taken:
                raise UserError(f"{taken[target]} and {flag} both write {path}: give two names")
            taken[target] = flag
            if not outputs and asked.startswith(RESULT):
                continue
            if item.suffixes:
                check_file(path, overwrite=options.overwrite)
            else:
                check_output(path, alpha=False, overwrite=options.overwrite)
            extras[asked] = path
    return extras


def _file_of_extra(
    path: Path, content: Picture | bytes, *, overwrite: bool
) -> tuple[bytes, list[str]]:
    if isinstance(content, Picture):
        return file_of(path, content, overwrite=overwrite)
    return content, []


def obtain_model(
    ready: Prepared,
    cells: Cells,
    store: ModelStore,
    events: Events,
    *,
    cache: ModelCache | None = None,
    keep_part: bool = True,
) -> Model:
    """The model of an edit that knows `cells`, trained as far as that is missing, and stored.

    Ctrl-C (or what else asks to stop) during the training stores what was learnt, if `keep_part`,
    and then raises Interrupted. A training that ended otherwise, or is no part to keep, goes on
    exactly from where it was.
    """
    learner = _Learner(ready, cells, store, events, cache or ModelCache(), keep_part)
    subject, options = ready.subject, ready.options
    if subject.config.is_imported:
        return _onto(learner.cache.load(learner.path), ready.compute)
    # Files change as a whole, so that reading takes no lock, and no right to write.
    model = learner.load()
    if learner.missing(model) is None:
        return model
    if options.train_time == 0.0 and not learner.unfinished.exists():
        return learner.as_it_is(model)
    waiting = "another process is training this picture"
    with store.locked(learner.key, lambda: events.message(waiting)):
        remove_abandoned([store.folder])
        model = learner.load()
        begun = learner.taken_up(model)
        if options.train_time == 0.0:
            return learner.as_it_is(model)
        if phase := begun.phase if begun else learner.missing(model):
            learner.learn(model, phase, begun.state if begun else None)
    return model


@dataclass(frozen=True)
class _Learner:
    """What `obtain_model` does with the model of an edit; but for `load` it must hold the lock."""

    ready: Prepared
    cells: Cells
    store: ModelStore
    events: Events
    cache: ModelCache
    keep_part: bool

    @property
    def key(self) -> str:
        return self.ready.subject.config.key

    @property
    def path(self) -> Path:
        return self.store.path(self.key)

    @property
    def unfinished(self) -> Path:
        return self.store.unfinished(self.key)

    @property
    def recipe(self) -> Recipe:
        return RECIPES[self.ready.subject.config.recipe]

    def load(self) -> Model:
        """The model as it is now; a new one if there is none, or none is wanted."""
        subject = self.ready.subject
        is_wanted = self.store.has(self.key) and not self.ready.options.retrain
        model = (
            self.cache.load(self.path) if is_wanted else new_model(subject.config, subject.schedule)
        )
        if model.config != subject.config:
            raise damaged(self.key)
        return _onto(model, self.ready.compute)

    def missing(self, model: Model) -> Phase | None:
        """The training that `model` still needs."""
        config = self.ready.subject.config
        rate = self.recipe.rate(from_prior=config.init is not None)
        schedule = model.schedule
        phase = plan_phase(self.cells, model.history, self.recipe, schedule, config.seed, rate)
        return phase and replace(phase, environment=self.ready.compute.environment())

    def as_it_is(self, model: Model) -> Model:
        """`model`, of which no more is to be learnt. UserError if too little is known."""
        _check_known(model, self.cells, self.ready.subject.picture.name)
        return model

    def taken_up(self, model: Model) -> Unfinished | None:
        """The unfinished training of `model`, if the one that is missing is the same.

        Else it counts as if Ctrl-C had ended it where it is: then `model` knows what was learnt,
        unless it is not for this edit to say so. Batches that are cut off and then changed learn
        anew, as their results must not depend on where that was.
        """
        phase, limit = self.missing(model), self.ready.options.train_time
        if phase is None:
            return None
        begun = read_unfinished(self.unfinished, model, self.recipe, self.events)
        if begun is None:
            return None
        if limit is None and begun.goes_on_as(phase):
            return begun
        if limit == 0.0 and not begun.keep_part:
            return None
        if begun.keep_part or self.keep_part:
            self.cache.forget()
            begun.end(model, self.recipe)
            self._store(model)
        remove_file(self.unfinished)
        return None

    def learn(self, model: Model, phase: Phase, state: TrainingState | None) -> None:
        """Train `model` through `phase`, from `state` if some of it has been made."""
        subject, limit = self.ready.subject, self.ready.options.train_time
        self.cache.forget()
        interrupted = _train(
            *(model, subject, phase, self.ready.compute, self.events),
            limit=limit,
            begun=state,
            keep=keeper(
                *(self.unfinished, model, phase, subject.picture.name, self.events),
                keep_part=self.keep_part,
            ),
        )
        if interrupted and not self.keep_part:
            raise Interrupted(interrupted)
        if phase.made:
            self._store(model)
            remove_file(self.unfinished)
        if interrupted:
            self.events.message("what was learnt is kept: the next run goes on from there")
            raise Interrupted(interrupted)

    def _store(self, model: Model) -> None:
        model.facts = {
            "name": self.ready.subject.picture.name,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "toolkit": __version__,
        }
        save_model(self.path, model)
        logger.info("stored model %s: %d updates", self.key, model.steps)
        self.cache.keep(self.path, model)


def _check_known(model: Model, cells: Cells, name: str) -> None:
    """UserError if a scale that the edit visits was never trained."""
    known = trained_cells(model.history)
    if missing := [scale for scale in cells if scale not in known]:
        raise UserError(
            f"--train-time 0: nothing is known yet of {name} at scale {missing[0]}: "
            "leave the option out or give it some time"
        )


def recorded_model(
    subject: Subject,
    recorded: RecordedModel,
    compute: Compute,
    store: ModelStore,
    events: Events,
) -> Model:
    """The model as a record describes it: from the store if unchanged, else trained again."""
    path = store.path(subject.config.key)
    if store.has(subject.config.key):
        try:
            model = load_model(path)
            if model.weights_hash() == recorded.weights_hash:
                return _onto(model, compute)
        except UserError as error:  # for this picture it can be done without
            events.message(str(error))
    model = _onto(new_model(subject.config, subject.schedule), compute)
    for phase in recorded.history:
        again = replace(deepcopy(phase), made=0, environment=compute.environment())
        interrupted = _train(model, subject, again, compute, events, stop_after=phase.made)
        if interrupted:
            raise Interrupted(interrupted)
    if not model.is_finite():
        raise UserError("the recipe is damaged: the training that it tells of leads nowhere")
    if model.weights_hash() != recorded.weights_hash:
        events.message(
            "the model came out otherwise than recorded (another machine or version of torch): "
            "the picture will be alike, not equal"
        )
    elif not _is_own_training(model):
        events.message("the model is not kept: it was not trained to the end as it is here")
    elif not path.exists():
        with store.locked(subject.config.key):
            save_model(path, model)
            logger.info("stored model %s: %d updates", model.config.key, model.steps)
    return model


def _is_own_training(model: Model) -> bool:
    """Whether this toolkit would have trained `model` just so, for some edits of its picture.

    What the store holds counts as known in every later edit, and a recipe may be a stranger's.
    """
    config = model.config
    recipe = RECIPES[config.recipe]
    rate = recipe.rate(from_prior=config.init is not None)
    return (
        bool(model.history)
        and (config.width, config.network) == (recipe.width, recipe.network)
        and is_as_planned(model.history, recipe, model.schedule, config.seed, rate)
    )


def _onto(model: Model, compute: Compute) -> Model:
    model.network.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _train(
    model: Model,
    subject: Subject,
    phase: Phase,
    compute: Compute,
    events: Events,
    *,
    limit: float | None = None,
    stop_after: int | None = None,
    begun: TrainingState | None = None,
    keep: Callable[[TrainingState], None] | None = None,
) -> int | None:
    """Train through `phase` and note it in the model's history → the signal that ended it."""
    model.network.train()
    events.training_begins(subject.picture.name, phase.planned)
    interrupted = train(
        model.network,
        subject.pyramid,
        model.schedule,
        RECIPES[subject.config.recipe],
        phase,
        compute,
        begun=begun,
        keep=keep,
        stop_after=stop_after,
        time_limit=limit,
        report=events.training,
    )
    events.training_ends()
    if phase.made:
        model.history.append(phase)
    return interrupted


@dataclass
class Sampled:
    """All that the passes of an edit have made."""

    pictures: list[Picture] = field(default_factory=list)
    """One a sample."""
    metadata: list[dict[str, Any]] = field(default_factory=list)
    """By plugin, one a sample."""
    extras: Extras = field(default_factory=Extras)
    evaluations: int = 0


def _sample_all(
    ready: Prepared, model: Model, predict: NoisePredictor, seeds: Sequence[int], events: Events
) -> Sampled:
    """All samples, in passes of as many as fit together."""
    plan, subject, hooks, compute = ready.plan, ready.subject, ready.hooks, ready.compute
    together = max(1, BATCH_PIXELS // (plan.canvas[0] * plan.canvas[1]))
    sampled = Sampled()
    finite = _Finite(predict, _no_numbers(ready, model))
    for first in range(0, len(seeds), together):
        some = seeds[first : first + together]
        run = Run(plan, subject.pyramid, model.schedule, some, compute.device, finite)
        run.report = events.working
        samples = finite.checked(sample(run, hooks)).float().cpu()
        result = Result(samples, subject.picture, plan.composition)
        hooks.compose_output(run, result)
        sampled.pictures += result.pictures
        sampled.metadata += [result.metadata_of(k) for k in range(len(some))]
        sampled.extras.update(result.extras)
        sampled.evaluations += run.evaluations
    return sampled


class _Finite:
    """Predicts as another does, and ends the run where that makes what is no number.

    So that neither a picture is made of it, nor a plugin blamed that only uses it.
    """

    def __init__(self, predict: NoisePredictor, error: ToolkitError) -> None:
        self._predict = predict
        self._error = error

    def __call__(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        known = () if needless is None else (needless,)
        return self.checked(self._predict(x, t, s, *known))

    def checked(self, x: Tensor) -> Tensor:
        if is_finite(x):
            return x
        raise self._error


def _no_numbers(ready: Prepared, model: Model) -> ToolkitError:
    """What is said of values that are not finite."""
    if ready.denoiser is not None:
        name = ready.options.denoiser or type(ready.denoiser).__name__
        return ToolkitError(f"the denoiser {name} makes values that are not finite")
    key = model.config.key
    return ToolkitError(
        f"the model {key} is damaged, it makes values that are not finite: "
        f"`sinddm-tk models remove {key}` and train again"
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
