"""An open_clip model as a text encoder."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from sinddm_toolkit.api import UserError, choose_compute

from .weights import Choice, is_quick_gelu, preprocessing


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

        name = self._choice.model
        if self._choice.config is not None:
            name = register_config(self._choice.config)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of PyTorch, about programs
                model = open_clip.create_model(
                    name,
                    pretrained=str(self._weights),
                    device=self._device,
                    force_quick_gelu=is_quick_gelu(self._choice),
                    force_preprocess_cfg=preprocessing(self._choice),
                    # PyTorch reads a program's weights without running anything in it.
                    weights_only=not is_torchscript(self._weights),
                )
            tokenizer = open_clip.get_tokenizer(name)
        except (RuntimeError, KeyError, OSError, ImportError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"CLIP {self.name}: {self._weights} could not be loaded: {reason:.200}"
            ) from error
        return model.requires_grad_(False).eval(), tokenizer

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


def is_torchscript(weights: Path) -> bool:
    """Whether the weights lie in a program, as OpenAI itself publishes them."""
    if not zipfile.is_zipfile(weights):
        return False
    with zipfile.ZipFile(weights) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def register_config(path: Path) -> str:
    """Make open_clip know the model of a configuration file → its name there.

    A vocabulary given as a plain file name lies beside that file. UserError if it is no
    configuration.
    """
    import open_clip

    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("model_cfg", config)
        tokenizer = config["text_cfg"].get("tokenizer_kwargs", {})
        config["embed_dim"], config["vision_cfg"]
    except (ValueError, KeyError, AttributeError) as error:
        raise UserError(f"--clip {path}: this is no model configuration of open_clip") from error
    if "bpe_path" in tokenizer:
        tokenizer["bpe_path"] = str(path.resolve().parent / tokenizer["bpe_path"])
    text = json.dumps(config)
    name = f"{path.stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(text, encoding="utf-8")
        open_clip.add_model_config(file)
    return name
