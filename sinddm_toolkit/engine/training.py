"""Fit a denoiser to one picture (paper Algorithm 1), at the scales and timesteps wanted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.engine.compute import Compute
from sinddm_toolkit.engine.networks import (
    CELL,
    HALO,
    WHOLE,
    Denoiser,
    Frame,
    with_halo,
    without_halo,
)
from sinddm_toolkit.engine.optimizers import Adam, Muon
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.quality import Recipe
from sinddm_toolkit.engine.schedule import TIMESTEPS, Schedule
from sinddm_toolkit.interrupts import interrupt_flag
from sinddm_toolkit.json_values import mapping, members, positive, whole

MUON_LR = 0.02
MUON_DECAY = 0.1
OTHERS_LR = 2e-3
ADAM_LR = 1e-3
"""The last is the paper's; the others are the best of those tried. Without the decay long trainings
diverge: orthogonalised updates do not get smaller by themselves."""

WARMUP_STEPS = 20
REHEARSAL_SHARE = 0.25
"""Updates given to what is already known while something else is learnt, as a share of those."""

CHUNK_PIXELS = 400_000
"""Pixels that gradients are computed of at once; those of larger batches are added up."""

KEEP_EVERY = 10.0
"""Seconds of work that may be lost."""

REPORT_EVERY = 20
"""Updates between reports: reading the loss makes a GPU wait."""

MOST_SCALES = 64
MOST_UPDATES = 1_000_000
"""Of a phase, beyond what any picture or any quality asks for: a file that tells of more is wrong,
and to count through it might never end."""

Cells = dict[int, int]
"""What to know: scale s → the timesteps t < cells[s]."""


@dataclass
class Phase:
    """One stretch of training, with all that is needed to make it again.

    The scale of each update follows from `updates` alone: they are interleaved evenly.
    """

    t_ends: Cells
    """Timesteps 0 … t_ends[s]-1 are drawn at scale s."""
    updates: dict[int, int]
    """Planned updates of each scale."""
    seed: int
    decay_from: int
    """The update from which the learning rate falls to zero."""
    end: int
    """The update at which it is zero: the planned end, or an earlier one that a time limit set."""
    made: int = 0
    """Updates made."""
    rate: float = 1.0
    """The highest learning rate, as a share of the optimizers' own."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Device, precision, threads, versions: what else bit-for-bit equality depends on."""

    @property
    def planned(self) -> int:
        return sum(self.updates.values())

    def scale_order(self) -> Iterator[int]:
        """The scale of each planned update: always the one that is furthest behind its share."""
        made = dict.fromkeys(self.updates, 0)
        for k in range(self.planned):
            behind = {s: n * (k + 1) / self.planned - made[s] for s, n in self.updates.items()}
            scale = max(behind, key=behind.__getitem__)
            made[scale] += 1
            yield scale

    def made_per_scale(self) -> dict[int, int]:
        if self.made == self.planned:
            return dict(self.updates)
        counts = dict.fromkeys(self.updates, 0)
        for _, scale in zip(range(self.made), self.scale_order(), strict=False):
            counts[scale] += 1
        return counts

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Phase:
        """The inverse of `to_json` after a trip through JSON, which turns the keys into text.

        ValueError, in words, if `data` tells of no phase that could have been made.
        """
        needed = ("t_ends", "updates", "seed", "decay_from", "end")
        found = members(data, "history", needed)
        if unknown := found.keys() - {item.name for item in fields(cls)}:
            raise ValueError(f"history: {min(unknown)!r:.40} is unknown")
        t_ends = _per_scale(found["t_ends"], TIMESTEPS, "history.t_ends")
        updates = _per_scale(found["updates"], MOST_UPDATES, "history.updates")
        if t_ends.keys() != updates.keys():
            raise ValueError("history.updates must be of the same scales as history.t_ends")
        planned = whole(sum(updates.values()), 1, MOST_UPDATES, "history.updates, all together,")
        end = whole(found["end"], 0, planned, "history.end")
        return cls(
            t_ends,
            updates,
            whole(found["seed"], 0, 2**63 - 1, "history.seed"),
            whole(found["decay_from"], 0, planned, "history.decay_from"),
            end,
            whole(found.get("made", 0), 0, end, "history.made"),
            positive(found.get("rate", 1.0), "history.rate"),
            mapping(found.get("environment", {}), "history.environment"),
        )


def _per_scale(value: Any, most: int, what: str) -> dict[int, int]:
    """Scale → a number from 1 to `most`. ValueError if `value` is nothing of the kind."""
    names = {str(scale): scale for scale in range(MOST_SCALES)}
    found = mapping(value, what)
    if not found.keys() <= names.keys():
        raise ValueError(f"{what} must be by scales from 0 to {MOST_SCALES - 1}")
    return {names[name]: whole(number, 1, most, what) for name, number in found.items()}


History = list[Phase]


def knowledge(history: History) -> dict[int, list[tuple[int, int]]]:
    """Scale → (t_end, updates made) of every phase that touched it."""
    known: dict[int, list[tuple[int, int]]] = {}
    for phase in history:
        for scale, made in phase.made_per_scale().items():
            if made:
                known.setdefault(scale, []).append((phase.t_ends[scale], made))
    return known


def missing_updates(cells: Cells, history: History, steps_per_scale: int) -> dict[int, int]:
    """Scale → updates it still needs before every cell has had `steps_per_scale`."""
    known = knowledge(history)
    missing = {}
    for scale, t_end in cells.items():
        done = sum(made for known_end, made in known.get(scale, []) if known_end >= t_end)
        if done < steps_per_scale:
            missing[scale] = steps_per_scale - done
    return missing


def plan_phase(
    cells: Cells,
    history: History,
    recipe: Recipe,
    schedule: Schedule,
    seed: int,
    rate: float = 1.0,
) -> Phase | None:
    """The training that `cells` need beyond `history`, None if they need none.

    What was learnt before is rehearsed alongside, or it would be forgotten. `rate` is the phase's.
    """
    if recipe.all_cells:
        cells = dict.fromkeys(range(len(schedule.starts)), schedule.timesteps)
    updates = missing_updates(cells, history, recipe.steps_per_scale)
    if not updates:
        return None
    known = {scale: max(end for end, _ in seen) for scale, seen in knowledge(history).items()}
    t_ends = {scale: max(cells[scale], known.get(scale, 0)) for scale in updates}
    old = [scale for scale in known if scale not in updates]
    for scale in old:
        updates[scale] = max(1, round(REHEARSAL_SHARE * sum(updates.values()) / len(old)))
        t_ends[scale] = known[scale]
    planned = sum(updates.values())
    decay_from = round(planned * (1 - recipe.decay_share))
    phase_seed = _phase_seed(seed, len(history))
    return Phase(t_ends, updates, phase_seed, decay_from, planned, rate=rate)


def is_as_planned(
    history: History, recipe: Recipe, schedule: Schedule, seed: int, rate: float = 1.0
) -> bool:
    """Whether `history` is what `plan_phase` asks for, phase by phase, each made to its end.

    A training cut short is none of those: any number of such add up to a model that counts as
    known and isn't.
    """
    return all(
        _is_planned(phase, history[:k], recipe, schedule, seed, rate)
        for k, phase in enumerate(history)
    )


def _is_planned(
    phase: Phase, before: History, recipe: Recipe, schedule: Schedule, seed: int, rate: float
) -> bool:
    """Whether there are cells that `phase` is planned for, after what was trained `before`.

    Those asked for come first in its updates, and what is only rehearsed behind them.
    """
    if phase.made != phase.planned or not phase.updates.keys() <= set(range(len(schedule.starts))):
        return False
    known = knowledge(before)
    asked = [(s, _asked(phase, s, known.get(s, []), recipe)) for s in phase.updates]
    if any(t_end < schedule.starts[s] for s, t_end in asked):
        return False
    as_planned = replace(phase, made=0, environment={})
    for count in range(1, len(asked) + 1):
        plan = plan_phase(dict(asked[:count]), before, recipe, schedule, seed, rate)
        # In the same order, too: that of the updates follows from it.
        if plan == as_planned and list(plan.updates) == list(phase.updates):
            return True
    return False


def _asked(phase: Phase, scale: int, known: list[tuple[int, int]], recipe: Recipe) -> int:
    """The t_end that `scale` was asked for, if the number of its updates tells that.

    Less than the phase's where more was known before, though from too few updates.
    """
    for t_end in sorted({end for end, _ in known}):
        done = sum(made for end, made in known if end >= t_end)
        if phase.updates[scale] == recipe.steps_per_scale - done:
            return t_end
    return phase.t_ends[scale]


def _phase_seed(seed: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


@dataclass(frozen=True)
class TrainingReport:
    """How far a training is: `step` of `steps` made, the recent mean L1 `error` of the noise."""

    step: int
    steps: int
    error: float


@dataclass(frozen=True)
class Batch:
    """Noisy crops of one scale and what is to be predicted of them."""

    x: Tensor
    """x_t, (n, 3, h, w)."""
    noise: Tensor
    """ε, without the frame's halo."""
    t: Tensor
    """(n,)."""
    frame: Frame
    known: Tensor | None
    """(n or 1, 1, h, w) as `noise`: 0 where nothing is to be learnt; None is everything."""

    def chunks(self) -> Iterator[Batch]:
        """The same in parts of at most `CHUNK_PIXELS`, but at least one picture each."""
        n, _, h, w = self.x.shape
        size = max(1, CHUNK_PIXELS // (h * w))
        if size >= n:
            yield self
            return
        for k in range(0, n, size):
            part = slice(k, k + size)
            known, inside = self.known, self.frame.inside
            if known is not None and len(known) == n:
                known = known[part]
            if inside is not None and len(inside) == n:
                inside = inside[part]
            frame = Frame(halo=self.frame.halo, inside=inside)
            yield Batch(self.x[part], self.noise[part], self.t[part], frame, known)


@dataclass(frozen=True)
class _Scale:
    """One scale of the picture that is learnt, on the device."""

    sharp: Tensor
    """x^s, (1, 3, h, w)."""
    blurred: Tensor
    """x̃^s, as `sharp`."""
    known: Tensor | None
    """(1, 1, h, w), 0 where nothing is to be learnt."""
    places_known: Tensor | None
    """(k, 2) row and column of the pixels that `known` says are."""


class Batches:
    """Draws the noisy crops that a denoiser learns from, all on the device."""

    def __init__(
        self, pyramid: Pyramid, schedule: Schedule, recipe: Recipe, device: torch.device, seed: int
    ) -> None:
        self.recipe = recipe
        self.sizes = pyramid.sizes
        self._pyramid = pyramid
        self._scales: dict[int, _Scale] = {}
        self.alphas = torch.tensor(schedule.alphas_cumprod, dtype=torch.float32, device=device)
        self.gammas = torch.tensor(schedule.gammas, dtype=torch.float32, device=device)
        self.places = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.device = device

    def _scale(self, scale: int) -> _Scale:
        """What there is at `scale`; only scales that are trained take up memory."""
        if scale not in self._scales:
            known = None if self._pyramid.known is None else self._pyramid.known[scale]
            self._scales[scale] = _Scale(
                self._pyramid.scales[scale].to(self.device),
                self._pyramid.blurred[scale].to(self.device),
                None if known is None else known.to(self.device),
                None if known is None else known[0, 0].nonzero(),
            )
        return self._scales[scale]

    def _is_whole(self, scale: int) -> bool:
        """Whether crops of this scale would be dearer than all of it, with their halo."""
        if self.recipe.crop is None:
            return True
        h, w = self.sizes[scale]
        side = self.recipe.crop
        return h * w <= (min(h, side) + 2 * HALO) * (min(w, side) + 2 * HALO)

    def _corners(self, scale: int, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Corners of the crops. They are drawn from a frame half a crop wider than the picture
        and moved inside, so that the borders are seen as often as the middle."""
        corners = []
        for _ in range(self.recipe.batch):
            corner = []
            for centre, side, length in zip(
                self._centre(scale), size, self.sizes[scale], strict=True
            ):
                corner.append(min(max(centre - side // 2, 0), length - side))
            corners.append((corner[0], corner[1]))
        return corners

    def _spared(self, scale: int) -> tuple[int, int]:
        """How many rows and columns less than usual are learnt from.

        A canvas may end within a cell: so must what is learnt from, as often as not. Without crops
        it is always the whole picture.
        """
        if self.recipe.crop is None:
            return 0, 0
        rows, columns = (
            int(torch.randint(min(CELL, length), (), generator=self.places))
            for length in self.sizes[scale]
        )
        return rows, columns

    def _centre(self, scale: int) -> tuple[int, ...]:
        """(y, x) of the middle of a crop: any pixel that there is something to learn at."""
        places = self._scale(scale).places_known
        if places is None:
            return tuple(
                int(torch.randint(length, (), generator=self.places))
                for length in self.sizes[scale]
            )
        chosen = int(torch.randint(len(places), (), generator=self.places))
        return tuple(int(k) for k in places[chosen])

    def _timesteps(self, scale: int, t_end: int) -> Tensor:
        """(batch,) of 0 … t_end-1, on the CPU."""
        n, early = self.recipe.batch, self.recipe.early_steps
        # The layout is made by the last timesteps of the coarsest scale: too little of them, and
        # samples have more of what most of the picture is.
        if early is None or scale == 0:
            return torch.randint(t_end, (n,), generator=self.places)
        shares = 1 / (torch.arange(t_end) + early)
        return torch.multinomial(shares, n, replacement=True, generator=self.places)

    def draw(self, scale: int, t_end: int) -> Batch:
        t = self._timesteps(scale, t_end)
        t = t.to(self.device, non_blocking=True)
        what = self._scale(scale)
        sharp, blurred, known = what.sharp, what.blurred, what.known
        frame = WHOLE
        if self._is_whole(scale):
            y, x0 = self._spared(scale)
            sharp, blurred = (x[..., y:, x0:].expand(len(t), -1, -1, -1) for x in (sharp, blurred))
            known = None if known is None else known[..., y:, x0:]
        else:
            sharp, blurred, known, frame = self._crops(scale, sharp, blurred, known)
        noise = torch.randn(sharp.shape, generator=self.noise, device=self.device)
        alpha = self.alphas[t].view(-1, 1, 1, 1)
        gamma = self.gammas[scale, t].view(-1, 1, 1, 1)
        clean = torch.lerp(sharp, blurred, gamma)
        x = (alpha.sqrt() * clean + (1 - alpha).sqrt() * noise).contiguous(
            memory_format=torch.channels_last
        )
        return Batch(x, without_halo(noise) if frame.halo else noise, t, frame, known)

    def _crops(
        self, scale: int, sharp: Tensor, blurred: Tensor, known: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Frame]:
        side = self.recipe.crop or 0
        h, w = (
            min(side, length) - spared
            for length, spared in zip(self.sizes[scale], self._spared(scale), strict=True)
        )
        corners = self._corners(scale, (h, w))

        def cut(x: Tensor) -> Tensor:
            return with_halo(x, corners, (h, w))

        frame = Frame.of_crops(corners, (h, w), self.sizes[scale], self.device)
        known = None if known is None else without_halo(cut(known))
        return cut(sharp), cut(blurred), known, frame


class Updater:
    """The optimisers of a network and the moving average of its weights."""

    def __init__(self, network: Denoiser, recipe: Recipe, phase: Phase) -> None:
        self.network = network
        self.recipe = recipe
        self.phase = phase
        self.parameters = list(network.parameters())
        self._weights: list[Tensor] = [p.detach() for p in self.parameters]
        self.average = [p.detach().clone() for p in self.parameters]
        if recipe.optimizer == "adam":
            self.muon = None
            self.adam = Adam(self.parameters, ADAM_LR)
        else:
            kernels = [p for p in self.parameters if p.dim() == 4]
            others = [p for p in self.parameters if p.dim() != 4]
            self.muon = Muon(kernels, MUON_LR, decay=MUON_DECAY)
            self.adam = Adam(others, OTHERS_LR)

    def rate(self, k: int) -> float:
        """The learning rate of update k, as a share of the optimizers' own."""
        if self.recipe.milestones is not None:
            passed = sum(k >= share * self.phase.planned for share in self.recipe.milestones)
            return float(0.5**passed)
        falling = (self.phase.end - k) / max(1, self.phase.end - self.phase.decay_from)
        return self.phase.rate * max(0.0, min(1.0, (k + 1) / WARMUP_STEPS, falling))

    def update(self, k: int) -> None:
        """Apply the gradients that are there, as update k."""
        rate = self.rate(k)
        if self.muon is not None:
            self.muon.step(rate)
        self.adam.step(rate)
        self._average(k)

    def _average(self, k: int) -> None:
        if k % self.recipe.ema_every:
            return
        # Short trainings must not be dragged down by their first weights.
        decay = min(self.recipe.ema_decay, (k + 1) / (k + 10)) if k >= self.recipe.ema_from else 0.0
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self._weights, 1 - decay)

    def state(self) -> dict[str, Any]:
        """What `load_state` goes on from, beside the network's weights."""
        return {"tensors": self._remembered(), "steps": self.adam.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        for own, saved in zip(self._remembered(), state["tensors"], strict=True):
            own.copy_(saved)
        self.adam.steps = state["steps"]

    def _remembered(self) -> list[Tensor]:
        momenta = [] if self.muon is None else self.muon.momenta
        return [*self.average, *momenta, *self.adam.moments]

    def take_average(self) -> None:
        """Replace the network's weights by their moving average."""
        with torch.no_grad():
            for parameter, average in zip(self.parameters, self.average, strict=True):
                parameter.copy_(average)


@dataclass(frozen=True)
class TrainingState:
    """Where a training is: all that its next updates depend on beside picture and phase."""

    tensors: dict[str, Tensor]
    """Weights, their average, moments and the states of the generators, by names."""
    steps: int
    """Steps of Adam."""
    error: float
    """The recent mean L1 of the noise, for reports."""


def _live(network: Denoiser, updater: Updater) -> dict[str, Tensor]:
    """The tensors that change from one update to the next, not copies of them."""
    remembered = updater.state()["tensors"]
    return {
        **{f"network.{name}": tensor for name, tensor in network.state_dict().items()},
        **{f"updater.{index}": tensor for index, tensor in enumerate(remembered)},
    }


def _state(network: Denoiser, updater: Updater, batches: Batches, error: Tensor) -> TrainingState:
    generators = {"places": batches.places.get_state(), "noise": batches.noise.get_state()}
    tensors = {**_live(network, updater), **generators}
    return TrainingState(tensors, updater.adam.steps, float(error))


def _restore(state: TrainingState, network: Denoiser, updater: Updater) -> None:
    """All of `state` but for the generators. It must fit."""
    with torch.no_grad():
        for name, tensor in _live(network, updater).items():
            tensor.copy_(state.tensors[name])
    updater.adam.steps = state.steps


def fits(state: TrainingState, network: Denoiser, recipe: Recipe, phase: Phase) -> bool:
    """Whether `state` is one of such a training."""
    live = _live(network, Updater(network, recipe, phase))
    states = [state.tensors.get(name, torch.empty(0)) for name in ("places", "noise")]
    return (
        live.keys() | {"places", "noise"} == state.tensors.keys()
        and all(tensor.shape == state.tensors[name].shape for name, tensor in live.items())
        and all(tensor.dtype == torch.uint8 for tensor in states)
    )


def end_training(network: Denoiser, recipe: Recipe, phase: Phase, state: TrainingState) -> None:
    """Leave in `network` the averaged weights of a training that is to end at `state`."""
    updater = Updater(network, recipe, phase)
    _restore(state, network, updater)
    updater.take_average()


def train(
    network: Denoiser,
    pyramid: Pyramid,
    schedule: Schedule,
    recipe: Recipe,
    phase: Phase,
    compute: Compute,
    *,
    begun: TrainingState | None = None,
    stop_after: int | None = None,
    time_limit: float | None = None,
    report: Callable[[TrainingReport], None] | None = None,
    keep: Callable[[TrainingState], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int | None:
    """Train `network` (on `compute.device`) through `phase`, leaving the averaged weights in it.

    `phase.made` counts the updates as they are made. With `time_limit` (seconds) the learning rate
    starts its fall early enough to reach zero about then; `phase.decay_from` and `phase.end` record
    it. `stop_after` ends after that many updates: a recorded phase is made again by it.
    If a signal ended the training, its number: an update is then finished first, nothing is lost.

    `keep` is given the state every `KEEP_EVERY` seconds of the `clock`, and when a signal ends the
    training. With that as `begun`, and `phase` as it was, the updates that are missing are those
    that would have followed.
    """
    compute.prepare()
    batches = Batches(pyramid, schedule, recipe, compute.device, phase.seed)
    updater = Updater(network, recipe, phase)
    error = torch.zeros((), device=compute.device)
    if begun is not None:
        _restore(begun, network, updater)
        batches.places.set_state(begun.tensors["places"])
        batches.noise.set_state(begun.tensors["noise"])
        error += begun.error
    started = kept = clock()
    with interrupt_flag() as interrupted:
        for k, scale in islice(enumerate(phase.scale_order()), phase.made, None):
            if time_limit is not None:
                _fit_into(time_limit, clock() - started, phase, recipe)
            if interrupted() or k == stop_after or k >= phase.end:
                break
            batch = batches.draw(scale, phase.t_ends[scale])
            network.zero_grad(set_to_none=True)
            loss = add_gradients(network, batch, scale, compute)
            updater.update(k)
            phase.made = k + 1
            error = torch.lerp(error, loss, max(0.02, 1 / phase.made))
            if report is not None and phase.made % REPORT_EVERY == 0:
                report(TrainingReport(phase.made, phase.end, float(error)))
            if keep is not None and clock() - kept >= KEEP_EVERY:
                keep(_state(network, updater, batches, error))
                kept = clock()
        if keep is not None and interrupted() and phase.made:
            keep(_state(network, updater, batches, error))
        updater.take_average()
        if report is not None:
            report(TrainingReport(phase.made, phase.end, float(error)))
        return interrupted()


def add_gradients(network: Denoiser, batch: Batch, scale: int, compute: Compute) -> Tensor:
    """Add the gradients of the error on `batch` to the network's → the error, detached."""
    total = torch.zeros((), device=batch.x.device)
    for part in batch.chunks():
        error = noise_error(network, part, scale, compute) * (len(part.t) / len(batch.t))
        error.backward()
        total += error.detach()
    return total


def noise_error(network: Denoiser, batch: Batch, scale: int, compute: Compute) -> Tensor:
    """Mean L1 of the predicted noise (Algorithm 1, line 11)."""
    with compute.autocast():
        predicted = network(batch.x, batch.t, torch.full_like(batch.t, scale), batch.frame)
    error = (predicted.float() - batch.noise).abs()
    if batch.known is None:
        return error.mean()
    return (error * batch.known).sum() / (batch.known.expand_as(error).sum() + 1)


def _fit_into(limit: float, elapsed: float, phase: Phase, recipe: Recipe) -> None:
    """End `phase` where the time limit asks for it."""
    full_rate_share = 1 - recipe.decay_share
    if elapsed >= limit:
        phase.end = phase.made
    elif phase.made < phase.decay_from and elapsed >= limit * full_rate_share:
        phase.decay_from = phase.made
        phase.end = min(phase.end, max(phase.made + 1, round(phase.made / full_rate_share)))
