"""All that a plugin imports.

A plugin is a module with `register_tasks`, which gives classes derived from `Task`; their options
are fields made by `option`, and their methods marked `hookimpl` are the hooks of
`sinddm_toolkit.host.hookspecs`. Importing this module is quick: what needs torch is loaded late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinddm_toolkit.errors import PluginError, UserError
from sinddm_toolkit.host.hookspecs import API_VERSION, TextEncoder, hookimpl
from sinddm_toolkit.options.schema import option
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.options.values import (
    InputFile,
    NameOrFile,
    OutputFile,
    Seconds,
    at_strength,
)
from sinddm_toolkit.pictures.colours import Colour
from sinddm_toolkit.pictures.compositing import (
    Window,
    bounds,
    carried_over,
    softened,
    whole,
    with_change,
)
from sinddm_toolkit.pictures.contact_sheet import contact_sheet
from sinddm_toolkit.pictures.files import check_ordinary
from sinddm_toolkit.pictures.limits import check_pixels
from sinddm_toolkit.pictures.picture import Picture, picture_from_rgb
from sinddm_toolkit.pictures.profiles import in_profile_of
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.settings.plugin_data import data_folder

if TYPE_CHECKING:
    from sinddm_toolkit.engine.compute import choose_compute
    from sinddm_toolkit.engine.networks import CELL, HALO
    from sinddm_toolkit.engine.plan import Plan
    from sinddm_toolkit.engine.pyramid import Pyramid, downsample, filled, tensor_from_rgb, upsample
    from sinddm_toolkit.engine.pyramid import rgb_from_tensor as rgb_from_tensor
    from sinddm_toolkit.engine.pyramid import surrounded as surrounded
    from sinddm_toolkit.engine.pyramid import working_size as working_size
    from sinddm_toolkit.engine.run import NoisePredictor, Run
    from sinddm_toolkit.engine.schedule import Schedule
    from sinddm_toolkit.engine.stage import Stage
    from sinddm_toolkit.engine.steps import ScaleState, Step
    from sinddm_toolkit.host.edit import Edit, Outcome
    from sinddm_toolkit.host.result import Result
    from sinddm_toolkit.host.services import service

_LAZY = {
    "CELL": "engine.networks",
    "HALO": "engine.networks",
    "NoisePredictor": "engine.run",
    "Edit": "host.edit",
    "Outcome": "host.edit",
    "Plan": "engine.plan",
    "Pyramid": "engine.pyramid",
    "Result": "host.result",
    "Run": "engine.run",
    "Schedule": "engine.schedule",
    "ScaleState": "engine.steps",
    "Stage": "engine.stage",
    "Step": "engine.steps",
    "choose_compute": "engine.compute",
    "downsample": "engine.pyramid",
    "filled": "engine.pyramid",
    "rgb_from_tensor": "engine.pyramid",
    "service": "host.services",
    "surrounded": "engine.pyramid",
    "tensor_from_rgb": "engine.pyramid",
    "upsample": "engine.pyramid",
    "working_size": "engine.pyramid",
}

__all__ = [
    "API_VERSION",
    "CELL",
    "HALO",
    "CanvasSize",
    "Colour",
    "Edit",
    "InputFile",
    "Length",
    "NameOrFile",
    "NoisePredictor",
    "Outcome",
    "OutputFile",
    "Picture",
    "Plan",
    "PluginError",
    "Point",
    "Pyramid",
    "Region",
    "Result",
    "Run",
    "ScaleState",
    "Schedule",
    "Seconds",
    "Stage",
    "Step",
    "Task",
    "TextEncoder",
    "UserError",
    "Window",
    "at_strength",
    "bounds",
    "carried_over",
    "check_ordinary",
    "check_pixels",
    "choose_compute",
    "contact_sheet",
    "data_folder",
    "downsample",
    "filled",
    "hookimpl",
    "in_profile_of",
    "option",
    "picture_from_rgb",
    "rgb_from_tensor",
    "service",
    "softened",
    "surrounded",
    "tensor_from_rgb",
    "upsample",
    "whole",
    "with_change",
    "working_size",
    "write_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sinddm_toolkit.{_LAZY[name]}"), name)
