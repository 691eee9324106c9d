"""Pictures that are sent: kept bit for bit, shown in tiles, refused before they are decoded."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.writing import write_picture
from sinddm_toolkit.studio import guard, uploads
from sinddm_toolkit.studio.tiles import level_count
from sinddm_toolkit.studio.uploads import fit_name
from tests.pictures.examples import noise
from tests.studio.conftest import DRAWN, png


def pixels_of(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_picture_is_kept_bit_for_bit_and_told_of(client, sent):
    found = sent(DRAWN, "bg.png")
    about = client.get(f"/api/pictures/{found}").json()
    assert about == {
        "id": found,
        "name": "bg.png",
        "width": 80,
        "height": 60,
        "has_alpha": False,
        "levels": 1,
    }
    file = client.get(f"/api/pictures/{found}/file")
    assert file.content == DRAWN
    assert file.headers["content-disposition"].startswith("attachment")


def test_tiles_are_the_pixels_themselves_and_each_level_is_half_as_large(client, sent):
    whole = noise(3, size=(700, 1100))
    found = sent(png(whole))
    assert client.get(f"/api/pictures/{found}").json()["levels"] == 3
    tile = f"/api/pictures/{found}/levels"
    assert (pixels_of(client.get(f"{tile}/0/2-1.png")) == whole[512:, 1024:]).all()
    half = pixels_of(client.get(f"{tile}/1/1-0.png"))
    assert half.shape == (350, 550 - 512, 3)
    expected = whole[:, 1024:].astype(float).reshape(350, 2, 38, 2, 3).mean(axis=(1, 3))
    assert abs(half - expected).max() <= 1
    assert pixels_of(client.get(f"{tile}/2/0-0.png")).shape == (175, 275, 3)
    for nothing in ("0/3-0", "0/0-2", "3/0-0", "99999999999/0-0"):
        assert client.get(f"{tile}/{nothing}.png").status_code == 404


def test_a_deep_grey_picture_with_alpha_is_shown_in_eight_bits_of_colour(client, sent, tmp_path):
    deep = noise(2, np.uint16)
    write_picture(tmp_path / "deep.png", Picture(deep))
    found = sent((tmp_path / "deep.png").read_bytes())
    assert client.get(f"/api/pictures/{found}").json()["has_alpha"]
    shown = pixels_of(client.get(f"/api/pictures/{found}/levels/0/0-0.png"))
    expected = np.rint(deep / 257)
    assert (shown[..., :3] == expected[..., :1]).all() and (shown[..., 3] == expected[..., 1]).all()


def test_a_photograph_is_shown_upright(client, sent):
    image = Image.fromarray(noise(3, size=(20, 30)))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    found = sent(file.getvalue())
    about = client.get(f"/api/pictures/{found}").json()
    assert (about["width"], about["height"]) == (20, 30)
    shown = pixels_of(client.get(f"/api/pictures/{found}/levels/0/0-0.png"))
    assert (shown == np.rot90(noise(3, size=(20, 30)), -1)).all()


@pytest.mark.parametrize(("width", "levels"), [(1, 1), (512, 1), (513, 2), (1024, 2), (1025, 3)])
def test_there_are_levels_down_to_one_tile(width, levels):
    assert level_count(width, 1) == level_count(1, width) == levels


def bomb(width, height):
    """A PNG that says it has so many pixels, and is a few bytes long."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10_000), 9)
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return begin + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def nothing_is_left(client):
    studio = client.app._app.state.studio
    assert studio.pictures.places.ids() == []


def test_a_decompression_bomb_is_refused_before_it_is_decoded(client, monkeypatch):
    monkeypatch.setattr(uploads, "read_picture", lambda *_: pytest.fail("it was decoded"))
    answer = client.post("/api/pictures", files={"file": ("b.png", bomb(20_000, 15_000))})
    assert answer.status_code == 413
    assert answer.json()["error"] == "b.png has 20000×15000 pixels: 200 megapixels at most"
    nothing_is_left(client)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not a picture"),
        (b"<script>alert(1)</script>", "is not a picture"),
        (DRAWN[:200], "damaged"),
        (bomb(100_000, 100_000), "more than 500 megapixels"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_line_that_names_it(client, data, said):
    answer = client.post("/api/pictures", files={"file": ("a.png", data)})
    assert answer.status_code in (413, 422)
    error = answer.json()["error"]
    assert "a.png" in error and said in error and "/" not in error and "\n" not in error
    nothing_is_left(client)


def test_a_body_that_is_too_large_is_refused_while_it_comes(client, monkeypatch):
    monkeypatch.setattr(guard, "FILE_BYTES", 2**20)
    monkeypatch.setattr(guard, "JSON_BYTES", 2**20)
    large = {"file": ("a.png", bytes(2**20))}
    assert client.post("/api/pictures", files=large).status_code == 413
    made = client.build_request("POST", "/api/pictures", files=large)
    parts = iter([made.read()[k : k + 2**16] for k in range(0, 2**20 + 2**16, 2**16)])
    kind = {"Content-Type": made.headers["content-type"]}
    streamed = client.post("/api/pictures", content=parts, headers=kind)  # tells no length
    assert streamed.status_code == 413
    assert client.post("/api/edits", content=bytes(2**20 + 1)).status_code == 413
    nothing_is_left(client)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=y"),
        (
            b"--y\r\nContent-Disposition: form-data\r\n\r\nx\r\n--y--",
            "multipart/form-data; boundary=y",
        ),
        (b"--y\r\n\r\n\r\n--y--", "multipart/form-data; boundary=y"),
        (b"file=x", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
    ],
)
def test_a_damaged_form_is_refused(client, body, kind):
    answer = client.post("/api/pictures", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("my picture (2).PNG", "my picture (2).PNG"),
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\a.png", "a.png"),
        ("--out.png", "out.png"),
        (".hidden", "hidden"),
        ("a,b{out}\n'$(x).png", "a_b_out____(x).png"),
        ("", "picture"),
        (None, "picture"),
        ("…" * 300 + ".jpeg", "_" * 71 + ".jpeg"),
        ("Größe.png", "Größe.png"),
    ],
)
def test_names_are_made_fit_for_lines_and_systems(name, fit):
    assert fit_name(name) == fit


@pytest.mark.parametrize(
    "given", ["0" * 24, "%2e%2e", "..%2fedits", "A" * 24, "0" * 25, "%00", "x"]
)
def test_what_has_no_such_id_is_not_there(client, given):
    for rest in ("", "/file", "/levels/0/0-0.png"):
        assert client.get(f"/api/pictures/{given}{rest}").status_code == 404


def test_what_nobody_uses_is_forgotten_when_it_is_old(client, sent, studio):
    kept, young, old = sent(), sent(), sent()
    for given in (kept, old):
        os.utime(studio.pictures.file(given), (0, 0))
    studio.pictures.keep_only({kept})
    assert studio.pictures.places.ids() == sorted([kept, young])
