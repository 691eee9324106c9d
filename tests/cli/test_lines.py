"""What a terminal shows of names and values that were made to confuse it, or are very long."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from sinddm_toolkit.cli.lines import MOST, readable
from sinddm_toolkit.cli.progress import console_events
from sinddm_toolkit.edits.progress import BarEvents
from tests.conftest import texture

NASTY = "a\x1b[31mred\nsinddm-tk: done\x07\u202e"
SHOWN = r"a\x1b[31mred\nsinddm-tk: done\x07\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NASTY, SHOWN),
        ("Zoë’s 海 é×… 🐘.png", "Zoë’s 海 é×… 🐘.png"),
        ("at 3.15.00\u202fPM\xa0.png", "at 3.15.00\u202fPM\xa0.png"),  # as macOS names screenshots
        ("sur\udcff\x85\u2028\r", r"sur\udcff\x85\u2028\r"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_only_what_can_be_seen_is_shown_as_it_is(text, shown):
    assert readable(text) == shown


def test_the_ends_of_a_long_line_are_shown():
    line = readable("what " + "x" * 10_000 + " is allowed")
    assert len(line) <= MOST + 3 and line.startswith("what x") and line.endswith("x is allowed")
    assert readable("x" * MOST) == "x" * MOST


@pytest.mark.parametrize(
    "words",
    [
        ("run", "sample", "--image", f"{NASTY}.png"),
        ("run", "sample", "--image", "bg.png", "--seed", NASTY),
        ("run", "sample", "--image", "bg.png", "--out", f"{NASTY}.gif"),
        ("run", "sample", "--image", "bg.png", "--preset", NASTY),
        ("run", "sample", "--image", "bg.png", "--preset", f"./{NASTY}.toml"),
        ("run", "sample", "--image", "bg.png", "--model", NASTY),
        ("run", "sample", "--image", "bg.png", "--denoiser", NASTY),
        ("run", NASTY),
        ("replay", NASTY),
        ("batch", NASTY),
        ("models", "remove", NASTY),
        ("plugins", "new", NASTY),
        ("--plugins-dir", NASTY, "plugins", "list"),
    ],
)
def test_an_error_is_one_line_without_control_characters(words, command, pasted):
    _, out, err = command(*words)
    assert err.startswith("sinddm-tk: ") and len(err.splitlines()) == 1 and err.endswith("\n")
    assert readable(err[:-1]) == err[:-1] and "\x1b" not in out


@pytest.mark.parametrize(
    "words", [(NASTY,), ("run", "sample", f"--{NASTY}"), ("presets", "show", "x", NASTY)]
)
def test_so_is_what_click_refuses(words, command, pasted):
    code, _, err = command(*words)
    *usage, line = err.splitlines()
    assert code == 2 and r"\x1b[31mred\nsinddm-tk: done" in line
    assert "\x1b" not in err and not any("done" in above for above in usage)


def test_a_very_long_value_is_not_repeated_in_full(command, pasted):
    for option in ("--denoiser", "--model", "--seed"):
        words = ("run", "sample", "--image", "bg.png", option, "x" * 10_000)
        code, _, err = command(*words)
        assert code == 2 and "x" in err and len(err) < 1100


def test_refused_rows_stay_a_line_each(command, pasted):
    rows = "".join(
        f'{{"task": "sample", "image": "{image}"}}\n' for image in ("gone.png", r"a\u001b\n.png")
    )
    Path("b.jsonl").write_text(rows)
    code, _, err = command("batch", "b.jsonl")
    assert code == 2
    first, *others = err.splitlines()
    assert first == "sinddm-tk: 2 of 2 rows are refused, nothing was run:"
    assert len(others) == 2 and all(line.startswith("  b.jsonl, line ") for line in others)
    assert r"a\x1b\n.png: there is no such file" in others[1]


def test_names_in_what_is_written_and_explained(command, pasted):
    name = "x\x1b[1m\n.png"
    Image.fromarray(texture(60, 80)).save(name, "PNG")
    quick = ("--denoiser", "closed-form", "--sampling-steps", "1", "--max-pixels", "1500")
    code, _, err = command("run", "sample", "--image", name, "--seed", "1", *quick)
    assert code == 0
    wrote, summary = err.splitlines()
    assert wrote == r"wrote x\x1b[1m\n-sample.png" and summary.startswith("seed 1, ")
    code, out, _ = command("run", "sample", "--image", name, "--explain")
    assert code == 0 and "\x1b" not in out and r"x\x1b[1m\n.png" in out
    assert all(re.match(r"\S+  +\S.*  \S+", line) for line in out.splitlines())


def test_bars_show_names_as_they_are_and_no_controls(monkeypatch):
    screen = io.StringIO()
    with Progress(console=Console(file=screen, width=200)) as progress:
        events = BarEvents(progress)
        events.message("[/red] is the name of a \x1b file")
        events.training_begins("[bold]\x1b\n.png", 3)
    assert r"note: [/red] is the name of a \x1b file" in screen.getvalue()
    assert progress.tasks[0].description == r"learning [bold]\x1b\n.png"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with console_events(quiet=False) as events:
        assert isinstance(events, BarEvents)
        assert events._progress.columns[0].markup is False
