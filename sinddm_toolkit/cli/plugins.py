"""`sinddm-tk plugins`: what is installed and what is wrong with it."""

from __future__ import annotations

import difflib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from sinddm_toolkit import api
from sinddm_toolkit.cli import completion
from sinddm_toolkit.cli.lines import readable, tell
from sinddm_toolkit.cli.plugin_facts import facts_of
from sinddm_toolkit.errors import PluginError, ToolkitError, UserError
from sinddm_toolkit.host import registry
from sinddm_toolkit.host.checks import DISCOVERY_HOOKS, RUN_HOOKS
from sinddm_toolkit.host.scaffold import LICENSES, Publisher, author_by_git, new_plugin
from sinddm_toolkit.settings.plugin_data import place_of


@click.group()
def plugins() -> None:
    """The plugins that bring the tasks."""


@plugins.command("list")
@click.option(
    "--hook",
    type=click.Choice([*DISCOVERY_HOOKS, *RUN_HOOKS]),
    metavar="HOOK",
    help="Only those with this hook, as `make_service`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_plugins(hook: str | None, as_json: bool) -> None:
    """Each plugin: version, where from, tasks and hooks, and the error if it broke."""
    records = [r for r in registry.current().records if hook is None or hook in r.hooks]
    if as_json:
        fields = ("name", "version", "source", "tasks", "hooks", "error")
        click.echo(json.dumps([{name: getattr(r, name) for name in fields} for r in records]))
        return
    for record in records:
        click.echo(f"{record.name}  {record.version or ''}  ({record.source})")
        if record.error:
            click.echo(readable(f"    broken: {record.error}"))
            continue
        if record.tasks:
            click.echo(f"    tasks: {', '.join(record.tasks)}")
        click.echo(f"    hooks: {', '.join(record.hooks)}")


@plugins.command()
@click.argument("name", shell_complete=completion.plugins)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """All about a plugin: package, author, licence, file, hooks, tasks and their options.

    NAME is a plugin, the package that it comes from, or a task that it brings.
    """
    found = facts_of(_plugins_called([name])[0], registry.current())
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(readable(f"{found['name']} {found['version'] or ''}  ({found['source']})"))
    lines = [(what, told) for what, told in _lines_of(found) if told]
    width = max(len(what) for what, _ in lines)
    for what, told in lines:
        click.echo(readable(f"  {what:<{width}}  {told}"))
    out = ctx.make_formatter()
    for task in found["tasks"]:
        out.write_paragraph()
        out.write_text(f"sinddm-tk run {task['name']}: {task['summary']}")
        with out.indentation():
            out.write_dl([_option_line(item) for item in task["options"]])
    click.echo(out.getvalue(), nl=False)


def _lines_of(found: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The lines of `show` but for the tasks: what, and what of it."""
    yield "about", found["about"]
    yield "broken", found["error"]
    yield "broken at", found["failed_at"]
    yield "by", ", ".join(found["authors"])
    yield "license", found["license"]
    yield from found["links"].items()
    yield "contract", str(found["contract"] or "")
    yield "file", found["file"]
    yield "hooks", ", ".join(found["hooks"])
    yield "services", found["services"]
    yield "commands", ", ".join(f"sinddm-tk {name}" for name in found["commands"])
    yield "presets", ", ".join(found["presets"])
    yield "its data", found["data"]


def _option_line(item: dict[str, Any]) -> tuple[str, str]:
    default = "" if item["default"] is None else f"  [default: {item['default']}]"
    note = "  [required]" if item["required"] else default
    return f"{item['flag']} {item['metavar']}".strip(), f"{item['help']}{note}"


def _plugins_called(names: Sequence[str]) -> list[registry.PluginRecord]:
    """Those that are called so, or come from a package or bring a task that is.

    UserError if none is.
    """
    from packaging.utils import canonicalize_name

    records = registry.current().records
    found = []
    for name in names:
        package = canonicalize_name(name)
        these = (
            [one for one in records if one.name == name]
            or [one for one in records if canonicalize_name(one.source) == package]
            or [one for one in records if name in one.tasks]
        )
        if not these:
            near = difflib.get_close_matches(name, [one.name for one in records], n=1)
            hint = f"did you mean {near[0]}?" if near else "`sinddm-tk plugins list` has them all"
            raise UserError(f"there is no plugin {name!r:.60}: {hint}")
        found += these
    return found


def _ask(question: str, yes: bool) -> None:
    """Go on only if a person agrees. UserError if they don't, or if nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{question} Nobody can be asked here: --yes says so")
    if not click.confirm(question, err=True):
        raise UserError("nothing was done")


YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


@plugins.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Path())
@click.option("--upgrade", "-U", is_flag=True, help="The newest, also where one is installed.")
@click.option("--editable", "-e", is_flag=True, help="A folder that you work on, as it stands.")
@YES
def install(names: tuple[str, ...], upgrade: bool, editable: bool, yes: bool) -> None:
    """Install packages of plugins into the environment that runs.

    NAME is a package on the index, a folder, a wheel or an archive, or an address; what lies here
    goes before the index. pip does it, or uv. The toolkit and torch stay as they are.
    """
    from sinddm_toolkit.host import packages

    given = [packages.requirement(name, editable=editable) for name in names]
    where = packages.environment()
    _ask(f"Install {', '.join(given)} into {where.folder}? It then runs with all your rights.", yes)
    came = packages.install(where, given, upgrade=upgrade, editable=editable)
    if not came:
        tell("it is there already: nothing has changed (--upgrade looks for a newer one)")
        return
    found = _found_afresh()
    brought = [one for one in found if one["source"] in came]
    for one in brought:
        tell(_told(one))
    if not brought:
        tell(f"installed {', '.join(came)}, in which there is no plugin")
    elif advice := where.lasting([*given, *_packages_in(found, without=came)]):
        tell(advice)
    if broken := [one["name"] for one in brought if one["error"]]:
        raise PluginError(f"{', '.join(broken)} can't be used: `plugins show` says more")


@plugins.command()
@click.argument(
    "names", metavar="NAME...", nargs=-1, required=True, shell_complete=completion.plugins
)
@YES
def uninstall(names: tuple[str, ...], yes: bool) -> None:
    """Remove the packages that bring these plugins.

    NAME is a plugin, its package, or a task that it brings. What a plugin has kept of its own
    stays.
    """
    from sinddm_toolkit.host import packages

    found = _plugins_called(names)
    for record in found:
        if record.source == packages.TOOLKIT:
            raise UserError(
                f"{record.name} belongs to the toolkit: --no-plugin {record.name} leaves it out"
            )
        if Path(record.source).is_absolute():
            raise UserError(f"{record.name} is a file, which you can remove: {record.source}")
    where = packages.environment()
    sources = list(dict.fromkeys(record.source for record in found))
    going = [record for record in registry.current().records if record.source in sources]
    gone = ", ".join(task for record in going for task in record.tasks) or "none"
    _ask(f"Remove {', '.join(sources)} from {where.folder}? Tasks that go: {gone}.", yes)
    packages.uninstall(where, sources)
    tell(f"removed {', '.join(sources)}; tasks that went: {gone}")
    for record in going:
        if place_of(record.name).is_dir():
            tell(f"the data of {record.name} stays: {place_of(record.name)}")


def _found_afresh() -> list[dict[str, Any]]:
    """What `plugins list --json` prints in a new process, which finds what is installed now."""
    from sinddm_toolkit.host import packages

    line = [sys.executable, *packages.MODULE, "sinddm_toolkit", "plugins", "list", "--json"]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise ToolkitError("the toolkit doesn't run any more: what was installed has broken it")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _packages_in(found: Sequence[dict[str, Any]], without: Sequence[str]) -> list[str]:
    """The packages of plugins that are no files, not the toolkit's own and not in `without`."""
    from sinddm_toolkit.host import packages

    sources = {one["source"] for one in found if not Path(one["source"]).is_absolute()}
    return sorted(sources - {packages.TOOLKIT, *without})


def _told(one: dict[str, Any]) -> str:
    """A plugin that has come, in a line."""
    which = f"{one['name']} {one['version']} ({one['source']})"
    if one["error"]:
        return f"{which} is broken: {one['error']}"
    brings = f"tasks {', '.join(one['tasks'])}" if one["tasks"] else ", ".join(one["hooks"])
    return f"{which}: {brings}"


@plugins.command("new")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the folder NAME is made.  [default: here]",
)
@click.option(
    "--author",
    metavar="NAME",
    help="Who stands in its licence and metadata, or 'NAME <ADDRESS>'.  [default: as git has it]",
)
@click.option(
    "--license",
    "licence",
    type=click.Choice([*LICENSES, "none"]),
    default="MIT",
    show_default=True,
    help="What others may do with it; none writes no licence.",
)
@click.option("--url", help="Where its source will be, for its metadata.")
def new(name: str, folder: Path, author: str | None, licence: str, url: str | None) -> None:
    """Write a package with a task called NAME, which works and passes its tests as it is.

    It comes with what is needed to publish it: licence, metadata, types, a list of changes, and
    workflows of GitHub that test it and release it.
    """
    author = author_by_git(folder) if author is None else author
    publisher = Publisher(author, None if licence == "none" else licence, url)
    made = shlex.quote(str(new_plugin(name, folder, api.__all__, publisher)))
    tell(f"wrote {made}; install it and run its tests:")
    tell(f"    pip install -e {made}'[dev]' && pytest {made}")
