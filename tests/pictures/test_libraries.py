"""What libraries say and forbid, while a file is read and afterwards."""

import logging
import os
import subprocess
import sys

import numpy as np
from PIL import Image, PngImagePlugin

from sinddm_toolkit.pictures.libraries import LIBRARIES
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.writing import encoded, write_picture
from tests.pictures.examples import deep_tiff, noise, png_chunk, refusal, saved


def test_large_pictures_are_welcome_and_the_limit_of_pillow_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("a.png", "a.tiff", "a.webp"):
        write_picture(tmp_path / name, Picture(noise(3)))
        assert read_picture(tmp_path / name).size == (20, 30)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_nothing_but_the_refusal_is_shown(tmp_path):
    for extension, dtype in [("tiff", np.uint8), ("tiff", np.uint16), ("png", np.uint16)]:
        path = tmp_path / f"{np.dtype(dtype).name}.{extension}"
        write_picture(path, Picture(noise(3, dtype, size=(80, 90))))
        path.write_bytes(path.read_bytes()[:-3000])
    # Big enough for Pillow's warning, and tags cut short.
    Image.new("1", (10_000, 9_500)).save(tmp_path / "big.png")
    code = (
        "import sys, pathlib\n"
        "from sinddm_toolkit.pictures.reading import read_picture\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    try: read_picture(path)\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and done.stdout.split() == ["UserError"] * 3


def test_no_word_of_a_library_comes_with_a_good_picture(tmp_path):
    (tmp_path / "orientation.tif").write_bytes(deep_tiff(extratags=[(0x0112, "H", 1, 9, True)]))
    data = encoded(Picture(noise(3, np.uint16)), "PNG", "a", None)[0]
    chunk = png_chunk(b"sRGB", b"\x09") + png_chunk(b"bKGD", b"\0")
    (tmp_path / "chunks.png").write_bytes(data[:33] + chunk + data[33:])
    code = (
        "import sys, pathlib\n"
        "from sinddm_toolkit.pictures.reading import read_picture\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir(): print(read_picture(path).size)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("(20, 30)\n" * 2, "")


def test_what_is_muted_while_a_file_is_read_speaks_again_afterwards(tmp_path, capfd):

    path = tmp_path / "a.tif"
    path.write_bytes(saved(Image.fromarray(noise(3)), "TIFF", compression="tiff_lzw")[:-20])
    before = [logging.getLogger(name).level for name in LIBRARIES]
    refusal(read_picture, path)
    assert [logging.getLogger(name).level for name in LIBRARIES] == before
    assert PngImagePlugin.MAX_TEXT_CHUNK == 2**20
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
