"""What plugins tell of pictures, in the report of a batch for programs."""

import json
from pathlib import Path

from sinddm_toolkit.edits.record import load_record
from tests.batching.conftest import report

TEMPERATURE = """
from sinddm_toolkit.api import Task, hookimpl


class Temperature(Task):
    name = "temperature"
    summary = "say how warm a picture is"
    learns_from = None

    @hookimpl
    def compose_output(self, run, result):
        for seed, told in zip(run.seeds, result.metadata, strict=True):
            told["degrees"] = seed / 2


@hookimpl
def register_tasks():
    return [Temperature]
"""


def test_each_picture_of_a_row_is_told_of_as_in_its_record(command, probe, tmp_path):
    (tmp_path / "temperature.py").write_text(TEMPERATURE)
    warm = [{"name": "probe", "image": "p0.png"}, {"name": "temperature"}]
    rows = [
        {"task": warm, "seed": 7, "samples": 2, "out": "w.png"},
        {"task": "probe", "image": "p0.png", "seed": 1, "out": "o.png"},
    ]
    Path("e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):  # the second time they are done before
        assert command("batch", "e.jsonl")[0] == 0
        told, silent = report()
        assert told["metadata"] == [{"temperature": {"degrees": d}} for d in (3.5, 4.0)]
        assert "metadata" not in silent
    assert [load_record(Path(path)).metadata for path in told["outputs"]] == told["metadata"]


def test_rows_sampled_together_have_their_own(command, probe, tmp_path, monkeypatch):
    monkeypatch.setattr("sinddm_toolkit.batching.rows_together", lambda device: 8)
    (tmp_path / "temperature.py").write_text(TEMPERATURE)
    warm = [{"name": "probe", "image": "p0.png"}, {"name": "temperature"}]
    rows = [{"task": warm, "seed": seed, "out": f"{seed}.png"} for seed in (4, 6)]
    Path("e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("batch", "e.jsonl")[0] == 0
    degrees = [line["metadata"][0]["temperature"]["degrees"] for line in report()]
    assert degrees == [2.0, 3.0]
