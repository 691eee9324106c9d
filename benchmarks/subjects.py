"""Twelve pictures that may be passed on, none of which the shipped weights have seen.

Two paintings of this repository, two pictures that come with scikit-image, and eight of Debian's
packages (`apt-get download PACKAGE`, `dpkg-deb -x PACKAGE.deb FOLDER`). Those that aren't there are
named, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

PAINTINGS = Path(__file__).parents[1] / "docs" / "images"


@dataclass(frozen=True)
class Subject:
    """One picture: where it comes from, and whose it is."""

    name: str
    source: str
    """A Debian package, `scikit-image` or `here`."""
    file: str
    author: str
    licence: str
    is_painting: bool = False

    def find(self, debian: Path | None) -> Path | None:
        """The file, if it is there; `debian` is where packages were unpacked."""
        if self.source == "here":
            return PAINTINGS / self.file
        if self.source == "scikit-image":
            return Path(data.__file__).parent / self.file
        found = sorted((debian or Path("/usr/share")).rglob(f"*/{self.file}"))
        return found[0] if found else None


KDE = "plasma-workspace-wallpapers"
MATE = "mate-backgrounds"
LOMIRI = "lomiri-wallpapers"
WIDE = "contents/images/2560x1600.jpg"

SUBJECTS = (
    Subject("seascape", "here", "seascape.png", "Georges Seurat", "public domain", True),
    Subject("starry", "here", "starry_night.png", "Vincent van Gogh", "public domain", True),
    Subject("coffee", "scikit-image", "coffee.png", "Rachel Michetti", "CC0 1.0"),
    Subject("gravel", "scikit-image", "gravel.png", "CC0 Textures", "CC0 1.0"),
    Subject("dune", MATE, "nature/Dune.jpg", "Marco Cogoni, Hylke Bons", "GPL 2+"),
    Subject("forest", KDE, f"Path/{WIDE}", "Risto Saukonpää", "LGPL 3"),
    Subject("moss", KDE, f"OneStandsOut/{WIDE}", "Risto Saukonpää", "LGPL 3"),
    Subject("boats", KDE, f"EveningGlow/{WIDE}", "Ian Hex", "LGPL 3"),
    Subject("leaf", KDE, f"FallenLeaf/{WIDE}", "Martin Klapetek", "LGPL 3"),
    Subject("cups", KDE, f"ColorfulCups/{WIDE}", "Dmitri Popov", "LGPL 3"),
    Subject(
        "bird", f"{LOMIRI}-20.04", "Kleiber_by_Lukas_Baubkus.jpg", "Lukas Baubkus", "CC BY-SA 3.0"
    ),
    Subject("branches", f"{LOMIRI}-16.04", "Dragonfly_by_Bolly.jpg", "Bolly", "CC BY-SA 4.0"),
)


def pictures(
    subjects: tuple[Subject, ...], debian: Path | None, pixels: int
) -> Iterator[tuple[Subject, Image.Image]]:
    """Each that is there, of at most so many pixels; the others are named."""
    for subject in subjects:
        path = subject.find(debian)
        if path is None:
            print(f"left out: {subject.name} (Debian package {subject.source})", flush=True)
        else:
            yield subject, shrunk(Image.open(path).convert("RGB"), pixels)


def shrunk(picture: Image.Image, pixels: int) -> Image.Image:
    """To at most so many pixels."""
    factor = np.sqrt(pixels / (picture.width * picture.height))
    if factor >= 1:
        return picture
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS)
