"""The house: which room may know of which, and that nothing goes round in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sinddm_toolkit"

ROOMS = (
    *("errors", "home", "interrupts", "json_values", "spinning"),
    *("pictures", "engine", "options", "host", "settings", "edits"),
    *("api", "batching", "testing", "studio", "cli"),
)
"""Bottom up: each may import from those before it."""

MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imports(path, *, at_run_time):
    """The modules of the package that a file imports, those inside functions too.

    With `at_run_time`, only what is imported when the file itself is.
    """
    for node in nodes(ast.parse(path.read_text()), at_run_time):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in whole]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def nodes(tree, at_run_time):
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from nodes(node, at_run_time)


def room(module):
    """Of the package itself, which holds the version: below all."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize(
    "module", [name for name in MODULES if room(name) in ROOMS], ids=lambda name: name
)
def test_a_room_knows_only_those_below_it(module):
    own = ROOMS.index(room(module))
    above = {
        name
        for name in imports(MODULES[module], at_run_time=False)
        if room(name) and ROOMS.index(room(name)) > own
    }
    assert not above


def test_every_module_is_in_a_room():
    assert {room(name) for name in MODULES} <= {*ROOMS, "", "__main__"}


def test_no_imports_go_round_in_a_circle():
    graph = {
        name: set(imports(path, at_run_time=True)) - {name, "sinddm_toolkit"}
        for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
