"""How long threads that wait for each other spin before they sleep.

OpenMP lets them spin for long by default: quickest on an idle machine, and a crawl on a busy one,
as a thread that spins keeps the one that it waits for from its core. It reads the variable once,
when torch is imported, so what is right is decided then. No bit of a result depends on it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

VARIABLE = "GOMP_SPINCOUNT"
IDLE, BUSY = "10000", "0"
LOOKS = 3
BETWEEN_LOOKS = 0.002  # seconds
LOAD = Path("/proc/loadavg")


def settle() -> None:
    """Choose by the load that is there; what the user has set stays. Too late behind torch."""
    if VARIABLE not in os.environ and "torch" not in sys.modules:
        os.environ[VARIABLE] = BUSY if is_busy() else IDLE


def is_busy() -> bool:
    """Whether somebody else is at work each time that one looks."""
    for look in range(LOOKS):
        if look:
            time.sleep(BETWEEN_LOOKS)
        if running() <= 1:  # that is this process
            return False
    return True


def running() -> int:
    """Threads of all processes that run or could; 0 where the system does not say."""
    try:
        return int(LOAD.read_text(encoding="ascii").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 0
