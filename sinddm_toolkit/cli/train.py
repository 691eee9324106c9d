"""`sinddm-tk train PICTURE …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit.cli import streams
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.run import report_options
from sinddm_toolkit.cli.schema import SchemaCommand
from sinddm_toolkit.options.run_options import TRAINING_OPTIONS, RunOptions


def _train(pictures: tuple[Path, ...], as_json: bool, quiet: bool, **_: Any) -> None:
    """Learn a picture in advance: later edits of it take seconds.

    What is learnt serves every task. Several pictures are learnt together, by one model, for edits
    that name them in the same order.
    """
    from sinddm_toolkit.edits.learning import train_whole
    from sinddm_toolkit.settings.layers import COMMAND_LINE
    from sinddm_toolkit.settings.request import options_alone

    ctx = click.get_current_context()
    options = options_alone(train.given_values(ctx), COMMAND_LINE)
    given = [streams.picture_of("train", str(one), ctx) for one in pictures]
    learnt = [Path(one) if isinstance(one, str) else one for one in given]
    with console_events(quiet=quiet or as_json) as events:
        facts = train_whole(learnt, options, events)
    if as_json:
        click.echo(json.dumps(facts))
    elif not quiet:
        click.echo(
            f"model {facts['model']}: {facts['training_steps']} updates, "
            f"{facts['seconds']['training']:.1f} s on {facts['device']}",
            err=True,
        )


train = SchemaCommand(
    "train",
    callback=_train,
    help=_train.__doc__,
    items=[RunOptions.schema()[name] for name in TRAINING_OPTIONS],
    params=[
        click.Argument(
            ["pictures"],
            metavar="PICTURE...",
            nargs=-1,
            required=True,
            type=click.Path(path_type=Path),
        ),
        *report_options(),
    ],
)
