"""The small CLIP that text guidance is tested with knows what it is said to know."""

import json

import pytest
import torch

from tests.small_clip import make_small_clip as small_clip

COUNT = 200


@pytest.fixture(scope="module")
def loaded():
    model, tokenizer = small_clip.load(small_clip.WEIGHTS)
    return model.eval(), tokenizer


def test_it_names_pictures_it_has_not_seen(loaded):
    shares = small_clip.accuracy(*loaded, COUNT, seed=77)
    assert shares["colours"] > 0.85 and shares["textures"] > 0.75 and shares["scenes"] > 0.9
    said = json.loads(small_clip.ACCURACY.read_text())
    assert abs(shares["colours"] - said["colours"]) < 0.1


@pytest.mark.parametrize(
    "channel, word",
    [
        (0, "red"),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in ((1, "green"), (2, "blue"))),
    ],
)
def test_its_gradient_paints(loaded, channel, word):
    model, tokenizer = loaded
    with torch.no_grad():
        text = model.encode_text(tokenizer([word]), normalize=True)
    generator = torch.Generator().manual_seed(0)
    picture = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    for _ in range(60):
        views = small_clip.augmented(picture.expand(8, -1, -1, -1), generator)
        seen = model.encode_image(small_clip.normalised(model, views), normalize=True)
        (gradient,) = torch.autograd.grad((seen @ text.T).mean(), picture)
        with torch.no_grad():
            picture += 0.01 * gradient / gradient.abs().mean()
            picture.clamp_(0, 1)
    means = picture.detach().mean(dim=(0, 2, 3))
    others = torch.cat([means[:channel], means[channel + 1 :]])
    assert means[channel] > others.max() + 0.05


def test_unknown_words_are_spelt(loaded):
    _, tokenizer = loaded
    assert (tokenizer(["zyx quokka"]) > 0).sum() > 4
