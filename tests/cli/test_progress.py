"""What is told of work that goes on, where there is no terminal: lines, and the log."""

import logging
import subprocess
import sys

import pytest

import sinddm_toolkit as st
from sinddm_toolkit.cli.progress import LogEvents
from sinddm_toolkit.edits import events
from sinddm_toolkit.edits.events import LoggingEvents
from sinddm_toolkit.engine.training import TrainingReport


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told(capsys):
    """The lines on standard error since the last look."""
    return lambda: capsys.readouterr().err.splitlines()


def test_a_training_is_told_of_every_ten_seconds(clock, told):
    heard = LogEvents(clock)
    heard.training_begins("bg.png", 1200)
    for step in range(20, 1201, 20):
        clock.now += 3
        heard.training(TrainingReport(step, 1200, 0.25))
    heard.training_ends()
    lines = told()
    assert lines[0] == "learning bg.png: 80 of 1200 updates, error 0.250, about 3 min left"
    assert lines[-1] == "learning bg.png: 1120 of 1200 updates, error 0.250, about 12 s left"
    assert len(lines) == 180 // 12 - 1


def test_short_work_is_not_told_of(clock, told):
    heard = LogEvents(clock)
    for _ in range(5):
        heard.training_begins("bg.png", 100)
        clock.now += 9
        heard.training(TrainingReport(50, 100, 0.25))
        heard.sampling_begins(10)
        clock.now += 9
        heard.sampling(2, 3)
    assert told() == []


def test_steps_and_a_task_s_own_work_are_told_of(clock, told):
    heard = LogEvents(clock)
    heard.sampling_begins(50)
    for _ in range(10):
        clock.now += 1000
        heard.sampling(4, 17)
    assert told()[-1] == "sampling: 10 of 50 steps, scale 4, about 11.1 h left"
    for done in (1, 2, 3):
        heard.working("checking rows", done, 30)
        clock.now += 8
    assert told() == ["checking rows: 3 of 30 steps, about 2 min left"]


def test_messages_are_said_at_once(clock, told):
    heard = LogEvents(clock)
    heard.message("look")
    heard.achieved("row 1")
    assert told() == ["note: look", "row 1"]


WORDS = ("run", "sample", "--image", "bg.png", "--seed", "1")


def test_the_command_line_tells_it_without_a_terminal(command, pasted, tiny, monkeypatch):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    code, _, err = command(*WORDS, "--out", "o.png")
    assert code == 0
    assert "learning bg.png: " in err and " updates, error 0." in err and " left\n" in err
    assert "sampling: 1 of " in err
    assert "\x1b" not in err and "\r" not in err


@pytest.mark.parametrize("word", ["-q", "--json"])
def test_those_who_ask_for_silence_get_it(command, pasted, tiny, monkeypatch, word):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    code, _, err = command(*WORDS, "--out", "o.png", word)
    assert code == 0 and err == ""


def test_python_tells_the_log(pasted, tiny, caplog, monkeypatch):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    with caplog.at_level(logging.INFO, "sinddm_toolkit"):
        result = st.run("sample", image="bg.png", seed=1, out="o.png")
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
