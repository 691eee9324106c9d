"""Edit one picture with a diffusion model trained on that picture alone.

Any task that a plugin brings, by its name::

    import sinddm_toolkit as st

    result = st.run(task, seed=1, **options)
    result.image.show()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sinddm_toolkit import errors

if TYPE_CHECKING:
    from sinddm_toolkit.edit import EditResult

__version__ = "0.1.0"
__all__ = ["__version__", "errors", "run"]


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
    [0, 1]). Files are written only if `out` is given. Raises `errors.UserError` where the command
    line would exit with 2 and `errors.PluginError` if a plugin fails.
    """
    from sinddm_toolkit.edit import edit
    from sinddm_toolkit.request import Part, make_tasks, one_run
    from sinddm_toolkit.settings import PYTHON

    presets = [preset] if isinstance(preset, str) else preset
    parts = [Part(task, options, presets)]
    parts += [Part(name, values) for name, values in (also or {}).items()]
    tasks, common = make_tasks(one_run(parts, PYTHON))
    return edit(tasks, common, write=common.out is not None)
