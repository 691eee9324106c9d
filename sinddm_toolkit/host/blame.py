"""Says which plugin failed, and where: one line in place of a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from sinddm_toolkit.errors import PluginError, ToolkitError
from sinddm_toolkit.host import registry
from sinddm_toolkit.interrupts import Interrupted, signal_of


@contextmanager
def blaming(plugin: str, doing: str) -> Iterator[None]:
    """What fails in here becomes a PluginError that names the plugin and what it was `doing`.

    Or the one that has made the service in which it failed. Also an attempt to exit: a plugin does
    not end the program. Errors of the toolkit, with which plugins refuse bad input, pass. Ctrl-C
    becomes an `Interrupted` that says the same.
    """
    try:
        yield
    except ToolkitError:
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(signal_of(error), f"plugin {plugin} was {doing}") from error
    except (Exception, SystemExit) as error:
        who, where = plugin, doing
        if service := _service_at_fault(error):
            who, where = service.plugin, f"in its {service.kind}, used by {plugin} {doing}"
        text = " ".join(str(error).split())
        raise PluginError(f"plugin {who} failed {where}: {type(error).__name__}: {text}") from error


def _service_at_fault(error: BaseException) -> registry.Service | None:
    """The service that the traceback of `error` goes through, the last one if through several."""
    known = registry.services_made()
    for frame, _ in reversed([*traceback.walk_tb(error.__traceback__)] if known else []):
        for service in known:
            if service.is_at_work_in(frame):
                return service
    return None
