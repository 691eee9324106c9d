"""Finds plugins, one guarded at a time: a broken one becomes a record and harms nothing else."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host import config_file, hookspecs
from sinddm_toolkit.host.checks import (
    RUN_HOOKS,
    check_module,
    check_task,
    check_version,
)
from sinddm_toolkit.host.hookspecs import API_VERSION, MARK, hookimpl
from sinddm_toolkit.options.task import Task

if TYPE_CHECKING:
    import click

ENTRY_POINT_GROUP = "sinddm_toolkit"
ADOPTED = "a script"
"""The source of tasks whose classes a script has given."""
PLUGINS_DIR_VARIABLE = "SINDDM_TK_PLUGINS_DIR"


@dataclass
class PluginRecord:
    """What is known of one plugin, loaded or not."""

    name: str
    source: str
    """The distribution or the file that it comes from."""
    version: str | None = None
    sha256: str | None = None
    """Of the content of a plugin that comes from a file, which has no version to go by."""
    tasks: list[str] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    presets: list[Path] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """Known when the command line has been built."""
    contract: int | None = None
    """The version of the contract that it states."""
    file: str | None = None
    """Of its module, if that could be imported."""
    error: str | None = None
    cause: BaseException | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """What no other plugin is called."""
        return f"{self.source}:{self.name}"


@dataclass(frozen=True)
class Service:
    """What a plugin has made on demand."""

    plugin: str
    kind: str
    made: Any

    def is_at_work_in(self, frame: FrameType) -> bool:
        """Whether `frame` is of the function that was made, or of a method of the object."""
        is_function = frame.f_code is getattr(self.made, "__code__", None)
        return is_function or frame.f_locals.get("self") is self.made


@dataclass(frozen=True)
class Discovery:
    """How plugins were looked for: another process finds the same ones by it."""

    folders: tuple[Path, ...] = ()
    blocked: frozenset[str] = frozenset()


class Registry:
    """The plugins of this process and the tasks that they bring."""

    def __init__(self, discovery: Discovery | None = None) -> None:
        self.discovery = discovery or Discovery()
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs.DiscoverySpecs)
        self.records: list[PluginRecord] = []
        self.tasks: dict[str, type[Task]] = {}
        self.services: dict[tuple[Any, ...], Service] = {}
        """What `services.service` has made, to be used again."""

    def task(self, name: str) -> type[Task]:
        """The task called `name`; UserError if there is none, PluginError if its plugin broke."""
        if name in self.tasks:
            return self.tasks[name]
        for record in self.records:
            if record.error and name in (record.name, *record.tasks):
                raise PluginError(
                    f"plugin {record.name} ({record.source}): {record.error}"
                ) from record.cause
        broken = ", ".join(record.name for record in self.records if record.error)
        hint = f" (broken plugins: {broken}; see `plugins list`)" if broken else ""
        near = difflib.get_close_matches(name, self.tasks, n=1)
        instead = f", did you mean {near[0]}?" if near else f"; there are: {_listed(self.tasks)}"
        raise UserError(f"there is no task {name!r}{instead}{hint}")

    def owner(self, task: str) -> PluginRecord | None:
        """The plugin that brings `task`; None if none does."""
        return next((r for r in self.records if task in r.tasks and not r.error), None)

    def load(self, record: PluginRecord, load: Callable[[], Any]) -> None:
        """Load and register one plugin; whatever goes wrong ends up in its record."""
        self.records.append(record)
        plugin: Any = None
        try:
            plugin = load()
            record.file = getattr(plugin, "__file__", None)
            check_version(plugin)
            record.contract = getattr(plugin, "API_VERSION", None)
            check_module(plugin)
            self.manager.register(plugin, name=record.key)
            self.manager.check_pending()
            record.version = record.version or getattr(plugin, "__version__", None)
            record.hooks = _hook_names(self.manager, plugin)
            if "register_presets" in record.hooks:
                record.presets = [Path(path) for path in plugin.register_presets()]
            self._add_tasks(record, plugin)
        except (Exception, SystemExit) as error:
            self._give_up(record, plugin, error)

    def adopt(self, task: type[Task]) -> None:
        """Let `task`, a class that no plugin brings, be asked for by its name in this process.

        It takes the place of one of that name that was adopted before, as when the cell of a
        notebook is run again. UserError if it can't be a task, or if a plugin has one of its name.
        """
        name = getattr(task, "name", None)
        if not isinstance(task, type) or not issubclass(task, Task):
            raise UserError(f"{task!r:.80} is no task: give a name, or a class derived from Task")
        if isinstance(name, str) and self.tasks.get(name) is task:
            return
        before = next((r for r in self.records if r.source == ADOPTED and r.name == name), None)
        if before is not None:
            self._forget(before)
        module = ModuleType(str(name))
        vars(module)["register_tasks"] = hookimpl(lambda: [task])
        record = PluginRecord(str(name), ADOPTED, sha256=_source_of(task))
        self.load(record, lambda: module)
        if record.error:
            self.records.remove(record)
            raise UserError(f"the task class {task.__name__}: {record.error}") from record.cause

    def _forget(self, record: PluginRecord) -> None:
        self.records.remove(record)
        self.manager.unregister(name=record.key)
        for task in record.tasks:
            del self.tasks[task]

    def _give_up(self, record: PluginRecord, plugin: Any, error: BaseException) -> None:
        record.error = _one_line(error)
        record.cause = error
        if plugin is not None and self.manager.is_registered(plugin):
            self.manager.unregister(plugin)

    def add_commands(self, cli: click.Group) -> None:
        """Let each plugin add its commands to `cli`; what one spoils is put right again."""
        for hook in list(self.manager.hook.register_commands.get_hookimpls()):
            before = dict(cli.commands)
            record = next(r for r in self.records if hook.plugin_name == r.key)
            others = {plugin for plugin in self.manager.get_plugins() if plugin is not hook.plugin}
            call = self.manager.subset_hook_caller("register_commands", others)
            try:
                call(cli=cli)
                if taken := [name for name in before if cli.commands.get(name) is not before[name]]:
                    raise UserError(f"the command {taken[0]} is there already")
                record.commands = [name for name in cli.commands if name not in before]
            except (Exception, SystemExit) as error:
                cli.commands = before
                for task in record.tasks:
                    del self.tasks[task]
                self._give_up(record, hook.plugin, error)

    def _add_tasks(self, record: PluginRecord, plugin: Any) -> None:
        register = getattr(plugin, "register_tasks", None)
        if "register_tasks" not in record.hooks or register is None:
            return
        classes = list(register())
        for task in classes:
            check_task(task)
            if task.name in record.tasks:
                raise UserError(f"register_tasks gave two tasks called {task.name}")
            record.tasks.append(task.name)
            if task.name in self.tasks:
                owner = next(r for r in self.records if task.name in r.tasks)
                raise UserError(
                    f"the task {task.name} is already brought by {owner.name} ({owner.source}); "
                    f"leave that out with --no-plugin {owner.name}"
                )
            record.hooks += [hook for hook in _run_hooks(task) if hook not in record.hooks]
        self.tasks.update({task.name: task for task in classes})


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _hook_names(manager: pluggy.PluginManager, plugin: Any) -> list[str]:
    """The hooks that `plugin` implements, of those that `manager` knows."""
    return sorted(caller.name for caller in manager.get_hookcallers(plugin) or [])


def _run_hooks(task: type[Task]) -> list[str]:
    """The hooks of a run that the methods of `task` implement."""
    return sorted(name for name in RUN_HOOKS if hasattr(getattr(task, name, None), MARK))


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, ImportError) and error.name == "sinddm_toolkit.api":
        text += f" (this toolkit has version {API_VERSION} of the plugin contract)"
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def discover(plugins_dirs: Sequence[Path] = (), blocked: Iterable[str] = ()) -> Registry:
    """Loads installed plugins, then those in `plugins_dirs`, in SINDDM_TK_PLUGINS_DIR and in the
    folders of the config.

    A name in `blocked` leaves out the installed plugin of that name, and a folder's file of that
    name then takes its place; if none is installed, the folder's is left out. The config leaves
    out others in the same way. UserError if a folder does not exist, if the name to leave out is
    not there at all, or if the config is broken.
    """
    usual, never = config_file.plugin_defaults()
    asked = set(blocked)
    blocked = asked | never
    folders = tuple(folder.resolve() for folder in (*_folders(plugins_dirs), *usual))
    registry = Registry(Discovery(folders, frozenset(asked)))
    installed = sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)
    for entry in installed:
        if entry.name not in blocked:
            dist = entry.dist
            source = dist.name if dist else entry.value
            record = PluginRecord(entry.name, source, dist.version if dist else None)
            registry.load(record, entry.load)
    names = {entry.name for entry in installed}
    seen = set(names)
    for path in _plugin_files(folders):
        name = path.parent.name if path.name == "__init__.py" else path.stem
        seen.add(name)
        if name not in blocked or name in names:
            record = PluginRecord(name, str(path))
            registry.load(record, partial(_load_file, path, record))
    if unknown := sorted(asked - seen):
        raise UserError(f"--no-plugin {unknown[0]}: there is no plugin of that name")
    return registry


def _folders(plugins_dirs: Sequence[Path]) -> list[Path]:
    from_environment = os.environ.get(PLUGINS_DIR_VARIABLE, "")
    return [*plugins_dirs, *(Path(part) for part in from_environment.split(os.pathsep) if part)]


def _plugin_files(folders: Sequence[Path]) -> list[Path]:
    files = []
    for folder in dict.fromkeys(folders):
        if not folder.is_dir():
            raise UserError(f"plugins folder {folder}: there is no such folder")
        candidates = [*folder.glob("*.py"), *folder.glob("*/__init__.py")]
        files += sorted(path for path in candidates if not path.name.startswith((".", "_test")))
    return [path for path in files if path.parent.name != "__pycache__"]


def _load_file(path: Path, record: PluginRecord) -> Any:
    record.sha256 = _content_of(path)
    return _import_file(path)


def _content_of(path: Path) -> str:
    """SHA-256 of a plugin's file, or of all the code of its package."""
    if path.name != "__init__.py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.parent.rglob("*.py")):
        name = file.relative_to(path.parent).as_posix()
        digest.update(f"{name}:{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _source_of(task: type[Task]) -> str | None:
    """SHA-256 of the code of a class; None if nothing knows it any more."""
    try:
        return hashlib.sha256(inspect.getsource(task).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def _import_file(path: Path) -> Any:
    """Import a plugin file under a name that nothing else can have."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"sinddm_toolkit_plugin_{digest}"
    package = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


_current: Registry | None = None


def current() -> Registry:
    """The registry of this process: what `use` set, else all that is installed."""
    global _current
    if _current is None:
        _current = discover()
    return _current


def use(registry: Registry) -> None:
    """Make `registry` the one of this process."""
    global _current
    _current = registry


def services_made() -> list[Service]:
    """Those that this process keeps, be it that it has not looked for plugins at all."""
    return [] if _current is None else list(_current.services.values())
