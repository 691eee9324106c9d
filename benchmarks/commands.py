"""Runs whole commands as a user would, and measures them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "sinddm_toolkit.cli"]


def measure(words: Sequence[str], out: Path, home: Path) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of `run` with these words; `home` holds the stored models.

    SystemExit if the command fails.
    """
    started = time.monotonic()
    command = [*COMMAND, "run", *words, "--out", str(out), "--overwrite", "--seed", "1", "-q"]
    process = subprocess.Popen(command, env={**os.environ, "SINDDM_TK_HOME": str(home)})
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - started, usage.ru_maxrss / 2**20
