"""An environment that holds what a package declares and nothing else, made without a network.

    python .ci/linked_environment.py FOLDER PACKAGE[EXTRA,…] [TOOL…]

It is what `pip install PACKAGE TOOL…` makes in an empty environment, less PACKAGE itself: what is
required, directly or not, is linked from the environment of the Python that runs this. An import
that is not declared fails there, and torch is not downloaded again.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def required(wanted: Requirement, seen: set[tuple[str, str]]) -> Iterator[metadata.Distribution]:
    """What `wanted` requires here, directly or not; `seen` are the (name, extra) met before."""
    distribution = metadata.distribution(wanted.name)
    for extra in ("", *sorted(wanted.extras)):
        key = (canonicalize_name(wanted.name), extra)
        if key in seen:
            continue
        seen.add(key)
        for text in distribution.requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                if canonicalize_name(need.name) != key[0]:  # or an extra of itself
                    yield metadata.distribution(need.name)
                yield from required(need, seen)


def tops(distribution: metadata.Distribution) -> set[str]:
    """The names in site-packages that its files are under, metadata included."""
    parts = {file.parts[0] for file in distribution.files or []}
    return parts - {"..", "__pycache__"}


def programs(distribution: metadata.Distribution) -> list[Path]:
    """What it has in the folder of programs that needs no Python: ruff is one."""
    folder = Path(sysconfig.get_path("scripts"))
    names = [file.name for file in distribution.files or [] if file.parent.name == folder.name]
    found = [folder / name for name in names if (folder / name).is_file()]
    return [path for path in found if path.read_bytes()[:2] != b"#!"]


def make(folder: Path, package: str, tools: Sequence[str] = ()) -> int:
    """Make the environment → how many packages are linked. SystemExit if one is missing here."""
    venv.create(folder, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder)}))
    seen: set[tuple[str, str]] = set()
    try:
        found = [*required(Requirement(package), seen), *map(metadata.distribution, tools)]
        found += [one for tool in tools for one in required(Requirement(tool), seen)]
    except metadata.PackageNotFoundError as error:
        raise SystemExit(f"{error.name} is required, but is not installed here") from None
    for distribution in found:
        for name in tops(distribution):
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(distribution.locate_file(name))).resolve())
        for program in programs(distribution):
            link = folder / program.parent.name / program.name
            if not link.exists():
                link.symlink_to(program)
    return len({one.name for one in found})


if __name__ == "__main__":
    place, package, *tools = sys.argv[1:]
    print(f"{place}: {make(Path(place), package, tools)} packages")
