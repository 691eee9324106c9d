"""Runs whole commands as a user would, and measures them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "sinddm_toolkit.cli"]

LAUNCHER = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Starts a command and prints its peak memory, KiB. A process begins with its parent's peak as its
own, so the parent has to be a small one."""


def measure(words: Sequence[str], out: Path, home: Path) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of `run` with these words; `home` holds the stored models.

    SystemExit if the command fails.
    """
    started = time.monotonic()
    command = [*COMMAND, "run", *words, "--out", str(out), "--overwrite", "--seed", "1", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        env={**os.environ, "SINDDM_TK_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - started, int(done.stdout.split()[-1]) / 2**20
