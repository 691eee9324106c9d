"""All that a plugin imports.

A plugin is a module with `register_tasks`, which gives classes derived from `Task`; their options
are fields made by `option`, and their methods marked `hookimpl` are the hooks of
`sinddm_toolkit.hookspecs`. Importing this module is quick: what needs torch is loaded when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sinddm_toolkit.compositing import Window, bounds, carried_over, softened, whole, with_change
from sinddm_toolkit.errors import UserError
from sinddm_toolkit.files import check_ordinary
from sinddm_toolkit.hookspecs import API_VERSION, TextEncoder, hookimpl
from sinddm_toolkit.images import Picture, in_profile_of, picture_from_rgb, write_picture
from sinddm_toolkit.options import InputFile, NameOrFile, OutputFile, Seconds, Task, option
from sinddm_toolkit.regions import Region
from sinddm_toolkit.sizes import CanvasSize, Length, check_pixels

if TYPE_CHECKING:
    from sinddm_toolkit.devices import choose_compute
    from sinddm_toolkit.network import CELL, HALO
    from sinddm_toolkit.plan import Plan, Stage
    from sinddm_toolkit.pyramid import Pyramid, downsample, filled, tensor_from_rgb, upsample
    from sinddm_toolkit.pyramid import rgb_from_tensor as rgb_from_tensor
    from sinddm_toolkit.pyramid import working_size as working_size
    from sinddm_toolkit.result import Result
    from sinddm_toolkit.run_state import Run, ScaleState, Step
    from sinddm_toolkit.sampler import NoisePredictor
    from sinddm_toolkit.schedule import Schedule
    from sinddm_toolkit.text_encoder import text_encoder

_LAZY = {
    "CELL": "network",
    "HALO": "network",
    "NoisePredictor": "sampler",
    "Plan": "plan",
    "Pyramid": "pyramid",
    "Result": "result",
    "Run": "run_state",
    "Schedule": "schedule",
    "ScaleState": "run_state",
    "Stage": "plan",
    "Step": "run_state",
    "choose_compute": "devices",
    "downsample": "pyramid",
    "filled": "pyramid",
    "rgb_from_tensor": "pyramid",
    "tensor_from_rgb": "pyramid",
    "text_encoder": "text_encoder",
    "upsample": "pyramid",
    "working_size": "pyramid",
}

__all__ = [
    "API_VERSION",
    "CELL",
    "HALO",
    "CanvasSize",
    "InputFile",
    "Length",
    "NameOrFile",
    "NoisePredictor",
    "OutputFile",
    "Picture",
    "Plan",
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
    "bounds",
    "carried_over",
    "check_ordinary",
    "check_pixels",
    "choose_compute",
    "downsample",
    "filled",
    "hookimpl",
    "in_profile_of",
    "option",
    "picture_from_rgb",
    "rgb_from_tensor",
    "softened",
    "tensor_from_rgb",
    "text_encoder",
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
