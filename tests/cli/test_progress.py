"""What is told of work that goes on, where there is no terminal: lines."""

import pytest

from sinddm_toolkit.cli.progress import LogEvents
from sinddm_toolkit.edits import events
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
    assert lines[0] == "learning bg.png: 6 %, about 3 min left"
    assert lines[-1] == "learning bg.png: 93 %, about 12 s left"
    assert len(lines) == 180 // 12 - 1


def test_short_work_is_not_told_of(clock, told):
    heard = LogEvents(clock)
    for _ in range(5):
        heard.training_begins("bg.png", 100)
        clock.now += 9
        heard.training(TrainingReport(50, 100, 0.25))
        heard.sampling_begins(10)
        clock.now += 9
        heard.sampling("detail")
    assert told() == []


def test_steps_and_a_task_s_own_work_are_told_of(clock, told):
    heard = LogEvents(clock)
    heard.sampling_begins(50)
    for _ in range(10):
        clock.now += 1000
        heard.sampling("fine detail")
    assert told()[-1] == "making the picture: 20 %, fine detail, about 11.1 h left"
    for done in (1, 2, 3):
        heard.working("checking rows", done, 30)
        clock.now += 8
    assert told() == ["checking rows: 10 %, about 2 min left"]


def test_what_is_made_is_told_in_words_from_the_first_stage_to_the_last():
    told = [events.made_at(k, 5, from_noise=True) for k in range(5)]
    assert told == ["the layout", "smaller shapes", "detail", "detail", "fine detail"]
    assert events.made_at(0, 5, from_noise=False) == "large shapes"
    assert events.made_at(0, 1, from_noise=True) == "fine detail"


def test_messages_are_said_at_once(clock, told):
    heard = LogEvents(clock)
    heard.message("look")
    heard.achieved("row 1")
    assert told() == ["note: look", "row 1"]


WORDS = ("run", "sample", "--image", "bg.png", "--seed", "1")


def test_the_command_line_tells_it_without_a_terminal(command, pasted, tiny, monkeypatch):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    code, _, err = command(*WORDS, "--layouts", 0, "--likeness", 0, "--out", "o.png")
    assert code == 0
    assert "learning bg.png: " in err and " %, about " in err and " left\n" in err
    assert "making the picture: 1 %, the layout, about" in err and " %, fine detail, about" in err
    assert "\x1b" not in err and "\r" not in err


@pytest.mark.parametrize("word", ["-q", "--json"])
def test_those_who_ask_for_silence_get_it(command, pasted, tiny, monkeypatch, word):
    monkeypatch.setattr(events, "TOLD_EVERY", 0.0)
    code, _, err = command(*WORDS, "--out", "o.png", word)
    assert code == 0 and err == ""
