"""A new plugin as a package of its own: complete, tested, to be installed as it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from importlib import resources
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

from sinddm_toolkit import __version__
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.hookspecs import API_VERSION
from sinddm_toolkit.pictures.files import temporary_beside

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "src/{package}/__init__.py": "task.py",
    "tests/test_{package}.py": "test_task.py",
}
"""File of the package → the template that it is made from."""


def new_plugin(name: str, folder: Path, taken: Collection[str] = ()) -> Path:
    """Write the package of a task called `name` into `folder` → the package's own folder, `name`.

    `taken` are names that its class can't have. UserError if the name can't be used or there is
    something of that name; then nothing is written.
    """
    package = f"sinddm_{name.replace('-', '_')}"
    class_name = "".join(part.capitalize() for part in name.split("-"))
    _check_name(name, package, class_name, taken)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    target = folder / name
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} exists: choose another name or --folder")
    words = {
        "name": name,
        "distribution": f"sinddm-{name}",
        "package": package,
        "class_name": class_name,
        "toolkit": __version__,
        "api_version": str(API_VERSION),
    }
    unfinished = temporary_beside(target)
    try:
        for place, template in FILES.items():
            path = unfinished / place.format(package=package)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_template(template).substitute(words), encoding="utf-8")
        unfinished.rename(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _check_name(name: str, package: str, class_name: str, taken: Collection[str]) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a plugin: use words of a-z and 0-9, joined by -")
    if iskeyword(name) or iskeyword(class_name):
        raise UserError(f"{name} is no name for a plugin: it is a word of Python itself")
    if class_name in taken:
        raise UserError(
            f"{name} is no name for a plugin: its class would be {class_name}, as one of the "
            "toolkit's is"
        )
    for record in registry.current().records:
        if name in (record.name, *record.tasks):
            raise UserError(f"the name {name} is taken by the plugin {record.name}")
    if find_spec(package) is not None:
        raise UserError(f"the name {name} is taken by the package {package}, which is installed")


def _template(name: str) -> Template:
    file = resources.files(__name__) / f"{name}.template"
    return Template(file.read_text(encoding="utf-8"))
