"""Trainings as the benchmarks begin them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from sinddm_toolkit.engine import priors
from sinddm_toolkit.engine.compute import Compute, choose_compute
from sinddm_toolkit.engine.denoising import NetworkPredictor
from sinddm_toolkit.engine.networks import Denoiser, make_network
from sinddm_toolkit.engine.phases import Need, Phase, plan_phase
from sinddm_toolkit.engine.pyramid import Pyramid
from sinddm_toolkit.engine.quality import Quality
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
    quality: Quality
    phase: Phase
    compute: Compute

    def run(self, **options: Any) -> NetworkPredictor:
        """Train with these options of `train` → what it has become."""
        train(
            self.network,
            self.pyramid,
            self.schedule,
            self.quality,
            self.phase,
            self.compute,
            **options,
        )
        return self.predictor()

    def predictor(self) -> NetworkPredictor:
        return NetworkPredictor(self.network, self.compute)


def begin(
    quality: Quality,
    init: str,
    subject: tuple[Pyramid, Schedule],
    updates_per_scale: int = ENDLESS,
) -> Training:
    """A training of all that unguided sampling visits; init: `random` or `prior`."""
    pyramid, schedule = subject
    quality = replace(quality, steps_per_scale=updates_per_scale)
    cells = {s: Need(start) for s, start in enumerate(schedule.starts)}
    rate = quality.rate(from_prior=init == "prior")
    phase = plan_phase(cells, [], quality, schedule, 0, rate)
    assert phase is not None
    compute = choose_compute().for_network(quality.network)
    torch.manual_seed(0)
    network = make_network(quality.network, quality.width)
    if init == "prior":
        found = priors.fingerprint(str(quality.network), quality.width)
        network.load_state_dict(priors.load(str(quality.network), quality.width, str(found)))
    network.to(compute.device).to(memory_format=torch.channels_last)
    return Training(network, pyramid, schedule, quality, phase, compute)
