"""Configuration files of models, which open_clip is told of.

A file from a stranger must not lead open_clip to what runs code or goes to a network. Networks and
tokenizers of `transformers` may bring code along, names of timm may be addresses, and a path may
lead anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sinddm_toolkit.api import UserError

LARGEST_FILE = 100_000
LARGEST_VOCABULARY = 50_000_000
"""Bytes, unpacked; the usual one has 3 million."""
MOST_LAYERS = 500
"""Of a tower; the largest published ones have some 50."""

TRANSFORMERS = ("hf_model_name", "hf_tokenizer_name")
TIMM_NAME = re.compile(r"[\w.]+")
TOKENIZER_OPTIONS = {"bpe_path", "clean"}


def register_config(path: Path) -> str:
    """Make open_clip know the model of a configuration file → its name there.

    A vocabulary lies beside that file, and is named without a folder. UserError if it is no
    configuration, or asks for what only open_clip's own ones may.
    """
    import open_clip

    try:
        config = _read(path)
        _check(config, path)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"--clip {path}: this is no model configuration of open_clip") from error
    text = json.dumps(config)
    # Nothing of the file's own name: open_clip reads meanings into names.
    name = f"own-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(text, encoding="utf-8")
        open_clip.add_model_config(file)
    return name


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError
    config = json.loads(content)
    config = config.get("model_cfg", config)
    config["embed_dim"], config["vision_cfg"], config["text_cfg"]
    return dict(config)


def _check(config: dict[str, Any], path: Path) -> None:
    """UserError for what is not allowed; places the vocabulary in the folder of `path`."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    for key in TRANSFORMERS:
        if text.get(key):
            raise UserError(f"--clip {path}: {key} is not allowed: it may run code of others")
    if vision.get("timm_model_name") and not TIMM_NAME.fullmatch(vision["timm_model_name"]):
        raise UserError(f"--clip {path}: timm_model_name must be the name of a model of timm")
    for part in (vision, text):
        layers = part.get("layers", 0)
        if sum(layers if isinstance(layers, list) else [layers]) > MOST_LAYERS:
            raise UserError(f"--clip {path}: {MOST_LAYERS} layers are the most that is allowed")
    tokenizer = text.get("tokenizer_kwargs") or {}
    if strange := set(tokenizer) - TOKENIZER_OPTIONS:
        raise UserError(f"--clip {path}: {min(strange):.60} of tokenizer_kwargs is not allowed")
    if "bpe_path" in tokenizer:
        tokenizer["bpe_path"] = str(_vocabulary(tokenizer["bpe_path"], path))


def _vocabulary(name: str, path: Path) -> Path:
    """The vocabulary `name` beside the configuration `path`; UserError if it is not allowed."""
    import gzip

    place = path.resolve().parent / name
    if place.name != name:
        raise UserError(f"--clip {path}: bpe_path must be the name of a file beside it")
    if not place.is_file():
        raise UserError(f"--clip {path}: its vocabulary {name} is not beside it")
    try:
        with gzip.open(place) as file:
            length = len(file.read(LARGEST_VOCABULARY + 1))
    except (OSError, EOFError) as error:
        raise UserError(f"--clip {path}: its vocabulary {name} is damaged") from error
    if length > LARGEST_VOCABULARY:
        raise UserError(f"--clip {path}: its vocabulary {name} is too large")
    return place
