"""A thing selected by rough strokes."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.studio.selecting import selected


def leaf(h, w):
    """A picture of a mottled ellipse on mottled ground of another tone, and the ellipse."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:h, :w]
    inside = ((y - h / 2) / (h * 0.3)) ** 2 + ((x - w / 2) / (w * 0.25)) ** 2 < 1
    pixels = np.where(inside[..., None], (190, 120, 60), (90, 120, 150)) + rng.normal(
        0, 12, (h, w, 3)
    )
    return Picture(pixels.clip(0, 255).astype(np.uint8)), inside


def stroke(h, w):
    """Across the middle of the ellipse, along neither axis."""
    return [[(0.42 * w, 0.4 * h), (0.5 * w, 0.55 * h), (0.58 * w, 0.6 * h)]]


@pytest.mark.parametrize(("h", "w"), [(120, 200), (900, 1300)])
def test_the_border_is_found_at_full_size(h, w):
    picture, inside = leaf(h, w)
    outside = [
        [(0.05 * w, 0.1 * h), (0.05 * w, 0.9 * h)],
        [(0.95 * w, 0.5 * h), (0.9 * w, 0.9 * h)],
    ]
    mask = selected(picture, stroke(h, w), outside, w / 60)
    assert mask.pixels.shape == (h, w, 1) and set(np.unique(mask.pixels)) == {0, 255}
    assert ((mask.pixels[..., 0] > 0) != inside).mean() < 1e-4


def test_one_stroke_inside_is_enough_where_the_rest_is_around():
    picture, inside = leaf(200, 300)
    mask = selected(picture, stroke(200, 300), [], 5)
    assert ((mask.pixels[..., 0] > 0) != inside).mean() < 0.02


def test_a_dot_counts_and_strokes_win_over_edges():
    picture, _ = leaf(100, 150)
    mask = selected(picture, [[(75, 50)]], [[(60, 40), (60, 60)]], 6).pixels[..., 0]
    assert mask[50, 75] == 255 and mask[50, 60] == 0


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 9), (9, 1), (20, 30)])
def test_where_strokes_are_everywhere_they_are_what_is_meant(h, w):
    """Also along the picture's border, which is else taken to be outside."""
    mask = selected(Picture(np.zeros((h, w, 3), np.uint8)), [[(0, 0), (w, h)]], [], 500)
    assert mask.size == (h, w) and (mask.pixels == 255).all()


def test_a_person_is_told_from_what_is_behind():
    """Rough strokes along the face and the suit, and beside them."""
    picture = Picture(data.astronaut())
    inside = [[(220, 60), (230, 150), (200, 230), (260, 300), (180, 400), (90, 440)]]
    outside = [[(40, 40), (60, 250)], [(380, 30), (420, 300)], [(130, 60), (120, 200)]]
    mask = selected(picture, inside, outside, 12).pixels[..., 0] > 0
    for x, y in [(180, 60), (290, 80), (230, 110), (60, 380), (330, 280), (160, 240)]:
        assert mask[y, x], (x, y)  # hair, face, both shoulders, sleeve
    for x, y in [(100, 40), (330, 60), (420, 120), (340, 180), (20, 200), (120, 120)]:
        assert not mask[y, x], (x, y)  # flag, wall, shuttle


@pytest.mark.parametrize("inside", [[], [[(500, 500)]]])
def test_without_a_stroke_in_the_picture_nothing_can_be_meant(inside):
    with pytest.raises(UserError, match="draw over what is to be selected"):
        selected(Picture(np.zeros((60, 80, 3), np.uint8)), inside, [[(5, 5)]], 3)


# Over HTTP


def sent(client, image, name="a.png"):
    """The id of an image that was sent."""
    import io

    file = io.BytesIO()
    image.save(file, "PNG")
    answer = client.post("/api/pictures", files={"file": (name, file.getvalue())})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_selection_is_a_picture_of_the_same_size(client, studio):
    picture, inside = leaf(100, 150)
    given = sent(client, Image.fromarray(picture.pixels))
    body = {"picture": given, "inside": stroke(100, 150), "width": 5}
    answer = client.post("/api/selections", json=body)
    assert answer.status_code == 201 and (answer.json()["width"], answer.json()["height"]) == (
        150,
        100,
    )
    mask = studio.pictures.read(answer.json()["id"]).pixels[..., 0]
    assert ((mask > 0) != inside).mean() < 0.03


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"inside": []}, 422, "draw over"),
        ({"inside": [[1, 2]]}, 400, "inside: give points"),
        ({"inside": [[[1, "2"]]]}, 400, "inside: give a number"),
        ({"inside": [[[1, 1e9]]]}, 400, "inside: give a number from -1e+06 to 1e+06"),
        ({"outside": 5}, 400, "outside: give a list"),
        ({"width": True}, 400, "width: give a number"),
        ({"picture": "../a"}, 404, "there is no such picture"),
    ],
)
def test_bad_requests_are_told(client, change, status, said):
    given = sent(client, Image.new("RGB", (30, 20)))
    body = {"picture": given, "inside": [[[5, 5]]], **change}
    answer = client.post("/api/selections", json=body)
    assert answer.status_code == status and said in answer.json()["error"], answer.text


def test_a_palette_has_the_colours_that_catch_the_eye(client):
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:] = (60, 80, 160)
    pixels[:50] = (30, 40, 90)
    pixels[40:50, 40:50] = (250, 220, 60)
    given = sent(client, Image.fromarray(pixels))
    assert client.get(f"/api/pictures/{given}/palette").json() == {
        "colours": ["#1e285a", "#3c50a0", "#fadc3c"]
    }
    clear = sent(client, Image.new("RGBA", (9, 9)))
    assert client.get(f"/api/pictures/{clear}/palette").json() == {"colours": []}
    many = sent(client, Image.fromarray(data.coffee()).resize((90, 60)))
    assert len(set(client.get(f"/api/pictures/{many}/palette").json()["colours"])) == 12
