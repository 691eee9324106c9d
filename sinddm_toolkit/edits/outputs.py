"""The files that an edit writes: what they are called, whether they may be, what is in them."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinddm_toolkit.edits.preparing import Prepared
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.host.result import Extras
from sinddm_toolkit.options.run_options import RunOptions
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
    sheet: Path | None = None
    """Where all samples are shown small, if that is written."""
    extras: Mapping[OutputFile, Path] | None = None
    """As asked for → where to, of further files."""
    is_unasked: bool = False
    """Whether nobody asked for these names: where they are taken, others will do."""

    @property
    def folder(self) -> Path:
        """What paths in a record are relative to."""
        return self.pictures[0].parent if self.pictures else Path.cwd()


def planned_outputs(ready: Prepared, *, write: bool = True) -> Outputs:
    """Where the result of an edit goes by its options; with `write` false only further files with a
    name of their own are written. UserError if something can't or must not be written."""
    options, name = ready.options, default_name(ready.tasks[0])
    if not write:
        return Outputs(options.seeds(), extras=check_extras(ready, Path(name), ()))

    def needed(result: Path) -> list[Path]:
        beside = [extra.path for extra in _extras(ready, result) if extra.is_beside]
        return [*result_paths(options, result), *beside]

    result = settled_path(options.out, name, overwrite=options.overwrite, needed=needed)
    pictures = picture_paths(options, result)
    sheet = sheet_path(options, result)
    check_paths(ready, pictures)
    if sheet is not None:
        check_output(sheet, alpha=False, overwrite=options.overwrite)
    extras = check_extras(ready, result, result_paths(options, result))
    is_unasked = not options.overwrite and (options.out is None or is_folder(options.out))
    return Outputs(options.seeds(), pictures, sheet, extras, is_unasked)


def streamed_outputs(ready: Prepared) -> Outputs:
    """Where the further files of an edit go whose one picture goes into no file. UserError if one
    would be called after that, or can't be written."""
    name = Path(default_name(ready.tasks[0]))
    for extra in _extras(ready, name):
        if extra.is_beside:
            raise UserError(
                f"{extra.flag}: {extra.asked} is called after the file of the picture, and it goes "
                "into none: give a name"
            )
    return planned_outputs(ready, write=False)


def variant_outputs(ready: Prepared, variants: Sequence[tuple[int, Path]]) -> Outputs:
    """Where the pictures of several seeds go, in place of what the options say. UserError as
    `planned_outputs`."""
    paths = check_paths(ready, [path for _, path in variants])
    return Outputs([seed for seed, _ in variants], paths)


def settled_path(
    asked: str | None,
    name: str,
    *,
    overwrite: bool,
    needed: Callable[[Path], Iterable[Path]] = lambda result: [result],
) -> Path:
    """Where a result goes: to the file that is `asked` for; if that is a folder, which is made, or
    nothing, to one called `name`.

    A name that nobody asked for gets a number, from 2, if one of the files is there already that
    are `needed` beside that result; but not to `overwrite` them. UserError if there is no such
    folder and none can be made.
    """
    if asked is not None and not is_folder(asked):
        return Path(asked)
    first = _made(Path(asked or "")) / name
    if overwrite:
        return first
    numbered = (first.with_stem(f"{first.stem}-{k}") for k in itertools.count(2))
    paths = itertools.chain([first], numbered)
    return next(path for path in paths if not any(map(os.path.lexists, needed(path))))


def is_folder(asked: str) -> bool:
    """Whether `--out` asks for a file in a folder, whatever it is called."""
    # Not `Path.is_dir`, which fails on names that are too long.
    return asked.endswith(("/", os.sep)) or os.path.isdir(asked)  # noqa: PTH112


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise UserError(f"--out {folder}/: there is no folder {folder.parent}") from None
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror or error}") from None
    return folder


def default_name(lead: Task) -> str:
    """What a result is called if nobody says: after the picture and the task."""
    return f"{Path(lead.main_picture().name).stem}-{lead.name}.png"


def picture_paths(options: RunOptions, result: Path) -> list[Path]:
    """One path a sample: several are numbered."""
    if options.samples == 1:
        return [result]
    return [result.with_stem(f"{result.stem}-{k + 1}") for k in range(options.samples)]


def sheet_path(options: RunOptions, result: Path) -> Path | None:
    """Where all samples are shown small; None if there is only one, or if it is not wanted."""
    if options.samples == 1 or not options.sheet:
        return None
    return result.with_stem(f"{result.stem}-sheet")


def result_paths(options: RunOptions, result: Path) -> list[Path]:
    """The pictures, and the sheet if there is one."""
    sheet = sheet_path(options, result)
    return [*picture_paths(options, result), *([] if sheet is None else [sheet])]


def check_paths(ready: Prepared, paths: Sequence[Path]) -> list[Path]:
    """`paths`, all of them free to be written. UserError if one is not."""
    alpha, overwrite = ready.plan.transparent, ready.options.overwrite
    return [check_output(path, alpha=alpha, overwrite=overwrite) for path in paths]


def check_extras(ready: Prepared, result: Path, outputs: Sequence[Path]) -> dict[OutputFile, Path]:
    """As asked for → checked, for the further files that options ask for beside a `result`.

    Without `outputs` there is none that a file could be called after: those are left out.
    """
    overwrite = ready.options.overwrite
    taken = dict.fromkeys(map(_file, outputs), "--out")
    extras = {}
    for extra in _extras(ready, result):
        path, flag = extra.path, extra.flag
        target = _file(path)
        if target in taken:
            raise UserError(f"{taken[target]} and {flag} both write {path}: give two names")
        taken[target] = flag
        if not outputs and extra.is_beside:
            continue
        if extra.is_picture:
            check_output(path, alpha=False, overwrite=overwrite)
        else:
            check_file(path, overwrite=overwrite)
        extras[extra.asked] = path
    return extras


def _file(path: Path) -> str:
    """What tells one file from another: on Windows, `A.png` is `a.png`."""
    return os.path.normcase(os.path.realpath(path))  # unlike Path.resolve it never fails


@dataclass(frozen=True)
class _Extra:
    """A further file that an option asks for."""

    flag: str
    """The option and the task, in words."""
    asked: OutputFile
    path: Path
    is_picture: bool

    @property
    def is_beside(self) -> bool:
        """Whether it is called after the result."""
        return self.asked.startswith(RESULT)


def _extras(ready: Prepared, result: Path) -> Iterator[_Extra]:
    """The further files beside a `result`. UserError for names that there can't be."""
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
            yield _Extra(flag, asked, path, not item.suffixes)


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
