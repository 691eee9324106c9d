"""`sinddm-tk presets`: settings with a name."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sinddm_toolkit.cli import completion
from sinddm_toolkit.cli.lines import readable, tell


@click.group()
def presets() -> None:
    """Settings with a name, for `run --preset NAME`."""


@presets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_presets(as_json: bool) -> None:
    """All presets by name: what each is for, its tasks, and whose it is."""
    from sinddm_toolkit.settings import presets as preset_files

    found = preset_files.listed()
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found]))
        return
    for one in found:
        click.echo(readable(str(one)))


@presets.command()
@click.argument("name", shell_complete=completion.presets)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def show(name: str, as_json: bool) -> None:
    """What a preset sets, and where: in its file or in one that it extends."""
    from sinddm_toolkit.settings import presets as preset_files

    preset = preset_files.load(name)
    rows = [row for row in preset.layer.explained() if row[2] not in ("default", "missing")]
    if as_json:
        names = ("option", "value", "from")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    click.echo(readable(f"{preset.name}: {preset.summary}" if preset.summary else preset.name))
    click.echo(f"tasks: {' + '.join(preset.layer.tasks) or 'any'}")
    for option, value, origin in rows:
        click.echo(readable(f"  {option} = {value}    {origin}"))


@presets.command()
@click.argument("name", required=False, shell_complete=completion.presets)
def path(name: str | None) -> None:
    """The folder of your own presets, or the file of one."""
    from sinddm_toolkit.settings import presets as preset_files

    click.echo(preset_files.user_folder() if name is None else preset_files.find(name))


@presets.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
def validate(files: tuple[str, ...]) -> None:
    """Check preset files without running anything: each key, type and range."""
    from sinddm_toolkit.settings import presets as preset_files

    for name in files:
        preset = preset_files.load(str(Path(name).absolute()))
        tasks = " + ".join(preset.layer.tasks) or "any task"
        click.echo(readable(f"{name}: good ({tasks})"))


@presets.command(
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True}
)
@click.option("--summary", default="", help="What it is for, in a few words.")
@click.option(
    "--keep", multiple=True, metavar="OPTION", help="Keep what would be left out (repeatable)."
)
@click.option("--overwrite", is_flag=True, help="Replace a preset that exists.")
@click.argument("name")
@click.argument("line", nargs=-1, required=True, type=click.UNPROCESSED)
def save(
    summary: str, keep: tuple[str, ...], overwrite: bool, name: str, line: tuple[str, ...]
) -> None:
    """Save the options of a line, or of a picture that was made, as the preset NAME.

    LINE is what would stand behind `run` (TASK [OPTIONS] …), or a picture that carries a record.
    Pictures that a task needs, the seed and what else belongs to one edit are left out.
    """
    from sinddm_toolkit.cli.run import parts_of_line
    from sinddm_toolkit.edits.record import load_record
    from sinddm_toolkit.edits.replay import look_of_record
    from sinddm_toolkit.settings import presets as preset_files
    from sinddm_toolkit.settings.layers import COMMAND_LINE
    from sinddm_toolkit.settings.request import one_run

    lost: list[str] = []
    if len(line) == 1 and Path(line[0]).is_file():
        layer, lost = look_of_record(load_record(Path(line[0])), Path(line[0]))
    else:
        layer = one_run(parts_of_line(list(line)), COMMAND_LINE)
    table, left_out = preset_files.look_of(layer, {key.replace("_", "-") for key in keep})
    written = preset_files.save(name, table, summary, overwrite=overwrite)
    tell(f"wrote {written}")
    if left_out:
        tell(f"left out: {', '.join(left_out)} (--keep OPTION keeps one)")
    if lost:
        tell(f"left out, as the files have changed or are gone: {', '.join(lost)}")


@presets.command()
def schema() -> None:
    """JSON Schema of preset files, for editors that check and complete them."""
    from sinddm_toolkit.settings.json_schema import preset_schema

    click.echo(json.dumps(preset_schema(), indent=2))
