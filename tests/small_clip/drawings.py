"""Captioned pictures, drawn: colours × textures, and simple scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SIDE = 64
"""Pixels of a picture's side."""

Array = npt.NDArray[np.float32]
Random = np.random.Generator

COLOURS = {
    "red": (0.85, 0.1, 0.1),
    "green": (0.15, 0.6, 0.2),
    "blue": (0.12, 0.25, 0.85),
    "yellow": (0.95, 0.85, 0.15),
    "orange": (0.95, 0.5, 0.1),
    "purple": (0.5, 0.15, 0.65),
    "pink": (0.95, 0.6, 0.75),
    "brown": (0.4, 0.25, 0.12),
    "black": (0.05, 0.05, 0.05),
    "white": (0.95, 0.95, 0.95),
    "grey": (0.5, 0.5, 0.5),
}
COLOUR_JITTER = 0.05
GREYS = ("black", "white", "grey")

PHRASES = ("{}", "a picture of {}", "a photo of {}", "{} everywhere", "an image with {}")
STYLES = ("{} style", "in the style of {}")


@dataclass(frozen=True)
class Drawing:
    """A picture, (3, SIDE, SIDE) in [0, 1], and what it shows."""

    pixels: Array
    colour: str | None
    texture: str | None
    scene: str | None

    @property
    def label(self) -> str:
        """What pictures with the same captions have in common."""
        return self.scene or f"{self.colour} {self.texture}"


def mottled(rng: Random, coarse: int, octaves: int) -> Array:
    """(SIDE, SIDE) noise in [0, 1] with structures from SIDE / coarse pixels downwards."""
    from PIL import Image

    total = np.zeros((SIDE, SIDE), np.float32)
    for k in range(octaves):
        cells = min(SIDE, coarse * 2**k)
        grid = Image.fromarray(rng.random((cells, cells)).astype(np.float32))
        total += np.asarray(grid.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) * 0.6**k
    low, high = total.min(), total.max()
    return (total - low) / (high - low + 1e-6)


def _axes(rng: Random) -> tuple[Array, Array]:
    """Coordinates (y, x) in pixels, shifted at random."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return y + rng.uniform(0, SIDE), x + rng.uniform(0, SIDE)


def plain(rng: Random) -> Array:
    return np.clip(1 - 0.15 * mottled(rng, 2, 4), 0, 1)


def stripes(rng: Random) -> Array:
    y, x = _axes(rng)
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 18)
    across = x * np.cos(angle) + y * np.sin(angle)
    return (np.sin(2 * np.pi * across / period) > rng.uniform(-0.3, 0.3)).astype(np.float32)


def dots(rng: Random) -> Array:
    y, x = _axes(rng)
    period = rng.uniform(10, 22)
    radius = period * rng.uniform(0.25, 0.4)
    row = np.floor(y / period)
    x = x + (row % 2) * period * rng.choice([0.0, 0.5])
    apart = np.hypot(y % period - period / 2, x % period - period / 2)
    return (apart < radius).astype(np.float32)


def checks(rng: Random) -> Array:
    y, x = _axes(rng)
    side = rng.uniform(5, 14)
    return ((np.floor(y / side) + np.floor(x / side)) % 2).astype(np.float32)


def noise(rng: Random) -> Array:
    return (mottled(rng, int(rng.integers(24, 64)), 1) > 0.5).astype(np.float32)


TEXTURES: dict[str, Callable[[Random], Array]] = {
    "colour": plain,
    "stripes": stripes,
    "dots": dots,
    "checks": checks,
    "noise": noise,
}


def _shades(t: Array, *stops: tuple[float, float, float]) -> Array:
    """(3, SIDE, SIDE): `t` in [0, 1] as colours between the `stops`."""
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, places, [stop[k] for stop in stops]) for k in range(3)])


def _height(rng: Random) -> Array:
    """0 at the bottom to 1 at the top, with an uneven level."""
    ramp = np.repeat(np.linspace(1, 0, SIDE, dtype=np.float32)[:, None], SIDE, axis=1)
    return np.clip(ramp + 0.15 * (mottled(rng, 3, 3) - 0.5), 0, 1)


def fire(rng: Random) -> Array:
    flames = mottled(rng, 5, 4) * 0.9 + 0.5 * (1 - _height(rng)) - 0.2
    return _shades(
        np.clip(flames, 0, 1), (0.1, 0.02, 0.0), (0.75, 0.12, 0.0), (1, 0.55, 0), (1, 0.95, 0.5)
    )


def snow(rng: Random) -> Array:
    ground = _shades(mottled(rng, 4, 4), (0.75, 0.8, 0.9), (1, 1, 1))
    flakes = rng.random((SIDE, SIDE)) < 0.02
    return np.where(flakes, 1.0, ground)


def night_sky(rng: Random) -> Array:
    sky = _shades(mottled(rng, 2, 3), (0.0, 0.0, 0.05), (0.05, 0.07, 0.25))
    stars = rng.random((SIDE, SIDE)) < rng.uniform(0.005, 0.02)
    return np.where(stars, rng.uniform(0.7, 1), sky)


def sunset(rng: Random) -> Array:
    return _shades(
        _height(rng), (0.25, 0.08, 0.2), (0.9, 0.3, 0.1), (1, 0.7, 0.3), (0.5, 0.35, 0.55)
    )


def sea(rng: Random) -> Array:
    y, x = _axes(rng)
    waves = np.sin(y * rng.uniform(0.5, 1.2) + 4 * mottled(rng, 5, 2) + 0.05 * x)
    t = 0.5 + 0.3 * waves + 0.2 * (mottled(rng, 8, 3) - 0.5)
    return _shades(np.clip(t, 0, 1), (0.02, 0.2, 0.4), (0.1, 0.45, 0.6), (0.6, 0.85, 0.9))


def forest(rng: Random) -> Array:
    leaves = _shades(mottled(rng, 10, 3), (0.02, 0.12, 0.03), (0.12, 0.35, 0.1), (0.4, 0.55, 0.2))
    _, x = _axes(rng)
    trunk = (x % rng.uniform(12, 24) < rng.uniform(2, 4)) & (mottled(rng, 4, 2) > 0.35)
    return np.where(trunk, np.array([0.2, 0.12, 0.06])[:, None, None], leaves)


SCENES: dict[str, Callable[[Random], Array]] = {
    "fire": fire,
    "snow": snow,
    "night sky": night_sky,
    "sunset": sunset,
    "sea": sea,
    "forest": forest,
}


def _tone(name: str, rng: Random) -> Array:
    tone = np.array(COLOURS[name]) + rng.normal(0, COLOUR_JITTER, 3)
    if name in GREYS:
        tone = np.repeat(tone.mean(), 3)
    return np.clip(tone, 0, 1)[:, None, None].astype(np.float32)


def draw(rng: Random) -> Drawing:
    """A random picture."""
    if rng.random() < 0.3:
        scene = str(rng.choice(list(SCENES)))
        return Drawing(SCENES[scene](rng).astype(np.float32), None, None, scene)
    texture = str(rng.choice(list(TEXTURES)))
    # On black or white, so that there is no doubt whose the pattern is.
    behind = str(rng.choice(["black", "white"]))
    colour = str(rng.choice([c for c in COLOURS if texture == "colour" or c not in GREYS]))
    share = TEXTURES[texture](rng)[None]
    ground = _tone(colour, rng) * 0.8 if texture == "colour" else _tone(behind, rng)
    pixels = share * _tone(colour, rng) + (1 - share) * ground
    return Drawing(pixels.astype(np.float32), colour, texture, None)


def caption(drawing: Drawing, rng: Random) -> str:
    """Words for a picture; the same in several phrasings."""
    phrase = str(rng.choice([*PHRASES, *STYLES]))
    if drawing.texture == "colour" and rng.random() < 0.5:
        return phrase.format(drawing.colour)
    return phrase.format(drawing.label)
