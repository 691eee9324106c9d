"""A new plugin as a package of its own: tested, to be installed and published as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from importlib import resources
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

import tomli_w

from sinddm_toolkit import __version__
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.hookspecs import API_VERSION
from sinddm_toolkit.pictures.files import temporary_beside

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
AUTHOR = re.compile(r"(?P<name>[^<>@\s]([^<>@]*[^<>@\s])?)( *<(?P<email>[^<>@\s]+@[^<>@\s]+)>)?")

FILES = {
    "pyproject.toml": "pyproject.toml",
    "MANIFEST.in": "MANIFEST.in",
    "README.md": "README.md",
    "CHANGELOG.md": "CHANGELOG.md",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "test.yml",
    ".github/workflows/release.yml": "release.yml",
    "src/{package}/__init__.py": "task.py",
    "src/{package}/py.typed": None,
    "tests/test_{package}.py": "test_task.py",
}
"""File of the package → the template that it is made from; None: it is empty."""

LICENSES = {"MIT": "mit.license", "BSD-3-Clause": "bsd-3-clause.license"}
"""SPDX name of a licence → the template of its text."""


@dataclass(frozen=True)
class Publisher:
    """Who publishes a package, and on what terms."""

    author: str = ""
    """A name, with or without an address behind it in `<>`; empty if nobody is to be named."""
    license: str | None = "MIT"
    """One of LICENSES; None: the package comes without, and only its author may use it."""
    url: str | None = None
    """Where its source is."""

    def check(self) -> None:
        """UserError for what can't stand in the metadata of a package."""
        if not (self.author + (self.url or "")).isprintable():
            raise UserError("--author and --url are one line each")
        if self.url and not re.fullmatch(r"https?://[^\s/]+\S*", self.url):
            raise UserError(f"--url {self.url}: it must be a whole address, https://…")
        if self.author and not AUTHOR.fullmatch(self.author):
            raise UserError(f"--author {self.author}: write a name, or NAME <ADDRESS>")

    def words(self, distribution: str) -> dict[str, str]:
        """What the templates say of it."""
        found = AUTHOR.fullmatch(self.author)
        author = {what: told for what, told in found.groupdict().items() if told} if found else {}
        licensed = {"license": self.license} if self.license else {}
        urls = {"project": {"urls": {"Repository": self.url}}} if self.url else {}
        return {
            "year": str(date.today().year),
            "holder": author.get("name", f"the authors of {distribution}"),
            "license_field": tomli_w.dumps(licensed),
            "authors_field": tomli_w.dumps({"authors": [author]} if author else {}),
            "urls_table": f"\n{tomli_w.dumps(urls)}" if urls else "",
        }


def author_by_git(folder: Path) -> str:
    """The name that git would write into a commit in `folder`; empty if it knows none."""
    try:
        told = subprocess.run(
            ["git", "config", "user.name"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


def new_plugin(
    name: str, folder: Path, taken: Collection[str] = (), publisher: Publisher | None = None
) -> Path:
    """Write the package of a task called `name` into `folder` → the package's own folder, `name`.

    `taken` are names that its class can't have. UserError if the name can't be used or there is
    something of that name; then nothing is written.
    """
    publisher = publisher or Publisher()
    publisher.check()
    package = f"sinddm_{name.replace('-', '_')}"
    distribution = f"sinddm-{name}"
    class_name = "".join(part.capitalize() for part in name.split("-"))
    _check_name(name, package, class_name, taken)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    target = folder / name
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} exists: choose another name or --folder")
    words = {
        "name": name,
        "distribution": distribution,
        "package": package,
        "class_name": class_name,
        "toolkit": __version__,
        "api_version": str(API_VERSION),
        **publisher.words(distribution),
    }
    unfinished = temporary_beside(target)
    try:
        for place, text in _texts(words, publisher.license):
            path = unfinished / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        unfinished.rename(target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _texts(words: dict[str, str], license: str | None) -> Iterator[tuple[str, str]]:
    """Each file of the package, and what stands in it."""
    for place, template in FILES.items():
        text = _template(template).substitute(words) if template else ""
        yield place.format(package=words["package"]), text
    if license:
        yield "LICENSE", _template(LICENSES[license]).substitute(words)


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
