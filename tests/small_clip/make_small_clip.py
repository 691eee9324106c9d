"""Trains the small CLIP that the tests of text guidance use, and writes it beside this file.

    python -m tests.small_clip.make_small_clip [--steps N] [--seed N]

An open_clip model with a ResNet image tower and a small text transformer, trained contrastively on
pictures drawn by `drawings.py`. It knows their colours, textures and scenes and nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from sinddm_toolkit.plugins.clip.configs import register_config
from torch import Tensor
from torch.nn import functional as F

from tests.small_clip import drawings

HERE = Path(__file__).parent
CONFIG = HERE / "small_clip.json"
WEIGHTS = HERE / "small_clip.safetensors"
VOCABULARY = HERE / "small_clip_bpe.txt.gz"
ACCURACY = HERE / "accuracy.json"

MERGES = 120
CONTEXT = 16
BATCH = 128
LEARNING_RATE = 1e-3
WARMUP_STEPS = 100
POOL = 12_000
"""Pictures drawn once and seen again under other crops."""
HELD_OUT = 500


def words() -> Counter[str]:
    """How often each word of the captions occurs, roughly."""
    text = " ".join((*drawings.COLOURS, *drawings.TEXTURES, *drawings.SCENES))
    phrases = " ".join((*drawings.PHRASES, *drawings.STYLES)).replace("{}", "")
    return Counter(text.split() * 3 + phrases.split())


def merges(counts: Counter[str], number: int) -> list[tuple[str, str]]:
    """Byte pair encoding (Sennrich et al., 2016): the most frequent pairs, one after another."""
    split = {word: [*word[:-1], f"{word[-1]}</w>"] for word in counts}
    found = []
    for _ in range(number):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = max(sorted(pairs), key=pairs.__getitem__)
        found.append(best)
        split = {word: _merged(parts, best) for word, parts in split.items()}
    return found


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    done: list[str] = []
    for part in parts:
        if done and (done[-1], part) == pair:
            done[-1] += part
        else:
            done.append(part)
    return done


def write_configuration() -> None:
    """The vocabulary and the architecture."""
    lines = ["#version: small", *(" ".join(pair) for pair in merges(words(), MERGES))]
    with VOCABULARY.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write("\n".join(lines).encode())
    bytes_and_endings, special = 512, 2
    config = {
        "embed_dim": 128,
        "vision_cfg": {"image_size": drawings.SIDE, "layers": [1, 1, 1, 1], "width": 16},
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": bytes_and_endings + len(lines) - 1 + special,
            "width": 128,
            "heads": 4,
            "layers": 2,
            "tokenizer_kwargs": {"bpe_path": VOCABULARY.name},
        },
    }
    CONFIG.write_text(json.dumps(config, indent=2) + "\n")


def load(weights: Path | None) -> tuple[torch.nn.Module, object]:
    """Model and tokenizer by open_clip's own loader."""
    name = register_config(CONFIG)
    model = open_clip.create_model(name, pretrained=str(weights) if weights else None)
    return model, open_clip.get_tokenizer(name)


def augmented(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Random crops of 50 to 100 % of the side, flips, and some noise, as guidance has them."""
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    side = uniform(0.5, 1)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = side * flip, side
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-1, 1) * (1 - side), uniform(-1, 1) * (1 - side)
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    crops = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    level = uniform(0, 0.08).view(-1, 1, 1, 1)
    return (crops + level * torch.randn(crops.shape, generator=generator)).clamp(0, 1)


def normalised(model: torch.nn.Module, pictures: Tensor) -> Tensor:
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (model.visual.image_mean, model.visual.image_std)
    )
    return (pictures - mean) / deviation


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, labels: np.ndarray) -> Tensor:
    """CLIP's loss, where pictures with the same label share their captions."""
    same = torch.from_numpy(labels[:, None] == labels[None]).float()
    target = same / same.sum(dim=1, keepdim=True)
    logits = scale * images @ texts.T
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train(steps: int, seed: int) -> torch.nn.Module:
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model, tokenizer = load(None)
    pool = [drawings.draw(rng) for _ in range(POOL)]
    pixels = torch.from_numpy(np.stack([drawing.pixels for drawing in pool]))
    labels = np.array([drawing.label for drawing in pool])
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    started = time.monotonic()
    for step in range(steps):
        rising = min(1.0, (step + 1) / WARMUP_STEPS)
        falling = 0.5 + 0.5 * math.cos(math.pi * step / steps)
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * rising * falling
        chosen = rng.integers(POOL, size=BATCH)
        texts = tokenizer([drawings.caption(pool[k], rng) for k in chosen])
        pictures = augmented(pixels[chosen], generator)
        images, words, scale = model(normalised(model, pictures), texts)[:3]
        loss = contrastive_loss(images, words, scale, labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(50))
        if step % 100 == 0:
            print(f"{step} {time.monotonic() - started:.0f} s loss {loss.item():.3f}", flush=True)
    return model


@torch.no_grad()
def accuracy(model: torch.nn.Module, tokenizer: object, count: int, seed: int) -> dict[str, float]:
    """Zero-shot shares of right answers on freshly drawn pictures."""
    rng = np.random.default_rng(seed)
    found = [drawings.draw(rng) for _ in range(count)]
    pixels = torch.from_numpy(np.stack([drawing.pixels for drawing in found]))
    images = model.encode_image(normalised(model, pixels), normalize=True)

    def right(options: list[str], answers: list[str | None], texts: list[str]) -> float:
        names = model.encode_text(tokenizer(texts), normalize=True)
        best = (images @ names.T).argmax(dim=1)
        pairs = [(options[int(k)], answer) for k, answer in zip(best, answers, strict=True)]
        known = [guess == answer for guess, answer in pairs if answer is not None]
        return sum(known) / len(known)

    both = [
        f"{c} {t}"
        for c in drawings.COLOURS
        for t in drawings.TEXTURES
        if t == "colour" or c not in drawings.GREYS
    ]
    textured = [None if one.scene else one.label for one in found]
    return {
        "colours": right([text.split()[0] for text in both], [one.colour for one in found], both),
        "textures": right([text.split()[1] for text in both], [one.texture for one in found], both),
        "both": right(both, textured, both),
        "scenes": right(list(drawings.SCENES), [one.scene for one in found], list(drawings.SCENES)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_configuration()
    model = train(arguments.steps, arguments.seed)
    weights = {name: x.half().contiguous() for name, x in model.state_dict().items()}
    save_file(weights, WEIGHTS)
    model, tokenizer = load(WEIGHTS)
    shares = accuracy(model.eval(), tokenizer, HELD_OUT, arguments.seed + 1)
    ACCURACY.write_text(json.dumps({"held-out pictures": HELD_OUT, **shares}, indent=2) + "\n")
    print(json.dumps(shares))


if __name__ == "__main__":
    main()
