"""What plugins make on demand: text encoders, denoisers and whatever else they agree upon."""

from __future__ import annotations

from typing import Any

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.blame import blaming
from sinddm_toolkit.host.registry import Service


def made_service(kind: str, name: str | None = None, **about: Any) -> Service:
    """What the first plugin makes that knows `kind` and `name`: see the hook `make_service`.

    UserError if none does, or as the plugin refuses.
    """
    manager = registry.current().manager
    calls = [
        one
        for one in manager.hook.make_service.get_hookimpls()
        if not (one.wrapper or one.hookwrapper)
    ]
    for one in reversed(calls):
        others = [call.plugin for call in calls if call is not one]
        ask = manager.subset_hook_caller("make_service", others)
        with blaming(one.plugin_name, f"in make_service ({kind})"):
            made = ask(kind=kind, name=name, about=about)
        if made is not None:
            return Service(one.plugin_name, kind, made)
    raise UserError(
        f"no plugin makes the {kind} {name or 'that is the default'}: "
        "`sinddm-tk plugins list` shows those that are loaded and what they offer"
    )


def service(kind: str, name: str | None = None, **about: Any) -> Any:
    """What the first plugin makes that knows `kind` and `name`: see the hook `make_service`.

    `about` is what it is told. The same call gives the same object as long as the process keeps its
    plugins, but a new one if it is told things that are only equal to themselves, as a pyramid is.
    To ask is quick: it is a way to refuse early what can't work. UserError if no plugin makes it,
    or as the plugin refuses.
    """
    if any(_is_equal_to_itself_alone(value) for value in about.values()):
        return made_service(kind, name, **about).made
    kept = registry.current().services
    key = (kind, name, *sorted((what, str(value)) for what, value in about.items()))
    if key not in kept:
        kept[key] = made_service(kind, name, **about)
    return kept[key].made


def _is_equal_to_itself_alone(value: Any) -> bool:
    """Whether nothing but `value` itself stands for it: no text tells it from another."""
    return "__eq__" not in {name for cls in type(value).__mro__[:-1] for name in vars(cls)} and (
        value is not None
    )
