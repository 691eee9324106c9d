"""How long waiting threads spin: by the load that is there, and never against the user's word."""

import os
import subprocess
import sys

import pytest

from sinddm_toolkit import spinning


@pytest.fixture
def looks(monkeypatch, tmp_path):
    """What the system says of who runs, look by look."""
    file = tmp_path / "loadavg"
    monkeypatch.setattr(spinning, "LOAD", file)

    def set_looks(*counts):
        left = list(counts)

        def sleep(seconds):
            file.write_text(f"0.10 0.20 0.30 {left.pop(0)}/345 6789\n")

        sleep(0)
        monkeypatch.setattr(spinning.time, "sleep", sleep)

    return set_looks


@pytest.mark.parametrize(
    ("counts", "busy"),
    [((5, 4, 3), True), ((2, 2, 2), True), ((1,), False), ((3, 1), False), ((4, 4, 1), False)],
)
def test_busy_is_who_is_never_alone(counts, busy, looks):
    looks(*counts)
    assert spinning.is_busy() == busy


def test_where_the_system_does_not_say_it_is_idle(monkeypatch, tmp_path):
    monkeypatch.setattr(spinning, "LOAD", tmp_path / "none")
    assert not spinning.is_busy()


@pytest.mark.parametrize("statement", ["import sinddm_toolkit", "import sinddm_toolkit.api"])
@pytest.mark.parametrize("set_by_user", [None, "77"])
def test_whoever_imports_the_toolkit_has_it_settled(statement, set_by_user):
    environment = {k: v for k, v in os.environ.items() if k != spinning.VARIABLE}
    if set_by_user:
        environment[spinning.VARIABLE] = set_by_user
    code = f"{statement}; import os; print(os.environ[{spinning.VARIABLE!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    chosen = (spinning.IDLE, spinning.BUSY)
    assert done.stdout.strip() in ((set_by_user,) if set_by_user else chosen)
