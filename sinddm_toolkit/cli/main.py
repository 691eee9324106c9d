"""The entry point of the command line. It imports next to nothing before it minds signals."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from collections.abc import Sequence

from sinddm_toolkit.interrupts import leave_to, listening, raise_interrupted, signal_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Carry out a line: exits with 0, 1 (a failure), 2 (bad input) or 128 + a signal's number.

    Without `arguments` the line is the process's own, which then ends.
    """
    words = sys.argv[1:] if arguments is None else arguments
    with listening(raise_interrupted):
        try:
            _settle_process()
            status = _carried_out(words)
            if arguments is None:  # all is done, but for taking the interpreter apart
                leave_to(signal.SIG_IGN)
        except KeyboardInterrupt as error:
            if arguments is None:  # whoever asks twice will not wait for that
                leave_to(signal.SIG_DFL)
            what = f": {error}" if str(error) else ""
            print(f"sinddm-tk: interrupted{what}", file=sys.stderr)
            status = 128 + signal_of(error)
            if "--json" in words:
                from sinddm_toolkit.cli.lines import tell_json

                tell_json(words, "Interrupted", status, [f"interrupted{what}"])
        sys.exit(status)


def _carried_out(words: Sequence[str]) -> int:
    try:
        from sinddm_toolkit.cli.root import carry_out
    except ImportError as error:
        from sinddm_toolkit.cli.requirements import tell_broken

        return tell_broken(words, error)
    return carry_out(words)


def _settle_process() -> None:
    # Importing torch makes a million objects that stay: looking through them takes a tenth of it.
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)  # and so does looking for garbage among them in the end
