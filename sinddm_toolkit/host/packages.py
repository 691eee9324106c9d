"""Installs and removes packages of plugins, in the environment that runs, by its own installer."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from sinddm_toolkit.errors import ToolkitError, UserError

TOOLKIT = "sinddm-toolkit"

KEPT = (TOOLKIT, "torch")
"""What no plugin's requirements change: the toolkit that runs, and which build of torch is here."""

MODULE = ("-P", "-m")
"""Options of Python to run a module: the one that is installed, not a file of its name here."""

NEEDLESS = ("Requirement already satisfied", "Looking in ")
"""How lines of pip begin that say nothing: one for each package that the toolkit needs."""

ARCHIVES = (".whl", ".tar.gz", ".zip")


@dataclass(frozen=True)
class Environment:
    """Where packages go, and how they get there."""

    folder: Path
    installer: str
    """Its name, for people."""
    command: tuple[str, ...]
    """What begins a line of the installer."""
    target: tuple[str, ...]
    """Options behind its command that say which environment is meant."""

    def lasting(self, packages: Sequence[str]) -> str | None:
        """What to do, in words, for all of `packages` to outlast an upgrade of the toolkit.

        None where nothing has to be done: an environment that was made by hand.
        """
        words = [shlex.quote(one) for one in packages]
        if (self.folder / "uv-receipt.toml").exists():
            more = " ".join(f"--with {word}" for word in words)
            forgets, keeps = "uv tool upgrade", f"uv tool install {TOOLKIT} {more}"
        elif (self.folder / "pipx_metadata.json").exists():
            keeps = f"pipx inject --force {self.folder.name} {' '.join(words)}"
            forgets = "pipx reinstall"
        else:
            return None
        return f"`{forgets}` leaves it out: `{keeps}` makes it stay"


def environment() -> Environment:
    """That of this process. UserError if nothing can be installed into it."""
    folder = Path(sys.prefix)
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and marker.exists():
        raise UserError(
            f"the Python in {folder} is managed by the system, and plugins can't be installed into "
            "it: install the toolkit into an environment of its own (venv, pipx or uv tool)"
        )
    if find_spec("pip"):
        return Environment(folder, "pip", (sys.executable, *MODULE, "pip"), ())
    uv = (sys.executable, *MODULE, "uv") if find_spec("uv") else (shutil.which("uv") or "",)
    if uv[0]:
        return Environment(folder, "uv", (*uv, "pip"), ("--python", sys.executable))
    raise UserError(
        f"there is neither pip nor uv to install with: `{sys.executable} -m ensurepip` brings pip "
        f"into {folder}"
    )


def requirement(text: str, *, editable: bool = False) -> str:
    """What an installer is given for `text`: a package's name, a file or folder, or an address.

    What lies here goes before a package of that name on an index. UserError for what is none.
    """
    base, extras = re.fullmatch(r"(.*?)(\[[\w\s,.-]*\])?", text, re.S).groups("")  # type: ignore[union-attr]
    place = Path(base)
    if place.exists():
        return _of_path(place, text, editable) + extras
    if editable:
        raise UserError(f"{text}: only a folder can be installed --editable")
    if re.match(r"[a-z][a-z0-9+]*://\S+$", text):
        return text
    if base.startswith(".") or base.endswith(ARCHIVES) or {os.sep, os.altsep, "\\"} & set(base):
        raise UserError(f"there is no file or folder {text}")
    try:
        return str(Requirement(text))
    except InvalidRequirement:
        raise UserError(
            f"{text:.60}: is no name of a package, such as sinddm-example or "
            "'sinddm-example>=1', no file and no address"
        ) from None


def _of_path(place: Path, text: str, editable: bool) -> str:
    if place.is_dir():
        if not any((place / name).exists() for name in ("pyproject.toml", "setup.py")):
            raise UserError(
                f"{text} has no pyproject.toml: a folder of plugins needs no installation, "
                f"name it with --plugins-dir {text}"
            )
    elif not place.name.endswith(ARCHIVES):
        raise UserError(
            f"{text} is no package: give a folder or a {', '.join(ARCHIVES)}; a file of Python "
            "needs no installation, name its folder with --plugins-dir"
        )
    elif editable:
        raise UserError(f"{text}: only a folder can be installed --editable")
    return str(place.resolve())


def install(
    where: Environment, requirements: Sequence[str], *, upgrade: bool, editable: bool
) -> list[str]:
    """Install what `requirement` gave → the distributions that are new or were replaced.

    What the installer has to say goes to standard error. ToolkitError if it fails.
    """
    before = _present()
    given = [word for one in requirements for word in (("-e", one) if editable else (one,))]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text(_constraints(), encoding="utf-8")
        options = ["--constraint", str(constraints)]
        _carry_out(where, "install", [*(["--upgrade"] if upgrade else []), *options, *given])
        here = [one for one in requirements if Path(one.partition("[")[0]).exists()]
        if here and not _changed(before):  # the version is the same, what is in it need not be
            again = "--force-reinstall" if where.installer == "pip" else "--reinstall"
            _carry_out(where, "install", [again, "--no-deps", *options, *here])
    return _changed(before)


def _changed(before: dict[str, tuple[str, float]]) -> list[str]:
    """The distributions that are not as they were `before`."""
    return sorted({name for name, at in _present().items() if before.get(name) != at})


def uninstall(where: Environment, distributions: Sequence[str]) -> None:
    """Remove `distributions`. ToolkitError if one is still there then."""
    ask_nothing = ["-y"] if where.installer == "pip" else []
    _carry_out(where, "uninstall", [*ask_nothing, *distributions])
    present = {canonicalize_name(name) for name in _present()}
    if left := [name for name in distributions if canonicalize_name(name) in present]:
        raise ToolkitError(f"{where.installer} has not removed {', '.join(left)}")


def _carry_out(where: Environment, what: str, words: list[str]) -> None:
    line = [*where.command, what, *where.target, *words]
    silent = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, text=True, errors="replace", env={**os.environ, **silent}
    ) as done:
        for told in done.stdout or ():
            if not told.startswith(NEEDLESS):
                sys.stderr.write(told)
    if done.returncode:
        raise ToolkitError(f"{where.installer} {what} has failed, as told above")


def _constraints() -> str:
    lines = []
    for name in KEPT:
        try:
            lines.append(f"{name}=={metadata.version(name)}\n")
        except metadata.PackageNotFoundError:
            continue  # it runs from its source, and nobody can replace it
    return "".join(lines)


def _present() -> dict[str, tuple[str, float]]:
    """Distributions in the environment: name → where, and when they came."""
    found = {}
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(folder).glob("*.dist-info"):
            name = metadata.Distribution.at(path).metadata["Name"]
            if name:  # else it was left half removed
                found[name] = (str(path), path.stat().st_mtime)
    return found
