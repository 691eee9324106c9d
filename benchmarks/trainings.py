"""Trainings as the benchmarks begin them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import Denoiser, make_network
from sinddm_toolkit.engine.phases import Phase, plan_phase
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.quality import Recipe
from sinddm_toolkit.engine.schedule import Schedule
from sinddm_toolkit.engine.training import train

ENDLESS = 1_000_000
"""Updates per scale that no time limit reaches."""


@dataclass
class Training:
    """A denoiser of one picture, and how it is trained."""

    network: Denoiser
    pyramid: Pyramid
    schedule: Schedule
    recipe: Recipe
    phase: Phase
    compute: Compute

    def run(self, **options: Any) -> NetworkPredictor:
        """Train with these options of `train` → what it has become."""
        train(
            self.network,
            self.pyramid,
            self.schedule,
            self.recipe,
            self.phase,
            self.compute,
            **options,
        )
        return self.predictor()

    def predictor(self) -> NetworkPredictor:
        return NetworkPredictor(self.network, self.compute)


def begin(
    recipe: Recipe,
    init: str,
    subject: tuple[Pyramid, Schedule],
    updates_per_scale: int = ENDLESS,
) -> Training:
    """A training of all that unguided sampling visits; init: `random` or `prior`."""
    pyramid, schedule = subject
    recipe = replace(recipe, steps_per_scale=updates_per_scale)
    rate = recipe.rate(from_prior=init == "prior")
    phase = plan_phase(dict(enumerate(schedule.starts)), [], recipe, schedule, 0, rate)
    assert phase is not None
    compute = choose_compute().for_network(recipe.network)
    torch.manual_seed(0)
    network = make_network(recipe.network, recipe.width)
    if init == "prior":
        found = priors.fingerprint(str(recipe.network), recipe.width)
        network.load_state_dict(priors.load(str(recipe.network), recipe.width, str(found)))
    network.to(compute.device, memory_format=torch.channels_last)
    return Training(network, pyramid, schedule, recipe, phase, compute)
