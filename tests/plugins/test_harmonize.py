from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from sinddm_toolkit.plugins.harmonize.object_mask import difference

from sinddm_toolkit.host import registry
from sinddm_toolkit.pictures.compositing import bounds, softened
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.reading import read_picture
from sinddm_toolkit.pictures.writing import write_picture
from tests.conftest import texture

LINE = ("run", "harmonize", "--bg", "bg.png", "--composite", "c.png", "--seed", "1")


def test_outside_the_mask_every_bit_is_the_composites(command, pasted, tiny):
    code, _, err = command(*LINE, "--out", "o.png", "--save-mask", "m.png")
    assert code == 0, err
    result = read_picture("o.png").pixels
    found = read_picture("m.png").pixels[..., 0] > 0
    square = np.zeros((60, 80), bool)
    square[20:35, 30:50] = True
    assert (found == square).mean() > 0.98
    untouched = softened(found, 3, 3) == 0
    assert 0.6 < untouched.mean() < 0.9
    assert np.array_equal(result[untouched], pasted[untouched])
    assert not np.array_equal(result[20:35, 30:50], pasted[20:35, 30:50])


def test_higher_start_step_changes_more(command, pasted, tiny):
    change = []
    for step in (3, 20):
        words = ("--start-step", step, "--tone", 0, "--restraint", 0)
        assert command(*LINE, "--out", "o.png", "--overwrite", *words)[0] == 0
        change.append(np.abs(read_picture("o.png").pixels.astype(int) - pasted).mean())
    assert change[1] > 2 * change[0]


def test_a_coarser_start_scale_redraws_more(command, pasted, tiny):
    """Also what is large: the mean colour of the object, not only its grain."""
    shift = []
    for scale in (1, 0):
        words = ("--out", "o.png", "--overwrite", "--start-scale", scale)
        code, _, err = command(*LINE, *words)
        assert code == 0, err
        change = read_picture("o.png").pixels.astype(int) - pasted
        shift.append(np.abs(change[20:35, 30:50].mean(axis=(0, 1))).mean())
    assert shift[1] > 1.2 * shift[0] > 0
    code, _, err = command(*LINE, "--start-scale", 5)
    assert code == 2 and "--start-scale 5: this picture has the scales 0 (coarsest) to 1" in err


def test_change_is_carried_up_to_a_larger_composite(command, pasted, tiny):
    large = Image.fromarray(pasted).resize((320, 240), Image.Resampling.NEAREST)
    large.save("c.png")
    code, _, err = command(*LINE)
    assert code == 2 and "--fit" in err
    assert command(*LINE, "--fit", "--out", "o.png")[0] == 0
    result = read_picture("o.png").pixels
    assert result.shape == (240, 320, 3)
    assert np.array_equal(result[:, :8], np.asarray(large)[:, :8])
    assert not np.array_equal(result[80:140, 120:200], np.asarray(large)[80:140, 120:200])


def test_other_shapes_are_refused_never_stretched(command, pasted):
    Image.fromarray(pasted).resize((80, 50)).save("c.png")
    code, _, err = command(*LINE, "--fit")
    assert code == 2 and "differ in shape" in err
    Image.fromarray(pasted).save("c.png")
    Image.new("L", (30, 90), 255).save("m.png")
    assert command(*LINE, "--mask", "m.png")[0] == 2


@pytest.mark.parametrize("outside", [0, 255])
def test_a_mask_that_is_white_around_the_object_is_told(outside, pasted):
    mask = np.full((60, 80), outside, np.uint8)
    mask[20:35, 30:50] = 255 - outside
    task = registry.current().task("harmonize")(bg="bg.png", composite="c.png", mask=mask)
    assert ["white on 93%" in line for line in task.notices()] == [True] * bool(outside)


def test_empty_masks_are_refused(command, pasted):
    Image.new("L", (80, 60), 0).save("m.png")
    code, _, err = command(*LINE, "--mask", "m.png")
    assert code == 2 and "all black" in err
    code, _, err = command("run", "harmonize", "--bg", "bg.png", "--composite", "bg.png")
    assert code == 2 and "nowhere differs" in err


def test_jpeg_noise_is_no_difference(tmp_path):
    picture = Image.fromarray(texture(120, 160))
    picture.save(tmp_path / "a.jpg", quality=60)
    again = np.asarray(Image.open(tmp_path / "a.jpg"), np.float32) / 127.5 - 1
    original = np.asarray(picture, np.float32) / 127.5 - 1
    assert not difference(again, original).any()
    again[40:70, 50:90] = 0.9
    found = difference(again, original)
    square = np.zeros((120, 160), bool)
    square[40:70, 50:90] = True
    assert (found & square).sum() / (found | square).sum() > 0.85


def test_alpha_is_the_mask_and_is_kept(command, pasted, tiny):
    layer = np.dstack([pasted, np.zeros((60, 80), np.uint8)])
    layer[20:35, 30:50, 3] = 255
    Image.fromarray(layer).save("c.png")
    code, _, err = command(*LINE, "--out", "o.png")
    assert code == 0, err
    assert np.array_equal(read_picture("o.png").pixels[..., 3], layer[..., 3])
    code, _, err = command(*LINE, "--out", "o.jpg")
    assert code == 2 and "transparency" in err
    assert command(*LINE, "--flatten", "--out", "flat.png")[0] == 0
    flat = read_picture("flat.png")
    assert not flat.has_alpha
    assert np.array_equal(flat.pixels[:, :2], np.asarray(Image.open("bg.png"))[:, :2])


def save_lying(name, pixels, icc):
    """A file of 16 bits a channel, stored lying on its side, that says who made it."""
    maker, orientation = (0x010F, "Maker"), (0x0112, 6)  # turn it by 90° clockwise to see it
    stored = np.rot90(pixels)
    if name.endswith(".tiff"):
        texts = [(maker[0], "s", 0, maker[1], True), (orientation[0], "H", 1, orientation[1], True)]
        tags = [*texts, (34675, 7, len(icc), icc, True)]
        tifffile.imwrite(name, stored, photometric="rgb", metadata=None, extratags=tags)
    else:
        exif = Image.Exif()
        exif.update([maker, orientation])
        write_picture(name, Picture(stored, icc=icc, exif=exif.tobytes()), overwrite=True)


@pytest.mark.parametrize("name", ["c.png", "c.tiff"])
def test_depth_profile_and_exif_are_kept_and_the_result_is_upright(name, command, pasted, tiny):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = pasted.astype(np.uint16) * 257 + 3
    save_lying(name, deep, icc)
    with Image.open(name) as image:
        assert image.getexif()[0x0112] == 6
    words = ("run", "harmonize", "--bg", "bg.png", "--composite", name)
    code, _, err = command(*words, "--out", f"o-{name}")
    assert code == 0, err
    result = read_picture(f"o-{name}")
    assert result.pixels.dtype == np.uint16 and result.icc == icc
    assert np.array_equal(result.pixels[:, :2], deep[:, :2])
    with Image.open(f"o-{name}") as image:
        assert image.size == (80, 60)
        exif = image.getexif()
        assert exif[0x010F] == "Maker" and 0x0112 not in exif


@pytest.mark.parametrize("network", ["paper", "half"])
def test_the_window_changes_nothing_that_is_kept(network):
    """A run in a window around the object must see what a run on the whole picture sees there."""
    import torch

    from sinddm_toolkit.engine.compute import choose_compute
    from sinddm_toolkit.engine.denoising import NetworkPredictor
    from sinddm_toolkit.engine.networks import CELL, HALO, make_network

    predict = NetworkPredictor(make_network(network, 8).double(), choose_compute("cpu"))
    x = torch.randn(1, 3, 120, 150, dtype=torch.double)
    mask = np.zeros((120, 150), bool)
    mask[61:70, 70:79] = True
    y0, x0, y1, x1 = bounds(mask, HALO * 2, CELL)
    whole = predict(x - predict(x, 1, 0), 0, 0)
    window = x[..., y0:y1, x0:x1]
    part = predict(window - predict(window, 1, 0), 0, 0)
    inner = part[..., 61 - y0 : 70 - y0, 70 - x0 : 79 - x0]
    assert torch.allclose(inner, whole[..., 61:70, 70:79], atol=1e-12)


def test_scales_counted_from_the_finest_are_the_same_scales(command, pasted, tiny):
    made = []
    for scale in (0, -2):
        code, _, err = command(*LINE, "--out", "o.png", "--overwrite", "--start-scale", scale)
        assert code == 0, err
        made.append(read_picture("o.png").pixels)
    assert np.array_equal(*made)
    Path("coarser.toml").write_text('task = "harmonize"\nstart-scale = -2\n')
    words = ("run", "--preset", "coarser.toml", *LINE[2:], "--overwrite", "--out", "o.png")
    assert command(*words)[0] == 0
    assert np.array_equal(read_picture("o.png").pixels, made[0])
