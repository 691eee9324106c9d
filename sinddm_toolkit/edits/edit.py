"""One edit from request to result: prepare, learn, sample in passes, compose, write."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sinddm_toolkit.edits.estimate import told
from sinddm_toolkit.edits.events import Events, LoggingEvents, Several
from sinddm_toolkit.edits.learning import learn
from sinddm_toolkit.edits.models import Model, ModelCache
from sinddm_toolkit.edits.outputs import (
    Files,
    Outputs,
    extra_files,
    picture_files,
    planned_outputs,
    streamed_outputs,
    write_files,
)
from sinddm_toolkit.edits.preparing import Prepared, prepare
from sinddm_toolkit.edits.python_words import python_words
from sinddm_toolkit.edits.record import moved_record, record_of
from sinddm_toolkit.edits.showing import as_image, html_of, png_of, summary_of
from sinddm_toolkit.edits.store import ModelStore, default_store
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.guards import is_finite
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.sampler import sample
from sinddm_toolkit.engine.training import TrainingReport
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host.edit import Edit, Outcome, options_of
from sinddm_toolkit.host.result import Result
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.host.script_hooks import ScriptHooks
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.contact_sheet import contact_sheet, side_of, small
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.writing import FORMATS, check_format, encoded, file_of

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

PASS_PIXELS = 1_000_000
"""Pixels of the samples that go through the sampler together: more of them take several passes."""


@dataclass(repr=False)
class EditResult:
    """What an edit made."""

    pictures: list[Picture]
    """One a sample."""
    records: list[dict[str, Any]]
    """What each picture was made by: enough to make it again."""
    outputs: list[Path]
    """The files written, first the pictures; empty if none were asked for."""
    model_key: str | None
    """None if a denoiser stood in its place, or if nothing had to be known."""
    training_steps: int
    """Updates that the model has had in all."""
    seconds: dict[str, float]
    """Of `training` and of `sampling`."""
    network_evaluations: int
    """Pictures that were sent through the network."""
    device: str
    """The kind of device that computed: `cpu`, `cuda` or `mps`."""
    notes: list[str] = field(default_factory=list)
    """What files could not keep, and the like, in words."""
    extras: dict[str, Picture | bytes] = field(default_factory=dict)
    """What goes into further files, be they written or not, by the value of the option that asks
    for one: `{out}-mask.png` as it was given."""
    denoiser: str | None = None
    """What `--denoiser` named, if it did."""
    sheet: Path | None = None
    """The file that shows all samples, if it was written; it is not among the `outputs`."""

    before: Picture | None = field(default=None, repr=False)
    """The picture that the first one is named after, as it was given."""
    folder: Path = field(default_factory=Path, repr=False)
    """What paths in the records are from."""

    @property
    def picture(self) -> Picture:
        """The first picture, in full depth."""
        return self.pictures[0]

    @property
    def image(self) -> Image.Image:
        """The first picture as a PIL image (8 bits a channel)."""
        return as_image(self.picture)

    @property
    def images(self) -> list[Image.Image]:
        """All pictures as PIL images."""
        return [as_image(picture) for picture in self.pictures]

    @property
    def seed(self) -> int:
        """Of the first picture."""
        return self.seeds[0]

    @property
    def seeds(self) -> list[int]:
        """One a picture."""
        return [record["seed"] for record in self.records]

    @python_words()
    def save(
        self, path: str | os.PathLike[str], sample: int = 0, *, overwrite: bool = False
    ) -> Path:
        """Write a picture with the record of how it was made → its path.

        The file is the one that `out=path` would have written. UserError if it can't or must not
        be written; what the format can't hold is logged as a warning.
        """
        if not 0 <= sample < len(self.pictures):
            raise UserError(f"sample {sample} is not there, give 0 to {len(self.pictures) - 1}")
        place = Path(path)
        record = moved_record(self.records[sample], self.folder, place.parent)
        files, notes = picture_files(
            [place], [self.pictures[sample]], [record], overwrite=overwrite
        )
        write_files(files, overwrite=overwrite)
        for note in notes:
            logger.warning(note)
        return place

    def __repr__(self) -> str:
        return summary_of(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: before and after, the variants with their seeds, small."""
        return html_of(self)

    def _repr_png_(self) -> bytes | None:
        """The same as one small picture, for what shows no HTML."""
        return png_of(self)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "outputs": [str(path) for path in self.outputs],
            "sheet": None if self.sheet is None else str(self.sheet),
            "seed": self.records[0]["seed"],
            "model": self.model_key,
            "denoiser": self.denoiser,
            "training_steps": self.training_steps,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "network_evaluations": self.network_evaluations,
            "device": self.device,
            "notes": self.notes,
        }


def edit(
    tasks: Sequence[Task],
    options: RunOptions,
    *,
    write: bool = True,
    keep: bool = True,
    events: Events | None = None,
    store: ModelStore | None = None,
    cache: ModelCache | None = None,
    script: Sequence[ScriptHooks] = (),
) -> EditResult:
    """Carry out `tasks` in one run; the first one's picture is learnt. Hooks of a `script` join it.

    Without `write` the pictures are in no file, nor is what would be called after one; see
    `EditResult.extras`. With `keep` false they are only in files: many large ones then take no more
    memory than those of one pass.
    """
    events = events or LoggingEvents()
    store = store or default_store()
    ready = prepare(tasks, options, store, events, script=script)
    outputs = planned_outputs(ready, write=write)
    events.expected(partial(told, ready, store))
    return learnt_and_sampled(ready, outputs, store, events, keep=keep, cache=cache)


def edited_file(
    tasks: Sequence[Task], options: RunOptions, format: str, *, events: Events | None = None
) -> tuple[bytes, EditResult]:
    """Carry out `tasks` → the one picture as its file would be, with its record, and the result.

    `format` is an extension without its dot. Further files are written if they have names of their
    own. UserError as `edit`, and if the format can't hold the picture.
    """
    events = events or LoggingEvents()
    store = default_store()
    ready = prepare(tasks, options, store, events)
    check_format(FORMATS[f".{format}"], "the picture", alpha=ready.plan.transparent)
    outputs = streamed_outputs(ready)
    events.expected(partial(told, ready, store))
    result = learnt_and_sampled(ready, outputs, store, events)
    return file_of_result(result, format), result


def file_of_result(result: EditResult, format: str) -> bytes:
    """The first picture of a result as its file would be, with its record.

    `format` is an extension without its dot. UserError if that can't hold it; what it can't keep is
    added to the notes of the result.
    """
    kind, picture = FORMATS[f".{format}"], result.picture
    check_format(kind, "the picture", alpha=picture.is_transparent, size=picture.size)
    data, notes = encoded(picture, kind, "the picture", json.dumps(result.records[0]))
    result.notes += notes
    return data


def learnt_and_sampled(
    ready: Prepared,
    outputs: Outputs,
    store: ModelStore,
    events: Events,
    *,
    cache: ModelCache | None = None,
    keep: bool = True,
    write: Callable[[Files], None] | None = None,
) -> EditResult:
    """Learn what an edit that is prepared is missing, sample it, write each pass when it is made.

    `write` writes files in place of this function: those of a pass, in the end the further ones.
    `keep` as in `edit`.
    """
    overwrite = ready.options.overwrite
    write = write or (lambda files: write_files(files, overwrite=overwrite))
    tiles: list[tuple[str, Picture]] = []
    with _watched_by_tasks(ready, outputs) as (about, outcome):
        started = time.monotonic()
        model = learn(ready, store, Several(events, _TellingTasks(ready.hooks, about)), cache)
        result = _begun_result(ready, model, outputs.folder, time.monotonic() - started)
        for made in _passes(ready, model, outputs, events):
            if outputs.is_unasked and not result.records:
                outputs = planned_outputs(ready)  # what was free may be taken by now
            if paths := outputs.pictures[made.part]:
                files, notes = picture_files(
                    paths, made.pictures, made.records, overwrite=overwrite
                )
                write(files)
                result.notes += notes
                outcome.outputs += files
            if outputs.sheet is not None:
                tiles += made.tiles(len(tiles), side_of(len(outputs.seeds)))
            result.records += made.records
            result.pictures += made.pictures if keep else []
            result.network_evaluations += made.run.evaluations
            outcome.extras.update(made.result.extras)
    result.seconds["sampling"] = time.monotonic() - started - result.seconds["training"]
    logger.info(
        "sampling ended: %d pictures, %.1f s", len(outputs.seeds), result.seconds["sampling"]
    )
    files, notes = extra_files(outputs.extras or {}, outcome.extras, overwrite=overwrite)
    write(files)
    result.notes += notes
    result.outputs += [*outcome.outputs, *files]
    result.extras.update(outcome.extras)
    if outputs.sheet is not None:
        write({outputs.sheet: file_of(outputs.sheet, contact_sheet(tiles), overwrite=overwrite)[0]})
        result.sheet = outputs.sheet
    for path in [*result.outputs, *([] if result.sheet is None else [result.sheet])]:
        logger.info("wrote %s", path)
    return result


def _begun_result(ready: Prepared, model: Model, folder: Path, training: float) -> EditResult:
    """The result of an edit before its first pass."""
    return EditResult(
        pictures=[],
        records=[],
        outputs=[],
        model_key=model.config.key if ready.cells() else None,
        training_steps=model.steps,
        seconds={"training": training, "sampling": 0.0},
        network_evaluations=0,
        device=ready.compute.device.type,
        denoiser=ready.options.denoiser,
        before=ready.tasks[0].main_picture(),
        folder=folder,
    )


@contextmanager
def _watched_by_tasks(ready: Prepared, outputs: Outputs) -> Iterator[tuple[Edit, Outcome]]:
    """Tell the tasks that an edit begins, and how it has ended, whatever happens in here."""
    about = Edit(
        ready.subject.picture,
        ready.subject.pyramid,
        ready.subject.schedule,
        ready.plan,
        outputs.seeds,
        ready.compute.device,
        outputs.pictures,
        outputs.extras or {},
        options_of(ready.tasks),
    )
    outcome = Outcome()
    try:
        ready.hooks.begin_edit(about)
        yield about, outcome
    except BaseException as error:
        outcome.error = error
        raise
    finally:
        ready.hooks.end_edit(about, outcome)


class _TellingTasks(Events):
    """Tells the tasks how a training goes."""

    def __init__(self, hooks: RunHooks, about: Edit) -> None:
        self._hooks = hooks
        self._about = about

    def training(self, report: TrainingReport) -> None:
        self._hooks.during_training(self._about, report)


@dataclass(frozen=True)
class Pass:
    """What samples have become that went through the sampler together."""

    run: Run
    result: Result
    part: slice
    """Which of all samples they are."""
    record: Mapping[str, Any]
    """What the records of all samples have in common."""

    @property
    def pictures(self) -> list[Picture]:
        return self.result.pictures

    @property
    def records(self) -> list[dict[str, Any]]:
        """What each picture was made by, with what plugins tell of it."""
        return [
            {**self.record, **self._facts(k), "seed": seed} for k, seed in enumerate(self.run.seeds)
        ]

    def tiles(self, first: int, side: int) -> list[tuple[str, Picture]]:
        """Each picture small, with its number, counted on from `first`, and its seed."""
        pairs = enumerate(zip(self.run.seeds, self.pictures, strict=True), first + 1)
        return [(f"{k}  seed {seed}", small(picture, side)) for k, (seed, picture) in pairs]

    def _facts(self, k: int) -> dict[str, Any]:
        told = self.result.metadata_of(k)
        return {"metadata": told} if told else {}


def _passes(ready: Prepared, model: Model, outputs: Outputs, events: Events) -> Iterator[Pass]:
    """All samples, as many at once as fit together."""
    plan, subject, compute = ready.plan, ready.subject, ready.compute
    record = record_of(ready.tasks, ready.options, model, compute, outputs.folder, ready.script)
    together = max(1, PASS_PIXELS // (plan.canvas[0] * plan.canvas[1]))
    predict = ready.denoiser or NetworkPredictor(model.network, compute, wraps=plan.wraps)
    finite = _Finite(predict, _no_numbers(ready, model))
    for first in range(0, len(outputs.seeds), together):
        some = slice(first, first + together)
        run = Run(
            plan, subject.pyramid, model.schedule, outputs.seeds[some], compute.device, finite
        )
        run.report = events.working
        samples = finite.checked(sample(run, ready.hooks)).float().cpu()
        result = Result(samples, subject.picture, plan.composition)
        ready.hooks.compose_output(run, result)
        yield Pass(run, result, some, record)


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
