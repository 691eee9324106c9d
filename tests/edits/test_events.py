"""What the log is told of an edit."""

import logging
import subprocess
import sys

import pytest

import sinddm_toolkit as st
from sinddm_toolkit.edits import events
from sinddm_toolkit.edits.edit import edit
from sinddm_toolkit.edits.events import Events, LoggingEvents
from sinddm_toolkit.options.run_options import RunOptions
from sinddm_toolkit.testing import random_picture


def test_python_tells_the_log(pasted, tiny, caplog, monkeypatch):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    with caplog.at_level(logging.INFO, "sinddm_toolkit"):
        result = st.run("sample", image="bg.png", layouts=0, likeness=0, seed=1, out="o.png")
    texts = [record.getMessage() for record in caplog.records]
    begun = texts.index(f"learning bg.png: {result.training_steps} updates")
    ended = next(k for k, text in enumerate(texts) if text.startswith("learning bg.png ended: "))
    assert f"{result.training_steps} updates, error 0." in texts[ended]
    assert any(" left" in text for text in texts[begun:ended])
    stored = texts.index(f"stored model {result.model_key}: {result.training_steps} updates")
    sampling = next(k for k, text in enumerate(texts) if text.startswith("sampling: "))
    sampled = next(k for k, text in enumerate(texts) if text.startswith("sampling ended: 1 pict"))
    assert ended < stored < sampling < sampled < texts.index("wrote o.png")
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert all(record.name.startswith("sinddm_toolkit.") for record in caplog.records)


def test_notes_are_warnings(caplog):
    LoggingEvents().message("look")
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.WARNING, "look")]


def test_a_batch_in_this_process_tells_the_log(pasted, tiny, caplog):
    rows = [{"task": "sample", "image": "bg.png", "seed": 1}]
    with caplog.at_level(logging.INFO, "sinddm_toolkit"):
        (result,) = st.batch(rows, folder="made")
    texts = [record.getMessage() for record in caplog.records]
    assert any(text.startswith("learning bg.png: ") for text in texts)
    assert f"wrote {result.outputs[0]}" in texts


SCRIPT = """
import logging
import sinddm_toolkit as st
from sinddm_toolkit.edits.events import LoggingEvents
{setup}
LoggingEvents().message("look")
LoggingEvents().training_begins("bg.png", 7)
"""


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("", ""),
        (
            "logging.basicConfig(level=logging.INFO)",
            "WARNING:sinddm_toolkit.edits.events:look\n"
            "INFO:sinddm_toolkit.edits.events:learning bg.png: 7 updates\n",
        ),
    ],
)
def test_nothing_is_printed_unless_a_script_asks_for_it(setup, expected):
    command = [sys.executable, "-c", SCRIPT.format(setup=setup)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", expected)


class Watcher(Events):
    """Draws every picture that forms."""

    def __init__(self):
        self.seen = []

    def forming(self, pictures):
        self.seen.append(pictures())


def test_who_watches_sees_the_picture_form_and_changes_none_of_it(sinddm_home, sinddm_picture):
    def made(watcher):
        task = random_picture()(image=sinddm_picture)
        options = RunOptions(seed=1, samples=2, device="cpu", sampling_steps=3)
        return edit([task], options, write=False, events=watcher)

    watcher = Watcher()
    watched, alone = made(watcher), made(Events())
    for one, other in zip(watched.pictures, alone.pictures, strict=True):
        assert (one.pixels == other.pixels).all()
    *_, last = watcher.seen
    sizes = [pictures[0].size for pictures in watcher.seen]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1] == (60, 80)
    for drawn, picture in zip(last, watched.pictures, strict=True):
        assert abs(drawn.pixels.astype(int) - picture.pixels).max() <= 1
