"""An edit written down: as a command, as Python, as the row of a batch.

Each makes the same bytes where the pictures lie under their names.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.settings.layers import TASK, Layer, Settings
from sinddm_toolkit.studio.answers import not_found, studio_of
from sinddm_toolkit.studio.requests import layer_of

ROW = "row"
"""The table of a batch that is one of its edits."""
AND = "+"
"""Before a task that acts too, on a line."""
LONGEST_LINE = 78
"""Characters of a command before it goes on in the next line."""


def as_command(layer: Layer) -> str:
    """The line of a shell, presets written out."""
    lines = ["sinddm-tk run"]
    for k, name in enumerate(layer.tasks):
        words = [*_words(layer.tasks[name], registry.current().task(name).schema())]
        if k == 0:
            words += _words(layer.run, RunOptions.schema())
        for written in (name if k == 0 else f"+ {name}", *words):
            if len(lines[-1]) + len(written) + 1 > LONGEST_LINE:
                lines.append("   ")
            lines[-1] += f" {written}"
    return " \\\n".join(lines) + "\n"


def _words(settings: Settings, schema: Mapping[str, Option]) -> Iterator[str]:
    """Each option with its value, quoted; what follows another option's value behind that."""
    for name, setting in settings.items():
        item = schema[name]
        if setting.value is None or item.follows in settings:
            continue
        followers = [schema[other] for other in settings if schema[other].follows == name]
        values = setting.value if isinstance(setting.value, list) else [setting.value]
        groups = [
            (one, item.grouped(settings[one.name].value, len(values)))
            for one in followers
            if settings[one.name].value is not None
        ]
        for k, value in enumerate(values):
            yield _word(item, value)
            for one, parts in groups:
                yield from (_word(one, part) for part in parts[k])


def _word(item: Option, value: Any) -> str:
    """One option with one value, quoted."""
    plain = item.plain(value)
    if isinstance(plain, bool):
        return item.flag if plain else f"--no-{item.flag[2:]}"
    text = _text(plain)
    # As a word of its own this would be taken for an option, or for the sign before a task.
    joined = "=" if text.startswith("-") or text == AND else " "
    return f"{item.flag}{joined}{shlex.quote(text)}"


def _text(plain: Any) -> str:
    if isinstance(plain, float) and plain.is_integer() and abs(plain) < 1e15:
        return str(int(plain))
    return str(plain)


def as_python(layer: Layer) -> str:
    """A call of `sinddm_toolkit.run`, presets written out."""
    lead, *others = layer.tasks
    values = {**_plain(layer, lead), **_run(layer)}
    if others:
        values["also"] = {name: _plain(layer, name) for name in others}
    given = "".join(f"    {name}={value!r},\n" for name, value in values.items())
    return f"import sinddm_toolkit as st\n\nresult = st.run(\n    {lead!r},\n{given})\n"


def as_row(layer: Layer) -> str:
    """A row of a batch in TOML, presets written out."""
    import tomli_w

    run = tomli_w.dumps(_dashed(_run(layer)))
    tasks = {name: tomli_w.dumps(_dashed(_plain(layer, name))) for name in layer.tasks}
    if len(tasks) == 1:
        ((name, options),) = tasks.items()
        return f"[[{ROW}]]\n{tomli_w.dumps({TASK: name})}{options}{run}"
    head = f"[[{ROW}.{TASK}]]"
    several = [f"\n{head}\n{tomli_w.dumps({'name': k})}{v}" for k, v in tasks.items()]
    return f"[[{ROW}]]\n{run}{''.join(several)}"


def _plain(layer: Layer, task: str) -> dict[str, Any]:
    return _values(layer.tasks[task], registry.current().task(task).schema())


def _run(layer: Layer) -> dict[str, Any]:
    return _values(layer.run, RunOptions.schema())


def _values(settings: Settings, schema: Mapping[str, Option]) -> dict[str, Any]:
    plain = {name: schema[name].plain(setting.value) for name, setting in settings.items()}
    return {name: value for name, value in plain.items() if value is not None}


def _dashed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in values.items()}


FORMS: Mapping[str, Callable[[Layer], str]] = {
    "command": as_command,
    "python": as_python,
    "row": as_row,
}


def get_written(request: Request) -> Response:
    """`GET /api/edits/ID/as/command|python|row`, with the seed that it had."""
    entry = studio_of(request).queue.get(request.path_params["id"])
    form = FORMS.get(request.path_params["form"])
    if form is None:
        raise not_found(f"form: there are {', '.join(FORMS)}")
    return PlainTextResponse(form(layer_of(entry.settled, entry.names.__getitem__)))


routes = [Route("/api/edits/{id}/as/{form}", get_written)]
