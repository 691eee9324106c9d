"""The workbench in a real browser: what is drawn arrives, exact to the pixel, at any zoom."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.measure import points_in_poly

from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.studio.composing import Placed, composed
from tests.studio.browsing import Bench, needs_browser, png, served, text

pytestmark = [needs_browser, pytest.mark.slow]

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("studio")) as found:
        yield found


@pytest.fixture(scope="module")
def opened(chromium, server):
    """Opens pages, of which none may meet an error."""
    studio, address = server

    def open_page(**settings):
        context = chromium.new_context(viewport={"width": 1000, "height": 900}, **settings)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#empty")
        return Bench(page, studio)

    return open_page


@pytest.fixture
def bench(opened):
    bench = opened()
    yield bench
    assert bench.page.errors == []
    bench.page.context.close()


def noise(h, w, channels=3):
    return RNG.integers(0, 256, (h, w, channels)).astype(np.uint8)


def near(points, size, radius):
    """(h, w): the pixels whose middles are within `radius` of the line through `points`."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for a, b in itertools.pairwise(points):
        way = b - a
        share = ((x - a[0]) * way[0] + (y - a[1]) * way[1]) / max(way @ way, 1e-12)
        share = share.clip(0, 1)
        inside |= np.hypot(x - a[0] - share * way[0], y - a[1] - share * way[1]) <= radius
    return inside


def mask_of(bench):
    """(h, w) in 0…255: the mask that is drawn, as it arrives."""
    return bench.pixels(bench.ready())[..., 0]


@pytest.mark.parametrize(
    ("scale", "left", "top", "ratio"),
    [(0.37, -20.5, -31.3, 1), (1, 3, 5, 1), (3.3, 90.2, 80.7, 1), (0.71, -9, -7, 2)],
)
def test_a_stroke_arrives_as_a_mask_of_exactly_its_pixels(opened, scale, left, top, ratio):
    bench = opened(device_scale_factor=ratio)
    size = (230, 310)
    bench.show(noise(*size))
    bench.edit("region")
    bench.look(scale, left, top)
    bench.run("window.handle.size = 23.3")  # so that no middle lies just on the border
    met = bench.drag((150, 110), (190, 150), (150, 180), (120, 105))
    expected = near(met, size, 11.65)
    assert expected.sum() > 1000
    assert np.array_equal(mask_of(bench), np.uint8(255) * expected)
    assert bench.page.errors == []
    bench.page.context.close()


def test_the_eraser_takes_away_exactly_its_pixels_and_undo_knows_every_stroke(bench):
    size = (300, 400)
    bench.show(noise(*size))
    bench.edit("region")
    bench.run("window.handle.size = 40")
    strokes = [bench.drag((30 + 20 * i, 40), (50 + 20 * i, 250)) for i in range(12)]
    bench.press("e")
    erased = bench.drag((20, 100), (380, 130))
    expected = np.logical_or.reduce([near(met, size, 20) for met in strokes])
    expected &= ~near(erased, size, 20)
    assert np.array_equal(mask_of(bench), np.uint8(255) * expected)
    bench.press(*["Control+z"] * 13)
    assert bench.value is None
    bench.press(*["Control+Shift+z"] * 13)
    assert np.array_equal(mask_of(bench), np.uint8(255) * expected)


def test_with_shift_a_straight_line_goes_on_from_the_last_stroke(bench):
    size = (150, 220)
    bench.show(noise(*size))
    bench.edit("region")
    bench.run("window.handle.size = 11.3")
    first = bench.drag((30, 40), (60, 40))
    bench.page.keyboard.down("Shift")
    second = bench.drag((180, 110))
    bench.page.keyboard.up("Shift")
    expected = near(np.concatenate([first, second]), size, 5.65)
    assert np.array_equal(mask_of(bench) > 0, expected)


def test_a_soft_brush_falls_off_and_a_hard_one_does_not(bench):
    size = (120, 200)
    bench.show(noise(*size))
    bench.edit("region")
    bench.run("window.handle.size = 60; window.handle.softness = 0.5")
    met = bench.drag((60, 60), (140, 60))
    mask = mask_of(bench)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    outside = np.maximum(0, np.maximum(met[0, 0] - x, x - met[1, 0]))
    away = np.hypot(outside, y - met[0, 1])
    expected = 255 * ((30 - away) / 15).clip(0, 1)
    assert np.abs(mask - expected).max() <= 1
    assert {0, 255} < set(np.unique(mask))


def test_a_box_arrives_as_numbers_and_becomes_a_mask_once_it_is_none(bench):
    bench.show(noise(200, 300))
    bench.edit("region")
    bench.look(2, 0, 0)
    bench.press("m")
    bench.drag((40, 30), (140, 90))
    assert bench.value == bench.ready() == "40,30,100,60"
    bench.drag((140, 90), (160, 100))
    assert bench.value == {"mask": None}
    mask = mask_of(bench)
    assert mask[30:90, 40:140].all() and mask[90:100, 140:160].all() and mask.sum() == 255 * 6200
    bench.press("Control+z")
    assert bench.value == "40,30,100,60"


def test_a_lasso_has_the_pixels_whose_middles_are_inside(bench):
    size = (240, 320)
    bench.show(noise(*size))
    bench.edit("region")
    bench.press("l")
    met = bench.drag((50, 40), (270, 60), (200, 200), (120, 110), (70, 215))
    middles = np.stack(np.mgrid[: size[1], : size[0]], -1).reshape(-1, 2) + 0.5
    expected = points_in_poly(middles, met).reshape(size[1], size[0]).T
    assert np.array_equal(mask_of(bench) > 0, expected)


def test_fill_closes_a_ring_and_nothing_else(bench):
    bench.show(noise(200, 300))
    bench.edit("region", "50,40,120,80")
    bench.press("m")
    bench.run("window.handle.taking = true")
    bench.drag((80, 60), (140, 100))
    assert mask_of(bench)[60:100, 80:140].max() == 0
    bench.run("window.handle.taking = false")
    bench.press("g")
    bench.click(100, 80)
    assert bench.value == "50,40,120,80"


def test_invert_grow_and_shrink(bench):
    size = (150, 220)
    bench.show(noise(*size))
    bench.edit("region")
    bench.run("window.handle.size = 30")
    before = near(bench.drag((40, 40), (150, 100)), size, 15)
    bench.run("window.handle.grow(9)")
    away = ndimage.distance_transform_edt(~before)
    assert np.array_equal(mask_of(bench) > 0, away <= 9)
    bench.press("Control+z")
    bench.run("window.handle.grow(-6)")
    away = ndimage.distance_transform_edt(before)
    assert np.array_equal(mask_of(bench) > 0, away > 6)
    bench.press("i")
    assert np.array_equal(mask_of(bench) > 0, ~(away > 6))


def test_a_mask_is_saved_and_loaded_as_a_file(bench, tmp_path):
    bench.show(noise(120, 160))
    bench.edit("region")
    mask = RNG.integers(0, 256, (120, 160)).astype(np.uint8)
    mask[RNG.random(mask.shape) < 0.5] = 0
    (tmp_path / "mask.png").write_bytes(png(mask))
    with bench.page.expect_file_chooser() as chooser:
        bench.page.click("[aria-label='Load a mask from a file']")
    chooser.value.set_files(tmp_path / "mask.png")
    bench.wait("window.told.length > 0")
    with bench.page.expect_download() as download:
        bench.page.click("[aria-label='Save the mask as a file']")
    saved = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert download.value.suggested_filename == "picture-mask.png"
    assert saved.mode == "L" and np.array_equal(np.asarray(saved), mask)
    assert np.array_equal(mask_of(bench), mask)


def test_a_mask_of_another_size_is_refused_in_words(bench, tmp_path):
    bench.show(noise(120, 160))
    bench.edit("region")
    (tmp_path / "mask.png").write_bytes(png(np.full((10, 20), 255, np.uint8)))
    with bench.page.expect_file_chooser() as chooser:
        bench.page.click("[aria-label='Load a mask from a file']")
    chooser.value.set_files(tmp_path / "mask.png")
    words = bench.page.locator(".notice").text_content()
    assert "20×10" in words and "160×120" in words
    assert bench.value is None


def test_what_the_task_would_choose_is_shown_first_and_is_no_value_until_it_is_changed(bench):
    about = bench.show(noise(100, 140))
    mask = np.zeros((100, 140), np.uint8)
    mask[20:40, 30:70] = 255
    chosen = bench.run(
        """const sent = await upload(file(argument, "mask.png"));
           window.handle = workbench.edit("region", null, { option: "it", label: "It",
             propose: async () => sent });
           while (!window.handle.proposed) await new Promise((go) => setTimeout(go, 5));
           return sent.id;""",
        text(mask),
    )
    assert chosen != about["id"]
    assert bench.run("return window.handle.raster.get(31, 21)") == 255
    assert bench.value is None and bench.ready() is None
    bench.press("m")
    bench.drag((80, 60), (100, 70))
    assert mask_of(bench)[20:40, 30:70].all() and mask_of(bench).sum() == 255 * (800 + 200)


def test_a_rough_stroke_selects_the_thing_and_another_makes_it_better(bench):
    y, x = np.mgrid[:150, :200]
    thing = np.hypot(y - 75, x - 100) < 40
    picture = np.where(thing[..., None], (220, 60, 60), (40, 40, 40)).astype(np.uint8)
    bench.show(picture + noise(150, 200) // 16)
    bench.edit("region", "0,0,20,10")
    bench.run("window.told = []; window.handle.size = 6")
    bench.press("s")
    for stroke in [((80, 70), (120, 90)), ((100, 50), (100, 60))]:
        told = bench.run("return window.told.length")
        bench.drag(*stroke)
        bench.wait(f"window.told.length > {told} && !window.handle.busy")
        mask = mask_of(bench) > 0
        assert mask[:10, :20].all()  # what was there before
        mask[:10, :20] = False
        assert (mask & thing).sum() / (mask | thing).sum() > 0.95
    bench.press("Control+z")  # the second took the place of the first
    assert bench.value == "0,0,20,10"


def test_the_keyboard_alone_draws_and_moves(bench):
    bench.show(noise(200, 300))
    bench.edit("region")
    bench.look(2, 0, 0)
    bench.press("m", "ArrowRight")
    start = bench.run("return workbench.view.cursor")
    bench.press("Enter", *["ArrowRight"] * 3, *["ArrowDown"] * 2, "Shift+ArrowDown", "Enter")
    assert bench.value == f"{start['x']},{start['y']},15,11"  # ten pixels of the screen a step
    bench.run("window.handle.stop()")
    bench.edit("box", "20,30,50,40")
    bench.press("ArrowRight", "Shift+ArrowDown", "Alt+ArrowLeft", "Alt+Shift+ArrowDown")
    assert bench.value == "21,40,49,50"
    bench.press("Control+z")
    assert bench.value == "21,40,49,40"


def test_a_source_dragged_away_leaves_a_target(bench):
    bench.show(noise(200, 300))
    bench.edit("regions")
    bench.look(2, 0, 0)
    bench.drag((20, 30), (80, 70))
    bench.drag((50, 50), (150, 120))
    bench.drag((50, 50), (60, 140))
    bench.drag((220, 20), (260, 60))
    expected = [
        {"source": "20,30,60,40", "targets": ["120,100,60,40", "30,120,60,40"]},
        {"source": "220,20,40,40", "targets": []},
    ]
    assert bench.value == bench.ready() == expected
    bench.drag((150, 120), (160, 125))  # a target moves
    assert bench.value[0]["targets"][0] == "130,105,60,40"
    bench.press("Delete")
    assert bench.value[0]["targets"] == ["30,120,60,40"]


def test_edges_are_dragged_outwards_only_and_a_size_both_ways(bench):
    bench.show(noise(200, 300))
    bench.edit("edges")
    bench.look(1, -200, -150)
    bench.drag((300, 100), (420, 100))
    bench.drag((0, 0), (-50, -30))
    assert bench.value == {"left": 50, "right": 120, "top": 30, "bottom": 0}
    bench.drag((185, 200), (185, 150))
    assert bench.value["bottom"] == 0
    bench.press("Shift+ArrowDown", "Alt+ArrowLeft")
    assert bench.value == {"left": 49, "right": 120, "top": 30, "bottom": 10}
    bench.run("window.handle.stop()")
    bench.edit("size")
    bench.look(1, -200, -150)
    bench.drag((300, 200), (250, 260))
    assert bench.value == "250x260"


def test_a_point_is_clicked(bench):
    bench.show(noise(200, 300))
    bench.edit("point")
    bench.look(4, 100, 50)
    bench.click(140.3, 80.6)
    assert bench.value == "140,80"
    bench.press("ArrowLeft", "Shift+ArrowDown")
    assert bench.value == "139,90"


def test_what_is_placed_is_what_the_page_shows_and_the_background_stays(bench):
    background, thing = noise(200, 300), noise(40, 60)
    bench.show(background)
    bench.edit("place")
    bench.look(2, 0, 0)
    bench.run(
        """await window.handle.add(await upload(file(argument, "thing.png")));""",
        text(thing),
    )
    bench.drag((150, 100), (90, 70))  # its middle
    bench.press("ArrowRight", "Shift+ArrowDown", "f")
    layer = bench.run("return window.handle.layer")
    assert (layer["x"], layer["y"], layer["flip"], layer["scale"]) == (91, 80, True, 1)
    made = bench.pixels(bench.ready())
    expected = composed(Picture(background), [Placed(Picture(thing), 91, 80, flip=True)]).pixels
    assert np.array_equal(made, expected)
    assert not np.array_equal(made, background)
    corner = bench.places((121, 100))[0]
    bench.drag((121, 100), (151, 120))  # a corner: from the middle twice as far
    assert corner and bench.run("return window.handle.layer.scale") == pytest.approx(2, abs=0.02)


def test_a_lasso_cuts_the_thing_out(bench):
    background, thing = noise(200, 300), noise(100, 150)
    bench.show(background)
    bench.edit("place")
    bench.look(2, 0, 0)
    bench.run(
        """await window.handle.add(await upload(file(argument, "thing.png")));""",
        text(thing),
    )
    bench.press("l")
    bench.drag((120, 80), (180, 80), (180, 130), (120, 130))
    made = bench.pixels(bench.ready())
    assert np.array_equal(made[81:129, 121:179], thing[31:79, 46:104])
    outside = np.ones((200, 300), bool)
    outside[79:131, 119:181] = False
    assert np.array_equal(made[outside], background[outside])


def test_a_sketch_lies_over_the_picture_and_leaves_the_rest(bench):
    background = noise(120, 160)
    bench.show(background)
    bench.edit("sketch")
    bench.run("window.handle.paintColour = '#12ab34'; window.handle.size = 20")
    inside = near(bench.drag((40, 40), (110, 80)), (120, 160), 10)
    made = bench.pixels(bench.ready())
    assert np.array_equal(made[inside], np.broadcast_to((0x12, 0xAB, 0x34), (inside.sum(), 3)))
    assert np.array_equal(made[~inside], background[~inside])


def test_tiles_are_seen_where_they_belong(bench):
    picture = noise(540, 560)
    bench.show(picture)
    bench.look(1, 200, 150)
    for x, y in [(250, 250), (511, 511), (512, 511), (511, 512), (512, 512), (559, 539)]:
        bench.page.wait_for_timeout(30)
        assert bench.colour(x + 0.5, y + 0.5) == tuple(picture[y, x])


def test_compare_shows_one_on_each_side_and_the_other_while_held(bench):
    red, blue = (np.full((100, 100, 3), colour, np.uint8) for colour in [(200, 0, 0), (0, 0, 200)])
    first, second = bench.show(red, "a.png"), bench.show(blue, "b.png")
    bench.run(
        """await workbench.compare(argument[0], argument[1]);
           const painted = () => argument.every((id) => workbench.view.painted(id));
           while (!painted()) await new Promise((go) => setTimeout(go, 10));""",
        [first["id"], second["id"]],
    )
    assert bench.colour(20, 50) == (200, 0, 0) and bench.colour(80, 50) == (0, 0, 200)
    bench.drag((50, 50), (10, 50))
    assert bench.colour(20, 50) == (0, 0, 200)
    bench.page.click("text=Hold")
    assert bench.colour(80, 50) == (200, 0, 0)
    bench.page.mouse.move(*bench.places((50, 50))[0])
    bench.page.mouse.down()
    assert bench.colour(80, 50) == (0, 0, 200)
    bench.page.mouse.up()
    bench.page.keyboard.press("Escape")
    assert bench.run("return workbench.current.name") == "b.png"
    assert not bench.page.locator("text=Side by side").is_visible()


def test_each_tab_keeps_what_is_drawn_on_it_and_closing_takes_it_away(bench):
    bench.show(noise(100, 100), "a.png")
    bench.edit("region", "10,20,30,40")
    bench.show(noise(100, 100), "b.png")
    assert bench.page.locator("#tools").is_hidden()
    bench.page.locator(".tab", has_text="b.png").focus()
    bench.press("ArrowLeft")
    assert bench.page.locator(".tab[aria-selected=true]").text_content() == "a.png"
    assert bench.page.locator("#tools").is_visible()
    assert bench.run("return await workbench.settled()") == {"it": "10,20,30,40"}
    bench.page.reload()
    bench.page.wait_for_selector(".tab[aria-selected=true]")
    assert bench.run("return workbench.pictures.map(({ name }) => name)") == ["a.png", "b.png"]
    assert bench.run("return workbench.current.name") == "a.png"
    bench.edit("region", "1,2,3,4")
    bench.page.locator(".tab", has_text="a.png").focus()
    bench.press("Delete")
    assert bench.run("return workbench.handles.length") == 0
    assert bench.run("return workbench.current.name") == "b.png"


def test_pictures_come_by_dropping_and_pasting(bench):
    for event in ["drop", "paste"]:
        bench.run(
            """const data = new DataTransfer();
               data.items.add(file(argument.text, `${argument.event}.png`));
               const made = argument.event === "drop" ? new DragEvent("drop", { dataTransfer: data,
                 bubbles: true, cancelable: true, clientX: 300, clientY: 300 })
                 : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
               document.body.dispatchEvent(made);""",
            {"text": text(noise(30, 40)), "event": event},
        )
        bench.page.wait_for_selector(f".tab:has-text('{event}.png')")
    assert bench.run("return workbench.current.width") == 40


def test_the_address_opens_pictures(bench, server):
    about = bench.show(noise(30, 40), "named.png")
    _, address = server
    page = bench.page.context.new_page()
    page.goto(f"{address}&open={about['id']},{'0' * 24},../x")
    page.wait_for_selector(".tab[aria-selected=true]")
    assert page.locator(".tab").all_text_contents() == ["named.png"]


def test_what_is_no_picture_is_refused_in_the_servers_words(bench):
    with bench.page.expect_file_chooser() as chooser:
        bench.page.click("#open-picture")
    chooser.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    assert "a.png" in bench.page.locator(".notice").text_content()
    assert bench.page.locator(".tab").count() == 0


def test_keys_are_not_taken_from_a_field_that_is_typed_in(bench):
    bench.show(noise(100, 140))
    bench.edit("region", "10,20,30,40")
    bench.page.locator("[aria-label=Edge]").fill("7")
    bench.press("i", "Delete", "0", "Backspace")
    assert bench.value == "10,20,30,40"
    bench.page.locator("#canvas").focus()
    bench.press("i")
    assert bench.value == {"mask": None}


def test_a_tile_is_shown_beside_itself(bench):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = (200, 100, 0)
    bench.show(picture)
    bench.page.click("[aria-label='Show it as a tile']")
    bench.run("workbench.view.show(workbench.current, { scale: 2, left: -100, top: -100 })")
    assert bench.colour(-10, -10) == (200, 100, 0) and bench.colour(-50, 90) == (0, 0, 0)
    bench.page.click("[aria-label='Show it as a tile']")
    bench.look(2, -100, -100)
    assert bench.colour(-10, -10) != (200, 100, 0)


def test_two_fingers_zoom_and_pan_and_leave_no_stroke(opened):
    bench = opened(has_touch=True)
    bench.show(noise(300, 400))
    bench.edit("region")
    before = bench.run("return workbench.view.look")
    devtools = bench.page.context.new_cdp_session(bench.page)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (400, 350))
    touch("touchStart", (400, 350), (500, 350))
    touch("touchMove", (350, 350), (550, 350))
    touch("touchEnd")
    after = bench.run("return workbench.view.look")
    assert after["scale"] / before["scale"] == pytest.approx(2, rel=0.05)
    assert bench.value is None
    touch("touchStart", (400, 350))
    touch("touchMove", (450, 350))
    touch("touchEnd")
    assert bench.value is not None
    assert bench.page.errors == []
    bench.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    bench = opened(color_scheme=scheme)
    bench.show(noise(100, 140))
    bench.edit("region")
    found = axe.run(bench.page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    bench.page.context.close()


THING = """await window.handle.add(await upload(file(argument, "thing.png")));"""


def test_what_was_placed_is_there_again_and_moves(bench):
    background, thing = noise(200, 300), noise(40, 60)
    bench.show(background)
    bench.edit("place")
    bench.run(THING, text(thing))
    bench.run("window.handle.alter({ x: 90, y: 70 })")
    id = bench.ready()
    bench.run("window.handle.alter({ x: 200 }); window.handle.stop()")
    bench.edit("place")  # as another task does, after this one was left
    bench.wait("window.handle.layer")
    assert bench.run("return window.handle.layer.x") == 200
    bench.page.reload()
    bench.page.wait_for_selector(".tab[aria-selected=true]")
    bench.edit("place", {"picture": id})  # a composite comes apart again
    assert bench.value == {"picture": id} and bench.ready() == id
    assert bench.run("return window.handle.layer.x") == 90
    bench.press("Shift+ArrowRight")
    expected = composed(Picture(background), [Placed(Picture(thing), 100, 70)]).pixels
    assert np.array_equal(bench.pixels(bench.ready()), expected)
    bench.press("Delete")
    bench.run("window.handle.stop()")
    bench.edit("place")
    bench.run("await new Promise((go) => setTimeout(go, 100))")
    assert bench.run("return window.handle.layers") == [] and bench.value is None


@pytest.mark.parametrize("drawn", [False, True])
def test_what_was_asked_for_is_shown_large_unless_a_tool_was_used_since(bench, drawn):
    first, second = bench.show(noise(100, 100), "a.png"), bench.show(noise(100, 100), "b.png")
    bench.run("workbench.show(argument)", first["id"])
    bench.edit("region", "1,2,3,4")
    bench.run(
        """const { showWhenDone } = await import("/static/results.js");
           const edit = { id: "x", edit: { task: "it", image: argument[0] }, results: [] };
           window.edits = Object.assign(new EventTarget(), { all: new Map([["x", edit]]) });
           showWhenDone(edit, { workbench, edits: window.edits,
             pictures: { learn: async (id) => workbench.pictures.find((one) => one.id === id) },
             catalogue: new Map([["it", { learns_from: "image" }]]) });""",
        [first["id"], second["id"]],
    )
    if drawn:
        bench.drag((20, 20), (60, 60))
    bench.run(
        """Object.assign(window.edits.all.get("x"), { state: "done",
             results: [{ seed: 2, picture: argument[0] }, { seed: 1, picture: argument[1] }] });
           window.edits.dispatchEvent(new Event("list"));
           await new Promise((go) => setTimeout(go, 50));""",
        [first["id"], second["id"]],
    )
    assert bench.page.locator("text=Side by side").is_visible() == (not drawn)
    assert bench.run("return workbench.view.scene === null") == drawn
    if not drawn:
        assert bench.run("return workbench.view.tool.b.id") == second["id"]  # the lowest seed
        bench.page.locator("#canvas").focus()
        bench.press("Escape")
        assert bench.run("return window.handle.active")


def test_tabs_of_one_name_are_numbered_and_all_are_reached(bench):
    bench.page.set_viewport_size({"width": 800, "height": 600})
    names = ["a.png"] + ["a-picture-with-a-long-name.png"] * 2 + [f"{k}-other.png" for k in "bcdef"]
    for name in names:
        bench.show(noise(30, 40), name)
    tabs = bench.page.locator(".tab")
    shown = [*tabs.all_text_contents()]
    assert shown[:3] == ["a.png", *(f"a-picture-with-a-long-name.png ({k})" for k in (1, 2))]
    ending = tabs.nth(2).locator(".ending")
    assert ending.evaluate("one => one.scrollWidth <= one.clientWidth + 1")  # the number is seen

    def seen(k):
        [row, tab] = [bench.page.locator("#tabs").bounding_box(), tabs.nth(k).bounding_box()]
        return row["x"] <= tab["x"] and tab["x"] + tab["width"] <= row["x"] + row["width"] + 1

    assert seen(7) and not seen(0)
    bench.page.locator("#tabs").hover()
    bench.page.mouse.wheel(0, -5000)
    bench.page.wait_for_timeout(50)
    assert seen(0) and not seen(7)
    for _ in range(12):
        bench.page.get_by_label("Later tabs").click()
        bench.page.wait_for_timeout(50)
        if seen(7):
            break
    assert seen(7) and bench.page.get_by_label("Later tabs").is_disabled()


def test_numbers_of_a_thing_are_seen_whole_and_the_canvas_keeps_its_size(opened):
    bench = opened()
    bench.page.set_viewport_size({"width": 1440, "height": 900})
    bench.show(noise(900, 1200))
    size = "const { width, height } = workbench.view; return [width, height]"
    before = bench.run(size)
    bench.edit("place")
    for _ in range(2):
        bench.run(THING, text(noise(400, 600)))
    bench.run("window.handle.alter({ x: 1106.23, y: 807.26, scale: 0.1234, rotation: -120.2 })")
    bar = bench.page.locator("#tool-options").bounding_box()
    inputs = bench.page.locator("#tool-options .number input")
    assert [field.input_value() for field in inputs.all()] == ["12", "-120", "1106", "807"]
    for field in inputs.all():
        box = field.bounding_box()
        assert box["x"] + box["width"] <= bar["x"] + bar["width"]
        assert field.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert bench.run(size) == before
    bench.run("window.handle.chosen = -1; window.handle.restated()")
    assert bench.run(size) == before
    bench.run("window.handle.stop()")
    assert bench.run(size) == before
    bench.page.evaluate("document.getElementById('shelf').classList.add('large')")
    assert bench.run(size)[1] >= 0.4 * 900
    assert bench.page.errors == []
    bench.page.context.close()


def test_the_help_says_what_can_be_done(bench):
    bench.show(noise(30, 40))
    bench.page.locator("#canvas").focus()
    bench.press("?")
    words = bench.page.locator("dialog[open] p")
    assert words.count() == 2 and "Make it" in words.nth(1).text_content()
