"""Edit one picture with a diffusion model trained on that picture alone.

Any task that a plugin brings, by its name::

    import sinddm_toolkit as st

    result = st.run(task, seed=1, **options)
    result.image.show()
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sinddm_toolkit import errors, spinning

if TYPE_CHECKING:
    from sinddm_toolkit.batching.job import RowResult
    from sinddm_toolkit.edits.edit import EditResult

__version__ = "0.2.0"
__all__ = ["__version__", "batch", "errors", "run"]

spinning.settle()  # before anything imports torch
logging.getLogger(__name__).addHandler(logging.NullHandler())


def run(
    task: str | None = None,
    *,
    preset: str | Sequence[str] = (),
    also: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> EditResult:
    """Carry out `task`; the options are those of the command line, with `_` for `-`.

    `preset` is a preset's name or path, or several, the later before the earlier ones; if it names
    the task, `task` can be left out. `also` names further tasks that act in the same run, with
    their options; the picture that is learnt is the first task's.

    Pictures may be paths, PIL images or arrays ((h, w) or (h, w, c); uint8, uint16, or float in
    [0, 1]). The picture is written only if `out` is given, a further file also if its name does not
    begin with `{out}`; `EditResult.extras` holds what goes into further files in any case. Raises
    `errors.UserError` where the command line would exit with 2 and `errors.PluginError` if a plugin
    fails.
    """
    from sinddm_toolkit.edits.edit import edit
    from sinddm_toolkit.settings.layers import PYTHON
    from sinddm_toolkit.settings.request import Part, make_tasks, one_run

    presets = [preset] if isinstance(preset, str) else preset
    parts = [Part(task, options, presets)]
    parts += [Part(name, values) for name, values in (also or {}).items()]
    tasks, common = make_tasks(one_run(parts, PYTHON))
    return edit(tasks, common, write=common.out is not None)


def batch(
    rows: str | Path | Iterable[Mapping[str, Any]],
    *,
    folder: str | Path | None = None,
    preset: str | Sequence[str] = (),
    jobs: int = 1,
    executor: str | None = None,
    **options: Any,
) -> Iterator[RowResult]:
    """Check many edits → their results, as they come: see `sinddm-tk batch`.

    `rows` is a file, or mappings with the keys that the rows of a file have (`task`, `preset`,
    `glob`, `grid` and options, with `_` or `-`). `folder` is where state, report and pictures
    without an `out` go. `jobs` processes share the work, or the Dask scheduler at the address
    `executor` gets it. `options` are those of the run, over every row.

    All rows are checked in this call: `errors.UserError` if one can't be carried out. They are
    carried out while the results are asked for. Rows that are done are not done again; those that
    fail come with their `error`.
    """
    from sinddm_toolkit.batching import Batch
    from sinddm_toolkit.batching.rows import Overrides, run_settings
    from sinddm_toolkit.batching.sources import source_of, source_of_rows

    source = source_of(Path(rows)) if isinstance(rows, (str, Path)) else source_of_rows(rows)
    presets = [preset] if isinstance(preset, str) else preset
    overrides = Overrides(presets, run_settings(options))
    work = Batch(source, overrides, folder=Path(folder) if folder else None)
    return work.run(jobs, executor)
