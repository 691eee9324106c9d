"""Says which plugin failed, and where: one line in place of a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pluggy

from sinddm_toolkit.errors import PluginError, ToolkitError
from sinddm_toolkit.interrupts import Interrupted, signal_of

Who = Callable[[BaseException], str | None]
"""The plugin that an error comes from; None if it is none of them."""


@contextmanager
def blaming(plugin: str | Who, doing: str) -> Iterator[None]:
    """What fails in here becomes a PluginError that names the plugin and what it was `doing`.

    Also an attempt to exit: a plugin does not end the program. Errors of the toolkit, with which
    plugins refuse bad input, pass. Ctrl-C becomes an `Interrupted` that says the same.
    """

    def name(error: BaseException) -> str | None:
        return plugin if isinstance(plugin, str) else plugin(error)

    try:
        yield
    except ToolkitError:
        raise
    except KeyboardInterrupt as error:
        if (found := name(error)) is None:
            raise
        raise Interrupted(signal_of(error), f"plugin {found} was {doing}") from error
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        raise PluginError(
            f"plugin {name(error) or '(unknown)'} failed {doing}: {type(error).__name__}: {text}"
        ) from error


def culprit(hook: pluggy.HookCaller, error: BaseException) -> str | None:
    """The plugin whose implementation of `hook` the traceback of `error` goes through."""
    frames = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
    for implementation in hook.get_hookimpls():
        if getattr(implementation.function, "__code__", None) in frames:
            return implementation.plugin_name
    return None
