"""One edit from request to result: plan, train what is missing, sample, compose, write."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sinddm_toolkit import __version__, priors
from sinddm_toolkit.blame import blaming
from sinddm_toolkit.denoisers import make_denoiser
from sinddm_toolkit.devices import Compute, choose_compute
from sinddm_toolkit.dispatch import RunHooks
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.events import Events
from sinddm_toolkit.hookspecs import hookimpl
from sinddm_toolkit.images import (
    Picture,
    check_file,
    check_output,
    write_file,
    write_picture,
)
from sinddm_toolkit.model import (
    Model,
    ModelCache,
    ModelConfig,
    load_model,
    new_model,
    save_model,
    trained_cells,
)
from sinddm_toolkit.options import RESULT, OutputFile, Task
from sinddm_toolkit.plan import Plan
from sinddm_toolkit.pyramid import (
    Pyramid,
    build_pyramid,
    check_size,
    tensor_from_rgb,
    working_size,
)
from sinddm_toolkit.recipes import RECIPES, Recipe
from sinddm_toolkit.record import RecordedModel, record_of
from sinddm_toolkit.result import Result
from sinddm_toolkit.run_options import RunOptions
from sinddm_toolkit.run_state import Run, Step
from sinddm_toolkit.sampler import NetworkPredictor, NoisePredictor, sample
from sinddm_toolkit.schedule import Schedule, make_schedule
from sinddm_toolkit.store import ModelStore, default_store
from sinddm_toolkit.training import Cells, Phase, is_as_planned, plan_phase, train

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
    model_key: str
    training_steps: int
    seconds: dict[str, float]
    """Of `training` and of `sampling`."""
    network_evaluations: int
    device: str
    notes: list[str] = field(default_factory=list)

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
    hidden: Picture | None = None,
    chosen: ModelConfig | None = None,
    schedule: Schedule | None = None,
    most_pixels: int | None = None,
) -> Subject:
    """What is learnt of `picture`, but for where `hidden` (of the same size) is white.

    How it is learnt is for `options` to say, unless a model is `chosen`: then its configuration
    holds, for this picture, and its `schedule`, and nothing is `hidden` if it knows the whole.
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
    if hidden is not None and not (chosen and chosen.picture == content):
        ignored = hidden.resized(size).rgb().max(axis=2) > HIDDEN_ABOVE
        if ignored.all():
            raise UserError(f"{hidden.name} is white everywhere: nothing is left to learn from")
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
    with blaming(lead.name, "in hidden"):
        hidden = lead.hidden()
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
        denoiser = make_denoiser(
            options.denoiser, subject.pyramid, subject.schedule, compute.device
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
) -> EditResult:
    """Carry out `tasks` in one run; the first one's picture is learnt.

    With `recorded` the model is that one: it is taken from the store if it is still there as it
    was, else trained again. `variants` are seeds with the files of their pictures, in place of
    those that the options tell; they are sampled together. `predict` makes what stands in place of
    a trained network: nothing is then learnt.
    """
    events = events or Events()
    store = store or default_store()
    ready = prepare(tasks, options, store, events, recorded)
    if predict is not None:
        ready.denoiser = predict(ready)
    outputs: list[Path] = []
    if write:
        outputs = check_paths(ready, [path for _, path in variants] or default_paths(ready))
    extras = check_extras(ready, outputs) if write else {}
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
    result, evaluations = _sample_all(ready, model, predictor, seeds, events)
    sampled = time.monotonic()

    folder = outputs[0].parent if outputs else Path.cwd()
    record = record_of(tasks, options, model, ready.compute, folder, result)
    records = [{**record, "seed": seed} for seed in seeds]
    notes = []
    for path, picture, record in zip(outputs, result.pictures, records, strict=False):
        recipe = json.dumps(record)
        notes += write_picture(path, picture, overwrite=options.overwrite, recipe=recipe)
    for asked, path in extras.items():
        if asked in result.extras:
            notes += _write_extra(path, result.extras[asked], overwrite=options.overwrite)
            outputs.append(path)
    return EditResult(
        result.pictures,
        records,
        outputs,
        model.config.key,
        model.steps,
        {"training": trained - started, "sampling": sampled - trained},
        evaluations,
        ready.compute.device.type,
        notes,
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
    """As asked for → checked, for the further files that options ask for."""
    options = ready.options
    result = Path(options.out or default_name(ready.tasks[0]))
    taken = dict.fromkeys(outputs, "--out")
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
            if item.suffixes:
                check_file(path, overwrite=options.overwrite)
            else:
                check_output(path, alpha=False, overwrite=options.overwrite)
            if path in taken:
                raise UserError(f"{taken[path]} and {flag} both write {path}: give two names")
            taken[path] = flag
            extras[asked] = path
    return extras


def _write_extra(path: Path, content: Picture | bytes, *, overwrite: bool) -> list[str]:
    if isinstance(content, Picture):
        return write_picture(path, content, overwrite=overwrite)
    write_file(path, content, overwrite=overwrite)
    return []


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

    Ctrl-C during the training stores what was learnt, if `keep_part`, and then raises
    KeyboardInterrupt.
    """
    subject, options, compute = ready.subject, ready.options, ready.compute
    cache = cache or ModelCache()
    key = subject.config.key
    path = store.path(key)
    if subject.config.is_imported:
        return _onto(cache.load(path), compute)
    with store.locked(key, lambda: events.message("another process is training this picture")):
        if path.exists() and not options.retrain:
            model = cache.load(path)
        else:
            model = new_model(subject.config, subject.schedule)
        _onto(model, compute)
        recipe = RECIPES[subject.config.recipe]
        rate = recipe.rate(from_prior=subject.config.init is not None)
        phase = plan_phase(cells, model.history, recipe, model.schedule, subject.config.seed, rate)
        if phase is None:
            return model
        if options.train_time == 0.0:
            _check_known(model, cells, subject.picture.name)
            return model
        cache.forget()
        interrupted = _train(model, subject, phase, compute, events, limit=options.train_time)
        if interrupted and not keep_part:
            raise KeyboardInterrupt
        model.facts = {
            "name": subject.picture.name,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "toolkit": __version__,
        }
        if phase.made:
            save_model(path, model)
            cache.keep(path, model)
        if interrupted:
            events.message("what was learnt is kept: the next run goes on from there")
            raise KeyboardInterrupt
    return model


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
    if path.exists():
        model = load_model(path)
        if model.weights_hash() == recorded.weights_hash:
            return _onto(model, compute)
    model = _onto(new_model(subject.config, subject.schedule), compute)
    for phase in recorded.history:
        again = replace(deepcopy(phase), made=0)
        if _train(model, subject, again, compute, events, stop_after=phase.made):
            raise KeyboardInterrupt
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
) -> bool:
    """Train through `phase` and note it in the model's history; True if Ctrl-C ended it."""

    model.network.train()
    phase.environment = compute.environment()
    events.training_begins(subject.picture.name, phase.planned)
    interrupted = train(
        model.network,
        subject.pyramid,
        model.schedule,
        RECIPES[subject.config.recipe],
        phase,
        compute,
        stop_after=stop_after,
        time_limit=limit,
        report=events.training,
    )
    events.training_ends()
    if phase.made:
        model.history.append(phase)
    return interrupted


def _sample_all(
    ready: Prepared, model: Model, predict: NoisePredictor, seeds: Sequence[int], events: Events
) -> tuple[Result, int]:
    """All samples, in runs of as many as fit together; their results joined into one."""
    plan, subject, hooks, compute = ready.plan, ready.subject, ready.hooks, ready.compute
    together = max(1, BATCH_PIXELS // (plan.canvas[0] * plan.canvas[1]))
    joined: Result | None = None
    evaluations = 0
    for k in range(0, len(seeds), together):
        run = Run(plan, subject.pyramid, model.schedule, seeds[k : k + together], compute.device)
        run.report = events.working
        samples = sample(run, predict, hooks).float().cpu()
        result = Result(samples, subject.picture)
        hooks.compose_output(run, result)
        evaluations += run.evaluations
        if joined is None:
            joined = result
        else:
            joined.extend(result)
    if joined is None:
        raise ValueError("no samples were asked for")
    return joined, evaluations


class SamplingEvents:
    """Watches a run and reports where it is."""

    def __init__(self, events: Events) -> None:
        self._events = events

    @hookimpl
    def before_sampling(self, run: Run) -> None:
        self._events.sampling_begins(sum(stage.steps for stage in run.plan.stages))

    @hookimpl
    def after_step(self, run: Run, step: Step) -> None:
        self._events.sampling(step.scale.stage.scale, step.t)
