"""The options that every task shares."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Collection, Iterable

from sinddm_toolkit.engine.quality import QUALITIES
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.schema import Options, option
from sinddm_toolkit.options.values import RESULT, OutputFile, Seconds
from sinddm_toolkit.pictures.limits import MAX_PIXELS

DEVICES = ("auto", "cpu", "cuda", "mps")

SEED_MAX = 2**53 - 1
"""The largest whole number that JSON readers agree on."""

OF_TRAININGS = ("model", "train_time", "init", "retrain")
TRAINING_OPTIONS = (
    "quality",
    "max_pixels",
    "train_time",
    "train_seed",
    "init",
    "retrain",
    "device",
)
"""What there is to say of a training by itself."""

DECIDED_BY_MODEL = ("quality", "max_pixels", "train_seed", "init", "retrain")
"""What there is no choice about when a stored model is asked for by its name."""


def decided_by(given: Collection[str]) -> Collection[str]:
    """The options that there is no choice about where those `given` are: as defaults they yield."""
    of_denoiser = OF_TRAININGS if "denoiser" in given else ()
    return {*of_denoiser, *(DECIDED_BY_MODEL if "model" in given else ())}


class RunOptions(Options):
    """How an edit is carried out, whatever it is."""

    out: OutputFile | None = option(
        "where the picture goes: .png, .jpg, .webp or .tiff, or a folder; several samples get "
        "numbers; a name that is free if not given",
        default=None,
    )
    seed: int | None = option(
        "same seed, same picture; drawn and reported if not given",
        default=None,
        minimum=0,
        maximum=SEED_MAX,
    )
    samples: int = option(
        "how many variants; their seeds count up from the first's",
        default=1,
        minimum=1,
        maximum=10_000,
    )
    sheet: bool = option(
        "with several samples, also write a sheet that shows them all, small and numbered",
        default=True,
        rarely=True,
    )
    quality: str = option(
        "how long the picture is studied: "
        + "; ".join(f"{quality.name}, {quality.summary}" for quality in QUALITIES.values()),
        default="draft",
        choices=tuple(QUALITIES),
    )
    max_pixels: int | None = option(
        "the size the model works at; larger: finer grain, smaller structures",
        default=None,
        minimum=1024,
        maximum=MAX_PIXELS,
        rarely=True,
    )
    train_time: Seconds | None = option(
        "at most this long for training in this run; 0 uses what is known",
        default=None,
        minimum=0,
        rarely=True,
    )
    train_seed: int = option(
        "another number trains another model of the same picture",
        default=0,
        minimum=0,
        maximum=SEED_MAX,
        rarely=True,
    )
    init: str | None = option(
        "what a training starts from: `prior`, what all pictures have in common, learnt from "
        "photographs beforehand, or `random`, nothing; prior if not given, where there is one",
        default=None,
        choices=("prior", "random"),
        rarely=True,
    )
    sampling_steps: int | None = option(
        "timesteps visited of each scale at most, eight times as many where steps are random (the "
        "layout, and what is fitted to parts held fast); fewer: faster, rougher",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )
    denoiser: str | None = option(
        "what a plugin offers in place of a trained network, such as the preview that needs no "
        "training; nothing is learnt",
        default=None,
        rarely=True,
    )
    retrain: bool = option("forget the stored model and train anew", default=False, rarely=True)
    model: str | None = option(
        "use this stored model, as `models list` names it (the beginning suffices); it decides the "
        "quality, the size it works at and the train seed, and an imported one is never trained",
        default=None,
        rarely=True,
    )
    device: str = option("what computes", default="auto", choices=DEVICES, rarely=True)
    overwrite: bool = option("replace files that exist", default=False)

    def check(self) -> None:
        """UserError for seeds that there are not, and for what the model named decides."""
        if self.seed is not None and self.seed + self.samples - 1 > SEED_MAX:
            raise UserError(
                f"--seed {self.seed} and --samples {self.samples}: seeds go up to {SEED_MAX}, give "
                f"{SEED_MAX - self.samples + 1} at most"
            )
        if self.out is not None and RESULT in self.out:
            raise UserError(f"--out {self.out}: {RESULT} stands for this name, in other options")
        if self.model is not None:
            self._check_absent(DECIDED_BY_MODEL, "--model and {}: the model decides that")
        if self.denoiser is not None:
            self._check_absent(OF_TRAININGS, "--denoiser and {}: nothing is trained")

    def _check_absent(self, names: Iterable[str], complaint: str) -> None:
        for name in names:
            item = self.schema()[name]
            if getattr(self, name) != item.default:
                raise UserError(f"{complaint.format(item.flag)}, leave one out")

    def settled(self, model: str | None) -> RunOptions:
        """The same with a seed drawn if none was given, and with the whole key of the `model`."""
        found = copy.copy(self)
        found.model = model
        if found.seed is None:
            found.seed = secrets.randbelow(2**32)
        return found

    def seeds(self) -> list[int]:
        """One a sample, of options that are settled."""
        return [(self.seed or 0) + k for k in range(self.samples)]
