"""`sinddm-tk demo`: the main job on pictures that everybody has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sinddm_toolkit.api import Picture, UserError, hookimpl, write_picture

if TYPE_CHECKING:
    import click
    from PIL import Image

API_VERSION = 2

BACKGROUND = Path(__file__).with_name("starry_night.png")
"""Vincent van Gogh, The Starry Night, 1889: in the public domain."""

SHUTTLE_BOX = (340, 0, 500, 300)
"""Left, top, right, bottom of a shuttle's model in scikit-image's portrait of Eileen Collins
(NASA, in the public domain)."""

SHUTTLE_OUTLINE = (
    *((68, 0), (82, 0), (90, 10), (96, 30), (97, 57), (100, 45), (104, 39), (110, 47), (114, 63)),
    *((114, 197), (116, 207), (116, 230), (113, 235), (115, 257), (117, 263), (108, 270)),
    *((95, 267), (94, 260), (98, 233), (85, 237), (71, 239), (68, 248), (55, 245), (48, 222)),
    *((30, 271), (27, 263), (35, 240), (37, 231), (14, 230), (15, 217), (37, 192), (37, 117)),
    *((43, 93), (40, 67), (42, 53), (47, 42), (53, 52), (56, 57), (56, 30), (62, 10)),
)
"""Corners (x, y) of the shuttle in that box."""

HEIGHT = 88
POSITION = (128, 28)
"""Pixels of the pasted shuttle, and where its left top corner goes in the painting."""


def cut_out(height: int) -> Image.Image:
    """The shuttle, transparent where it ends, `height` pixels high (300 at most of its own)."""
    from PIL import Image, ImageDraw
    from skimage import data

    shuttle = Image.fromarray(data.astronaut()).crop(SHUTTLE_BOX)
    outline = Image.new("L", shuttle.size, 0)
    ImageDraw.Draw(outline).polygon(SHUTTLE_OUTLINE, fill=255)
    size = (round(shuttle.width * height / shuttle.height), height)
    colours, shape = (one.resize(size, Image.Resampling.LANCZOS) for one in (shuttle, outline))
    colours.putalpha(shape)
    return colours


def composite() -> Image.Image:
    """The painting with the shuttle pasted in, as naively as can be."""
    from PIL import Image

    painting, shuttle = Image.open(BACKGROUND).convert("RGB"), cut_out(HEIGHT)
    painting.paste(shuttle.convert("RGB"), POSITION, shuttle.getchannel("A"))
    return painting


@hookimpl
def register_commands(cli: click.Group) -> None:
    import click

    @cli.command(short_help="Paste a shuttle into The Starry Night and harmonize it")
    @click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
    @click.option("--overwrite", is_flag=True, help="Replace the files of an earlier demo.")
    def demo(folder: Path, overwrite: bool) -> None:
        """Paste a space shuttle into The Starry Night and harmonize it, in FOLDER.

        The painting, what is pasted in and both together are written there too, to go on from.
        """
        import numpy as np
        from PIL import Image

        names = ("demo-bg.png", "demo-composite.png", "demo-object.png", "demo-result.png")
        background, pasted, _, result = paths = [folder / name for name in names]
        existing = [path for path in paths if path.exists()]
        if existing and not overwrite:
            raise UserError(f"{existing[0]} exists: give --overwrite or another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
        painting = Image.open(BACKGROUND).convert("RGB")
        images = (painting, composite(), cut_out(HEIGHT))
        for path, image in zip(paths, images, strict=False):  # the result comes last
            write_picture(path, Picture(np.asarray(image)), overwrite=overwrite)
        line = ["run", "harmonize", "--bg", str(background), "--composite", str(pasted)]
        line += ["--out", str(result), "--seed", "1"]
        cli.main([*line, *(["--overwrite"] if overwrite else [])], standalone_mode=False)
