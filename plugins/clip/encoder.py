"""An open_clip model as a text encoder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.api import UserError, choose_compute

from .configs import register_config
from .tensors import read_tensors
from .weights import Choice, is_quick_gelu, preprocessing

MOST_MISSING = 2
"""A model may have so many times the numbers in the file of its weights: position embeddings are
stretched where they are of another size, no more."""


class ClipEncoder:
    """The model is loaded when it is first used, and stays as it is: no gradients to its weights.

    It works in bf16 where the hardware is made for that.
    """

    def __init__(self, choice: Choice, weights: Path, device: torch.device) -> None:
        """UserError if `weights` is no file of weights by its looks."""
        check_format(weights)
        self.name = f"{Path(choice.model).name}:{choice.tag or weights.name}"
        self._choice = choice
        self._weights = weights
        self._device = device
        self._autocast = choose_compute(device.type).autocast

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The model and its tokenizer."""
        import open_clip

        tensors = read_tensors(self._weights)
        try:
            with hushed():
                name = self._choice.model
                if self._choice.config is not None:
                    name = register_config(self._choice.config)
                    with torch.device("meta"):  # without memory for its numbers
                        check_size(self._made(name, "meta"), tensors)
                model = self._made(name, self._device)
                fill(model, tensors)
                tokenizer = open_clip.get_tokenizer(name)
        except UserError:
            raise
        except Exception as error:  # what open_clip raises depends on what does not fit
            reason = " ".join(str(error).split())
            raise UserError(
                f"CLIP {self.name}: {self._weights} could not be loaded: {reason:.200}"
            ) from error
        return model.requires_grad_(False).eval(), tokenizer

    def _made(self, name: str, device: torch.device | str) -> Any:
        """The model of open_clip's configuration `name`, with weights that mean nothing."""
        import open_clip

        return open_clip.create_model(
            name,
            device=device,
            pretrained_hf=False,
            force_quick_gelu=is_quick_gelu(self._choice),
            force_preprocess_cfg=preprocessing(self._choice),
        )

    @cached_property
    def image_size(self) -> int:
        """Side of the model's square input; UserError if that is no square."""
        size = self._loaded[0].visual.image_size
        sides = set(size) if isinstance(size, Sequence) else {size}
        if len(sides) != 1:
            raise UserError(f"CLIP {self.name} takes pictures of {size}: only squares will do")
        return int(sides.pop())

    @cached_property
    def _normalisation(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the pictures it was trained on, each (1, 3, 1, 1)."""
        visual = self._loaded[0].visual
        mean, deviation = (
            torch.tensor(values, device=self._device).view(1, 3, 1, 1)
            for values in (visual.image_mean, visual.image_std)
        )
        return mean, deviation

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """n texts → (n, d) float32 unit vectors."""
        model, tokenizer = self._loaded
        tokens = tokenizer(list(texts)).to(self._device)
        return torch.nn.functional.normalize(model.encode_text(tokens).float(), dim=-1)

    def encode_image(self, images: Tensor) -> Tensor:
        """(n, 3, image_size, image_size) in [0, 1] → (n, d) float32 unit vectors."""
        mean, deviation = self._normalisation
        with self._autocast():
            embedded = self._loaded[0].encode_image((images - mean) / deviation)
        return torch.nn.functional.normalize(embedded.float(), dim=-1)


def check_format(weights: Path) -> None:
    """UserError unless the file starts as safetensors, PyTorch's archives or its pickles do."""
    with weights.open("rb") as file:
        start = file.read(9)
    known = start[8:9] == b"{" if weights.suffix == ".safetensors" else start[:1] in b"P\x80"
    if not start or not known:
        raise UserError(f"CLIP weights {weights}: this is no file of weights, or a damaged one")


def check_size(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """ValueError if `model` is far too large for the weights that are to go into it.

    A configuration of a few words can ask for more than any memory holds.
    """
    wanted = sum(tensor.numel() for tensor in [*model.parameters(), *model.buffers()])
    given = sum(tensor.numel() for tensor in tensors.values())
    if wanted > MOST_MISSING * given:
        raise ValueError(f"the model has {wanted} weights and the file {given}")


def fill(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put weights into open_clip's `model`, of whatever layout its own loader knows.

    RuntimeError if some are missing, left over or of another shape. What no layer could be called
    is left aside: a program has its masks and sizes among its weights.
    """
    from open_clip import factory

    state = factory.convert_state_dict(model, dict(tensors))
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = factory.convert_to_custom_text_state_dict(state)
    own = model.state_dict()
    kinds = {_kind(name) for name in own}
    state = {name: value for name, value in state.items() if name in own or _kind(name) in kinds}
    for name in {"logit_scale", "logit_bias"} & own.keys():
        state[name] = state.get(name, own[name]).reshape(own[name].shape)
    factory.resize_pos_embed(state, model)
    factory.resize_text_pos_embed(state, model)
    model.load_state_dict(state)


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


@contextmanager
def hushed() -> Iterator[None]:
    """Silence about what is meant to be so: open_clip warns of a model that it gives no weights.

    The handler is there for the time being, or the functions of `logging` would make one that stays
    and prints.
    """
    root, handler = logging.getLogger(), logging.NullHandler()

    def is_from_elsewhere(record: logging.LogRecord) -> bool:
        return "open_clip" not in Path(record.pathname).parts

    root.addHandler(handler)
    root.addFilter(is_from_elsewhere)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        root.removeFilter(is_from_elsewhere)
        root.removeHandler(handler)
