"""`sinddm-tk batch FILE`: edits by the thousand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinddm_toolkit.cli import completion
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.cli.run import explain_layer, report_options
from sinddm_toolkit.cli.schema import SchemaCommand
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.run_options import RunOptions

if TYPE_CHECKING:
    from sinddm_toolkit.batching import Batch
    from sinddm_toolkit.batching.job import RowResult
    from sinddm_toolkit.batching.queue import Group

ONE_ROW = ("out", "model", "retrain")
"""Options of a run that can't be the same for all rows."""


def _batch(
    file: Path,
    presets: tuple[str, ...],
    texts: tuple[str, ...],
    folder: Path | None,
    jobs: int,
    executor: str | None,
    dry_run: bool,
    explain: bool,
    as_json: bool,
    quiet: bool,
    **_: Any,
) -> int:
    """Carry out the edits that FILE lists, and go on if stopped.

    FILE is .toml, .jsonl or .csv. Every row is checked before the first is run. Rows that share a
    picture share its training. A row that fails is reported and the others go on; the exit code is
    then 1. The same command again does what is missing or has changed and leaves alone what is
    done.
    """
    from sinddm_toolkit.batching import Batch
    from sinddm_toolkit.batching.rows import Overrides
    from sinddm_toolkit.batching.sources import source_of

    given = batch.given_values(click.get_current_context())
    overrides = Overrides(presets, given, dict(_pair(text) for text in texts))
    with console_events(quiet=quiet or as_json) as events:
        work = Batch(source_of(file), overrides, folder=folder, events=events)
        if explain:
            for row in work.rows():
                if not as_json:
                    click.echo(readable(f"{row.origin}:"))
                explain_layer(row.layer, as_json=as_json)
            return 0
        if dry_run:
            _show_plan(work, as_json=as_json)
            return 0
        results = []
        try:
            for result in work.run(jobs, executor):
                results.append(result)
                if result.status == "failed" or not (quiet or as_json or result.status == "kept"):
                    events.achieved(_line(result, work))
        except KeyboardInterrupt:
            events.message("what is done is kept: the same command goes on from there")
            raise
    return _conclude(results, work, as_json=as_json, quiet=quiet)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"--set {text}: give KEY=VALUE, as in --set start-step=8")
    return key, value


def _line(result: RowResult, work: Batch) -> str:
    head = f"row {result.number} of {len(work.jobs)}"
    if result.error:
        return f"{head} failed: {result.error}"
    return f"{head}: {', '.join(map(_near, result.outputs))} ({result.facts['seconds']:.1f} s)"


def _near(path: Path) -> str:
    """A path as short as it can be told from here, and as text that any terminal takes."""
    text = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return text.encode(errors="backslashreplace").decode()


def _conclude(results: list[RowResult], work: Batch, *, as_json: bool, quiet: bool) -> int:
    counts = {
        status: sum(result.status == status for result in results)
        for status in ("done", "kept", "failed")
    }
    if as_json:
        click.echo(json.dumps({**counts, "folder": str(work.results)}))
    elif not quiet or counts["failed"]:
        kept = f", {counts['kept']} done before" if counts["kept"] else ""
        failed = f", {counts['failed']} failed" if counts["failed"] else ""
        tell(f"{counts['done']} rows done{kept}{failed}; see {_near(work.results / 'report.html')}")
    return 1 if counts["failed"] else 0


def _show_plan(work: Batch, *, as_json: bool) -> None:
    """Print what would be done, and write nothing."""
    from sinddm_toolkit.batching.estimate import estimated

    groups = work.check()
    done = {job.item.number for job in work.jobs if work.state.done(job.item)}
    training, sampling = estimated(groups, done, work.store)
    rows = _rows_of_plan(groups, done)
    trainings = _trainings_of_plan(groups, done)
    if as_json:
        seconds = {"training": round(training, 1), "sampling": round(sampling, 1)}
        click.echo(json.dumps({"rows": rows, "trainings": trainings, "seconds": seconds}))
        return
    for row in rows:
        mark = "done" if row["done"] else " + ".join(row["tasks"])
        outputs = ", ".join(_near(Path(path)) for path in row["outputs"])
        click.echo(readable(f"row {row['row']}  {mark}  {outputs}"))
    for one in trainings:
        click.echo(readable(f"training of {one['picture']}: {one['updates']} updates"))
    click.echo(
        f"{len(rows)} rows, {len(done)} done; {len(trainings)} trainings; "
        f"about {_minutes(training)} of training and {_minutes(sampling)} of sampling"
    )


def _rows_of_plan(groups: list[Group], done: set[int]) -> list[dict[str, Any]]:
    return [
        {
            "row": job.item.number,
            "tasks": list(job.item.tasks),
            "outputs": list(job.item.outputs),
            "model": group.model,
            "done": job.item.number in done,
        }
        for group in groups
        for job in group.jobs
    ]


def _trainings_of_plan(groups: list[Group], done: set[int]) -> list[dict[str, Any]]:
    return [
        {"model": group.model, "picture": group.learnt, "updates": group.updates}
        for group in groups
        if group.updates and any(job.item.number not in done for job in group.jobs)
    ]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


batch = SchemaCommand(
    "batch",
    callback=_batch,
    help=_batch.__doc__,
    items=[item for name, item in RunOptions.schema().items() if name not in ONE_ROW],
    params=[
        click.Argument(["file"], type=click.Path(path_type=Path)),
        click.Option(
            ["--preset", "presets"],
            multiple=True,
            metavar="NAME|FILE",
            help="Start every row from these settings (repeatable).",
            shell_complete=completion.presets,
        ),
        click.Option(
            ["--set", "texts"],
            multiple=True,
            metavar="KEY=VALUE",
            help="A key of every row, before what the file says (repeatable).",
        ),
        click.Option(
            ["--folder"],
            type=click.Path(path_type=Path, file_okay=False),
            help="Where state, report and pictures without a name go.  [default: FILE-results]",
        ),
        click.Option(
            ["--jobs"],
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            metavar="N",
            help="Processes that work at the same time and share the cores.",
        ),
        click.Option(
            ["--executor"],
            metavar="ADDRESS",
            help="Hand the rows to the Dask scheduler at this address, such as tcp://host:8786.",
        ),
        click.Option(["--dry-run"], is_flag=True, help="Show rows, trainings and time, and stop."),
        click.Option(
            ["--explain"], is_flag=True, help="Show where each value comes from, and stop."
        ),
        *report_options(),
    ],
)
