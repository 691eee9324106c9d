"""A batch on a Dask cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batching.conftest import HANG, contents, sweep, wait_until


@pytest.fixture
def cluster(probe, tmp_path):
    """A scheduler and two workers, each a process of its own → (address, workers)."""
    file = tmp_path / "scheduler.json"

    def start(name, *words):
        line = [sys.executable, "-m", f"distributed.cli.dask_{name}", "--scheduler-file", str(file)]
        return subprocess.Popen(
            [*line, "--no-dashboard", *words],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def address():
        try:
            return json.loads(file.read_text())["address"]
        except (OSError, ValueError):  # not yet there, or not whole
            return None

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    found = wait_until(address, processes[0])
    processes += [start("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
    yield found, processes[1:]
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_cluster_loses_a_worker_and_nothing_else(cluster, command, probe, batch_process):
    address, workers = cluster
    rows = sweep(6, hold=True) + sweep(6, "p1.png", hold=True)
    Path("e.jsonl").write_text(rows)
    process = batch_process("--executor", address)
    wait_until(lambda: len(probe.processes()) == 2, process)
    probe.let_go(4)
    wait_until(lambda: (len(probe("begin")), len(probe("end"))) == (6, 4), process)
    victim = next(worker for worker in workers if str(worker.pid) in probe.processes())
    victim.kill()
    probe.let_all_go()
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 0 and "12 rows done" in err, err
    assert len(probe("begin")) - 12 <= 1  # what it had in hand was done again, and nothing else
    assert command("batch", "e.jsonl", "--folder", "whole")[0] == 0
    assert contents() == contents("whole") and len(contents()) == 12
