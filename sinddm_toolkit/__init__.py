"""Edit one picture with a diffusion model trained on that picture alone.

Any task that a plugin brings, by its name::

    import sinddm_toolkit as st

    result = st.run(task, seed=1, **options)
    result.image.show()

What needs torch is loaded when it is first used.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sinddm_toolkit import errors, spinning
from sinddm_toolkit.errors import PluginError, ToolkitError, UserError

if TYPE_CHECKING:
    from sinddm_toolkit.batching import RowResult
    from sinddm_toolkit.edits.edit import EditResult
    from sinddm_toolkit.edits.listing import models as models
    from sinddm_toolkit.edits.listing import presets as presets
    from sinddm_toolkit.edits.listing import tasks as tasks
    from sinddm_toolkit.edits.progress import Progress, ProgressLike
    from sinddm_toolkit.edits.record import Record
    from sinddm_toolkit.edits.research import PictureModel as PictureModel
    from sinddm_toolkit.edits.research import Samples as Samples
    from sinddm_toolkit.edits.research import load_model as load_model
    from sinddm_toolkit.edits.research import sample as sample
    from sinddm_toolkit.edits.research import schedule_of as schedule_of
    from sinddm_toolkit.edits.research import train as train
    from sinddm_toolkit.edits.session import Paths
    from sinddm_toolkit.typed import Session as Session
    from sinddm_toolkit.typed import run as run

__version__ = "0.2.0"
__all__ = [
    "EditResult",
    "PictureModel",
    "PluginError",
    "Progress",
    "Record",
    "RowResult",
    "Samples",
    "Session",
    "ToolkitError",
    "UserError",
    "__version__",
    "batch",
    "errors",
    "load_model",
    "load_plugins",
    "models",
    "presets",
    "record",
    "replay",
    "run",
    "sample",
    "schedule_of",
    "tasks",
    "train",
]

_LAZY = {
    "EditResult": "edits.edit",
    "PictureModel": "edits.research",
    "Progress": "edits.progress",
    "Record": "edits.record",
    "RowResult": "batching",
    "Samples": "edits.research",
    "Session": "edits.session",
    "load_model": "edits.research",
    "models": "edits.listing",
    "presets": "edits.listing",
    "run": "edits.session",
    "sample": "edits.research",
    "schedule_of": "edits.research",
    "tasks": "edits.listing",
    "train": "edits.research",
}

spinning.settle()  # before anything imports torch
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def batch(
    rows: str | Path | Iterable[Mapping[str, Any]],
    *,
    folder: str | Path | None = None,
    preset: str | Sequence[str] = (),
    jobs: int = 1,
    executor: str | None = None,
    progress: ProgressLike = None,
    **options: Any,
) -> Iterator[RowResult]:
    """Check many edits → their results, as they come: see `sinddm-tk batch`.

    `rows` is a file, or mappings with the keys that the rows of a file have (`task`, `preset`,
    `glob`, `grid` and options, with `_` or `-`). `folder` is where state, report and pictures
    without an `out` go. `jobs` processes share the work, or the Dask scheduler at the address
    `executor` gets it. `options` are those of the run, over every row. `progress` is that of
    `run`, of the rows that this process carries out.

    All rows are checked in this call: `errors.UserError` if one can't be carried out. They are
    carried out while the results are asked for. Rows that are done are not done again; those that
    fail come with their `error`.
    """
    from sinddm_toolkit.batching import Batch
    from sinddm_toolkit.batching.rows import Overrides, run_settings
    from sinddm_toolkit.batching.sources import source_of, source_of_rows
    from sinddm_toolkit.edits.progress import watched
    from sinddm_toolkit.edits.python_words import python_words

    source = source_of(Path(rows)) if isinstance(rows, (str, Path)) else source_of_rows(rows)
    presets = [preset] if isinstance(preset, str) else preset
    others = ("folder", "preset", "jobs", "executor", "progress")
    overrides = Overrides(presets, run_settings(options, others))
    with python_words(), watched(progress) as events:
        work = Batch(source, overrides, folder=Path(folder) if folder else None, events=events)
        results = work.run(jobs, executor)

    def carried_out() -> Iterator[RowResult]:
        with watched(progress) as work.events:
            yield from results

    return carried_out()


def replay(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    inputs: Mapping[str, Paths] | None = None,
    overwrite: bool = False,
    progress: ProgressLike = None,
) -> EditResult:
    """Make the picture in `path` again by the record that it carries: see `Session.replay`."""
    from sinddm_toolkit.edits.session import Session

    return Session(progress=progress).replay(path, out, inputs=inputs, overwrite=overwrite)


def record(path: str | os.PathLike[str]) -> Record:
    """How the picture in `path` was made, by the record that it carries.

    UserError if it carries none, or one that is damaged.
    """
    from sinddm_toolkit.edits.record import load_record

    return load_record(Path(path))


def load_plugins(*folders: str | os.PathLike[str], without: Iterable[str] = ()) -> None:
    """Load the plugins in `folders` too, and leave out those whose names are in `without`.

    For this process from here on, in place of what was loaded before: what `--plugins-dir` and
    `--no-plugin` do. UserError if a folder or a plugin to leave out is not there; a plugin that is
    broken fails when it is asked for.
    """
    from sinddm_toolkit.host import registry

    registry.use(registry.discover([Path(folder) for folder in folders], without))
