"""The files that an edit writes: what they are called, whether they may be, what is in them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.edits.preparing import Prepared
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.result import Extras
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import RESULT, OutputFile
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.writing import check_file, check_output, file_of, write_file

Files = Mapping[Path, bytes]
"""Path → content, of files to be written."""


@dataclass(frozen=True)
class Outputs:
    """Where everything goes that an edit makes, all of it free to be written."""

    seeds: Sequence[int]
    """One a sample."""
    pictures: Sequence[Path] = ()
    """One a sample; empty if none are written."""
    extras: Mapping[OutputFile, Path] | None = None
    """As asked for → where to, of further files."""

    @property
    def folder(self) -> Path:
        """What paths in a record are relative to."""
        return self.pictures[0].parent if self.pictures else Path.cwd()


def planned_outputs(ready: Prepared, *, write: bool = True) -> Outputs:
    """Where the result of an edit goes by its options; with `write` false only further files with a
    name of their own are written. UserError if something can't or must not be written."""
    paths = check_paths(ready, default_paths(ready)) if write else []
    return Outputs(ready.options.seeds(), paths, check_extras(ready, paths))


def variant_outputs(ready: Prepared, variants: Sequence[tuple[int, Path]]) -> Outputs:
    """Where the pictures of several seeds go, in place of what the options say. UserError as
    `planned_outputs`."""
    paths = check_paths(ready, [path for _, path in variants])
    return Outputs([seed for seed, _ in variants], paths, check_extras(ready, paths))


def default_paths(ready: Prepared) -> list[Path]:
    """One path a sample: as the options say, else named after the picture and the task."""
    lead, options = ready.tasks[0], ready.options
    base = Path(options.out or default_name(lead))
    if options.samples == 1:
        return [base]
    return [base.with_stem(f"{base.stem}-{k + 1}") for k in range(options.samples)]


def default_name(lead: Task) -> str:
    """What a result is called if nobody says."""
    return f"{Path(lead.main_picture().name).stem}-{lead.name}.png"


def check_paths(ready: Prepared, paths: Sequence[Path]) -> list[Path]:
    """`paths`, all of them free to be written. UserError if one is not."""
    alpha, overwrite = ready.plan.transparent, ready.options.overwrite
    return [check_output(path, alpha=alpha, overwrite=overwrite) for path in paths]


def check_extras(ready: Prepared, outputs: Sequence[Path]) -> dict[OutputFile, Path]:
    """As asked for → checked, for the further files that options ask for.

    Without `outputs` there is no result that a file could be called after: those are left out.
    """
    options = ready.options
    result = Path(options.out or default_name(ready.tasks[0]))
    taken = dict.fromkeys(map(os.path.realpath, outputs), "--out")
    extras = {}
    for task in ready.tasks:
        for item in task.schema().values():
            asked = getattr(task, item.name)
            if item.type is not OutputFile or not asked:
                continue
            flag = f"{item.flag} of {task.name}"
            try:
                path = asked.beside(result)
            except ValueError:
                raise UserError(f"{flag}: {RESULT} can only stand first in {asked}") from None
            target = os.path.realpath(path)  # unlike Path.resolve it never fails
            if target in taken:
                raise UserError(f"{taken[target]} and {flag} both write {path}: give two names")
            taken[target] = flag
            if not outputs and asked.startswith(RESULT):
                continue
            if item.suffixes:
                check_file(path, overwrite=options.overwrite)
            else:
                check_output(path, alpha=False, overwrite=options.overwrite)
            extras[asked] = path
    return extras


def picture_files(
    paths: Sequence[Path],
    pictures: Sequence[Picture],
    records: Sequence[Mapping[str, Any]],
    *,
    overwrite: bool,
) -> tuple[dict[Path, bytes], list[str]]:
    """The files of pictures with their records, and what these could not keep, in words."""
    files, notes = {}, []
    for path, picture, record in zip(paths, pictures, records, strict=True):
        text = json.dumps(record)
        files[path], told = file_of(path, picture, overwrite=overwrite, record=text)
        notes += told
    return files, notes


def extra_files(
    asked: Mapping[OutputFile, Path], extras: Extras, *, overwrite: bool
) -> tuple[dict[Path, bytes], list[str]]:
    """The further files of which there is something in `extras`, and what they could not keep."""
    files, notes = {}, []
    for name, path in asked.items():
        content = extras.get(name)
        if isinstance(content, Picture):
            files[path], told = file_of(path, content, overwrite=overwrite)
            notes += told
        elif content is not None:
            files[path] = content
    return files, notes


def write_files(files: Files, *, overwrite: bool) -> None:
    """Write each whole or not at all. UserError says what is in the way."""
    for path, data in files.items():
        write_file(path, data, overwrite=overwrite)
