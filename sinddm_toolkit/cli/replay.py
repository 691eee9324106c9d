"""`sinddm-tk replay PICTURE`."""

from __future__ import annotations

from pathlib import Path

import click

from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.run import report
from sinddm_toolkit.errors import UserError


@click.command()
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Default: PICTURE-replay.")
@click.option("--input", "inputs", multiple=True, metavar="OPTION=FILE", help="A moved input.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def replay(
    picture: Path,
    out: Path | None,
    inputs: tuple[str, ...],
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a picture again from the recipe that it carries.

    On the same machine it comes out the same bit for bit, also when the model is gone.
    """
    from sinddm_toolkit.replay import replay as replay_picture

    named = {}
    for text in inputs:
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise UserError(f"--input {text}: give OPTION=FILE, as in --input bg=bg.png")
        named[name] = Path(file)
    out = out or Path(f"{picture.stem}-replay{picture.suffix}")
    with console_events(quiet=quiet or as_json) as events:
        result = replay_picture(picture, out, inputs=named, overwrite=overwrite, events=events)
    report(result.to_json(), as_json=as_json, quiet=quiet)
