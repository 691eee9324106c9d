"""The quick task that batches are tried with, and batches in processes that tests hold."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sinddm_toolkit.engine.quality import QUALITIES
from tests.conftest import texture

POLLS = 30_000
"""How often, every 20 ms, is looked for what has to come: so much that only a hang takes longer."""
HANG = 600
"""Seconds after which a process that should end is taken to hang."""


class Probe:
    """The plugin `probe`, seen from the test: what it notes, and when its rows may go on."""

    def __init__(self, folder):
        self._log, self._gate = folder / "log.txt", folder / "gate"
        self._log.touch()
        self._gate.mkdir()
        self._given = 0

    def __call__(self, word):
        """The seeds that were noted with `word`: `begin` or `end`."""
        return [line.split()[1] for line in self._lines(word)]

    def processes(self):
        """The processes that have begun a row, by their numbers as texts."""
        return {line.split()[2] for line in self._lines("begin")}

    def _lines(self, word):
        return [line for line in self._log.read_text().splitlines() if line.startswith(word)]

    def let_go(self, count):
        """Let so many of the rows with `hold` go on, now or when they come."""
        for _ in range(count):
            self._given += 1
            (self._gate / f"ticket-{self._given}").touch()

    def let_all_go(self):
        (self._gate / "open").touch()


@pytest.fixture
def probe(tmp_path, monkeypatch, home):
    """The plugin `probe` in every process, and three pictures."""
    shutil.copy(Path(__file__).parent / "probe_plugin.py", tmp_path / "probe.py")
    monkeypatch.setenv("SINDDM_TK_PLUGINS_DIR", str(tmp_path))
    monkeypatch.setenv("PROBE_FOLDER", str(tmp_path))
    qualities = dict(QUALITIES)
    for k in range(3):
        Image.fromarray(texture(40, 44, seed=k)).save(f"p{k}.png")
    yield Probe(tmp_path)
    QUALITIES.update(qualities)


@pytest.fixture
def batch_process(probe):
    """Starts `batch e.jsonl` with more words, in a process that does not outlive the test."""
    started = []

    def start(*words):
        line = [sys.executable, "-m", "sinddm_toolkit.cli", "batch", "e.jsonl", *words]
        started.append(subprocess.Popen(line, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=HANG)


def wait_until(found, process):
    """Wait for what `found()` gives, which `process` has to bring about before it ends."""
    for _ in range(POLLS):
        has_ended = process.poll() is not None
        if value := found():
            return value
        assert not has_ended, process.stderr and process.stderr.read()
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("it hangs")


def sweep(count, picture="p0.png", **more):
    values = {"task": "probe", "image": picture, "grid": {"seed": list(range(count))}, **more}
    return json.dumps(values) + "\n"


def contents(folder="e-results"):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


def report(folder="e-results"):
    lines = Path(folder, "report.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
