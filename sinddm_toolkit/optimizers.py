"""Muon: momentum whose update of each matrix is orthogonalised (Jordan et al., 2024)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration that drives all singular values into about [0.7, 1.2]."""

NEWTON_SCHULZ_STEPS = 5


def orthogonalised(matrices: Tensor) -> Tensor:
    """(n, rows, cols) → the same singular vectors with singular values near one."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    # bf16 is enough for the iteration, but only tensor cores make it the quicker choice.
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon:
    """Nesterov momentum, orthogonalised, for kernels seen as (out, in × kh × kw) matrices."""

    def __init__(
        self, kernels: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        self.lr = lr
        self.momentum = momentum
        self.decay = decay
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for kernel in kernels:
            shapes[kernel.flatten(1).shape].append(kernel)
        # Kernels of one shape are orthogonalised together: fewer, larger multiplications.
        self._groups = [(group, torch.zeros_like(self._stack(group))) for group in shapes.values()]

    @staticmethod
    def _stack(tensors: Iterable[Tensor]) -> Tensor:
        return torch.stack([tensor.detach().flatten(1) for tensor in tensors])

    @property
    def momenta(self) -> list[Tensor]:
        """All that is remembered from one step to the next."""
        return [momentum for _, momentum in self._groups]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update with `rate` times the learning rate; every kernel must have its gradient.

        Weights decay by `decay` times the learning rate (Loshchilov & Hutter, 2019).
        """
        for group, momentum in self._groups:
            gradients = self._stack(kernel.grad for kernel in group if kernel.grad is not None)
            momentum.mul_(self.momentum).add_(gradients)
            updates = orthogonalised(gradients.add(momentum, alpha=self.momentum))
            rows, cols = updates.shape[1:]
            size = self.lr * rate * max(1.0, rows / cols) ** 0.5
            for kernel, update in zip(group, updates, strict=True):
                kernel.mul_(1 - self.lr * rate * self.decay)
                kernel.add_(update.view(kernel.shape), alpha=-size)
