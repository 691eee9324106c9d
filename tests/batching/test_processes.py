"""Batches in several processes on this machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import sinddm_toolkit as st
from sinddm_toolkit.batching import workers
from sinddm_toolkit.batching.process import Process, ProcessDied
from sinddm_toolkit.batching.queue import Group, Queue
from tests.batching.conftest import HANG, contents, sweep, wait_until


@pytest.mark.slow
def test_processes_give_the_same_and_one_that_dies_takes_only_its_row(command, probe):
    Path("e.jsonl").write_text(sweep(4) + sweep(4, "p1.png"))
    assert command("batch", "e.jsonl", "--folder", "one")[0] == 0
    rows = Path("e.jsonl").read_text() + sweep(1, "p2.png", die=True, out="bad.png")
    Path("e.jsonl").write_text(rows)
    code, _, err = command("batch", "e.jsonl", "--folder", "two", "--jobs", 2)
    assert code == 1 and "row 9 of 9 failed: its process died twice" in err
    assert contents("one") == contents("two") and len(contents("two")) == 8


def test_threads_of_a_training_do_not_depend_on_what_is_left(monkeypatch):
    from concurrent.futures import Future

    asked = []

    class Slot:
        model = None

        def __init__(self, place):
            pass

        def submit(self, work, threads):
            asked.append((work.trains, threads))
            future = Future()
            future.set_result(None if work.trains else ["result"])
            return future

        def stop(self):
            pass

    monkeypatch.setattr(workers, "_Slot", Slot)
    rows = [SimpleNamespace(item=SimpleNamespace(number=k, same_but_seed="")) for k in (1, 2)]
    groups = [Group(f"model {row.item.number}", [row]) for row in rows]
    queue = Queue(groups, {2}, together=1)
    assert list(workers.in_processes(queue, None, 2, 8)) == ["result"]
    assert asked == [(True, 4), (False, 4)]
    asked.clear()
    list(workers.in_processes(Queue(groups[:1], set(), together=1), None, 2, 8))
    assert asked == [(True, 8), (False, 4)]


FROM_PYTHON = """
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

with Path("runs.txt").open("a") as file:
    file.write("run\\n")
"""
"""Stands before the example of the docs: it notes how often the script is run."""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "standard input", "text", "module"])
def test_the_example_of_the_docs_needs_no_guard(way, probe):
    docs = (Path(__file__).parents[2] / "docs" / "batch.md").read_text()
    example = re.search(r"```python\n(.*?)```", docs, re.DOTALL)[1]
    assert "jobs=2" in example and "__main__" not in example
    shutil.copy("p0.png", "picture.png")
    text = FROM_PYTHON + example
    Path("example.py").write_text(text)
    words = {
        "script": ["example.py"],
        "standard input": ["-"],
        "text": ["-c", text],
        "module": ["-m", "example"],
    }
    found = subprocess.run(
        [sys.executable, *words[way]],
        input=text if way == "standard input" else "",
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert sorted(line.split()[:2] for line in found.stdout.splitlines()) == [
        ["1", "done"],
        ["2", "done"],
    ]
    assert Path("runs.txt").read_text() == "run\n" and len(contents("variants")) == 2


@pytest.mark.slow
def test_processes_from_a_test(probe):
    rows = [{"task": "probe", "image": "p0.png", "seed": k} for k in (1, 2)]
    found = st.batch(rows, folder="f", jobs=2)
    assert [result.status for result in found] == ["done", "done"]


@pytest.mark.slow
def test_processes_leave_signals_to_the_parent(probe, batch_process):
    Path("e.jsonl").write_text(sweep(6, hold=True))
    process = batch_process("--jobs", "2")
    wait_until(lambda: len(probe.processes()) == 2, process)
    processes = probe.processes()
    for pid in processes:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(int(pid), sign)
    probe.let_all_go()
    process.communicate(timeout=HANG)
    assert process.returncode == 0 and len(contents()) == 6
    assert probe.processes() == processes and len(probe("begin")) == 6


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_parent(sign, probe, batch_process):
    Path("e.jsonl").write_text(sweep(2, hold=True))
    process = batch_process("--jobs", "2")
    wait_until(lambda: len(probe.processes()) == 2, process)
    process.send_signal(sign)
    process.communicate(timeout=HANG)  # returns when the last of them has closed standard error


def test_what_a_process_can_not_be_told_is_an_error_and_not_its_death(monkeypatch):
    module = sys.modules["__main__"]
    monkeypatch.setattr(module, "asked", asked := type("asked", (), {}), raising=False)
    asked.__module__ = "__main__"
    one = Process()
    try:
        with pytest.raises(st.errors.ToolkitError, match="asked"):
            one.submit(len, asked()).result()
        assert one.submit(len, "abc").result() == 3
        with pytest.raises(st.errors.ToolkitError, match=r"^TypeError: object of type 'int'"):
            one.submit(len, 3).result()
        with pytest.raises(ProcessDied):
            one.submit(os._exit, 9).result()
    finally:
        one.stop()
