"""The stub of `sinddm_toolkit.typed`: what type checkers and editors know of each task's options.

An overload of `run` for each task takes the options of a `TypedDict`, as keywords with their
types. Another one behind it takes anything, and gives what nothing can be done with: so a misspelt
option of a task that is known is reported, and the last overload can take tasks that are not, by
any `str`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sinddm_toolkit.options.kinds import (
    BoolKind,
    CanvasSizeKind,
    FloatKind,
    InputFileKind,
    IntKind,
    LengthKind,
    NameOrFileKind,
    OutputFileKind,
    PictureKind,
    PointKind,
    RegionKind,
    SecondsKind,
    TextKind,
)
from sinddm_toolkit.options.option import Option
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.options.task import Task

TYPES = {
    IntKind: "int",
    FloatKind: "float",
    BoolKind: "bool",
    TextKind: "str",
    SecondsKind: "float | str",
    PictureKind: "PictureLike",
    OutputFileKind: "PathLike",
    InputFileKind: "PathLike",
    NameOrFileKind: "PathLike",
    RegionKind: "RegionLike",
    LengthKind: "LengthLike",
    PointKind: "PointLike",
    CanvasSizeKind: "CanvasSizeLike",
}
"""Kind of value → what Python may give for one."""

MODEL = "model"
"""The option of a run that also takes an object with a `key`."""

HEAD = '''"""The options of the bundled tasks, for type checkers.

Written by docs/reference/generate.py: change the tasks, or settings/stub.py, not this. There
is no such module when a program runs: import from it under `if TYPE_CHECKING:` alone.
"""

import os
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload

import numpy.typing as npt
from PIL import Image
from typing_extensions import deprecated

from sinddm_toolkit.edits import session
from sinddm_toolkit.edits.edit import EditResult
from sinddm_toolkit.edits.progress import ProgressLike
from sinddm_toolkit.edits.session import Also
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point

# mypy: disable-error-code="overload-overlap, override"

PathLike = str | os.PathLike[str]
PictureLike = PathLike | Image.Image | npt.NDArray[Any] | Picture
LengthLike = float | str | Length
PointLike = str | tuple[LengthLike, LengthLike] | Point
CanvasSizeLike = str | tuple[float | str, float | str] | CanvasSize
RegionLike = PictureLike | tuple[LengthLike, LengthLike, LengthLike, LengthLike] | Region

class HasKey(Protocol):
    """A model."""

    @property
    def key(self) -> str: ...

class WrongOptionOrValue:
    """What a checker calls a run that has an option which the task has not, or a value of another
    type. Nothing is ever given that is one."""

_T = TypeVar("_T")
'''

PARAMETERS = (
    "preset: str | Sequence[str] = ...",
    "also: Also | None = ...",
    "hooks: Sequence[object] = ...",
    "progress: ProgressLike = ...",
)


def stub_of(tasks: Mapping[str, type[Task]]) -> str:
    """The text of the stub for `tasks`, by their names."""
    parts = [HEAD, _options("RunOptions", "TypedDict", "Options of every run.", _of_run())]
    for name, task in sorted(tasks.items()):
        about = f"Options of {name}: {task.summary}."
        parts.append(_options(_class_of(name), "RunOptions", about, task.schema().values()))
    leads = {name: task for name, task in sorted(tasks.items()) if task.learns_from is not None}
    parts.append("\n".join(_overloads(leads)))
    methods = _indented("\n".join(_overloads(leads, "self, ")))
    parts.append(f"class Session(session.Session):\n{methods}")
    return "\n".join(parts)


def _of_run() -> Iterable[Option]:
    return RunOptions.schema().values()


def _class_of(task: str) -> str:
    return "".join(word.capitalize() for word in task.replace("_", "-").split("-")) + "Options"


def _options(name: str, base: str, about: str, items: Iterable[Option]) -> str:
    lines = [f"class {name}({base}, total=False):", f'    """{about}"""', ""]
    for item in items:
        lines += [f"    {item.name}: {_type_of(item)}", f'    """{item.help}"""']
    return "\n".join(lines) + "\n"


def _type_of(item: Option) -> str:
    """What may be given as the option; None is as if nothing were."""
    one = TYPES[type(item.kind)]
    if item.choices:
        one = f"Literal[{', '.join(map(repr, item.choices))}]"
    if item.name == MODEL and item is RunOptions.schema()[MODEL]:
        one = f"{one} | HasKey"
    if item.follows:
        return f"{one} | Sequence[{one} | Sequence[{one}]] | None"
    return f"{one} | Sequence[{one}] | None" if item.many else f"{one} | None"


def _overloads(tasks: Mapping[str, type[Task]], own: str = "") -> Iterable[str]:
    """`run` for each task, right and wrong, and then for all others; `own` stands first."""
    parameters = ", ".join(PARAMETERS)
    wrong = "Coroutine[WrongOptionOrValue, Any, _T]"
    for name, task in tasks.items():
        kind, known = f"task: Literal[{name!r}]", ", ".join(task.schema())
        options = f"**options: Unpack[{_class_of(name)}]"
        yield f"@overload\ndef run({own}{kind}, *, {parameters}, {options}) -> EditResult:"
        yield f'    """{task.summary[0].upper()}{task.summary[1:]}."""'
        text = f"an option is misspelt or of another type: {name} takes {known} and those of a run"
        yield f"@overload\n@deprecated({text!r})"
        yield f"def run({own}{kind}, **options: Any) -> {wrong}: ..."
    others = "task: str | type[Task] | Task | None = ..."
    yield f"@overload\ndef run({own}{others}, *, {parameters}, **options: Any) -> EditResult:"
    yield '    """Any task: by its class, as an object, or by a name that no checker knows."""'


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))
