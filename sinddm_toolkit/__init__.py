"""Edit one picture with a diffusion model trained on that picture alone.

Any task that a plugin brings, by its name::

    import sinddm_toolkit as st

    result = st.run(task, seed=1, **options)
    result.image.show()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinddm_toolkit import errors

if TYPE_CHECKING:
    from sinddm_toolkit.edit import EditResult

__version__ = "0.1.0"
__all__ = ["__version__", "errors", "run"]


def run(task: str, **options: Any) -> EditResult:
    """Carry out `task`; the options are those of the command line, with `_` for `-`.

    Pictures may be paths, PIL images or arrays ((h, w) or (h, w, c); uint8, uint16, or float in
    [0, 1]). Files are written only if `out` is given. Raises `errors.UserError` where the command
    line would exit with 2 and `errors.PluginError` if a plugin fails.
    """
    from sinddm_toolkit import registry
    from sinddm_toolkit.edit import edit
    from sinddm_toolkit.request import split_values

    tasks, common = split_values([registry.current().task(task)], options)
    return edit(tasks, common, write=common.out is not None)
