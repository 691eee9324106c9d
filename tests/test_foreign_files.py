"""Files that come from anywhere: of other kinds, damaged, endless, too rich for where they go."""

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import EpsImagePlugin, Image, PngImagePlugin

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures import deep_png, exif, reading, writing
from sinddm_toolkit.pictures.libraries import LIBRARIES
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import picture_from, read_picture, read_recipe
from sinddm_toolkit.pictures.writing import write_picture

DEPTHS = [np.uint8, np.uint16]


def noise(channels, dtype=np.uint8, size=(20, 30)):
    rng = np.random.default_rng(channels)
    return rng.integers(0, np.iinfo(dtype).max, (*size, channels), dtype, endpoint=True)


def refusal(call, *arguments, **keywords):
    with pytest.raises(UserError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def deep_tiff(**options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, noise(3, np.uint16), photometric="rgb", **options)
    return buffer.getvalue()


# --- formats ---

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("read", [read_picture, read_recipe, picture_from])
def test_postscript_under_another_name_is_refused_and_not_run(read, tmp_path, monkeypatch):
    mark, gs = tmp_path / "was-run", tmp_path / "gs"
    gs.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    gs.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    (tmp_path / "photo.png").write_bytes(POSTSCRIPT)
    assert "is not a picture in a format that can be read" in refusal(read, tmp_path / "photo.png")
    assert not mark.exists()


def test_formats_that_are_read_and_some_that_are_not(tmp_path):
    flat = Image.fromarray(np.full((20, 30, 3), 90, np.uint8))
    Image.init()
    formats = ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "TGA"]
    formats += ["AVIF"] if "AVIF" in Image.SAVE else []
    assert set(formats) <= set(reading.READABLE)
    for format in formats:
        flat.save(tmp_path / format, format)
        assert np.abs(read_picture(tmp_path / format).pixels.astype(int) - 90).max() <= 3, format
        assert read_recipe(tmp_path / format) is None
    for format in ("EPS", "PDF", "ICNS", "DDS", "PCX", "SGI"):
        flat.resize((32, 32)).save(tmp_path / f"{format}.png", format)
        assert "not a picture in a format" in refusal(read_picture, tmp_path / f"{format}.png")


def test_a_format_that_pillow_was_built_without_is_a_format_that_cannot_be_read(
    tmp_path, monkeypatch
):
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    (tmp_path / "a.png").write_text("hello")
    assert "not a picture in a format" in refusal(read_picture, tmp_path / "a.png")


# --- damage ---


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("side", [256, 257])
def test_a_tiff_without_width_or_height_is_empty(side, dtype, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(3, dtype), photometric="rgb")
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[side].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 4] = bytes(4)
    path.write_bytes(data)
    size = "0×20" if side == 256 else "30×0"
    assert refusal(read_picture, path) == f"a.tif is empty: it has {size} pixels"


def test_a_tiff_that_tells_of_more_strips_than_it_has_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(3, np.uint16), photometric="rgb", rowsperstrip=20)
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags[257].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 4] = struct.pack("<I", 4_000_000)
    path.write_bytes(data)
    assert "damaged or cut short (strips are missing)" in refusal(read_picture, path)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("'<=' not supported between instances of 'tuple' and 'int'"),
        AttributeError("'int' object has no attribute 'name'"),
        struct.error("unpack requires a buffer of 8 bytes"),
        ValueError("invalid literal for int() with base 10"),
        OSError(22, "Invalid argument"),
    ],
)
def test_what_python_says_of_a_damaged_file_is_not_repeated(error, tmp_path, monkeypatch):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(reading, "_from_file", fail)
    (tmp_path / "a.png").touch()
    message = refusal(read_picture, tmp_path / "a.png")
    assert message == f"cannot read {tmp_path / 'a.png'}: it is damaged or cut short"


def test_the_words_of_decoders_and_of_the_system_are_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(noise(3)), "PNG")[:-900])
    assert "cut short (image file is truncated" in refusal(read_picture, tmp_path / "a.png")
    (tmp_path / "a.tif").write_bytes(deep_tiff(compression="lzw")[:-900])
    assert "cut short (corrupted strip" in refusal(read_picture, tmp_path / "a.tif")
    (tmp_path / "l.png").symlink_to("l.png")
    assert "Too many levels of symbolic links" in refusal(read_picture, tmp_path / "l.png")


@pytest.mark.parametrize(
    ("dtype", "byteorder"), [(np.uint8, "<"), (np.uint16, "<"), (np.uint16, ">")]
)
def test_big_tiffs_are_read_upright_with_their_texts(dtype, byteorder, tmp_path):
    path = tmp_path / "a.tif"
    tags = [(0x0112, "H", 1, 6, True), (0x010F, "s", 0, "Maker", True)]
    tags.append((exif.RECIPE_TAG, "s", 0, '{"a": 1}', True))
    options = {"photometric": "rgb", "byteorder": byteorder, "extratags": tags}
    tifffile.imwrite(path, noise(3, dtype), bigtiff=True, **options)
    picture = read_picture(path)
    assert np.array_equal(picture.pixels, np.rot90(noise(3, dtype), -1))
    assert read_recipe(path) == '{"a": 1}'
    for name in ("b.png", "b.jpg", "b.tiff"):
        write_picture(tmp_path / name, picture)
        with Image.open(tmp_path / name) as written:
            assert written.getexif()[0x010F] == "Maker"
        assert read_picture(tmp_path / name).size == (30, 20)


def test_a_deep_tiff_whose_tags_only_one_library_reads_is_upright(tmp_path, monkeypatch):
    def fail(file):
        raise struct.error

    tags = [(0x0112, "H", 1, 3, True)]
    (tmp_path / "a.tif").write_bytes(deep_tiff(extratags=tags))
    monkeypatch.setattr("sinddm_toolkit.pictures.deep_tiff.tags_of_tiff", fail)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.exif is None
    assert np.array_equal(picture.pixels, noise(3, np.uint16)[::-1, ::-1])


def seeds():
    """Small files of many kinds, by their names."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8769] = "Maker", 6, {0x829A: 0.5}
    exif = exif.tobytes()
    rgb = Image.fromarray(noise(3, size=(12, 16)))
    formats = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
    formats |= {"PPM": "ppm", "JPEG2000": "jp2", "TGA": "tga", "TIFF": "tif"}
    found = {f"a.{suffix}": encoded(rgb, format) for format, suffix in formats.items()}
    for format in ("PNG", "JPEG", "WEBP"):
        found[f"exif.{formats[format]}"] = encoded(rgb, format, exif=exif, icc_profile=b"p" * 99)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        found[f"{compression}.tif"] = encoded(rgb, "TIFF", compression=compression)
    for compression in (None, "lzw"):
        for big in (False, True):
            name = f"deep{compression}{big}.tif"
            found[name] = deep_tiff(compression=compression, bigtiff=big)
    deep = Picture(noise(3, np.uint16, (12, 16)), icc=b"p" * 99)
    found["deep.png"] = writing.encoded(deep, "PNG", "deep.png", '{"a": 1}')[0]
    return found


def mutated(data, rng):
    """`data` with bytes changed, put in and taken out, most of them near its beginning."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(rng.choice([min(len(data), 200), len(data)]))
        what = rng.random()
        if what < 0.6:
            data[at] = rng.choice([0, 1, 127, 255, rng.randrange(256)])
        elif what < 0.75:
            del data[at : at + rng.randrange(1, 9)]
        elif what < 0.9:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            del data[max(1, at) :]
        data = data or bytearray(1)
    return bytes(data)


SEEDS = seeds()


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files_are_read_or_refused_in_one_line_and_nothing_else_is_said(
    name, tmp_path, capfd, caplog
):
    rng = random.Random(name)
    path = tmp_path / name
    for _ in range(60):
        path.write_bytes(mutated(SEEDS[name], rng))
        try:
            picture = read_picture(path)
        except UserError as error:
            assert "\n" not in str(error) and name in str(error)
        else:
            opaque = Picture(picture.pixels[..., :3], picture.name, None, picture.icc, picture.exif)
            writing.encoded(opaque, "PNG", name, None)
        try:
            read_recipe(path)
        except UserError as error:
            assert "\n" not in str(error) and name in str(error)
    assert capfd.readouterr() == ("", "") and not caplog.records


# --- words of libraries ---


def test_no_word_of_a_library_comes_with_a_good_picture(tmp_path):
    (tmp_path / "orientation.tif").write_bytes(deep_tiff(extratags=[(0x0112, "H", 1, 9, True)]))
    data = writing.encoded(Picture(noise(3, np.uint16)), "PNG", "a", None)[0]
    chunk = deep_png._png_chunk(b"sRGB", b"\x09") + deep_png._png_chunk(b"bKGD", b"\0")
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
    import logging

    path = tmp_path / "a.tif"
    path.write_bytes(encoded(Image.fromarray(noise(3)), "TIFF", compression="tiff_lzw")[:-20])
    before = [logging.getLogger(name).level for name in LIBRARIES]
    refusal(read_picture, path)
    assert [logging.getLogger(name).level for name in LIBRARIES] == before
    assert PngImagePlugin.MAX_TEXT_CHUNK == 2**20
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


# --- profiles ---


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("megabytes", [0.5, 1, 2, 20])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_what_is_written_can_be_read_whatever_the_size_of_its_profile(
    name, megabytes, dtype, tmp_path
):
    icc = np.random.default_rng(0).bytes(int(megabytes * 2**20))
    notes = write_picture(tmp_path / name, Picture(noise(3, dtype), icc=icc), recipe='{"a": 1}')
    back = read_picture(tmp_path / name)
    assert read_recipe(tmp_path / name) == '{"a": 1}'
    about = [note for note in notes if "profile" in note]
    assert back.icc in (icc, None) and len(about) == (back.icc is None)
    limit = {"a.png": 0.5, "a.jpg": 2}.get(name, 20)
    assert (back.icc is None) == (megabytes > limit)
    if about:
        kind = {"a.png": "PNG", "a.jpg": "JPEG"}[name]
        size = f"{megabytes:.1f} MB"
        assert about == [f"{name}: a colour profile of {size} is too large for {kind}: left out"]
    with Image.open(tmp_path / name) as image:  # by other programs too
        assert image.size == (30, 20)


def with_profile(size):
    data = encoded(Image.fromarray(noise(3)), "PNG")
    chunk = deep_png._png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(size)))
    return data[:33] + chunk + data[33:]


def test_a_large_profile_of_a_png_from_elsewhere_is_read_and_a_bomb_is_not(tmp_path):
    (tmp_path / "a.png").write_bytes(with_profile(3 * 2**20))
    assert len(read_picture(tmp_path / "a.png").icc) == 3 * 2**20
    (tmp_path / "a.png").write_bytes(with_profile(40 * 2**20))
    message = refusal(read_picture, tmp_path / "a.png")
    assert message.endswith("a.png: it holds a colour profile or a text of more than 32 MB")


def test_a_deep_picture_wider_than_png_is_refused(tmp_path):
    wide = Picture(np.zeros((1, 1_000_001, 1), np.uint16))
    message = refusal(write_picture, tmp_path / "a.png", wide)
    assert message == "a.png: PNG of 16 bits holds at most 1000000 pixels a side: use .tiff"
    write_picture(tmp_path / "a.tiff", wide)
    assert read_picture(tmp_path / "a.tiff").size == (1, 1_000_001)


# --- files that never end ---


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """Makes pipes, which must not be opened: nobody writes into them."""
    pipes = []
    opened = Path.open

    def guarded(path, *arguments, **keywords):
        assert path not in pipes and not path.is_char_device(), f"{path} was opened"
        return opened(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", guarded)

    def make(name):
        os.mkfifo(tmp_path / name)
        pipes.append(tmp_path / name)
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p.png", ("run", "sample", "--image")),
        ("p.png", ("run", "inpaint", "--image", "bg.png", "--mask")),
        ("p.toml", ("run", "sample", "--image", "bg.png", "--preset")),
        ("p.toml", ("run", "--preset")),
        ("p.toml", ("presets", "validate")),
        ("p.toml", ("batch",)),
        ("p.jsonl", ("batch",)),
        ("p.csv", ("batch",)),
        ("p.png", ("replay",)),
    ],
)
def test_pipes_are_refused_at_once(name, words, endless, command, pasted):
    pipe = endless(name)
    code, _, err = command(*words, pipe)
    assert code == 2 and f"{pipe} is no ordinary file" in err, err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
@pytest.mark.parametrize("option", ["--preset", "--image"])
def test_devices_are_refused_at_once(device, option, endless, command, pasted):
    code, _, err = command("run", "sample", "--image", "bg.png", option, device)
    assert (code, err) == (2, f"sinddm-tk: {device} is no ordinary file\n")


def test_a_folder_is_no_preset_and_no_batch(command, pasted):
    Path("folder.toml").mkdir()
    for words in (("run", "sample", "--preset", "./folder.toml"), ("batch", "folder.toml")):
        code, _, err = command(*words)
        assert (code, err) == (2, "sinddm-tk: folder.toml is a folder: give a file\n")


# --- links that lead nowhere ---


@pytest.fixture
def loops(pasted):
    """Links to themselves in the working folder."""
    for name in ("l.png", "l.toml", "l"):
        Path(name).symlink_to(name)


SAMPLE = ("run", "sample", "--image", "bg.png")
HARMONIZE = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*SAMPLE, "--out", "l.png"), "cannot write l.png: "),
        ((*SAMPLE, "--out", "l.png", "--overwrite"), "cannot write l.png: "),
        ((*SAMPLE, "--out", "l/a.png"), "l/a.png: there is no folder l"),
        ((*HARMONIZE, "--save-mask", "l.png"), "cannot write l.png: "),
        (("run", "sample", "--image", "l.png"), "cannot read l.png: "),
        (("run", "inpaint", "--image", "bg.png", "--mask", "l.png"), "cannot read l.png: "),
        (("replay", "l.png"), "cannot read l.png: "),
        ((*SAMPLE, "--preset", "./l.toml"), "l.toml cannot be read: "),
        (
            (*SAMPLE, "--preset", "./on-l.toml"),
            "on-l.toml, line 1: extends: l.toml cannot be read: ",
        ),
        (("batch", "l.toml"), "l.toml cannot be read: "),
        (("batch", "to-l.toml"), "l.png: "),
        (("batch", "good.toml", "--folder", "l"), "cannot make the folder "),
    ],
)
def test_a_link_to_itself_is_refused_in_one_line(words, told, loops, command):
    Path("on-l.toml").write_text('extends = "./l.toml"')
    row = '[[row]]\ntask = "sample"\nimage = "bg.png"\n'
    Path("to-l.toml").write_text(f'{row}out = "l.png"\n')
    Path("good.toml").write_text(row)
    before = sorted(path.name for path in Path().iterdir())
    code, _, err = command(*words)
    assert code == 2 and told in err, err
    assert "symbolic links" in err or "folder" in err
    assert sorted(path.name for path in Path().iterdir()) == before
    assert Path("l.png").is_symlink()


def test_a_preset_is_not_saved_through_a_link_to_itself(home, command):
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "look.toml").symlink_to("look.toml")
    code, _, err = command("presets", "save", "look", "sample", "--size", "2x1", "--overwrite")
    assert code == 2 and "cannot write" in err and "symbolic link" in err
