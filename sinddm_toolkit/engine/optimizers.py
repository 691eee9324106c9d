"""Adam, and Muon: momentum whose update of each matrix is orthogonalised (Jordan et al., 2024)."""

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


class Adam:
    """Adam (Kingma & Ba, 2015).

    The same as `torch.optim.Adam`, whose first use takes a second and a half: it imports a
    compiler.
    """

    BETAS = 0.9, 0.999
    EPSILON = 1e-8

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        self.lr = lr
        self.steps = 0
        self._parameters: list[Tensor] = list(parameters)
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]

    @property
    def moments(self) -> list[Tensor]:
        """All that is remembered from one step to the next, but for their number."""
        return [*self._means, *self._squares]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update with `rate` times the learning rate; all parameters must have gradients."""
        self.steps += 1
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        first, second = self.BETAS
        torch._foreach_lerp_(self._means, gradients, 1 - first)
        torch._foreach_mul_(self._squares, second)
        torch._foreach_addcmul_(self._squares, gradients, gradients, 1 - second)
        deviations = torch._foreach_sqrt(self._squares)
        torch._foreach_div_(deviations, (1 - second**self.steps) ** 0.5)
        torch._foreach_add_(deviations, self.EPSILON)
        size = self.lr * rate / (1 - first**self.steps)
        torch._foreach_addcdiv_(self._parameters, self._means, deviations, -size)


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
