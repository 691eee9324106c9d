"""Wishes on the studio's page, from the first click to the file that is taken home."""

import io
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.studio.browsing import needs_browser, text
from tests.studio.using import ask, choose, expect, field, go, made, write

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.fixture
def bare(page, address):
    """The page with no picture open, as it is the first time."""
    page.get_by_role("tab").first.press("Delete")
    expect(page.locator("#empty")).to_be_visible()
    return page


def paste(page, pixels, name):
    """Pastes a picture from the clipboard."""
    page.evaluate(
        """({ text, name }) => {
             const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
             const data = new DataTransfer();
             data.items.add(new File([bytes], name, { type: "image/png" }));
             document.body.dispatchEvent(
               new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
           }""",
        {"text": text(pixels), "name": name},
    )


def drag(page, *points):
    """Drags the mouse along points (x, y) of the picture that is shown."""
    places = page.evaluate(
        """async (points) => {
             const { workbench } = await import("/static/workbench.js");
             const box = workbench.view.front.getBoundingClientRect();
             return points.map(([x, y]) => {
               const at = workbench.view.toScreen(x, y);
               return [box.left + at.x, box.top + at.y];
             });
           }""",
        list(points),
    )
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def taken_home(page):
    """Downloads the result → (h, w, channels)."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    return np.asarray(Image.open(download.value.path()))


def sent(page, id):
    """A picture that the studio has, as it came."""
    origin = page.evaluate("location.origin")
    return page.request.get(f"{origin}/api/pictures/{id}/file").body()


def test_paste_place_harmonize_save(bare, sinddm_picture, sinddm_home, command):
    page, background = bare, sinddm_picture.pixels
    paste(page, background, "sea.png")
    expect(page.locator(".tab")).to_contain_text("sea.png")
    choose(page, "harmonize")
    page.get_by_role("button", name="Place things for Composite").click()
    boat = np.zeros((20, 24, 4), np.uint8)
    boat[2:18, 2:22] = (250, 10, 10, 255)
    paste(page, boat, "boat.png")
    expect(page.locator("#tool-options")).to_contain_text("Opacity")
    drag(page, (40, 30), (60, 40))  # from the middle, where it is put, to the right
    go(page)
    card = made(page).first
    (edit,) = ask(page, "edits")
    assert edit["state"] == "done", edit
    composite = sent(page, edit["edit"]["composite"])
    pasted = np.asarray(Image.open(io.BytesIO(composite)).convert("RGB"))
    changed = np.argwhere((pasted != background).any(-1))
    assert np.abs(changed.mean(0) - (39.5, 59.5)).max() < 2  # where it was dragged to
    result = taken_home(page)
    assert result.shape == background.shape
    assert np.array_equal(result[:, :30], background[:, :30])
    assert (result[32:48, 50:70] != pasted[32:48, 50:70]).mean() > 0.5

    # And the command that the page gives makes the same file.
    card.locator(".more-actions summary").click()
    card.get_by_role("button", name="Copy as…").click()
    expect(page.locator(".copied-text")).not_to_have_value("")
    line = page.locator(".copied-text").input_value()
    page.keyboard.press("Escape")
    for id, name in edit["names"].items():
        Path(name).write_bytes(sent(page, id))
    code, _, told = command(*shlex.split(line.replace("\\\n", ""))[1:])
    assert code == 0, told
    (name,) = [one["name"] for one in edit["results"]]
    origin = page.evaluate("location.origin")
    assert Path(name).read_bytes() == (
        page.request.get(f"{origin}/api/edits/{edit['id']}/results/{name}").body()
    )


def test_what_was_placed_stays_when_the_task_is_left_and_comes_back_from_a_result(page):
    choose(page, "harmonize")
    page.get_by_role("button", name="Place things for Composite").click()
    paste(page, np.full((20, 24, 3), (250, 10, 10), np.uint8), "boat.png")
    expect(page.locator("#tool-options")).to_contain_text("Opacity")
    page.get_by_role("button", name="Other tasks").click()
    expect(page.locator("#tool-options")).not_to_contain_text("Opacity")
    choose(page, "harmonize")
    expect(field(page, "composite").get_by_role("combobox")).to_have_value("place")
    expect(page.locator("#tool-options")).to_contain_text("Opacity")
    go(page)
    card = made(page).first
    first = ask(page, "edits")[0]["edit"]["composite"]
    page.reload()
    expect(page.locator("#tool-options")).to_contain_text("Opacity")
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Other tasks").click()
    card.get_by_role("button", name="Change…").click()
    expect(page.locator("#tool-options")).to_contain_text("Opacity")
    page.locator("#canvas").press("ArrowRight")
    go(page)
    made(page, 2)
    assert first not in [edit["edit"]["composite"] for edit in ask(page, "edits")[:1]]


def test_what_is_painted_over_is_taken_out(page, sinddm_picture):
    choose(page, "inpaint")
    drag(page, (30, 30), (50, 30))
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    mask = np.asarray(Image.open(io.BytesIO(sent(page, edit["edit"]["mask"]))).convert("L")) > 0
    assert mask[30, 30:50].all() and 0.005 < mask.mean() < 0.2
    expect(page.locator("#tool-options")).to_contain_text("Side by side")  # with its input
    result = taken_home(page)
    far = np.ones(mask.shape, bool)
    far[10:50, 10:70] = False
    assert np.array_equal(result[far], sinddm_picture.pixels[far])
    assert (result[mask] != sinddm_picture.pixels[mask]).any(-1).mean() > 0.8


def test_a_region_is_put_elsewhere(page, sinddm_picture):
    choose(page, "roi")
    drag(page, (10, 10), (30, 30))
    drag(page, (20, 20), (60, 40))
    expect(field(page, "source")).to_contain_text("Target")
    write(page, seed=1)
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    assert edit["state"] == "done", edit
    (source,), ((target,),) = edit["edit"]["source"], edit["edit"]["target"]
    x, y, w, h = map(int, source.split(","))
    to_x, to_y, to_w, to_h = map(int, target.split(","))
    assert np.abs(np.array([x, y, w, h]) - (10, 10, 20, 20)).max() <= 1
    assert np.abs(np.array([to_x, to_y]) - (50, 30)).max() <= 2 and (to_w, to_h) == (w, h)
    result = taken_home(page).astype(float)
    source = sinddm_picture.pixels[y : y + h, x : x + w].astype(float)
    there = np.abs(result[to_y : to_y + h, to_x : to_x + w] - source).mean()
    elsewhere = np.abs(sinddm_picture.pixels[to_y : to_y + h, to_x : to_x + w] - source).mean()
    assert there < 0.6 * elsewhere


def test_an_edge_is_dragged_outwards(page, sinddm_picture):
    choose(page, "outpaint")
    expect(page.locator("#tool-options")).to_contain_text("Drag an edge")
    drag(page, (80, 30), (100, 30))
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    assert edit["state"] == "done", edit
    right = int(edit["edit"]["right"])
    assert abs(right - 20) <= 1 and edit["edit"].keys() == {"task", "image", "right"}
    result = taken_home(page)
    assert result.shape == (60, 80 + right, 3)
    assert np.array_equal(result[:, :72], sinddm_picture.pixels[:, :72])  # left of the seam
    assert result[:, 80:].std() > 5


def test_a_size_that_is_needed_is_dragged_at_once(page):
    choose(page, "retarget")
    drag(page, (80, 30), (100, 30))
    width = field(page, "size").locator("input[type=text]").input_value().split("x")[0]
    assert abs(int(width) - 100) <= 1


def test_variants_stand_in_one_row_and_nothing_that_comes_moves_the_canvas(page):
    size = page.locator("#view").bounding_box()
    choose(page, "sample")
    write(page, size="1x1")
    field(page, "samples").locator("input").first.fill("3")
    go(page)
    expect(page.locator(".toast")).to_be_visible()
    toast, view = page.locator(".toast").bounding_box(), page.locator("#view").bounding_box()
    assert view == size and toast["y"] + toast["height"] <= size["y"] + size["height"]
    tiles = made(page).first.locator(".variant")
    expect(tiles).to_have_count(3)
    assert len({tile.bounding_box()["y"] for tile in tiles.all()}) == 1
    assert page.locator("#view").bounding_box() == size


def test_a_picture_of_24_megapixels_is_drawn_on(page, tmp_path):
    y, x = np.mgrid[:4000, :6000].astype(np.uint16)
    file = tmp_path / "large.jpg"
    Image.fromarray((x // 32 + y // 64).astype(np.uint8)).save(file)
    with page.expect_file_chooser() as chooser:
        page.locator("#open-picture").click()
    chooser.value.set_files(file)
    expect(page.locator(".tab[aria-selected=true]")).to_contain_text("large.jpg")
    expect(page.locator("#where")).to_contain_text("6000 × 4000")
    choose(page, "inpaint")
    drag(page, (2000, 2000), (4000, 2000))
    id = page.evaluate(
        """async () => (await import("/static/workbench.js")).workbench.handles[0].ready()"""
    )
    mask = np.asarray(Image.open(io.BytesIO(sent(page, id))).convert("L"))
    assert mask.shape == (4000, 6000)
    assert mask[2000, 2000:4000].all() and not mask[1000].any() and not mask[:, :1000].any()
