"""What is new is made to suit what is held fast beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

import sinddm_toolkit.api as st

if TYPE_CHECKING:
    from sinddm_toolkit.api import Run, ScaleState, Step


class Consistency:
    """Moves what is free to where the network would predict what is fixed beside it.

    By ζ ∇_x ‖x̂0 - image‖ over the fixed pixels whose prediction depends on free ones (Chung et al.,
    *Diffusion Posterior Sampling*, 2023, Algorithm 1, with the norm as its weight). A step costs
    twice as much.
    """

    def __init__(self, run: Run, scale: ScaleState, image: Tensor, fixed: Tensor, zeta: float):
        """Guide all steps of `scale`. image: (1, 3, h, w); fixed: (1, 1, h, w), boolean."""
        self._clean = scale.clean
        self._image = image.to(run.device)
        self._zeta = zeta
        self._free = (~fixed).to(run.device, torch.float32)
        near = F.max_pool2d(F.pad(self._free, (st.HALO,) * 4), 2 * st.HALO + 1, stride=1)
        self._beside = near - self._free
        self._needless = (near == 0)[0, 0]
        self._predict = scale.predict
        self._shift: Tensor | None = None
        scale.predict = self._guided

    def _guided(self, x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        """ε, as the network predicts it; what the gradient asks for is kept for `shift`."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            epsilon = self._predict(x, t, s, self._needless)
            error = (self._clean(x, epsilon, t) - self._image) * self._beside
            (gradient,) = torch.autograd.grad(error.flatten(1).norm(dim=1).sum(), x)
        self._shift = -(self._zeta * gradient * self._free)
        return epsilon.detach()

    def shift(self, step: Step) -> None:
        """Move x of the next timestep."""
        if self._shift is not None:
            step.shift = self._shift
        self._shift = None
