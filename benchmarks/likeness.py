"""How like a picture others are, by measures that nothing here is guided by."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.engine.measures import frechet as frechet

COPY = 15
COPIES_LOOKED_AT = 400
"""Patches of each sample, their side in pixels."""

STILL_THE_SAME = 0.2
"""Share of a patch's own deviation from its mean up to which another is a copy of it."""

FLAT = 0.05
"""Deviation, of a range of 2, below which a patch is like any other plain one."""


def copied(samples: Tensor, picture: Tensor) -> float:
    """Share of 15×15 patches of samples that the picture has as they are, but for a fifth of their
    contrast; plain ones aren't counted. 0 if all are plain."""
    known = F.unfold(picture, COPY)[0].T
    known = known[known.std(dim=1) > FLAT]
    if not len(known):
        return 0.0
    generator = torch.Generator().manual_seed(0)
    same, counted = 0, 0
    for sample in samples.split(1):
        patches = F.unfold(sample, COPY)[0].T
        chosen = patches[torch.randperm(len(patches), generator=generator)[:COPIES_LOOKED_AT]]
        chosen = chosen[chosen.std(dim=1) > FLAT]
        nearest = torch.cdist(chosen, known).min(dim=1).values if len(chosen) else chosen[:, 0]
        own = (chosen - chosen.mean(dim=1, keepdim=True)).norm(dim=1)
        same += int((nearest < STILL_THE_SAME * own).sum())
        counted += len(chosen)
    return same / max(1, counted)


def psnr(made: Tensor, truth: Tensor) -> float:
    """dB, both in [-1, 1]."""
    return float(10 * torch.log10(4 / (made - truth).square().mean().clamp(min=1e-12)))
