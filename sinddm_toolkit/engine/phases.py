"""What to learn: phases of training, what is known from them, and what is still missing.

Of all (scale, timestep) cells only those that an edit visits are trained. Which ones they are is
decided by `Plan.cells`; which of them are not known yet, and in how many updates they are to be
learnt, by `plan_phase`. A training carries a phase out, and a model's history is its phases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from sinddm_toolkit.engine.quality import Quality
from sinddm_toolkit.engine.schedule import MOST_TIMESTEPS, Schedule
from sinddm_toolkit.json_values import mapping, members, positive, whole

REHEARSAL_SHARE = 0.25
"""Updates given to what is already known while something else is learnt, as a share of those."""

MOST_SCALES = 64
MOST_UPDATES = 1_000_000
"""Of a phase, beyond what any picture or any quality asks for: a file that tells of more is wrong,
and to count through it might never end."""


class Need(NamedTuple):
    """What is to be known of a scale."""

    t_end: int
    """The timesteps t < t_end."""
    well: bool = True
    """Whether by all updates of the quality, or by fewer: something else corrects x̂0 then."""

    def updates(self, quality: Quality) -> int:
        """How many it takes."""
        return quality.steps_per_scale if self.well else quality.guided_steps_per_scale


Cells = dict[int, Need]
"""What to know, by scale."""


def united(*parts: Cells) -> Cells:
    """The cells of all parts: at each scale up to the highest t_end, as well as any asks."""
    cells: Cells = {}
    for part in parts:
        for scale, need in part.items():
            other = cells.get(scale, Need(0, well=False))
            cells[scale] = Need(max(need.t_end, other.t_end), need.well or other.well)
    return cells


@dataclass
class Phase:
    """One stretch of training, with all that is needed to make it again.

    The scale of each update follows from `updates` alone: they are interleaved evenly.
    """

    t_ends: dict[int, int]
    """Timesteps 0 … t_ends[s]-1 are drawn at scale s."""
    updates: dict[int, int]
    """Planned updates of each scale."""
    seed: int
    """Of crops, timesteps and noise."""
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
        """Updates of all scales together."""
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
        """Updates made of each scale."""
        if self.made == self.planned:
            return dict(self.updates)
        counts = dict.fromkeys(self.updates, 0)
        for _, scale in zip(range(self.made), self.scale_order(), strict=False):
            counts[scale] += 1
        return counts

    def to_json(self) -> dict[str, Any]:
        """The fields."""
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
        t_ends = _per_scale(found["t_ends"], MOST_TIMESTEPS, "history.t_ends")
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


def trained_cells(history: History) -> dict[int, int]:
    """Scale → the t_end of what any phase has trained, in however few updates."""
    return {scale: max(end for end, _ in seen) for scale, seen in knowledge(history).items()}


def missing_updates(cells: Cells, history: History, quality: Quality) -> dict[int, int]:
    """Scale → updates it still needs before every cell has had those of the quality."""
    known = knowledge(history)
    missing = {}
    for scale, need in cells.items():
        done = sum(made for known_end, made in known.get(scale, []) if known_end >= need.t_end)
        if done < need.updates(quality):
            missing[scale] = need.updates(quality) - done
    return missing


def plan_phase(
    cells: Cells,
    history: History,
    quality: Quality,
    schedule: Schedule,
    seed: int,
    rate: float = 1.0,
) -> Phase | None:
    """The training that `cells` need beyond `history`, None if they need none.

    What was learnt before is rehearsed alongside, or it would be forgotten. `rate` is the phase's.
    """
    if quality.all_cells:
        cells = dict.fromkeys(range(len(schedule.starts)), Need(schedule.timesteps))
    updates = missing_updates(cells, history, quality)
    if not updates:
        return None
    known = trained_cells(history)
    t_ends = {scale: max(cells[scale].t_end, known.get(scale, 0)) for scale in updates}
    old = [scale for scale in known if scale not in updates]
    for scale in old:
        updates[scale] = max(1, round(REHEARSAL_SHARE * sum(updates.values()) / len(old)))
        t_ends[scale] = known[scale]
    planned = sum(updates.values())
    decay_from = round(planned * (1 - quality.decay_share))
    phase_seed = _phase_seed(seed, len(history))
    return Phase(t_ends, updates, phase_seed, decay_from, planned, rate=rate)


def is_as_planned(
    history: History, quality: Quality, schedule: Schedule, seed: int, rate: float = 1.0
) -> bool:
    """Whether `history` is what `plan_phase` asks for, phase by phase, each made to its end.

    A training cut short is none of those: any number of such add up to a model that counts as
    known and isn't.
    """
    return all(
        _is_planned(phase, history[:k], quality, schedule, seed, rate)
        for k, phase in enumerate(history)
    )


def _is_planned(
    phase: Phase, before: History, quality: Quality, schedule: Schedule, seed: int, rate: float
) -> bool:
    """Whether there are cells that `phase` is planned for, after what was trained `before`.

    Those asked for come first in its updates, and what is only rehearsed behind them.
    """
    if phase.made != phase.planned or not phase.updates.keys() <= set(range(len(schedule.starts))):
        return False
    known = knowledge(before)
    asked = [(s, _asked(phase, s, known.get(s, []), quality)) for s in phase.updates]
    if any(need.t_end < schedule.starts[s] for s, need in asked):
        return False
    as_planned = replace(phase, made=0, environment={})
    for count in range(1, len(asked) + 1):
        plan = plan_phase(dict(asked[:count]), before, quality, schedule, seed, rate)
        # In the same order, too: that of the updates follows from it.
        if plan == as_planned and list(plan.updates) == list(phase.updates):
            return True
    return False


def _asked(phase: Phase, scale: int, known: list[tuple[int, int]], quality: Quality) -> Need:
    """What of `scale` was asked for, if the number of its updates tells that.

    A lower t_end than the phase's where more was known before, though from too few updates.
    """
    ends = sorted({end for end, _ in known} | {phase.t_ends[scale]})
    for need in (Need(t_end, well) for t_end in ends for well in (True, False)):
        done = sum(made for end, made in known if end >= need.t_end)
        if phase.updates[scale] == need.updates(quality) - done:
            return need
    return Need(phase.t_ends[scale])


def _phase_seed(seed: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
