"""What the shells themselves make of the tab key, with the scripts of `sinddm-tk completion`.

Lines are typed into bash and zsh, tabs among them, as by a person; in place of the command a
function then notes the words that the shell has understood. fish tells what it would offer.
"""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sinddm_toolkit.edits.store import default_store

pty = pytest.importorskip("pty")  # Windows has no such terminals

PICTURE = "my forest.png"
LINES = {
    "run outp\t": ["run", "outpaint"],
    "run --preset wide-s\t": ["run", "--preset", "wide-scene"],
    "run sample --image my\t--qual\tst\t": [
        *("run", "sample", "--image", PICTURE),
        *("--quality", "standard"),
    ],
    "run sample + roi --stren\t": ["run", "sample", "+", "roi", "--strength"],
    "run sample --device=cp\t": ["run", "sample", "--device=cpu"],
    "run sample --image=my\t": ["run", "sample", f"--image={PICTURE}"],
    "models show ab\t": ["models", "show", "ab12"],
    "show my\t": ["show", PICTURE],
    "config set init r\t": ["config", "set", "init", "random"],
}
"""What is typed → what the shell makes of it."""

NOTE = 'sinddm-tk() {{ printf "%s\\n" "$@" end >>{notes}; }}\n'
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(sinddm-tk completion bash)"\n'),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -u -D\n"
        'eval "$(sinddm-tk completion zsh)"\nunsetopt zle_bracketed_paste 2>/dev/null\n',
    ),
}
PATIENCE = 100  # seconds, after which a shell that says nothing is given up


@pytest.fixture
def place(home, monkeypatch):
    """A folder with a picture whose name has a space, a model, and the command on the path."""
    folder = default_store().folder
    folder.mkdir(parents=True)
    (folder / "ab12.safetensors").touch()
    Path(PICTURE).touch()
    command = Path("bin/sinddm-tk")
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sinddm_toolkit "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent.absolute()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    return Path.cwd()


class Typist:
    """Types into a shell at a terminal of its own."""

    def __init__(self, words, notes):
        self._keyboard, terminal = pty.openpty()
        self._notes = notes
        self.seen = b""
        self.shell = subprocess.Popen(
            words,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "dumb", "PS1": "$ "},
            start_new_session=True,
        )
        os.close(terminal)

    def type(self, text):
        """Types a text and waits until the shell has noted one line more."""
        count = self._noted() + 1
        os.write(self._keyboard, text.encode())
        given_up = time.monotonic() + PATIENCE
        while self._noted() < count and time.monotonic() < given_up:
            if select.select([self._keyboard], [], [], 0.05)[0]:
                self.seen += os.read(self._keyboard, 10_000)

    def _noted(self):
        return self._notes.read_text().count("end\n")

    def leave(self):
        self.shell.kill()
        self.shell.wait()
        os.close(self._keyboard)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_tabs(shell, place):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    notes = place / "notes"
    notes.touch()
    words, start = SHELLS[shell]
    typist = Typist(words, notes)
    try:
        typist.type(f"{start}{NOTE.format(notes=notes)}sinddm-tk ready\n")
        for line in LINES:
            typist.type(f"sinddm-tk {line}\n")
    finally:
        typist.leave()
    found = [part.splitlines() for part in notes.read_text().split("end\n")]
    assert found[1:-1] == [*LINES.values()], typist.seen.decode(errors="replace")


@pytest.mark.slow
def test_fish(place):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    lines = {line.strip(): words[-1] for line, words in LINES.items() if line.count("\t") == 1}
    asked = [f"echo (complete -C 'sinddm-tk {line}')" for line in lines]
    script = "\n".join(["sinddm-tk completion fish | source", *asked])
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [line.partition("\t")[0].replace("\\", "") for line in done.stdout.splitlines()]
    assert found == [*lines.values()], done.stderr
