"""Whether what the toolkit is built on can be imported. It needs nothing of that itself."""

from __future__ import annotations

import importlib
import json
import platform
import re
from collections.abc import Sequence
from importlib import metadata

from sinddm_toolkit import __version__

OWN_PACKAGE = "sinddm-toolkit"

IMPORTED_AS = {
    "open_clip_torch": "open_clip",
    "pillow": "PIL",
    "python-multipart": "python_multipart",
    "scikit-image": "skimage",
}
"""Packages whose modules are not called as they are."""


def required() -> dict[str, str]:
    """Package → module, of all that the toolkit can't do without."""
    asked = metadata.requires(OWN_PACKAGE) or []
    names = [re.split(r"[^A-Za-z0-9_.-]", one)[0] for one in asked if "extra ==" not in one]
    return {name: IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def found() -> dict[str, str]:
    """Package → its version, or why it cannot be imported."""
    return {package: _state(package, module) for package, module in required().items()}


def _state(package: str, module: str) -> str:
    try:
        importlib.import_module(module)
        return metadata.version(package)
    except Exception as error:  # a broken installation raises just about anything
        text = " ".join(str(error).split())
        return f"cannot be imported: {type(error).__name__}: {text}"


def is_broken(state: str) -> bool:
    return state.startswith("cannot be imported")


def tell_broken(words: Sequence[str], error: Exception) -> int:
    """Tell that the command line itself cannot be imported; `doctor` tells why → the exit code."""
    facts = {OWN_PACKAGE: __version__, "python": platform.python_version()}
    if "doctor" not in words:
        raise SystemExit(
            f"sinddm-tk: this installation is broken: {type(error).__name__}: {error} "
            "(`sinddm-tk doctor` tells more)"
        )
    packages = found()
    if "--json" in words:
        print(json.dumps({**facts, "packages": packages}))
    else:
        for name, state in (facts | packages).items():
            print(f"{name:<22}  {state}")
    return 1
