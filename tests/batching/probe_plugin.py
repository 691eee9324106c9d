"""A plugin for tests of batches, copied to a folder: a quick task that notes what it does.

It makes `draft` a training of a second, in every process that loads it.
"""

import contextlib
import dataclasses
import os
import time
from pathlib import Path

from sinddm_toolkit.api import Picture, Task, hookimpl, option
from sinddm_toolkit.engine.quality import QUALITIES

QUALITIES["draft"] = dataclasses.replace(QUALITIES["draft"], width=16, steps_per_scale=4)


def note(text):
    with Path(os.environ["PROBE_FOLDER"], "log.txt").open("a") as log:
        log.write(f"{text}\n")


def wait_for_ticket():
    """Return when there is a ticket, which is then used up, or when all may go on."""
    gate = Path(os.environ["PROBE_FOLDER"], "gate")
    while not (gate / "open").exists():
        for ticket in gate.glob("ticket-*"):
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                ticket.unlink()
                return
        time.sleep(0.02)


class Probe(Task):
    """Draws a sample in a few steps of the finest scale."""

    name = "probe"
    summary = "a quick edit"
    learns_from = "image"

    image: Picture = option("the picture")
    fail: bool = option("raise an error", default=False)
    die: bool = option("end the process", default=False)
    hold: bool = option("wait until the test lets it go on", default=False)
    strength: float = option("how much is added", default=0.1)

    @hookimpl
    def plan_edit(self, plan, pyramid):
        plan.inject(pyramid.scales[-1], at=plan.stage(None), start=3)

    @hookimpl
    def before_sampling(self, run):
        note(f"begin {run.seeds[0]} {os.getpid()}")
        if self.fail:
            raise RuntimeError("as asked")
        if self.die:
            os._exit(9)
        if self.hold:
            wait_for_ticket()

    @hookimpl
    def modify_x0(self, run, step):
        step.x0 = step.x0 + self.strength

    @hookimpl
    def compose_output(self, run, result):
        for seed in run.seeds:
            note(f"end {seed}")


@hookimpl
def register_tasks():
    return [Probe]
