"""A CLIP of random weights in open_clip's own format: it understands nothing, and takes no time."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

CONFIG = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def make(folder: Path) -> Path:
    """Write random.json and random.safetensors into `folder` → the former."""
    import open_clip

    config = folder / "random.json"
    config.write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG)
    save_file({name: x.contiguous() for name, x in model.state_dict().items()}, config.with_suffix(".safetensors"))
    return config
