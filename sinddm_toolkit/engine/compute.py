"""Where and in which precision the network runs."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from sinddm_toolkit.errors import UserError


@dataclass(frozen=True)
class Compute:
    """A device with the precision that it is quickest in without loss."""

    device: torch.device
    """`cpu`, `cuda` or `mps`."""
    precision: torch.dtype
    """float32, or bfloat16 where the hardware multiplies in it."""

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which networks run in that precision."""
        if self.precision is torch.float32:
            return torch.autocast(self.device.type, enabled=False)
        # Each weight is used once a time, and a cache that an interruption has kept would be stale.
        return torch.autocast(self.device.type, self.precision, cache_enabled=False)

    def for_network(self, name: str | None) -> Compute:
        """The same in the precision that suits the network of that name (see `NETWORKS`).

        The paper's is trained in single precision. It tells ε alone, whose rounding is in x̂0 up to
        2000 times, as a plugin's does; ours tells what ε is beside a guess, so that bf16 costs x̂0
        no visible bit.
        """
        return self if name == "half" else replace(self, precision=torch.float32)

    def prepare(self) -> None:
        """Settings of the process that results depend on."""
        torch.backends.cudnn.deterministic = True
        # Momenta that die out become denormal numbers, which take a CPU many times as long.
        torch.set_flush_denormal(True)

    def environment(self) -> dict[str, Any]:
        """What the last bits of a result depend on besides its inputs."""
        facts: dict[str, Any] = {
            "device": self.device.type,
            "processor": device_name(self.device),
            "precision": str(self.precision).removeprefix("torch."),
            "torch": torch.__version__,
        }
        if self.device.type == "cpu":
            facts["threads"] = torch.get_num_threads()
        return facts


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Computes in full precision and with gradients, whatever this thread is set to.

    A signal that ends an edit may strike while a context of torch is entered or left, which then
    stays as it was for all that this process does after it.
    """
    kinds = ("cpu", "cuda", "mps")
    before = {kind: torch.is_autocast_enabled(kind) for kind in kinds}
    try:
        for kind in kinds:
            torch.set_autocast_enabled(kind, False)
        with torch.enable_grad():
            yield
    finally:
        for kind in kinds:
            torch.set_autocast_enabled(kind, before[kind])


def choose_compute(name: str = "auto") -> Compute:
    """The device called `name`, with its precision; `auto` takes CUDA, else MPS, else the CPU.

    UserError if it is absent.
    """
    if name == "auto":
        name = next((d for d in ("cuda", "mps") if _available(d)), "cpu")
    if not _available(name):
        raise UserError(f"this machine has no usable {name} device: use --device auto or cpu")
    return Compute(torch.device(name), _precision(name))


def _available(name: str) -> bool:
    if name == "cuda":
        return torch.cuda.is_available()
    if name == "mps":
        return torch.backends.mps.is_available()
    return True


def _precision(name: str) -> torch.dtype:
    """bf16 where the hardware multiplies in it; elsewhere it takes twice the time of fp32."""
    if name == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    if name == "cpu":
        instructions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        if any(getattr(torch.cpu, has, lambda: False)() for has in instructions):
            return torch.bfloat16
    return torch.float32


def device_name(device: torch.device) -> str:
    """The device as its maker calls it, as far as that can be told."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):  # Linux says it here alone
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or os.name
