"""Pictures from standard input and to standard output, both called `-`, and from pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sinddm_toolkit.errors import UserError

if TYPE_CHECKING:
    from sinddm_toolkit.pictures.picture import Picture

STREAM = "-"
INPUT_NAME = "stdin"
"""What a picture from standard input is called."""

MOST_BYTES = 2**31
"""Of what is read from a stream, which may never end."""

STANDARD_INPUT = Path("/dev/stdin")
OPEN_FILES = (Path("/dev/fd"), Path("/proc/self/fd"))
"""Where shells have the pipes that they made for a command."""

FORMATS = ("png", "jpg", "webp", "tiff")
READ_BY = f"{__name__}.read_by"
"""Where the context notes which option has read standard input: nobody else can."""


def picture_of(flag: str, text: str, ctx: click.Context) -> Picture | str:
    """The picture in the stream that `text` names as the value of `flag`; `text` if it names none.

    UserError if standard input is a terminal or was read before, or if there is no picture.
    """
    from sinddm_toolkit.pictures.reading import picture_in

    if text == STREAM:
        if before := ctx.meta.get(READ_BY):
            raise UserError(f"{before} and {flag}: standard input can be read once")
        ctx.meta[READ_BY] = flag
        return picture_in(read_input(flag), INPUT_NAME)
    if _is_pipe(text):
        with Path(text).open("rb") as file:
            return picture_in(_limited(file.read(MOST_BYTES + 1), text), Path(text).name)
    return text


def read_input(flag: str) -> bytes:
    """All that comes from standard input, for `flag`. UserError if that is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError(f"{flag} {STREAM}: standard input is a terminal: pipe a picture into it")
    return _limited(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input")


def _limited(data: bytes, what: str) -> bytes:
    if not data:
        raise UserError(f"{what} is empty: nothing came in")
    if len(data) > MOST_BYTES:
        raise UserError(f"{what} holds more than {MOST_BYTES >> 30} GB: give a file")
    return data


def _is_pipe(text: str) -> bool:
    """Whether `text` is the path of an open pipe: what a shell puts for `<(command)`.

    A pipe with a name is none: nobody may ever write to it.
    """
    path = Path(text)
    try:
        return (path == STANDARD_INPUT or path.parent in OPEN_FILES) and path.is_fifo()
    except (OSError, ValueError):
        return False


def asked_format(
    format: str | None,
    *,
    is_stream: bool,
    as_json: bool,
    print_path: bool,
    samples: int = 1,
    usual: str = FORMATS[0],
) -> str | None:
    """The format of the picture for standard output, the `usual` one if none is asked for.

    None if it goes elsewhere. UserError if it can't be written there, or with what else is.
    """
    if as_json and print_path:
        raise UserError("--print-path and --json: the object has the names, leave one out")
    if not is_stream:
        if format is not None:
            raise UserError(f"--format {format} is for --out -: a file's name tells its format")
        return None
    if as_json or print_path:
        other = "--json" if as_json else "--print-path"
        raise UserError(f"--out - and {other} both write standard output: leave one out")
    if samples > 1:
        raise UserError(f"--out - is one picture, and --samples is {samples}: give 1")
    if sys.stdout.isatty():
        raise UserError("--out -: standard output is a terminal: pipe it, or give a file")
    return format or usual


def print_result(data: bytes, paths: Iterable[Path]) -> None:
    """Write to standard output what was asked for: a picture, or the names of files, a line each.

    UserError if that fails, but for a pipe that is closed.
    """
    if data:
        write_output(data)
    for path in paths:
        click.echo(os.fsencode(path))


def write_output(data: bytes) -> None:
    """Write `data` to standard output. UserError if that fails, but for a pipe that is closed."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"cannot write standard output: {error.strerror or error}") from None
