"""Learn a whole picture ahead of any edit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sinddm_toolkit.edits.edit import Prepared, make_subject, obtain_model
from sinddm_toolkit.edits.events import Events
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.engine.compute import choose_compute
from sinddm_toolkit.engine.plan import Plan
from sinddm_toolkit.host.run_hooks import RunHooks
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.pictures.picture import read_picture


def train_whole(path: Path, options: RunOptions, events: Events) -> dict[str, Any]:
    """Train the cells of unguided sampling on the picture in `path`; what `train --json` prints."""
    compute = choose_compute(options.device)
    compute.prepare()
    subject = make_subject(read_picture(path), options)
    plan = Plan(subject.pyramid, subject.schedule)
    compute = compute.for_network(subject.config.network)
    ready = Prepared([], options, compute, subject, plan, RunHooks([]))
    started = time.monotonic()
    store = default_store()
    model = obtain_model(ready, plan.cells(), store, events)
    return {
        "model": model.config.key,
        "path": str(store.path(model.config.key)),
        "training_steps": model.steps,
        "seconds": {"training": round(time.monotonic() - started, 3)},
        "device": compute.device.type,
    }
