"""Layers on a background: what they show, and that nothing else is touched."""

import numpy as np
import pytest
from PIL import ImageCms
from skimage import data

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.studio.composing import Placed, composed

RNG = np.random.default_rng(0)


def noise(h, w, channels=3, depth=8):
    kind = np.uint8 if depth == 8 else np.uint16
    return Picture(RNG.integers(0, 2**depth, (h, w, channels)).astype(kind))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_upright_and_not_scaled_is_copied_bit_for_bit(channels, depth):
    background, layer = noise(50, 70, channels, depth), noise(11, 20, channels, depth)
    result = composed(background, [Placed(layer, 30, 25)])
    expected = background.pixels.copy()
    expected[20:31, 20:40] = layer.pixels  # 25 - 5.5 is rounded to an even number
    assert np.array_equal(result.pixels, expected)


@pytest.mark.parametrize("quarters", [1, 2, 3, -1, 5])
@pytest.mark.parametrize("flip", [False, True])
def test_quarter_turns_and_mirroring_lose_nothing(quarters, flip):
    background, layer = noise(60, 60), noise(10, 20)
    result = composed(background, [Placed(layer, 30, 30, rotation=90 * quarters, flip=flip)])
    pixels = layer.pixels[:, ::-1] if flip else layer.pixels
    turned = np.rot90(pixels, -quarters)
    h, w = turned.shape[:2]
    expected = background.pixels.copy()
    expected[30 - h // 2 : 30 + h // 2, 30 - w // 2 : 30 + w // 2] = turned
    assert np.array_equal(result.pixels, expected)


def rotated(picture, angle, scale, size):
    """The same by scipy: an independent way, spline interpolation of order 3."""
    from scipy import ndimage

    a = np.deg2rad(angle)
    # Output (y, x) to input (y, x), about both middles.
    back = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) / scale
    middle_in = (np.array(picture.size) - 1) / 2
    middle_out = (np.array(size) - 1) / 2
    offset = middle_in - back @ middle_out
    channels = [
        ndimage.affine_transform(channel.astype(float), back, offset, size, cval=0)
        for channel in np.moveaxis(picture.pixels, 2, 0)
    ]
    return np.stack(channels, axis=2).clip(0, 255)


@pytest.mark.parametrize(("angle", "scale"), [(30, 1.0), (-75, 1.6), (200, 1.0)])
def test_a_turned_layer_lies_where_it_should(angle, scale):
    layer = Picture(data.astronaut()[100:200, 180:300])
    result = composed(
        Picture(np.zeros((220, 240, 3), np.uint8)),
        [Placed(layer, 120, 110, scale=scale, rotation=angle)],
    ).pixels.astype(float)
    expected = rotated(layer, angle, scale, (220, 240))
    inner = expected.min(axis=2) > 0
    assert np.abs(result - expected)[inner].mean() < 3
    assert np.abs(result - expected).mean() < 3


@pytest.mark.parametrize("scale", [0.5, 0.31, 3.0])
def test_a_scaled_layer_is_as_its_resized_picture(scale):
    layer = Picture(data.astronaut()[:200, 100:300])
    side = 200 * scale
    result = composed(
        Picture(np.zeros((700, 700, 3), np.uint8)), [Placed(layer, 350, 350, scale=scale)]
    ).pixels
    top = round(350 - side / 2)
    part = result[top : top + round(side), top : top + round(side)]
    wanted = layer.resized((round(side), round(side))).pixels
    assert np.abs(part[2:-2, 2:-2].astype(int) - wanted[2:-2, 2:-2]).mean() < 3
    outside = result.copy()
    outside[top - 1 : top + round(side) + 1, top - 1 : top + round(side) + 1] = 0
    assert not outside.any()


@pytest.mark.parametrize("angle", [0, 45])
@pytest.mark.parametrize("scale", [0.5, 2.5])
def test_what_is_transparent_bleeds_into_nothing(angle, scale):
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[..., 1] = 255  # green below the transparency
    pixels[20:60, 20:60] = (200, 0, 0, 255)
    grey = Picture(np.full((200, 200, 3), 100, np.uint8))
    result = composed(grey, [Placed(Picture(pixels), 100, 100, scale=scale, rotation=angle)])
    assert result.pixels[..., 1].max() <= 100
    assert tuple(result.pixels[100, 100]) == (200, 0, 0)
    assert (result.pixels[:20] == 100).all()


def test_an_outline_leaves_out_what_is_outside():
    background, layer = noise(40, 40), Picture(np.full((20, 20, 3), 200, np.uint8))
    outline = [(5, 5), (15, 5), (15, 12), (5, 12)]
    result = composed(background, [Placed(layer, 20, 20, outline=outline)]).pixels
    expected = background.pixels.copy()
    expected[15:22, 15:25] = 200  # the layer's middle stays that of the whole of it
    assert np.array_equal(result, expected)
    aslant = [(10, 0), (20, 10), (10, 20), (0, 10)]
    alpha = composed(
        Picture(np.zeros((20, 20, 3), np.uint8)), [Placed(layer, 10, 10, outline=aslant)]
    ).pixels[..., 0]
    assert alpha.sum() / 200 == pytest.approx(200, rel=0.01)  # the area of the square
    assert ((alpha > 50) & (alpha < 150)).any()  # softly


def test_opacity_order_and_layers_out_of_the_picture():
    background = Picture(np.full((30, 30, 3), 100, np.uint8))
    one, two = (Picture(np.full((10, 10, 3), v, np.uint8)) for v in (200, 0))
    result = composed(
        background, [Placed(one, 10, 10), Placed(two, 15, 15, opacity=0.5), Placed(one, 99, 99)]
    ).pixels[..., 0]
    assert (result[7, 7], result[12, 12], result[18, 18], result[25, 25]) == (200, 100, 50, 100)
    half_out = composed(background, [Placed(one, 0, 30)]).pixels[..., 0]
    assert (half_out[25:, :5] == 200).all() and (half_out == 200).sum() == 25


def test_over_a_transparent_background_both_are_seen():
    clear = Picture(np.zeros((20, 20, 4), np.uint8))
    half = np.full((10, 10, 4), 128, np.uint8)
    half[..., :3] = (200, 100, 50)
    result = composed(clear, [Placed(Picture(half), 10, 10), Placed(Picture(half), 10, 10)]).pixels
    assert tuple(result[10, 10]) == (200, 100, 50, 192)
    assert not result[:5].any()


def test_depth_and_profile_are_the_backgrounds():
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    background = Picture(noise(20, 20, depth=16).pixels, icc=wide)
    result = composed(background, [Placed(Picture(np.full((4, 4, 3), 255, np.uint8)), 10, 10)])
    assert result.depth == 16 and result.icc == wide
    assert (result.pixels[8:12, 8:12] == 65535).all()


def test_only_the_box_of_a_layer_is_looked_at():
    """An enormous scale, and an enormous layer of which a corner is seen, take no memory."""
    background, layer = noise(30, 30), Picture(np.full((300, 300, 3), 7, np.uint8))
    for angle in (0, 20):
        result = composed(background, [Placed(layer, 15, 15, scale=100, rotation=angle)])
        assert (result.pixels == 7).all()


# Over HTTP


def test_a_composite_is_made_of_pictures_that_were_sent(client, studio):
    background, layer = noise(30, 40, depth=16), noise(10, 10, 4)
    sent = ((background, "a.png"), (layer, "b.png"))
    ids = [studio.pictures.add_picture(one, name).id for one, name in sent]
    placed = {"x": 20, "y": 15, "scale": 1.5, "rotation": 30, "flip": True, "opacity": 0.5}
    body = {"background": ids[0], "layers": [{"picture": ids[1], **placed}]}
    answer = client.post("/api/composites", json=body)
    assert answer.status_code == 201 and answer.json()["name"] == "a-with-b.png"
    made = studio.pictures.read(answer.json()["id"])
    assert np.array_equal(made.pixels, composed(background, [Placed(layer, **placed)]).pixels)
    assert not np.array_equal(made.pixels, background.pixels)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"x": None}, 400, "x: give a number"),
        ({"x": "left"}, 400, "x: give a number"),
        ({"scale": 0}, 400, "scale: give a number from 0.01 to 100"),
        ({"opacity": 2}, 400, "opacity: give a number from 0 to 1"),
        ({"flip": 1}, 400, "flip: give true or false"),
        ({"outline": [[1, 1], [2, 2]]}, 400, "outline: give points [x, y], 3 at least"),
        ({"picture": "0" * 24}, 404, "there is no such picture"),
    ],
)
def test_bad_layers_are_told(client, studio, change, status, said):
    given = studio.pictures.add_picture(noise(9, 9), "a.png").id
    layer = {"picture": given, "x": 3, "y": 3, **change}
    answer = client.post("/api/composites", json={"background": given, "layers": [layer]})
    assert answer.status_code == status and said in answer.json()["error"], answer.text


def test_a_list_of_layers_is_needed(client, studio):
    given = studio.pictures.add_picture(noise(9, 9), "a.png").id
    for layers in (None, 5, [5]):
        answer = client.post("/api/composites", json={"background": given, "layers": layers})
        assert answer.status_code == 400 and answer.json()["error"].startswith("layers: give")
