"""A CLIP of random weights in open_clip's own format: it understands nothing, and takes no time."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

CONFIG = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory):
    """The configuration file; its weights lie beside it."""
    import open_clip

    config = tmp_path_factory.mktemp("clip") / "random.json"
    config.write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    state = open_clip.CLIP(**CONFIG).state_dict()
    save_file(
        {name: x.contiguous() for name, x in state.items()}, config.with_suffix(".safetensors")
    )
    return config
