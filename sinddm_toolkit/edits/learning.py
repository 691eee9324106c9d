"""The model of an edit: found in the store, trained as far as something is missing, kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sinddm_toolkit import __version__
from sinddm_toolkit.edits.estimate import training_told
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.models import (
    Model,
    ModelCache,
    damaged,
    load_model,
    new_model,
    quality_of,
    save_model,
)
from sinddm_toolkit.edits.preparing import Prepared, prepare_plain
from sinddm_toolkit.edits.record import RecordedModel
from sinddm_toolkit.edits.store import ModelStore, default_store, remove_file
from sinddm_toolkit.edits.subject import Subject
from sinddm_toolkit.edits.unfinished import Unfinished, keeper, read_unfinished
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.phases import Cells, Phase, is_as_planned, plan_phase, trained_cells
from sinddm_toolkit.engine.quality import QUALITIES, Quality
from sinddm_toolkit.engine.training import TrainingState, train
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.interrupts import Interrupted
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.files import remove_abandoned
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from

logger = logging.getLogger(__name__)


def learn(
    ready: Prepared, store: ModelStore, events: Events, cache: ModelCache | None = None
) -> Model:
    """The model that an edit is sampled with; untrained if a denoiser stands in its place, or if
    no step is made."""
    if ready.denoiser is not None or not ready.cells():
        return new_model(ready.subject.config, ready.subject.schedule)
    if ready.recorded is not None:
        return recorded_model(ready, ready.recorded, store, events)
    return obtain_model(ready, ready.cells(), store, events, cache=cache)


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
        return onto(learner.cache.load(learner.path), ready.compute)
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
    def quality(self) -> Quality:
        return quality_of(self.ready.subject.config)

    def load(self) -> Model:
        """The model as it is now; a new one if there is none, or none is wanted."""
        subject = self.ready.subject
        is_wanted = self.store.has(self.key) and not self.ready.options.retrain
        model = (
            self.cache.load(self.path) if is_wanted else new_model(subject.config, subject.schedule)
        )
        if model.config != subject.config:
            raise damaged(self.key)
        return onto(model, self.ready.compute)

    def missing(self, model: Model) -> Phase | None:
        """The training that `model` still needs."""
        config = self.ready.subject.config
        rate = self.quality.rate(from_prior=config.init is not None)
        schedule = model.schedule
        phase = plan_phase(self.cells, model.history, self.quality, schedule, config.seed, rate)
        return phase and replace(phase, environment=self.ready.compute.environment())

    def as_it_is(self, model: Model) -> Model:
        """`model`, of which no more is to be learnt. UserError if too little is known."""
        _check_known(model, self.cells, self.ready.subject.name)
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
        begun = read_unfinished(self.unfinished, model, self.quality, self.events)
        if begun is None:
            return None
        if limit is None and begun.goes_on_as(phase):
            return begun
        if limit == 0.0 and not begun.keep_part:
            return None
        if begun.keep_part or self.keep_part:
            self.cache.forget()
            begun.end(model, self.quality)
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
                *(self.unfinished, model, phase, subject.name, self.events),
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
            "name": self.ready.subject.name,
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
    ready: Prepared, recorded: RecordedModel, store: ModelStore, events: Events
) -> Model:
    """The model as a record describes it: from the store if unchanged, else trained again."""
    subject, compute = ready.subject, ready.compute
    path = store.path(subject.config.key)
    if store.has(subject.config.key):
        try:
            model = load_model(path)
            if model.weights_hash() == recorded.weights_hash:
                return onto(model, compute)
        except UserError as error:  # for this picture it can be done without
            events.message(str(error))
    model = onto(new_model(subject.config, subject.schedule), compute)
    for phase in recorded.history:
        again = replace(deepcopy(phase), made=0, environment=compute.environment())
        interrupted = _train(model, subject, again, compute, events, stop_after=phase.made)
        if interrupted:
            raise Interrupted(interrupted)
    if not model.is_finite():
        raise UserError("the record is damaged: the training that it tells of leads nowhere")
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

    What the store holds counts as known in every later edit, and a record may be a stranger's.
    """
    config = model.config
    quality = QUALITIES[config.quality]
    rate = quality.rate(from_prior=config.init is not None)
    return (
        bool(model.history)
        and (config.width, config.network) == (quality.width, quality.network)
        and is_as_planned(model.history, quality, model.schedule, config.seed, rate)
    )


def onto(model: Model, compute: Compute) -> Model:
    """`model` on the device, laid out in memory as it computes quickest there."""
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
    events.training_begins(subject.name, phase.planned)
    interrupted = train(
        model.network,
        subject.pyramid,
        model.schedule,
        quality_of(subject.config),
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


def train_whole(
    pictures: Sequence[Path | Picture], options: RunOptions, events: Events
) -> dict[str, Any]:
    """Train the cells of unguided sampling on the `pictures`, or those in files, together; what
    `train --json` prints."""
    ready = prepare_plain([picture_from(one) for one in pictures], options)
    started = time.monotonic()
    store = default_store()
    events.expected(partial(training_told, ready, store))
    model = obtain_model(ready, ready.cells(), store, events)
    return {
        "model": model.config.key,
        "path": str(store.path(model.config.key)),
        "training_steps": model.steps,
        "seconds": {"training": round(time.monotonic() - started, 3)},
        "device": ready.compute.device.type,
    }
