"""`sinddm-tk replay PICTURE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sinddm_toolkit.cli import streams
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.run import report, report_options, stream_options
from sinddm_toolkit.cli.schema import SchemaCommand
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions

ALSO_CALLED = {"jpeg": "jpg", "tif": "tiff"}


def _replay(picture: Path, inputs: tuple[str, ...], as_json: bool, quiet: bool, **how: Any) -> None:
    """Make a picture again from the record that it carries.

    On the same machine it comes out the same bit for bit, also when the model is gone.
    """
    from sinddm_toolkit.edits.edit import file_of_result
    from sinddm_toolkit.edits.outputs import settled_path
    from sinddm_toolkit.edits.replay import replay as replay_picture

    named: dict[str, list[Path]] = {}
    for text in inputs:
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise UserError(f"--input {text}: give OPTION=FILE, as in --input bg=bg.png")
        named.setdefault(name.replace("-", "_"), []).append(Path(file))
    given = replay.given_values(click.get_current_context())
    overwrite = given.get("overwrite", False)
    own = picture.suffix[1:].lower()
    format = streams.asked_format(
        how["format_"],
        is_stream=given.get("out") == streams.STREAM,
        as_json=as_json,
        print_path=how["print_path"],
        usual=own if own in streams.FORMATS else ALSO_CALLED.get(own, "png"),
    )
    out = None
    if not format:
        name = f"{picture.stem}-replay{picture.suffix}"
        out = settled_path(given.get("out"), name, overwrite=overwrite)
    with console_events(quiet=quiet or as_json) as events:
        result = replay_picture(picture, out, inputs=named, overwrite=overwrite, events=events)
    data = file_of_result(result, format) if format else b""
    report(result.to_json(), as_json=as_json, quiet=quiet)
    streams.print_result(data, result.outputs if how["print_path"] else ())


replay = SchemaCommand(
    "replay",
    callback=_replay,
    help=_replay.__doc__,
    items=[RunOptions.schema()[name] for name in ("out", "overwrite")],
    params=[
        click.Argument(["picture"], type=click.Path(path_type=Path)),
        click.Option(
            ["--input", "inputs"],
            multiple=True,
            metavar="OPTION=FILE",
            help="A moved input (repeatable).",
        ),
        *stream_options("as PICTURE"),
        *report_options(),
    ],
)
