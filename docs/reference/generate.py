"""Writes the reference from the code: python docs/reference/generate.py

It tells of what comes with the toolkit, whatever other plugins are installed here.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import metadata, util
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

import sinddm_toolkit
from sinddm_toolkit import api
from sinddm_toolkit.cli import man
from sinddm_toolkit.cli.root import build_cli
from sinddm_toolkit.cli.run import AND, TaskCommand, line_options, report_options
from sinddm_toolkit.host import hookspecs, registry
from sinddm_toolkit.host.checks import hooks_of
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings.stub import stub_of

HERE = Path(__file__).parent
STUB = HERE.parents[1] / "sinddm_toolkit" / "typed.pyi"
NOTE = "<!-- Written by docs/reference/generate.py: change the code, not this. -->"


def bundled() -> registry.Registry:
    """The plugins that come with the toolkit."""
    found = registry.Registry()
    entries = metadata.distribution("sinddm-toolkit").entry_points
    for entry in sorted(entries.select(group=registry.ENTRY_POINT_GROUP), key=lambda e: e.name):
        found.load(registry.PluginRecord(entry.name, "sinddm-toolkit"), entry.load)
    return found


def pages() -> dict[str, str]:
    """Name of a page → its text."""
    registry.use(bundled())
    texts = {
        "hooks.md": hooks(),
        "api.md": the_api(),
        "python.md": for_scripts(),
        "tasks.md": tasks(),
        "command-line.md": command_line(),
    }
    manual = man.page(click.Context(build_cli(), info_name=man.NAME))
    return {
        **{name: f"{NOTE}\n\n{text.strip()}\n" for name, text in texts.items()},
        f"{man.NAME}.1": f'.\\" {NOTE.strip("<!->").strip()}\n{manual}\n',
    }


def hooks() -> str:
    parts = ["# Hooks", inspect.cleandoc(hookspecs.__doc__ or "").partition("\n\n")[2]]
    for title, specs in (
        ("Of a plugin: functions of its module", hookspecs.DiscoverySpecs),
        (
            "Of an edit: methods of a task, in the order in which they are called",
            hookspecs.RunSpecs,
        ),
    ):
        parts += [f"## {title}", inspect.cleandoc(specs.__doc__ or "")]
        for name, hook in hooks_of(specs).items():
            parts += [f"### {name}", _signature(name, hook), inspect.cleandoc(hook.__doc__ or "")]
    return "\n\n".join(parts)


def _signature(name: str, hook: Callable[..., Any]) -> str:
    """As an implementation may be written; parameters that it does not need can be left out."""
    signature = inspect.signature(hook)
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    written = ", ".join(f"{p.name}: {p.annotation}" for p in parameters)
    return f"```python\ndef {name}({written}) -> {signature.return_annotation}\n```"


API_PAGE = """
# What a plugin imports

All of it comes from `sinddm_toolkit.api`; write `import sinddm_toolkit.api as st`, and what needs
torch is loaded when it is first used. When each hook is called is on [a page of its own](hooks.md),
and [the guide](../writing-plugins.md) shows how it all goes together.

Tensors are float32, (n, channels, h, w), pictures in them in [-1, 1]; a size is (h, w) in pixels, a
box (y0, x0, y1, x1) with the ends excluded; `wraps` are two booleans, whether a canvas goes on at
its other side (down, across), and `FLAT` is neither. `FloatArray` is a numpy array of float32,
`Rgb` one of shape (h, w, 3) in [-1, 1], `BoolArray` one of booleans. *s* is the number of a scale,
0 the coarsest, *t* a timestep, *n* the samples of a pass.
"""

API_GROUPS = {
    "A plugin and its tasks": (
        *("API_VERSION", "hookimpl", "Task", "option", "InputFile", "OutputFile", "NameOrFile"),
        *("Region", "CanvasSize", "Colour", "Length", "Point", "Seconds"),
        *("UserError", "PluginError"),
        *("check_ordinary", "at_strength", "data_folder"),
    ),
    "What will be done": ("Plan", "Stage", "Pyramid", "Schedule"),
    "A pass": ("Run", "ScaleState", "Step", "NoisePredictor", "Result"),
    "The whole edit": ("Edit", "Outcome"),
    "Pictures": (
        *("Picture", "picture_from_rgb", "in_profile_of", "write_picture", "Window", "whole"),
        *("bounds", "softened", "carried_over", "with_change"),
        "contact_sheet",
    ),
    "Tensors": (
        *("tensor_from_rgb", "rgb_from_tensor", "downsample", "upsample", "surrounded"),
        *("filled", "working_size", "check_pixels", "HALO", "CELL"),
    ),
    "Services": ("service", "TextEncoder", "choose_compute"),
}

MET_WITH = {
    "Level": "engine.repaint",
    "Composition": "engine.repaint",
    "Route": "engine.stage",
    "Extras": "host.result",
    "TrainingReport": "engine.training",
    "Compute": "engine.compute",
}
"""What the attributes of those are, which nobody has to import."""

FOR_THE_CORE = {
    "Plan": ("close", "check_canvas", "check_routes", "check_wraps", "cells"),
    "Stage": ("begun_from",),
    "Run": ("sampler_noise", "close", "expanded_start"),
    "ScaleState": ("close",),
    "Step": ("close", "changed_in_place"),
    "Result": ("metadata_of", "wrong"),
    "Level": ("changes", "begun_from"),
    "Compute": ("for_network", "prepare", "environment"),
    "Task": ("picture", "learnt", "main_picture", "schema"),
    "OutputFile": ("beside",),
    "EditResult": ("to_json",),
    "RowResult": ("of",),
    "Record": ("differences",),
    "RecordedModel": ("of", "to_json", "from_json"),
    "ListedPreset": ("to_json",),
}
"""Methods that the toolkit calls itself, of no use to a plugin."""


def the_api() -> str:
    told = [name for names in API_GROUPS.values() for name in names]
    if sorted(told) != sorted(api.__all__):
        raise ValueError(f"not told, or twice: {set(told) ^ set(api.__all__)}")
    places = _imported_by(api.__name__)
    parts = [API_PAGE.strip()]
    for title, names in API_GROUPS.items():
        parts.append(f"## {title}")
        parts += [_described(name, places[name]) for name in names]
    parts.append("## What is met with in these")
    parts += [_described(name, f"sinddm_toolkit.{place}") for name, place in MET_WITH.items()]
    return "\n\n".join(parts)


PYTHON_PAGE = """
# What scripts import

All of it comes from `sinddm_toolkit`; what needs torch is loaded when it is first used.
[From Python](../python.md) shows how it goes together, and
[what plugins import](api.md) tells of `Picture` and of what hooks are given.
"""

PYTHON_GROUPS = {
    "Edits": ("run", "Session", "batch", "replay"),
    "What comes of them": ("EditResult", "RowResult", "record", "Record"),
    "While they go on": ("Progress",),
    "What there is": ("tasks", "presets", "models", "load_plugins"),
    "For researchers": ("train", "load_model", "PictureModel", "sample", "Samples", "schedule_of"),
    "Errors": ("ToolkitError", "UserError", "PluginError"),
}

MET_BY_SCRIPTS = {
    "TaskInfo": "edits.listing",
    "ListedPreset": "settings.presets",
    "StoredModel": "edits.store",
    "RecordedTask": "edits.record",
    "RecordedModel": "edits.record",
    "TrainingReport": "engine.training",
    "Phase": "engine.phases",
    "Quality": "engine.quality",
}
"""What is in the lists and records, which nobody has to import."""


def for_scripts() -> str:
    told = {name for names in PYTHON_GROUPS.values() for name in names}
    if missing := told ^ (set(sinddm_toolkit.__all__) - {"__version__", "errors"}):
        raise ValueError(f"not told, or not there: {missing}")
    parts = [PYTHON_PAGE.strip()]
    for title, names in PYTHON_GROUPS.items():
        parts += [f"## {title}", *(_described(name, _place(name)) for name in names)]
    parts.append("## What is met with in these")
    parts += [_described(name, f"sinddm_toolkit.{place}") for name, place in MET_BY_SCRIPTS.items()]
    return "\n\n".join(parts)


def _place(name: str) -> str:
    """The module in which what scripts import as `name` is defined."""
    value = getattr(sinddm_toolkit, name)
    return str(value.__module__)


@cache
def _source(module: str) -> ast.Module:
    spec = util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"there is no module {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _described(name: str, module: str) -> str:
    """What is called `name`: a class with its members, a function or a constant."""
    source = _source(module)
    for node in source.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            break
    else:
        declared = next(one for one in _declared(source) if one[0] == name)
        return f"### {name}\n\n`{declared[1]}`\n\n{_told(declared[2], name).strip()}"
    text = inspect.cleandoc(_told(ast.get_docstring(node), name))
    if isinstance(node, ast.FunctionDef):
        return f"### {name}\n\n```python\n{_head(node)}\n```\n\n{text}"
    members = "\n".join(_members(node, module))
    return "\n\n".join(filter(None, [f"### {name}", text, members]))


def _members(node: ast.ClassDef, module: str) -> Iterator[str]:
    """An item for each that a plugin may use: its own first, then those of its base classes."""
    own = {}
    for name, item in _own_members(node):
        own[name] = item
        yield item
    for base in node.bases:
        if found := _base(ast.unparse(base), module):
            yield from (item for name, item in _own_members(found) if name not in own)


def _own_members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Name and item of each that the class itself brings."""
    hidden = FOR_THE_CORE.get(node.name, ())
    setters = {
        one.name
        for one in node.body
        if isinstance(one, ast.FunctionDef)
        and any(ast.unparse(mark).endswith(".setter") for mark in one.decorator_list)
    }
    for name, written, text in _declared(node):
        yield name, _item(f"`{written}`", _told(text, f"{node.name}.{name}"))
    for one in node.body:
        if not isinstance(one, ast.FunctionDef) or one.name in hidden:
            continue
        marks = [ast.unparse(mark) for mark in one.decorator_list]
        if one.name in setters and "property" not in marks:
            continue
        if one.name == "__call__":  # what the class is there for: its docstring tells of it
            yield one.name, f"* `{_head(one).removeprefix('def ')}`"
        if one.name.startswith("_"):
            continue
        told = _told(ast.get_docstring(one), f"{node.name}.{one.name}")
        if {"property", "cached_property"} & {*marks}:
            settable = " (can be assigned)" if one.name in setters else ""
            returns = ast.unparse(one.returns) if one.returns else ""
            yield one.name, _item(f"`{one.name}: {returns}`{settable}", told)
        else:
            yield one.name, _item(f"`{_head(one).removeprefix('def ')}`", told)


def _item(head: str, text: str) -> str:
    """An item of a list; further paragraphs belong to it."""
    return f"* {head}: " + _prose(text).replace("\n\n", "\n\n  ")


def _base(name: str, module: str) -> ast.ClassDef | None:
    """The public class of the toolkit called so in `module`."""
    place = _imported_by(module).get(name, module)
    if name.startswith("_") or not place.startswith("sinddm_toolkit"):
        return None
    found = (n for n in _source(place).body if isinstance(n, ast.ClassDef) and n.name == name)
    return next(found, None)


def _imported_by(module: str) -> dict[str, str]:
    """Name that a module imports → the module that it comes from."""
    return {
        alias.name: node.module
        for node in ast.walk(_source(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _declared(node: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str, str | None]]:
    """Name, declaration and text of what stands with its type, or with a text below it."""
    for one, below in pairwise([*node.body, ast.Pass()]):
        text = below.value.value if _is_text(below) else None
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            name = one.target.id
            written = f"{name}: {ast.unparse(one.annotation)}"
        elif isinstance(one, ast.Assign) and text and isinstance(one.targets[0], ast.Name):
            name = one.targets[0].id
            written = f"{name} = {ast.unparse(one.value)}"
        else:
            continue
        if not name.startswith("_"):
            yield name, written, text


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _told(text: str | None, name: str) -> str:
    if not text:
        raise ValueError(f"{name} has no docstring")
    return text


def _head(node: ast.FunctionDef) -> str:
    """The first line of a function, or how an object is called, without `self`."""
    written = ast.unparse(node.args)
    written = re.sub(r"^(self|cls)(, /)?(, )?", "", written).replace("=_REQUIRED", "=...")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({written}){returns}"


def tasks() -> str:
    parts = [
        "# Tasks and their options",
        "Each is run by `sinddm-tk run TASK` and by `sinddm_toolkit.run(TASK, ...)`; in Python and "
        "in files options are called the same without the dashes in front. Those in italics are "
        "for fine control: `--help` leaves them to `--help-all`. See "
        "[the tasks with pictures](../tasks.md).",
    ]
    for name, task in sorted(registry.current().tasks.items()):
        parts += [f"## {name}", f"{task.summary[0].upper()}{task.summary[1:]}."]
        parts += [_prose(task.__doc__), _schema_table(task.schema().values())]
    parts += ["## Of every run", _schema_table(RunOptions.schema().values())]
    return "\n\n".join(parts)


def _schema_table(items: Iterable[Option]) -> str:
    rows = [_schema_row(item) for item in items]
    return "\n".join(["| option | takes | default | |", "|---|---|---|---|", *rows])


def _required(item: Option) -> str:
    return f"required, or `--{item.unless}`" if item.unless else "required"


def _schema_row(item: Option) -> str:
    default = _required(item) if item.required else "" if item.default is None else item.default
    if item.type is bool:
        default = "yes" if item.default else "no"
    takes = item.allowed + (" (may be repeated)" if item.many else "")
    flag = f"*`{item.flag}`*" if item.rarely else f"`{item.flag}`"
    return _row(flag, takes, str(default), item.help)


def command_line() -> str:
    parts = ["# The command line"]
    return "\n\n".join(parts + _command(build_cli(), "sinddm-tk"))


def _command(command: click.Command, path: str) -> list[str]:
    """A command and all that are below it."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {path}", f"```\n{usage}\n```", _prose(command.help)]
    options = [
        param for param in command.params if isinstance(param, click.Option) and not param.hidden
    ]
    if options:
        parts.append(_options_table(options))
    if not isinstance(command, click.Group):
        return parts
    if path == "sinddm-tk run":
        lines = [*line_options(), *report_options()]
        options = [param for param in lines if isinstance(param, click.Option)]
        tasks = "The tasks and their options, and those of every run, are on [a page of their own]"
        parts += [_options_table(options), f"{tasks}(tasks.md); `{AND}` stands between tasks."]
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None and not isinstance(below, TaskCommand):
            parts += _command(below, f"{path} {name}")
    return parts


def _options_table(options: list[click.Option]) -> str:
    rows = []
    for option in options:
        names = ", ".join(f"`{name}`" for name in option.opts + option.secondary_opts)
        default = f"  [default: {option.default}]" if option.show_default else ""
        takes = "" if option.is_flag else _metavar(option)
        rows.append(_row(names, takes, f"{option.help or ''}{default}"))
    return "\n".join(["| option | takes | |", "|---|---|---|", *rows])


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    return "N" if isinstance(option.type, click.types.IntRange) else option.type.name.upper()


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(text: str | None) -> str:
    """A docstring or help text, each paragraph on one line."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(
        paragraph.strip("\b\n") if paragraph.startswith("\b") else re.sub(r"\s+", " ", paragraph)
        for paragraph in paragraphs
    )


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    STUB.write_text(stub_of(bundled().tasks), encoding="utf-8")
