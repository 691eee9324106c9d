"""The panels of the studio's page, in a real browser against a real server."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinddm_toolkit.host import registry
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.studio import app
from tests.studio.browsing import needs_browser
from tests.studio.using import ask, choose, expect, field, go, made, stroke, write

pytestmark = [needs_browser, pytest.mark.slow]


def test_every_task_has_a_field_for_each_of_its_options(page):
    tasks = registry.current().tasks
    for task in ask(page, "tasks"):
        if task["learns_from"] is None:
            continue
        choose(page, task["name"])
        shown = page.locator(f".chosen-task[data-task={task['name']}] .field")
        names = shown.evaluate_all("rows => rows.map((row) => row.dataset.option)")
        leaders = {one["name"] for one in task["options"] if not one["follows"]}
        assert set(names) == leaders
        assert task["name"] == "dusk" or leaders <= set(tasks[task["name"]].schema())
        controls = shown.evaluate_all(
            "rows => rows.map((row) => row.querySelector('input, select, p.note') !== null)"
        )
        assert all(controls)
        if "strength" in names:
            dials = [one["name"] for one in task["options"] if one["kind"] in ("number", "whole")]
            assert min(dials, key=names.index) == "strength"
        page.get_by_role("button", name="Other tasks").click()
    shown = page.locator(".run-options .field")
    choose(page, "dusk")
    assert shown.count() == len(RunOptions.schema())


def test_every_field_has_a_name_and_its_help(page):
    choose(page, "dusk")
    unnamed = page.locator("#panel").evaluate(
        """panel => [...panel.querySelectorAll("input, select, button")].filter((one) =>
            !one.getAttribute("aria-label") && !one.labels?.length && !one.textContent.trim())
            .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    depth = field(page, "depth").locator("input.number")
    described = depth.evaluate(
        """input => input.getAttribute("aria-describedby").split(" ")
            .map((id) => document.getElementById(id).textContent).join(" ")"""
    )
    assert described.strip() == "Higher: darker"
    expect(field(page, "table")).to_contain_text("only the command line")


def test_a_strangers_task_runs_and_its_values_of_every_kind_arrive(page, sinddm_picture):
    choose(page, "dusk")
    write(page, depth="0.9", times=3, far="25%", size="1x1", lasting="90s", seed=7)
    write(page, where="10,10,20,20", star="50%,50%", part="0,0,9,9", words="a, b")
    write(page, tint="orange")
    picked = field(page, "tint").get_by_label("Pick Tint")
    picked.fill("#0080ff")
    expect(field(page, "tint").locator("[type=text]")).to_have_value("#0080ff")
    write(page, tint="#FF8000")
    expect(picked).to_have_value("#ff8000")
    field(page, "late").get_by_role("switch").check()
    field(page, "hour").get_by_role("combobox").select_option("ten")
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    picture = edit["edit"].pop("image")
    assert edit["edit"] == {
        "task": "dusk",
        "depth": 0.9,
        "times": 3,
        "far": "25%",
        "size": "1x1",
        "seed": 7,
        "lasting": "90s",
        "where": "10,10,20,20",
        "star": "50%,50%",
        "tint": "#FF8000",
        "part": ["0,0,9,9"],
        "words": "a, b",
        "late": True,
        "hour": "ten",
    }
    assert ask(page, f"pictures/{picture}")["name"] == "bg.png"
    assert edit["state"] == "done"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    result = np.asarray(Image.open(download.value.path()))
    assert result.shape == sinddm_picture.pixels.shape
    assert result.mean() < sinddm_picture.pixels.mean() - 20  # it is darker


def test_what_is_wrong_is_said_at_the_field_before_anything_is_asked(page):
    choose(page, "dusk")
    write(page, depth=7, far="wide")
    expect(field(page, "depth")).to_contain_text("Must be a number from 0 to 1")
    expect(field(page, "depth").locator("input.number")).to_have_attribute("aria-invalid", "true")
    expect(field(page, "far")).to_contain_text("Must be a length such as 120 (pixels) or 25%")
    go(page)
    expect(field(page, "depth").locator("input.number")).to_be_focused()
    assert ask(page, "edits") == []
    write(page, depth=1, far="")
    expect(page.locator(".field.wrong")).to_have_count(0)


def test_what_is_needed_is_said_at_the_field(page):
    choose(page, "harmonize")
    go(page)
    expect(field(page, "composite")).to_contain_text("This is needed, or Object")
    # What may stand in its place is beside it, in sight.
    expect(field(page, "object")).to_be_visible()
    assert page.locator(".field[data-option=composite] + .field[data-option=object]").count() == 1
    ways = field(page, "object").locator(".ways button").all_inner_texts()
    assert ways == ["Open…"]
    field(page, "object").locator("select").select_option(index=1)
    expect(field(page, "composite").locator(".complaint")).to_be_empty()
    assert ask(page, "edits") == []


def test_what_the_server_refuses_is_said_at_the_field(page):
    choose(page, "sample")
    write(page, seed=2**53 - 1, samples=5)
    go(page)
    expect(field(page, "seed").locator(".complaint")).to_contain_text("seeds go up to")
    assert ask(page, "edits") == []


def test_a_task_without_its_weights_says_what_it_needs(page):
    choose(page, "text-content")
    write(page, text="a red barn")
    go(page)
    expect(page.locator("#panel .complaint:not(:empty)").first).to_contain_text("weights")
    assert ask(page, "edits") == []


def test_variants_stand_side_by_side_and_are_made_again(page):
    choose(page, "dusk")
    write(page, samples=3, seed=40)
    go(page)
    card = made(page).first
    seeds = card.locator(".variant span").all_inner_texts()
    assert seeds == ["seed 40", "seed 41", "seed 42"]
    card.get_by_role("button", name="seed 41").click()
    expect(page.locator(".tab")).to_have_count(2)  # it is shown, and what is worked on stays
    assert (
        field(page, "image")
        .locator("select")
        .evaluate("one => one.selectedOptions[0].text")
        .startswith("bg.png")
    )
    card.get_by_role("button", name="Another seed").click()
    made(page, 2)
    newer, older = ask(page, "edits")
    assert newer["seed"] != older["seed"]
    assert newer["edit"] == {name: value for name, value in older["edit"].items() if name != "seed"}


def test_it_is_watched_and_cancelled_and_goes_on(page):
    choose(page, "dusk")
    write(page, train_seed=3)
    field(page, "quality").get_by_role("combobox").select_option("standard")
    go(page)
    card = page.locator(".queue-card")
    expect(card).to_contain_text("left; then the picture is made")
    expect(card).to_contain_text("still differs by")
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(card.locator(".curve polyline")).to_have_attribute("points", re.compile(r"\d"))
    field(page, "quality").get_by_role("combobox").select_option("draft")
    write(page, train_seed=0)
    go(page)
    expect(page.locator(".queue-card")).to_have_count(2)
    expect(page.locator(".queue-card").nth(1)).to_contain_text("Waits for its turn")
    card.first.get_by_role("button", name="Cancel").click()
    made(page, 2)
    assert [one["state"] for one in ask(page, "edits")] == ["done", "cancelled"]


def test_all_that_waits_is_cancelled_at_once(page):
    choose(page, "dusk")
    write(page, train_seed=4)
    field(page, "quality").get_by_role("combobox").select_option("standard")
    for position in range(1, 4):
        go(page)
        expect(page.locator(".queue-card")).to_have_count(position)
    page.get_by_role("button", name="Cancel all").click()
    made(page, 3)
    assert {one["state"] for one in ask(page, "edits")} == {"cancelled"}


def test_what_fails_says_why_and_can_be_changed(page):
    choose(page, "dusk")
    write(page, words="fail")
    go(page)
    card = made(page)
    expect(card).to_contain_text("It was asked to fail")
    expect(card.locator("h3")).to_have_attribute("title", re.compile("at dusk"))
    page.locator(".panel-scroll").evaluate("one => one.scrollTo({ top: one.scrollHeight })")
    card.get_by_role("button", name="Change…").click()
    expect(field(page, "strength")).to_have_class(re.compile("pointed-out"))
    expect(field(page, "words").locator("input")).to_have_value("fail")
    expect(page.locator(".chosen-task h2")).to_be_focused()
    expect(page.locator(".chosen-task h2")).to_be_in_viewport(ratio=1)
    expect(page.locator("#announcer")).to_have_text("Settings of Dusk are back")
    expect(page.locator(".tab[aria-selected=true]")).to_contain_text("bg.png")
    expect(field(page, "seed").locator("input")).not_to_have_value("")
    page.get_by_role("button", name="Other tasks").click()
    choose(page, "sample")  # another edit, with a seed of its own
    expect(field(page, "seed").locator("input")).to_have_value("")


def test_what_was_learnt_is_deleted(page):
    choose(page, "dusk")
    write(page, train_seed=5, sampling_steps=1)
    go(page)
    made(page)
    known = {one["model"] for one in ask(page, "models")}
    page.get_by_role("button", name="Models").click()
    page.locator(".models li").first.get_by_role("button").click()
    expect(page.locator(".models li")).to_have_count(len(known) - 1)
    (gone,) = known - {one["model"] for one in ask(page, "models")}
    assert gone == ask(page, "edits")[0]["model"]


def test_a_reload_in_the_middle_loses_nothing(page):
    choose(page, "dusk")
    write(page, seed=3, samples=60)
    go(page)
    expect(page.locator(".queue-card")).to_contain_text("Making the picture")
    page.reload()
    expect(page.locator(".queue-card .forming img").first).to_be_visible()
    expect(field(page, "seed").locator("input")).to_have_value("3")
    assert (
        field(page, "image")
        .locator("select")
        .evaluate("one => one.selectedOptions[0].text")
        .startswith("bg.png")
    )
    page.locator(".queue-card").get_by_role("button", name="Cancel").click()
    made(page)


def test_another_window_sees_the_same(page):
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("[data-task]").first).to_be_visible()
    choose(page, "dusk")
    go(page)
    made(page)
    made(other).locator(".more-actions summary").click()
    other.get_by_role("button", name="Delete").click()
    made(other, 0)
    made(page, 0)
    other.close()


def test_it_is_copied_as_command_python_and_row(page):
    choose(page, "dusk")
    write(page, seed=11)
    go(page)
    card = made(page).first
    card.locator(".more-actions summary").click()
    card.get_by_role("button", name="Copy as…").click()
    text = page.locator(".copied-text")
    expect(text).to_have_value(re.compile(r"^sinddm-tk run dusk --image bg.png .*--seed 11"))
    page.get_by_role("button", name="Python").click()
    expect(text).to_have_value(re.compile(r"sinddm_toolkit"))
    page.get_by_role("button", name="Row of a table").click()
    expect(text).to_have_value(re.compile(r"11"))
    page.keyboard.press("Escape")
    expect(text).to_have_count(0)


def test_a_layout_is_picked_from_the_sheet(page):
    choose(page, "sample")
    write(page, seed=2, likeness=0, sampling_steps=1)
    field(page, "layout_sheet").get_by_role("switch").check()
    go(page)
    card = made(page).first
    card.locator(".pick input").fill("3")
    card.get_by_role("button", name="Go on with this one").click()
    made(page, 2)
    picked, first = ask(page, "edits")
    assert picked["edit"] == {**first["edit"], "pick": 3}


def test_a_preset_lies_beneath_what_is_set(page):
    choose(page, "sample")
    page.locator(".presets summary").click()
    page.locator("[data-preset=four-to-choose]").click()
    expect(field(page, "samples").locator("input")).to_have_value("4")
    expect(field(page, "samples")).to_contain_text("preset four-to-choose")
    write(page, samples=2)
    page.get_by_role("button", name="Explain").click()
    table = page.locator(".explained")
    expect(table.locator("tr", has_text="Variants")).to_have_attribute("data-layer", "given")
    expect(table.locator("tr", has_text="Image")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Take preset four-to-choose away").click()
    expect(field(page, "samples").locator("input")).to_have_value("2")


def test_settings_are_saved_as_a_preset(page):
    choose(page, "dusk")
    write(page, depth="0.4", seed=5)
    page.get_by_role("button", name="Save as preset…").click()
    page.locator("#preset-name").fill("late")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)
    (saved,) = [one for one in ask(page, "presets") if one["name"] == "late"]
    assert (saved["own"], saved["tasks"], saved["values"]) == (True, ["dusk"], {"depth": 0.4})


def test_two_options_are_swept_as_a_grid(page):
    choose(page, "dusk")
    page.get_by_role("button", name="Sweep…").click()
    page.get_by_label("Across: option").select_option(label="Depth")
    page.get_by_label("Across: values").fill("0, 1")
    page.get_by_label("Down: option").select_option(label="Hour")
    page.get_by_role("button", name="Make them all").click()
    grid = page.locator(".sweep")
    expect(grid.locator("img")).to_have_count(4)
    assert grid.locator("thead th").all_inner_texts() == ["0", "1"]
    assert grid.locator("tbody th").all_inner_texts() == ["nine", "ten"]
    edits = ask(page, "edits")
    assert len({one["seed"] for one in edits}) == 1
    cell = grid.locator("tbody tr").nth(1).locator("td").nth(1).locator("img")
    assert cell.get_attribute("alt") == "Depth 1, Hour ten"
    shown = {(one["edit"]["depth"], one["edit"]["hour"]): one for one in edits}
    assert shown[1, "ten"]["results"][0]["picture"] in cell.get_attribute("src")
    cell.click()
    page.locator(".sweep-card .again-seed").click()  # which is no part of the sweep
    expect(page.locator(".history > .result-card")).to_have_count(2)


def test_a_region_is_drawn_with_the_mouse(page):
    choose(page, "dusk")
    expect(page.locator("#tools")).to_be_visible()  # it may be drawn on at once
    stroke(page, (-40, 0), (40, 0))
    expect(field(page, "where")).to_contain_text("painted on bg.png")
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    about = ask(page, f"pictures/{edit['edit']['where']}")
    assert (about["width"], about["height"]) == (80, 60)
    page.reload()
    expect(field(page, "where")).to_contain_text("painted")
    field(page, "where").get_by_role("button", name="Clear").click()
    expect(field(page, "where")).not_to_contain_text("painted")


def test_what_a_task_would_choose_is_shown_and_changed(page, sinddm_picture):
    choose(page, "harmonize")
    pasted = sinddm_picture.pixels.copy()
    pasted[20:40, 30:50] = (250, 10, 10)
    data = io.BytesIO()
    Image.fromarray(pasted).save(data, "PNG")
    with page.expect_file_chooser() as opened:
        field(page, "composite").get_by_role("button", name="Open").click()
    opened.value.set_files({"name": "c.png", "mimeType": "image/png", "buffer": data.getvalue()})
    expect(field(page, "composite").locator("select")).not_to_have_value("")
    field(page, "mask").get_by_role("button", name="Draw").click()
    expect(page.locator("#tool-options")).to_contain_text("Suggested by the task")
    drawn = page.locator(".tab[aria-selected=true]")
    expect(drawn).to_contain_text("c.png")  # on what is pasted, not on the empty background
    stroke(page, (0, 0), (150, 0))
    expect(page.locator("#tool-options")).not_to_contain_text("Suggested by the task")
    go(page)
    made(page)
    (edit,) = ask(page, "edits")
    origin = page.evaluate("location.origin")
    tile = f"{origin}/api/pictures/{edit['edit']['mask']}/levels/0/0-0.png"
    mask = np.asarray(Image.open(io.BytesIO(page.request.get(tile).body())).convert("L"))
    assert mask.shape == (60, 80)
    assert (mask[22:38, 32:48] == 255).all() and (mask[:10] == 0).all()


def test_tasks_are_found_by_what_people_call_them(page):
    shown = page.locator(".wishes li:visible")
    for words, first in (
        ("remove", "inpaint"),
        ("beyond", "outpaint"),
        ("dusk", "dusk"),
        ("put this boat into that sea", "harmonize"),
        ("remove the tent", "inpaint"),
        ("twice as wide", "outpaint"),
        ("in the manner of this painting", "style-transfer"),
        ("smaller strokes", "style-transfer"),
    ):
        page.get_by_label("Search tasks").fill(words)
        expect(shown.first).to_have_attribute("data-task", first)
    page.get_by_label("Search tasks").fill("zebra crossing")
    expect(shown).to_have_count(0)
    expect(page.locator(".tasks-panel")).to_contain_text("No task fits these words")


def test_colours_are_those_of_the_frame():
    folder = Path(app.__file__).parent / "static"
    frame, panels = ((folder / name).read_text() for name in ("style.css", "panels.css"))
    used = set(re.findall(r"var\((--[a-z-]+)", panels))
    assert used and used <= set(re.findall(r"(--[a-z-]+):", frame))


def test_tasks_act_together(page):
    choose(page, "dusk")
    page.get_by_role("button", name="And also").click()
    page.locator("dialog [data-task=seamless] .wish").click()
    # The first one's picture is learnt: the other is not asked for one.
    expect(page.locator("[data-task=seamless] .field[data-option=image]")).to_be_hidden()
    page.get_by_role("button", name="And also").click()
    page.locator("dialog [data-task=animate] .wish").click()
    expect(page.locator(".chosen-task")).to_have_count(3)
    page.get_by_role("button", name="Leave out Seamless").click()
    expect(page.locator(".chosen-task")).to_have_count(2)
    expect(field(page, "to").locator("input")).to_have_value("{out}-steps.gif")
    write(page, fps=5)
    go(page)
    film = made(page).get_by_role("button", name=re.compile("Download .*-steps.gif"))
    with page.expect_download() as download:
        film.click()
    assert Image.open(download.value.path()).is_animated
    (edit,) = ask(page, "edits")
    assert edit["edit"]["task"] == [
        {"name": "dusk", "image": next(iter(edit["names"]))},
        {"name": "animate", "fps": 5},
    ]
    page.get_by_role("button", name="Leave out Animate").click()
    expect(page.locator(".chosen-task")).to_have_count(1)


def test_the_history_is_searched_and_used_again(page):
    choose(page, "dusk")
    for seed, words in ((21, "over the sea"), (22, "over a wood")):
        write(page, seed=seed, words=words)
        go(page)
        expect(page.locator("#go")).to_be_enabled()
    made(page, 2)
    write(page, seed="")
    page.get_by_label("Search in what was made").fill("wood")
    card = made(page, 1).first
    expect(card.locator(".recipe")).to_have_text("Image bg.png · Words over a wood")
    card.get_by_role("button", name="Change…").click()
    expect(page.locator(".chosen-task[data-task=dusk]")).to_be_visible()
    expect(field(page, "seed").locator("input")).to_have_value("22")
    card.locator(".more-actions summary").click()
    card.get_by_role("button", name="Delete").click()
    made(page, 0)
    page.get_by_label("Search in what was made").fill("")
    made(page, 1)


def test_what_is_made_during_a_search_appears_if_it_fits_and_is_told_of_if_not(page):
    choose(page, "dusk")
    search = page.get_by_label("Search in what was made")
    search.fill("beach twilight")
    expect(page.locator(".history-panel")).to_contain_text("Nothing that was made fits")
    write(page, words="twilight on a beach")
    go(page)
    made(page, 1)
    expect(page.locator(".hiding")).to_be_hidden()
    write(page, words="noon")
    go(page)
    expect(page.locator(".hiding")).to_contain_text("1 new, hidden by your search")
    made(page, 1)
    page.get_by_role("button", name="Show all").click()
    made(page, 2)
    expect(page.locator(".hiding")).to_be_hidden()
    expect(search).to_have_value("")


def test_the_picture_that_is_open_is_the_one_that_is_edited(page):
    def given(name):
        select = field(page, name).locator("select").first
        return select.evaluate("one => one.selectedOptions[0].text.split(' (')[0]")

    for task, edited, others in (
        ("style-transfer", "content", ["style"]),  # the result is named after it
        ("harmonize", "bg", ["composite", "object"]),  # which the composite is made on
        ("inpaint", "image", []),
    ):
        choose(page, task)
        assert given(edited) == "bg.png"
        assert [given(other) for other in others] == ["choose a picture…"] * len(others)
        page.get_by_role("button", name="Other tasks").click()
    choose(page, "paint")
    assert (given("painting"), given("image")) == ("bg.png", "choose a picture…")
    # A painting on it is to look like it.
    field(page, "painting").get_by_role("button", name="Paint Painting").click()
    assert (given("painting"), given("image")) == ("painted on bg.png", "bg.png")


def test_long_numbers_are_seen_whole(page):
    choose(page, "dusk")
    write(page, seed=2**53 - 1)
    seed = field(page, "seed").locator("input.number")
    assert seed.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_all_is_done_by_keyboard(page):
    page.get_by_label("Search tasks").focus()
    page.keyboard.type("dusk")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".chosen-task h2")).to_be_focused()
    page.keyboard.press("Control+Enter")
    made(page)
    assert [one["state"] for one in ask(page, "edits")] == ["done"]


def test_what_comes_from_outside_is_only_text(page):
    bad = "<img src=x onerror=alert(1)>"
    choose(page, "dusk")
    expect(field(page, "times").locator(".help")).to_have_text("A <b>whole</b> number")
    write(page, words=bad, seed=1)
    go(page)
    card = made(page).first
    expect(card.locator(".recipe")).to_contain_text(bad)
    card.locator(".more-actions summary").click()
    card.get_by_role("button", name="Copy as…").click()
    expect(page.locator(".copied-text")).to_have_value(re.compile("<img"))
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("width", [400, 1300])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    choose(page, "dusk")
    page.locator("#panel details").evaluate_all("all => all.forEach((one) => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panel = page.locator("#panel")
    right = panel.evaluate("one => one.getBoundingClientRect().right")
    inner = panel.evaluate(
        "one => Math.max(...[...one.querySelectorAll('input, select, button')]"
        ".filter((each) => each.offsetParent).map((each) => each.getBoundingClientRect().right))"
    )
    assert inner <= right
