"""The model of a picture as an object: trained, asked, and sampled by Algorithm 2 directly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import torch
from torch import Tensor

from sinddm_toolkit.edits.edit import PASS_PIXELS
from sinddm_toolkit.edits.estimate import training_told
from sinddm_toolkit.edits.events import Events, Several
from sinddm_toolkit.edits.learning import obtain_model, onto
from sinddm_toolkit.edits.models import Model, quality_of
from sinddm_toolkit.edits.models import load_model as read_model
from sinddm_toolkit.edits.preparing import (
    Prepared,
    SamplingEvents,
    check_picture,
    prepare_subject,
)
from sinddm_toolkit.edits.progress import ProgressLike, watched
from sinddm_toolkit.edits.python_words import python_words
from sinddm_toolkit.edits.showing import as_image, html_of, png_of, summary_of
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.edits.subject import Subject, make_subject
from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.denoising import NetworkPredictor, OtherNoise
from sinddm_toolkit.engine.guards import is_finite
from sinddm_toolkit.engine.networks import HALO, Denoiser
from sinddm_toolkit.engine.phases import Cells, History, Need, trained_cells, united
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.engine.pyramid import Pyramid, Size
from sinddm_toolkit.engine.quality import NETWORKS, Quality, checked_changes
from sinddm_toolkit.engine.run import NoisePredictor, Run
from sinddm_toolkit.engine.sampler import sample as algorithm_2
from sinddm_toolkit.engine.schedule import Schedule, make_schedule
from sinddm_toolkit.engine.training import TrainingReport
from sinddm_toolkit.errors import ToolkitError, UserError
from sinddm_toolkit.host.result import Result
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.host.script_hooks import script_hooks
from sinddm_toolkit.options.run_options import SEED_MAX, TRAINING_OPTIONS, RunOptions
from sinddm_toolkit.options.schema import unknown_option
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from
from sinddm_toolkit.settings.layers import PYTHON
from sinddm_toolkit.settings.request import options_alone

ScheduleLike = Schedule | Callable[[Pyramid], Schedule]
"""A schedule, or what makes one for a pyramid."""


@dataclass(frozen=True, repr=False, eq=False)
class PictureModel:
    """The denoiser of one picture, or of several, with all that a researcher asks of it.

    Tensors are float32, (n, 3, h, w), pictures in them in [-1, 1]; s is the number of a scale, 0
    the coarsest; t a timestep from 0, hardly any noise, to T-1: one less than the paper's.
    """

    picture: Picture
    """What was learnt, as it was given; of several the first."""
    pyramid: Pyramid
    """x^s as `pyramid.scales[s]` and x̃^s as `pyramid.blurred[s]`, with `sizes` and `factor`, r."""
    schedule: Schedule
    """ᾱ_t as `alphas_cumprod`, T[s] as `starts`, γ_t^s as `gammas[s][t]`."""
    quality: Quality | None
    """How it is trained: network, updates a scale, batch, crops, optimizer; None if imported."""
    losses: list[TrainingReport]
    """How the training went that this object was made by: `step`, `steps` and the recent mean L1
    `error` of ε, every 20 updates; empty if nothing was missing."""
    compute: Compute
    """Device and precision of the network."""
    _model: Model

    def __repr__(self) -> str:
        height, width = self.pyramid.sizes[-1]
        known = ", ".join(f"{s}: {end}" for s, end in self.cells.items())
        return (
            f"<model {self.key} of {self.picture.name} at {width}×{height}: "
            f"{self._model.steps} updates, cells {{{known}}}>"
        )

    @property
    def key(self) -> str:
        """What the store calls the model: `sinddm-tk models show KEY`, `st.run(…, model=KEY)`."""
        return self._model.config.key

    @property
    def path(self) -> Path:
        """The file of the model in the store."""
        return default_store().path(self.key)

    @property
    def network(self) -> Denoiser:
        """ε_θ as a `torch.nn.Module`: network(x, t, s), with t and s as (n,) integer tensors."""
        return self._model.network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.compute.device

    @property
    def history(self) -> History:
        """Every training of it: updates a scale, timesteps, seed, rate, device and versions."""
        return self._model.history

    @property
    def cells(self) -> dict[int, int]:
        """Scale → how many timesteps of it are known, t = 0 … cells[s]-1.

        Only those (scale, timestep) cells are trained that sampling visits; `train(cells=…)` asks
        for more.
        """
        return dict(sorted(trained_cells(self.history).items()))

    @property
    def receptive_field(self) -> int | None:
        """Side, in pixels, of what one output pixel sees; None if a plugin made the network."""
        return None if self._model.config.needs_plugin else 2 * HALO + 1

    def predict(self, x: Tensor, t: int, s: int) -> Tensor:
        """ε_θ(x_t^s, t, s), (n, 3, h, w): the noise in x, of any h and w.

        With gradients with respect to `x` and to the parameters of `network`, unless they are off.
        ValueError if there is no such scale or timestep.
        """
        self._check_cell(t, s)
        return self._predictor()(x.to(self.device), t, s)

    def clean(self, x: Tensor, t: int, s: int, blurred: Tensor | None = None) -> Tensor:
        """x̂_0^s, (n, 3, h, w), as Algorithm 2 takes it from x_t^s (lines 6 and 7).

        (x - √(1-ᾱ_t) ε_θ) / √ᾱ_t, and with x̃^s as `blurred`, of the shape of x, the blur is taken
        out of that: (· - γ_t^s x̃^s) / (1 - γ_t^s), γ being held at .55. Gradients as in `predict`.
        """
        x0 = self.schedule.clean(x.to(self.device), self.predict(x, t, s), t)
        gamma = self.schedule.sampling_gamma(s, t)
        if blurred is None or gamma == 0:
            return x0
        return torch.sub(x0, blurred.to(self.device), alpha=gamma).div(1 - gamma)

    def noisy(self, t: int, s: int, noise: Tensor) -> Tensor:
        """x_t^s of the picture that was learnt, by `noise` ε, (n, 3, h, w) of that scale's size.

        √ᾱ_t (γ_t^s x̃^s + (1 - γ_t^s) x^s) + √(1-ᾱ_t) ε (Algorithm 1, lines 5 to 9): what the
        network is trained to find `noise` in. ValueError as in `predict`.
        """
        self._check_cell(t, s)
        sharp, blurred = self.pyramid.scales[s], self.pyramid.blurred[s]
        mixed = torch.lerp(sharp, blurred, self.schedule.gamma(s, t)).to(self.device)
        alpha = self.schedule.alpha_bar(t)
        return math.sqrt(alpha) * mixed + math.sqrt(1 - alpha) * noise.to(self.device)

    def plan(
        self,
        *,
        size: Size | None = None,
        sampling_steps: int | None = None,
        schedule: ScheduleLike | None = None,
    ) -> Plan:
        """The plan of a random sample, to be read and changed before it is given to `sample`.

        `plan.stages` are the scales as they are visited, coarsest first: `s`, `size`, `start`
        (T[s]), `blur`, `ddpm`, `gamma_max`, `visits`. `size` is that of the result, (h, w).
        `sampling_steps` are visited of each scale at most, the quality's own if None. `schedule`
        is another one than the model has learnt: see `sample`.
        """
        if sampling_steps is None and self.quality is not None:
            sampling_steps = self.quality.sampling_steps
        if sampling_steps is not None and sampling_steps < 1:
            raise UserError(f"sampling_steps is {sampling_steps}: give 1 or more")
        if size is not None and not (len(size) == 2 and all(isinstance(n, int) for n in size)):
            raise UserError(f"size is {size!r}: give (h, w) in pixels")
        other = self.schedule if schedule is None else _made(schedule, self.pyramid)
        plan = Plan(self.pyramid, other, sampling_steps)
        if size is not None:
            plan.set_canvas(size)
        return plan

    def _predictor(self, plan: Plan | None = None) -> NoisePredictor:
        if plan is None:
            return NetworkPredictor(self.network, self.compute)
        predict = NetworkPredictor(self.network, self.compute, wraps=plan.wraps)
        if plan.schedule.alphas_cumprod == self.schedule.alphas_cumprod:
            return predict
        return OtherNoise(predict, self.schedule, plan.schedule)

    def _check_cell(self, t: int, s: int) -> None:
        if not (0 <= s < self.pyramid.count and 0 <= t < self.schedule.timesteps):
            raise ValueError(
                f"scale {s}, timestep {t}: there are scales 0 to {self.pyramid.count - 1} and "
                f"timesteps 0 to {self.schedule.timesteps - 1}"
            )


# Training


class TrainingOptions(TypedDict, total=False):
    """The options of `sinddm-tk train`, for type checkers."""

    quality: Literal["draft", "standard", "paper"]
    max_pixels: int | None
    train_time: float | str | None
    train_seed: int
    init: Literal["prior", "random"] | None
    retrain: bool
    device: Literal["auto", "cpu", "cuda", "mps"]


@python_words()
def train(
    picture: Any,
    *,
    schedule: ScheduleLike | None = None,
    blur: bool = True,
    network: str | None = None,
    changes: Mapping[str, Any] | None = None,
    cells: Mapping[int, int] | None = None,
    progress: ProgressLike = None,
    **options: Unpack[TrainingOptions],
) -> PictureModel:
    """Learn a picture, or take what the store has of it → the model.

    `picture` is a path, a PIL image or an array, or a list of several that are learnt together.
    `options` are those of `sinddm-tk train`: quality, max_pixels, train_time, train_seed, init,
    retrain, device. What is trained here is stored, and used by every later edit that asks for the
    same, or names the model (`model=model`).

    `schedule` is another than follows from the picture, or a function that makes it of the pyramid:
    see `schedule_of`. `blur` false is the paper's Figure 5: γ_t^s = 0 at all scales. `network`
    names one that a plugin makes. `changes` are fields of the quality to be otherwise, such as
    `{"steps_per_scale": 2000, "optimizer": "adam"}`. Such models have keys of their own. `cells`,
    scale → T, asks for timesteps t < T to be known beyond those of a random sample. `progress` as
    in `run`.

    UserError for what can't be done, before anything is trained.
    """
    asked = _training_options(options)
    subject = _otherwise(_subject_of(picture, asked), asked, schedule, blur, network, changes)
    ready = prepare_subject(subject, asked)
    needed = united(ready.cells(), _asked_cells(cells or {}, subject))
    store, losses = default_store(), _Losses()
    with watched(progress) as watching:
        events = Several(losses, watching)
        events.expected(partial(training_told, ready, store))
        model = obtain_model(ready, needed, store, events)
    return _picture_model(ready, model, losses.losses)


@python_words()
def load_model(model: str | Path, picture: Any, *, device: str = "auto") -> PictureModel:
    """The stored model whose key begins so, or the one in a file of that path, of `picture`.

    A model file holds no picture: it has to be given, or the list of those that were learnt
    together. UserError if it is not the one that was learnt.
    """
    path = Path(model)
    if path.suffix != ".safetensors":
        store = default_store()
        path = store.path(store.find(str(model)))
    found = read_model(path)
    first, *others = _pictures(picture)
    options = RunOptions(device=device)
    subject = make_subject(
        first, options, chosen=found.config, schedule=found.schedule, others=others
    )
    check_picture(subject, found)
    ready = prepare_subject(subject, options)
    return _picture_model(ready, onto(found, ready.compute), [])


@python_words()
def schedule_of(
    pyramid: Pyramid, alphas_cumprod: Sequence[float] | None = None, *, blur: bool = True
) -> Schedule:
    """The schedule of a pyramid, by other ᾱ_t if they are given (T of them, falling inside (0, 1)).

    T[s] and γ_t^s follow from the σ_t of those and from the details of the pyramid as usual
    (`engine/schedule.py`). `train(schedule=…)` takes what it gives, or a function such as
    `lambda pyramid: schedule_of(pyramid, alphas)`. UserError if they can't be ᾱ_t.
    """
    try:
        made = make_schedule(pyramid.details, pyramid.factor, alphas_cumprod)
    except (TypeError, ValueError) as error:
        raise UserError(f"schedule: {error}") from error
    return made if blur else made.without_blur()


class _Losses(Events):
    """Keeps what is told of a training."""

    def __init__(self) -> None:
        self.losses: list[TrainingReport] = []

    def training(self, report: TrainingReport) -> None:
        self.losses.append(report)


def _training_options(options: Mapping[str, Any]) -> RunOptions:
    """Those of a training, over a person's own defaults. UserError for others."""
    schema = {name: RunOptions.schema()[name] for name in TRAINING_OPTIONS}
    for name in options:
        if name not in schema:
            raise unknown_option(name, schema)
    return options_alone({k: v for k, v in options.items() if v is not None}, PYTHON)


def _pictures(picture: Any) -> list[Picture]:
    several = picture if isinstance(picture, (list, tuple)) else [picture]
    if not several:
        raise UserError("give a picture to learn from")
    try:
        return [picture_from(one) for one in several]
    except ValueError as error:
        raise UserError(str(error)) from error


def _subject_of(picture: Any, options: RunOptions) -> Subject:
    first, *others = _pictures(picture)
    return make_subject(first, options, others=others)


def _otherwise(
    subject: Subject,
    options: RunOptions,
    schedule: ScheduleLike | None,
    blur: bool,
    network: str | None,
    changes: Mapping[str, Any] | None,
) -> Subject:
    """`subject` to be learnt as is asked for. UserError if it can't be."""
    config = subject.config
    other = subject.schedule if schedule is None else _made(schedule, subject.pyramid)
    if not blur:
        other = other.without_blur()
    if other != subject.schedule:
        config = replace(config, schedule=other.fingerprint)
    if changes:
        try:
            config = replace(config, changes=tuple(checked_changes(changes).items()))
        except ValueError as error:
            raise UserError(f"changes: {error}") from error
    if network is not None and network not in NETWORKS:
        config = replace(config, network=network)
    elif network is not None:
        config = replace(config, network=None if network == "paper" else network)
    has_prior = config.network == subject.config.network and (
        other.alphas_cumprod == subject.schedule.alphas_cumprod
    )
    if config.init is not None and not has_prior:
        if options.init == "prior":
            raise UserError(
                "init: there are no weights to start from for another network, or other ᾱ"
            )
        config = replace(config, init=None)
    return replace(subject, schedule=other, config=config)


def _made(schedule: ScheduleLike, pyramid: Pyramid) -> Schedule:
    """UserError if it isn't a schedule of that pyramid."""
    try:
        made = schedule if isinstance(schedule, Schedule) else schedule(pyramid)
        if not isinstance(made, Schedule):
            raise TypeError(f"it must be a Schedule, not {type(made).__name__}")
        made = Schedule.of(made.alphas_cumprod, made.starts, made.gammas)
    except (TypeError, ValueError) as error:
        raise UserError(f"schedule: {error}") from error
    if len(made.starts) != pyramid.count:
        raise UserError(
            f"schedule: it is of {len(made.starts)} scales, and the picture has {pyramid.count}"
        )
    return made


def _asked_cells(cells: Mapping[int, int], subject: Subject) -> Cells:
    """UserError if there are no such scales or timesteps."""
    count, timesteps = subject.pyramid.count, subject.schedule.timesteps
    for s, end in cells.items():
        if s not in range(count) or end not in range(1, timesteps + 1):
            raise UserError(
                f"cells {{{s}: {end}}}: there are scales 0 to {count - 1}, and 1 to {timesteps} "
                "timesteps of each"
            )
    return {s: Need(end) for s, end in cells.items()}


def _picture_model(ready: Prepared, model: Model, losses: list[TrainingReport]) -> PictureModel:
    subject = ready.subject
    return PictureModel(
        subject.picture,
        subject.pyramid,
        model.schedule,
        None if model.config.is_imported else quality_of(model.config),
        losses,
        ready.compute,
        model,
    )


# Sampling


@dataclass(repr=False, eq=False)
class Samples:
    """What Algorithm 2 has made."""

    x: Tensor
    """(n, 3, h, w) float32 on the CPU, about [-1, 1]."""
    pictures: list[Picture]
    """The same as pictures of the depth and profile of the one that was learnt."""
    seeds: list[int]
    """One a sample."""
    evaluations: int
    """Pictures that went through the network."""
    before: Picture | None = None
    """Nothing is shown beside them: they are made of noise."""

    @property
    def images(self) -> list[Any]:
        """As PIL images, 8 bits a channel."""
        return [as_image(picture) for picture in self.pictures]

    def __repr__(self) -> str:
        return summary_of(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: each with its seed, small."""
        return html_of(self)

    def _repr_png_(self) -> bytes | None:
        """The same as one small picture, for what shows no HTML."""
        return png_of(self)


@python_words()
def sample(
    model: PictureModel,
    *,
    plan: Plan | None = None,
    hooks: Sequence[Any] = (),
    schedule: ScheduleLike | None = None,
    seed: int = 0,
    samples: int = 1,
    size: Size | None = None,
    sampling_steps: int | None = None,
    progress: ProgressLike = None,
) -> Samples:
    """Algorithm 2 with `model`, and nothing else → `samples` pictures of seed, seed + 1, ….

    `plan` says what is sampled, `model.plan()` if None; it is not changed. Or `size`, (h, w),
    `sampling_steps` and `schedule` say what that is made with. Nothing is trained: UserError if the
    plan visits what the model doesn't know.

    `hooks` are functions named as hooks are, `before_sampling(run)`, `before_scale(run, scale)`,
    `modify_x0(run, step)`, which may assign `step.x0`, `after_step(run, step)`, or objects with
    such methods, a task among them; they are called in their order, those of the whole edit
    (`begin_edit`, `end_edit`) aren't. PluginError if one fails. `progress` as in `run`.

    With another `schedule` the network is asked for each of its levels of noise at the timestep
    whose σ is nearest.
    """
    if plan is None:
        plan = model.plan(size=size, sampling_steps=sampling_steps, schedule=schedule)
    elif (size, sampling_steps, schedule) != (None, None, None):
        raise UserError("size, sampling_steps and schedule go into model.plan(…), or give no plan")
    if not 1 <= samples <= 10_000 or not 0 <= seed <= SEED_MAX - samples + 1:
        raise UserError(f"seed {seed}, samples {samples}: from 0 to {SEED_MAX}, and 1 to 10000")
    with watched(progress) as events:
        run_hooks = RunHooks([], [SamplingEvents(events)], script_hooks(hooks))
        return _sampled(model, plan.copied(), run_hooks, range(seed, seed + samples))


def _sampled(model: PictureModel, plan: Plan, hooks: RunHooks, seeds: Sequence[int]) -> Samples:
    compute = model.compute
    compute.prepare()
    hooks.plan_edit(plan, model.pyramid)
    _check_stages(plan)
    plan.close()
    _check_known(model, plan)
    together = max(1, PASS_PIXELS // (plan.canvas[0] * plan.canvas[1]))
    tensors, pictures, evaluations = [], [], 0
    for first in range(0, len(seeds), together):
        some = seeds[first : first + together]
        predict = model._predictor(plan)
        run = Run(plan, model.pyramid, plan.schedule, some, compute.device, predict)
        x = algorithm_2(run, hooks).float().cpu()
        if not is_finite(x):
            raise ToolkitError("the samples hold values that are not finite")
        result = Result(x, model.picture, plan.composition)
        hooks.compose_output(run, result)
        tensors.append(result.samples)
        pictures += result.pictures
        evaluations += run.evaluations
    return Samples(torch.cat(tensors), pictures, list(seeds), evaluations)


def _check_stages(plan: Plan) -> None:
    """UserError if a stage has what can't be sampled."""
    most = plan.schedule.timesteps
    for stage in plan.stages:
        if not 1 <= stage.start <= most:
            raise UserError(f"scale {stage.s} starts at step {stage.start}: from 1 to {most}")
        if stage.visits is not None and stage.visits < 0:
            raise UserError(f"scale {stage.s} has {stage.visits} visits: give 0 or more, or None")


def _check_known(model: PictureModel, plan: Plan) -> None:
    """UserError if the network is asked for what it was not trained for."""
    for stage in plan.stages:
        if not stage.learnt or not stage.steps:
            continue
        last = model.schedule.nearest(plan.schedule.start_sigma(stage.start))
        known = model.cells.get(stage.s, 0)
        if last >= known and not model._model.config.is_imported:
            raise UserError(
                f"scale {stage.s} starts at step {last + 1}, and {known} are known: train with "
                f"cells={{{stage.s}: {last + 1}}}, or let it start at {known} at most"
            )
