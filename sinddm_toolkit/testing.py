"""Fixtures for the tests of plugins. pytest finds them wherever the toolkit is installed.

`sinddm_run` runs a task from end to end in less than a second, on a small drawn picture whose model
is trained once a session. Nothing of a user's own is touched: models and presets are looked for in
a temporary folder, and plugins that a test loads are gone behind it.

For tests with types: `SinddmRun`, `SinddmOracle` and `SinddmRegistry` are those of the fixtures
that are functions, `EditResult`, `Model` and `Registry` what these give.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import pytest

# Every session of pytest imports this module: what is heavy is imported where it is used.
if TYPE_CHECKING:
    from torch import Tensor

    from sinddm_toolkit.edits.edit import EditResult as EditResult
    from sinddm_toolkit.edits.models import Model as Model
    from sinddm_toolkit.edits.preparing import Prepared
    from sinddm_toolkit.engine.plan import Plan
    from sinddm_toolkit.engine.pyramid import Pyramid
    from sinddm_toolkit.engine.run import NoisePredictor
    from sinddm_toolkit.engine.schedule import Schedule
    from sinddm_toolkit.host.registry import Registry as Registry
    from sinddm_toolkit.options.task import Task
    from sinddm_toolkit.pictures.picture import Picture

PICTURE_SIZE = (60, 80)
"""(h, w): enough for two scales."""

_LAZY = {"EditResult": "edits.edit", "Model": "edits.models", "Registry": "host.registry"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sinddm_toolkit.{_LAZY[name]}"), name)


class SinddmRun(Protocol):
    """The type of the fixture `sinddm_run`."""

    def __call__(
        self,
        task: type[Task] | str,
        *,
        oracle: bool = False,
        also: Mapping[type[Task] | str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> EditResult: ...


class SinddmOracle(Protocol):
    """The type of the fixture `sinddm_oracle`."""

    def __call__(self, plan: Plan, pyramid: Pyramid, schedule: Schedule) -> NoisePredictor: ...


class SinddmRegistry(Protocol):
    """The type of the fixture `sinddm_registry`."""

    def __call__(self, *plugins: type[Task] | ModuleType | object) -> Registry: ...


def drawn_picture(size: tuple[int, int] = PICTURE_SIZE, seed: int = 0) -> Picture:
    """Coloured stripes with some grain, 8-bit RGB of `size` (h, w)."""
    import numpy as np

    from sinddm_toolkit.pictures.picture import Picture

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    waves = np.stack([np.sin(x / 5 + k) + np.cos(y / 7 - k) for k in range(3)], axis=2)
    pixels = np.clip(127 + 50 * waves + rng.normal(0, 8, waves.shape), 0, 255)
    return Picture(pixels.astype(np.uint8), "drawn.png")


def oracle(plan: Plan, pyramid: Pyramid, schedule: Schedule) -> NoisePredictor:
    """A denoiser that knows the picture: ε = (x_t - √ᾱ x)/√(1-ᾱ), x being blurred as x_t is (γ).

    In place of a network it leads exactly to the picture, whatever the noise: what a hook does can
    then be told from what the network does. On a canvas of another size x is the picture stretched.
    """
    from sinddm_toolkit.engine.pyramid import upsample

    def predict(x: Tensor, t: int, s: int, needless: Tensor | None = None) -> Tensor:
        size = (x.shape[-2], x.shape[-1])
        stage = next(one for one in plan.stages if (one.s, one.size) == (s, size))
        gamma = schedule.sampling_gamma(s, t, stage.gamma_max) if stage.blur else 0.0
        sharp, blurred = pyramid.scales[s], pyramid.blurred[s]
        mixed = upsample(gamma * blurred + (1 - gamma) * sharp, size).to(x.device)
        alpha = schedule.alpha_bar(t)
        return (x - math.sqrt(alpha) * mixed) / math.sqrt(1 - alpha)

    return predict


@functools.cache
def random_picture() -> type[Task]:
    """The task that observers join in tests: it changes nothing of what the sampler does."""
    from sinddm_toolkit.options import schema as options
    from sinddm_toolkit.options import task as tasks
    from sinddm_toolkit.pictures import picture as pictures

    class RandomPicture(tasks.Task):
        name = "random-picture"
        summary = "a random picture like the one that is learnt"
        learns_from = "image"

        image: pictures.Picture = options.option("the picture to learn from")

    # As text, it could not be looked up: this module does not hold its names.
    RandomPicture.__annotations__["image"] = pictures.Picture
    return RandomPicture


def make_trainings_tiny(patch: pytest.MonkeyPatch) -> None:
    """Makes `--quality draft` a training of a second, as long as `patch` holds."""
    from sinddm_toolkit.engine.quality import QUALITIES

    quality = dataclasses.replace(
        QUALITIES["draft"], width=16, steps_per_scale=20, guided_steps_per_scale=15
    )
    patch.setitem(QUALITIES, "draft", quality)


@pytest.fixture(scope="session")
def sinddm_picture() -> Picture:
    """The small picture that `sinddm_model` has learnt, (60, 80) RGB; in no file."""
    return drawn_picture()


@pytest.fixture(scope="session")
def _sinddm_trained(tmp_path_factory: pytest.TempPathFactory, sinddm_picture: Picture) -> Path:
    """A folder with the trained model."""
    from sinddm_toolkit.edits.events import Events
    from sinddm_toolkit.edits.learning import obtain_model
    from sinddm_toolkit.edits.preparing import prepare
    from sinddm_toolkit.edits.store import ModelStore
    from sinddm_toolkit.engine.phases import Need
    from sinddm_toolkit.options.run_options import RunOptions

    store, events = ModelStore(tmp_path_factory.mktemp("sinddm") / "models"), Events()
    with pytest.MonkeyPatch.context() as patch:
        make_trainings_tiny(patch)
        lead = random_picture()(image=sinddm_picture)
        ready = prepare([lead], RunOptions(device="cpu"), store, events)
        schedule = ready.subject.schedule
        everything = dict.fromkeys(range(len(schedule.starts)), Need(schedule.timesteps))
        obtain_model(ready, everything, store, events)
    return store.folder


@pytest.fixture
def sinddm_home(
    _sinddm_trained: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A SINDDM_TK_HOME of the test's own, with the model of `sinddm_picture`.

    While it is there, pictures are learnt in a second: enough to run, not to look at. Plugins are
    found afresh.
    """
    from sinddm_toolkit.home import HOME_VARIABLE
    from sinddm_toolkit.host import registry

    home = tmp_path_factory.mktemp("sinddm-home")
    shutil.copytree(_sinddm_trained, home / "models")
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setattr(registry, "_current", None)
    make_trainings_tiny(monkeypatch)
    return home


@pytest.fixture
def sinddm_model(sinddm_home: Path) -> Model:
    """The tiny trained model itself: network, schedule, configuration."""
    from sinddm_toolkit.edits.models import load_model
    from sinddm_toolkit.edits.store import default_store

    store = default_store()
    return load_model(store.path(store.keys()[0]))


@pytest.fixture
def sinddm_oracle() -> SinddmOracle:
    """The function `oracle`."""
    return oracle


@pytest.fixture
def sinddm_registry(sinddm_home: Path) -> SinddmRegistry:
    """`sinddm_registry(*plugins)`: only these plugins exist for the rest of the test.

    Each is a task class, or a module (any object) with hooks. PluginError if one is broken: its
    text is what `plugins list` would show.
    """
    from sinddm_toolkit.host import registry

    def only(*plugins: type[Task] | ModuleType | object) -> Registry:
        found = registry.Registry()
        for plugin in plugins:
            _load(found, plugin)
        registry.use(found)
        return found

    return only


@pytest.fixture
def sinddm_run(sinddm_home: Path, sinddm_picture: Picture) -> SinddmRun:
    """`sinddm_run(task, *, oracle=False, also=None, **options)` → `EditResult`.

    `task` is a class, or the name of an installed one; so are the keys of `also`, whose values are
    the options of further tasks of the same run. The options are the task's and the run's, as in
    Python. If the picture to learn from is not given it is `sinddm_picture`; the seed is 0. A task
    that only joins others joins one that makes a random picture.

    With `oracle` every step leads to the picture that is learnt, and nothing is trained. Files are
    written as from Python, see `sinddm_toolkit.run`. Raises UserError and PluginError as the
    command line shows them.
    """
    from sinddm_toolkit.edits.edit import edit, learnt_and_sampled
    from sinddm_toolkit.edits.events import LoggingEvents
    from sinddm_toolkit.edits.outputs import planned_outputs
    from sinddm_toolkit.edits.preparing import prepare
    from sinddm_toolkit.edits.store import default_store
    from sinddm_toolkit.host import registry
    from sinddm_toolkit.settings.layers import PYTHON
    from sinddm_toolkit.settings.request import Part, make_tasks, one_run

    def known(task: type[Task] | str) -> type[Task]:
        current = registry.current()
        if isinstance(task, str):
            return current.task(task)
        if current.tasks.get(task.name) is not task:
            _load(current, task)
        return task

    def run(
        task: type[Task] | str,
        *,
        oracle: bool = False,
        also: Mapping[type[Task] | str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> EditResult:
        asked = [(known(one), values) for one, values in {task: options, **(also or {})}.items()]
        if asked[0][0].learns_from is None:
            asked = [(known(random_picture()), {}), *asked]
        lead, values = asked[0]
        defaults = {"seed": 0, "device": "cpu", str(lead.learns_from): sinddm_picture}
        asked[0] = (lead, {**defaults, **values})
        tasks, common = make_tasks(one_run([Part(cls.name, v) for cls, v in asked], PYTHON))
        write = common.out is not None
        if not oracle:
            return edit(tasks, common, write=write)
        store, events = default_store(), LoggingEvents()
        ready = _with_oracle(prepare(tasks, common, store, events))
        return learnt_and_sampled(ready, planned_outputs(ready, write=write), store, events)

    return run


def _with_oracle(ready: Prepared) -> Prepared:
    predict = oracle(ready.plan, ready.subject.pyramid, ready.subject.schedule)
    return dataclasses.replace(ready, denoiser=predict)


def _load(registry: Registry, plugin: Any) -> None:
    """PluginError if it is broken."""
    from sinddm_toolkit.errors import PluginError
    from sinddm_toolkit.host.hookspecs import hookimpl
    from sinddm_toolkit.host.registry import PluginRecord

    name = str(getattr(plugin, "name", getattr(plugin, "__name__", type(plugin).__name__)))
    module = plugin
    if isinstance(plugin, type):
        module = ModuleType(name)
        vars(module)["register_tasks"] = hookimpl(lambda: [plugin])
    record = PluginRecord(name, "this test")
    registry.load(record, lambda: module)
    if record.error:
        raise PluginError(f"plugin {name}: {record.error}") from record.cause
