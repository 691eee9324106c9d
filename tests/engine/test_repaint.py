import numpy as np
import torch

from sinddm_toolkit.engine.repaint import Blend
from sinddm_toolkit.pictures.picture import Picture


def test_samples_of_another_size_are_resized_to_the_picture():
    ramp = torch.linspace(-0.5, 0.5, 8).expand(1, 3, 6, 8)
    picture = Picture(np.full((12, 16, 3), 200, np.uint8))
    weight = np.ones((12, 16), np.float32)
    weight[:, :5] = 0
    (made,) = Blend(picture, weight).pictures(ramp)
    assert made.size == (12, 16)
    assert (made.pixels[:, :5] == 200).all()
    inner = made.pixels[:, 5:14, 0].astype(int)
    assert (np.diff(inner, axis=1) > 0).all()
    (smaller,) = Blend(Picture(np.zeros((3, 4, 3), np.uint8)), np.ones((3, 4))).pictures(ramp)
    expected = (ramp[0, 0].reshape(3, 2, 4, 2).mean(dim=(1, 3)) + 1) * 127.5
    assert np.abs(smaller.pixels[..., 0] - expected.numpy())[:, 1:-1].max() <= 4
