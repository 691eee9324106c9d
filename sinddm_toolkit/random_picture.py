"""The simplest task, for tests: it changes nothing of what the sampler does."""

from __future__ import annotations

from sinddm_toolkit.api import Picture, Task, option


class RandomPicture(Task):
    """What observers join in tests."""

    name = "random-picture"
    summary = "a random picture like the one that is learnt"
    learns_from = "image"

    image: Picture = option("the picture to learn from")
