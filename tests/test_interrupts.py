"""Ctrl-C, SIGTERM and a closed terminal, from the first moment of a command to the last."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from sinddm_toolkit.cli.progress import PlainEvents
from sinddm_toolkit.edits.store import default_store
from sinddm_toolkit.interrupts import SIGNALS

SCRIPT = ("-c", "from sinddm_toolkit.cli.main import main; main()")
"""What the installed command does."""

AT_IMPORT = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["MODULE"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

sys.meta_path.insert(0, Finder())
"""

AT_THE_END = """
import atexit, os
atexit.register(lambda: os.kill(os.getpid(), int(os.environ["SIGNAL"])))
"""


@pytest.fixture
def signalled(tmp_path):
    """Runs a command whose interpreter sends itself a signal → (exit code, stdout, stderr)."""

    def run(when, number, *words, module="", how=("-m", "sinddm_toolkit"), **options):
        (tmp_path / "sitecustomize.py").write_text(when)
        environment = {
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "SIGNAL": str(int(number)),
            "MODULE": module,
        }
        done = subprocess.run(
            [sys.executable, *how, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("how", [SCRIPT, ("-m", "sinddm_toolkit"), ("-m", "sinddm_toolkit.cli")])
@pytest.mark.parametrize(
    "module", ["sinddm_toolkit.cli.root", "click", "sinddm_toolkit.host.registry"]
)
def test_ctrl_c_in_the_first_moments(module, how, signalled):
    code, out, err = signalled(AT_IMPORT, signal.SIGINT, "models", "path", module=module, how=how)
    assert (code, out, err.strip()) == (130, "", "sinddm-tk: interrupted")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["sinddm_toolkit.plugins.regions", "numpy", "torch"])
def test_a_signal_while_modules_are_loaded(module, number, signalled, pasted):
    words = ("run", "sample", "--image", "bg.png", "--denoiser", "closed-form")
    code, out, err = signalled(AT_IMPORT, number, *words, module=module)
    assert (code, out, err.strip()) == (128 + number, "", "sinddm-tk: interrupted")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("words", "expected"), [(("path",), 0), (("show", "x"), 2)])
def test_a_signal_when_all_is_done(words, expected, number, signalled):
    code, out, err = signalled(AT_THE_END, number, "models", *words)
    assert code == expected
    assert "interrupted" not in err and "Traceback" not in err
    assert out == (f"{default_store().folder}\n" if expected == 0 else "")


@pytest.mark.parametrize("number", SIGNALS)
def test_what_a_process_was_told_to_ignore_it_ignores(number, signalled):
    """As nohup does."""
    code, out, err = signalled(
        AT_IMPORT,
        number,
        *("models", "path"),
        module="click",
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert (code, out, err) == (0, f"{default_store().folder}\n", "")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_is_kept(number, command, pasted, tiny, monkeypatch):
    before = signal.getsignal(number)
    once = iter([number])

    def stop(events, report):
        for one in once:
            signal.raise_signal(one)

    with monkeypatch.context() as patch:
        patch.setattr(PlainEvents, "training", stop)
        code, out, err = command("train", "bg.png", "--json")
    assert code == 128 + number == json.loads(out)["error"]["exit_code"]
    assert err.splitlines()[-1] == "sinddm-tk: interrupted" and "goes on from there" in err
    assert signal.getsignal(number) is before
    (key,) = default_store().keys()
    (phase,) = default_store().describe(key)["history"]
    assert 0 < phase["made"] < 40
    assert json.loads(command("train", "bg.png", "--json")[1])["training_steps"] == 40


@pytest.mark.slow
def test_a_closed_terminal_keeps_a_training(pasted):
    words = ("train", "bg.png", "--quality", "standard")
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "sinddm_toolkit", *words])
    seen = b""
    while not re.search(rb"[1-9]\d?%", seen):  # of the bar that shows how far it is
        seen += os.read(terminal, 4096)  # OSError if it ended, with all that it has said
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 128 + signal.SIGHUP
    (key,) = default_store().keys()
    (phase,) = default_store().describe(key)["history"]
    assert 0 < phase["made"] < 2000
